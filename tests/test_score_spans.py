"""Entities with offsets: where words stand, which verdict each gets, and what an independent scorer says."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nervaluate import Evaluator

from tailor.score.fields import compare
from tailor.score.schema import fields_of
from tailor.score.spans import Span, as_items, compare_entities, spans_in

TEXT = "Ann met Bo in Rome. Rome is where Ann lives; Roman Ann Bo."
TYPES = ("person", "place")


def places(value: Any, *, placed: bool = False) -> list[tuple[str, int, int]]:
    return [(span.type, span.start, span.end) for span in spans_in(value, TEXT, placed=placed)]


def items(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"type": kind, "text": text} for kind, text in pairs]


def test_words_that_stand_several_times_are_found_one_after_the_other() -> None:
    assert places(items(("place", "Rome"), ("place", "Rome"), ("person", "Ann"))) == [
        ("place", 14, 18),
        ("place", 20, 24),
        ("person", 0, 3),
    ]
    assert places([{"type": "place", "text": "Rome", "nth": 2}]) == [("place", 20, 24)]
    assert places(items(("person", "Ann"), ("place", "Rom"), ("person", "Zoe"))) == [
        ("person", 0, 3),
        ("place", 14, 17),
        ("person", -1, -1),
    ]
    assert places([{"type": "person", "text": "Bo", "nth": 9}]) == [("person", -1, -1)], "there is no ninth"
    assert places(items(*[("person", "Bo")] * 3)) == [("person", 8, 10), ("person", 55, 57)], "named once too often"


@pytest.mark.parametrize(
    "value",
    [
        [{"start": 14, "end": 18, "label": "place"}],
        [{"start": 14, "end": 18, "labels": ["place"], "text": "Rome"}],
        [[14, 18, "place"]],
        [["14", "18", "place"]],
        [{"type": "place", "text": "Rome"}],
    ],
)
def test_spans_are_read_as_files_write_them(value: Any) -> None:
    assert places(value, placed=True) == [("place", 14, 18)]


@pytest.mark.parametrize(
    "value", [None, "Rome", [3], [[14, 18]], [{"type": "place"}], [{"start": 18, "end": 14, "label": "place"}]]
)
def test_what_marks_nothing_is_no_span(value: Any) -> None:
    assert places(value, placed=True) == []


def test_a_model_is_not_believed_where_words_stand() -> None:
    assert places([{"type": "place", "text": "Rome", "start": 0, "end": 4}]) == [("place", 14, 18)]


def test_entities_have_verdicts_by_type_and_place() -> None:
    wanted = spans_in(items(("person", "Ann"), ("person", "Bo"), ("place", "Rome"), ("place", "Rome")), TEXT)
    said = spans_in(items(("person", "Ann"), ("place", "Bo"), ("place", "Rome"), ("person", "lives"), ("thing", "met Bo")), TEXT)
    parts = list(compare_entities("entities", TYPES, wanted, said))
    assert [(part.name, part.verdict, part.near) for part in parts] == [
        ("entities.person", "correct", True),
        ("entities.person", "misread", False),
        ("entities.place", "correct", True),
        ("entities.place", "missed", False),
        ("entities.person", "invented", False),
        ("entities", "invented", False),
    ]
    (part,) = compare_entities(
        "entities", TYPES, spans_in(items(("place", "in Rome")), TEXT), spans_in(items(("place", "Rome")), TEXT)
    )
    assert (part.verdict, part.near) == ("misread", True)


def test_nothing_found_where_there_is_nothing_is_a_success() -> None:
    (part,) = compare(fields_of({}, "", TYPES), {"entities": []}, {"entities": None}, source=TEXT)
    assert part.verdict == "empty" and part.is_right


SPANS = st.lists(st.tuples(st.sampled_from(TYPES), st.integers(0, 50), st.integers(1, 6)), max_size=6)


@settings(max_examples=100, deadline=None)
@example([("person", 26, 4)])  # its words are also at a place that shares a letter with this one
@given(SPANS)
def test_what_a_model_should_write_says_where_it_stands(drawn: list[tuple[str, int, int]]) -> None:
    text = "ab a ba ab ab b a aa ab ba a ab ab a ab ab b a ab bb aab"
    spans = spans_in([[start, start + width, kind] for kind, start, width in drawn], text)
    again = spans_in(as_items(spans, text), text, placed=False)
    assert set(again) == set(spans)


# --- What an independent scorer says


def apart(by: random.Random, words: int = 12) -> list[dict[str, Any]]:
    """Spans over the words of a text, none of which overlap."""
    found, place = [], 0
    while place < words:
        length = by.randint(1, 3)
        if by.random() < 0.5 and place + length <= words:
            found.append({"label": by.choice(TYPES), "start": place, "end": place + length - 1})
        place += length
    return found


def as_spans(found: list[dict[str, Any]]) -> list[Span]:
    return [Span(one["label"], one["start"], one["end"] + 1, "") for one in found]


def test_entities_get_the_counts_of_an_independent_scorer() -> None:
    by, compared = random.Random(13), 0
    while compared < 600:
        wanted, said = apart(by), apart(by)
        right, given = as_spans(wanted), as_spans(said)
        # Where one span overlaps two, the other scorer takes the first one, and ours the pairs with the most right ones.
        if any(
            sum(one.overlaps(other) for other in others) > 1 for ones, others in ((right, given), (given, right)) for one in ones
        ):
            continue
        compared += 1
        parts = list(compare_entities("entities", TYPES, right, given))
        ours = Counter(part.verdict for part in parts)
        theirs = Evaluator([wanted], [said], tags=list(TYPES), loader="dict").evaluate()["overall"]
        strict, typed = theirs["strict"], theirs["ent_type"]
        counts = strict.correct, strict.incorrect, strict.missed, strict.spurious
        assert tuple(ours[verdict] for verdict in ("correct", "misread", "missed", "invented")) == counts, (wanted, said)
        assert sum(part.near for part in parts if part.verdict != "empty") == typed.correct, (wanted, said)


def test_words_are_found_whatever_their_quotation_marks_and_in_other_case_where_there_is_no_other_way() -> None:
    source = "O’Brien and the ACME Corp – Europe met Ann; ann stayed."
    for words in ("O'Brien", "Acme Corp - Europe", "ann"):
        (span,) = spans_in([{"type": "name", "text": words}], source)
        assert source[span.start : span.end].casefold() == words.replace("'", "’").replace("-", "–").casefold()
    (span,) = spans_in([{"type": "name", "text": "ann"}], source)
    assert source[span.start : span.end] == "ann"


def test_the_case_of_a_type_is_form() -> None:
    right = (Span("person", 0, 3, "Ann"),)
    (part,) = compare_entities("entities", ("person", "place"), right, (Span("PERSON", 0, 3, "Ann"),))
    assert part.verdict == "correct"
