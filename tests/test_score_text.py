"""Normal form, token F1, containment and citations."""

from __future__ import annotations

import re
import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.score.text import (
    citations,
    contains,
    count_words,
    exact_match,
    normalise,
    squad_exact,
    squad_f1,
    squad_normal,
    token_f1,
    without_citations,
)

examples = settings(deadline=None, derandomize=True, max_examples=200)


def published_squad_form(text: str) -> str:
    """SQuAD's published steps, in their published order: lower case, punctuation, articles, white space."""
    lowered = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", lowered).split())


@examples
@given(st.text(alphabet="abt he.,;!?'\"THE-5$%", max_size=30))
def test_the_normal_form_of_squad_is_the_published_one(text: str) -> None:
    assert squad_normal(text) == published_squad_form(text)


@pytest.mark.parametrize(
    ("answer", "accepted", "f1", "exact"),
    [
        ("the Denver Broncos", "Denver Broncos", 1.0, True),
        ("Denver", "Denver Broncos", 2 / 3, False),
        ("in Santa Clara, California.", "Santa Clara California", 6 / 7, False),
        ("-5", "5", 1.0, True),
        ("$5", "5 %", 1.0, True),
    ],
)
def test_squads_metrics_are_there_by_name(answer: str, accepted: str, f1: float, exact: bool) -> None:
    assert squad_f1(answer, [accepted]) == pytest.approx(f1)
    assert squad_exact(answer, [accepted]) is exact


def test_an_answer_of_articles_alone_is_not_emptied() -> None:
    assert normalise("A") == "a"
    assert exact_match("a", ["A"])
    assert not exact_match("B", ["A"])


@examples
@given(st.text(max_size=40))
def test_normal_form_has_single_spaces(text: str) -> None:
    once = normalise(text)
    assert once == " ".join(once.split())


@examples
@given(st.text(alphabet="abcd ", max_size=20), st.text(alphabet="abcd ", max_size=20))
def test_token_f1_is_the_harmonic_mean_of_precision_and_recall(answer: str, accepted: str) -> None:
    said, wanted = normalise(answer).split(), normalise(accepted).split()
    shared = sum((Counter(said) & Counter(wanted)).values())
    if not said or not wanted:
        expected = float(said == wanted)
    elif not shared:
        expected = 0.0
    else:
        precision, recall = shared / len(said), shared / len(wanted)
        expected = 2 * precision * recall / (precision + recall)
    assert token_f1(answer, [accepted]) == pytest.approx(expected)
    assert token_f1(answer, [accepted]) == pytest.approx(token_f1(accepted, [answer]))


def test_token_f1_takes_the_best_accepted_answer() -> None:
    assert token_f1("two working days", ["three weeks", "two days"]) == pytest.approx(0.8)
    assert token_f1("anything", []) == 0.0


def test_an_answer_is_contained_as_whole_words_only() -> None:
    assert contains("It takes 12 working days, usually.", "twelve")
    assert contains("It takes 12 working days, usually.", "12 Working Days")
    assert not contains("It takes 112 working days", "12 working days")
    assert not contains("It takes 12 long working days", "12 working days")
    assert not contains("anything", "")
    assert not contains("anything", "...")


def test_citations_are_read_and_removed() -> None:
    text = "Two days [1], or three [2, 3] [10]. See [note]."
    assert citations(text) == (1, 2, 3, 10)
    assert without_citations(text) == "Two days, or three. See [note]."
    assert citations("none") == ()


def test_signs_alone_are_no_words() -> None:
    assert count_words("9 % - of it") == 3
    assert count_words("答案是杭州。") == 3
