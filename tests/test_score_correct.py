"""Answers that people rated: hedges, denials, lists, echoes, units, and right ones that look like them."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from tailor.score.correct import is_correct

FOLDER = Path(__file__).parent / "answer_pairs"
"""One file per person who rated, tab-separated: question, accepted (several with " | " between), answer, right (1 or 0), why."""


def pairs(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


FILES = sorted(FOLDER.glob("pairs_*.tsv"))
PAIRS = [pytest.param(pair, id=f"{path.stem}-{line}") for path in FILES for line, pair in enumerate(pairs(path), start=2)]


@pytest.mark.parametrize("pair", PAIRS)
def test_an_answer_is_judged_as_people_judge_it(pair: dict[str, str]) -> None:
    assert is_correct(pair["question"], pair["accepted"].split(" | "), pair["answer"]) == (pair["right"] == "1"), pair


@pytest.mark.parametrize(
    "more", ["1 2 3 " * 4_000, "lorem ipsum dolor. " * 300_000, "x" * 5_000_000, "not " * 5_000, "(" * 100_000]
)
def test_an_answer_without_end_is_judged_all_the_same(more: str) -> None:
    assert is_correct("Which city?", ["Paris"], f"Paris\n{more}")
    assert not is_correct("Which city?", ["Paris"], f"Lyon\n{more}")


def test_there_are_enough_pairs_and_about_half_are_right() -> None:
    rights = Counter(pair["right"] for path in FILES for pair in pairs(path))
    assert set(rights) == {"0", "1"} and sum(rights.values()) >= 120
    assert 0.4 <= rights["1"] / sum(rights.values()) <= 0.6


def test_the_text_of_a_choice_is_right_where_its_letter_is() -> None:
    fields = {"A": "ferry", "B": "piston", "question": "Which word is right?"}
    assert is_correct("Which word is right?", ["B"], "piston", fields)
    assert not is_correct("Which word is right?", ["B"], "ferry", fields)
