"""Normal form, token F1, containment and citations."""

from __future__ import annotations

import re
import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.score.text import citations, contains, count_words, exact_match, normalise, token_f1, without_citations

examples = settings(deadline=None, derandomize=True, max_examples=200)


def squad_normal_form(text: str) -> str:
    """SQuAD's published steps, in their published order."""
    lowered = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", lowered).split())


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("9 %", "9%"),
        ("1,050", "1050"),
        ("The Amber Desk.", "amber  desk"),
        ("“Curly” – quotes", "curly quotes"),
        ("€500", "500"),
        ("24/7", "24 7"),
        ("part-time", "part time"),
        ("it's", "its"),
        ("\uff11\uff12", "12"),
    ],
)
def test_what_differs_only_in_form_is_the_same(text: str, same: str) -> None:
    assert normalise(text) == normalise(same)


@pytest.mark.parametrize(("text", "other"), [("1.5 days", "15 days"), ("10:30", "1030"), ("café", "cafe"), ("12", "1 2")])
def test_what_differs_in_meaning_stays_different(text: str, other: str) -> None:
    assert normalise(text) != normalise(other)


def test_an_answer_of_articles_alone_is_not_emptied() -> None:
    assert normalise("A") == "a"
    assert exact_match("a", ["A"])
    assert not exact_match("B", ["A"])


@examples
@given(st.text(alphabet="abt he.,;!?'\"THE", max_size=30))
def test_normal_form_is_squads_where_no_digits_dashes_or_lone_articles_are_involved(text: str) -> None:
    if squad_normal_form(text):
        assert normalise(text) == squad_normal_form(text)


@examples
@given(st.text(max_size=40))
def test_normal_form_is_stable_and_has_single_spaces(text: str) -> None:
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
    assert contains("It takes 12 working days, usually.", "twelve") is False
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
