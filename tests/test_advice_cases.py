"""The cases of docs/advice.md: the advice follows from the facts, and the page shows what is printed."""

from __future__ import annotations

import pytest
from advice_cases import cases, facts_of, printed

from tailor.advise.advice import advise
from tailor.advise.criteria import Approach, shipped_criteria

CASES = cases()
EXPECTED: dict[str, Approach] = {
    "Policies that change often, with sources": "retrieval",
    "Stable legal classification above 95 %": "fine-tuning",
    "A prototype with no data": "prompting",
    "Domain language and fresh facts together": "retrieval and fine-tuning",
    "A small handbook that fits": "documents in the prompt",
    "Another tone for each customer": "prompting",
    "Very many answers, little time, many labels": "fine-tuning",
    "High stakes, few labels, more to be had": "fine-tuning",
}


def test_the_page_tells_these_cases() -> None:
    assert list(CASES) == list(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_advice_on_a_case_is_the_expected_one(name: str) -> None:
    assert advise(facts_of(CASES[name][0])).expected == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_the_page_shows_what_is_printed(name: str) -> None:
    settings, shown = CASES[name]
    assert shown == printed(advise(facts_of(settings))), "write it again with `python tests/advice_cases.py`"


def test_every_criterion_counts_in_some_case() -> None:
    counted = {reason.criterion for settings, _ in CASES.values() for reason in advise(facts_of(settings)).reasons if reason.counts}
    assert counted == {criterion.id for criterion in shipped_criteria().criteria if criterion.cases}


def test_the_cases_say_all_that_they_tell_and_assume_nothing() -> None:
    for settings, _ in CASES.values():
        assert not any(reason.origin == "assumed" for reason in advise(facts_of(settings)).reasons)
