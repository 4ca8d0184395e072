"""Limits on form, read out of constraints in plain words."""

from __future__ import annotations

import pytest

from tailor.score.form import count_sentences, form_checks, keeps_form


@pytest.mark.parametrize(
    ("constraint", "kept", "broken"),
    [
        ("Answer in at most 3 words.", "one two three", "one two three four"),
        ("Use no more than three words", "one two three", "one two three four"),
        ("three words or fewer", "one two three", "one two three four"),
        ("fewer than 4 words", "one two three", "one two three four"),
        ("max. 3 words", "one two three", "one two three four"),
        ("Answer in one sentence.", "It takes 1.5 days.", "It takes a day. Or two."),
        ("Answer in two short sentences", "A. B.", "A. B. C."),
        ("Write a single sentence", "No end mark", "First! Second"),
        ("at most two sentences", "One. Two.", "One. Two. Three."),
        ("on one line", "a b", "a\nb"),
        ("a single line", "a b\n", "a\nb"),
        ("lower case only", "two days", "Two days"),
        ("in lowercase", "two days", "Two days"),
        ("in upper case", "TWO", "Two"),
    ],
)
def test_a_measurable_constraint_is_checked(constraint: str, kept: str, broken: str) -> None:
    checks = form_checks([constraint], max_words=25)
    assert keeps_form(kept, checks)
    assert not keeps_form(broken, checks)


def test_without_a_limit_of_their_own_max_words_holds() -> None:
    checks = form_checks(["Be friendly.", "Do not guess."], max_words=2)
    assert keeps_form("two days", checks)
    assert not keeps_form("two long days", checks)


def test_a_limit_of_their_own_replaces_max_words_and_the_strictest_counts() -> None:
    checks = form_checks(["at most 5 words", "at most four words"], max_words=2)
    assert keeps_form("a b c d", checks)
    assert not keeps_form("a b c d e", checks)


def test_all_constraints_hold_together() -> None:
    checks = form_checks(["in one sentence", "lower case"], max_words=5)
    assert keeps_form("two days.", checks)
    assert not keeps_form("Two days.", checks)
    assert not keeps_form("two days. maybe three.", checks)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", 0),
        ("One", 1),
        ("One. Two", 2),
        ("e.g.this", 1),
        ("Really?! Yes.", 2),
        ("Dr. Smith met Mrs. B. Jones, e.g. at 3 p.m. on Friday.", 1),
        ("Wait... what? It is No. 5. No. It is six.", 4),
        ("„Hallo.“ Er ging.", 2),
        ("你好。再见。", 2),
        ("```\nIt is one.\n```", 1),
    ],
)
def test_sentences_are_counted_by_their_ends(text: str, sentences: int) -> None:
    assert count_sentences(text) == sentences
