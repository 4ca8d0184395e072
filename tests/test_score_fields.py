"""Extracted fields: which values are the same, which verdict each gets, and what an independent scorer says."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omni_extract_bench import score as omni_score

from tailor.jsonform import fitting
from tailor.score.fields import compare, is_same, number_in, read_object
from tailor.score.schema import Field, Fields, fields_of
from tailor.score.types import Part

ORDER: dict[str, Any] = {
    "customer": "text",
    "total": "number(0.01)",
    "due": "date",
    "items": [{"sku": "exact", "quantity": "number"}],
}
RIGHT: dict[str, Any] = {
    "customer": "Ada Ltd",
    "total": 1240,
    "due": "2026-03-05",
    "items": [{"sku": "B7", "quantity": 2}, {"sku": "C1", "quantity": 9}],
}


def fields(described: dict[str, Any] | None = None) -> Fields:
    return fields_of(described or ORDER, "", ())


def verdicts(parts: tuple[Part, ...]) -> list[tuple[str, str]]:
    return [(part.name, part.verdict) for part in parts]


@pytest.mark.parametrize(
    ("described", "wanted", "said", "language", "is_right"),
    [
        ("number", "1,240.00", 1240, "en", True),
        ("number", "1.240,00 €", "1240", "de", True),
        ("number", "1.240", "1240", "de", True),
        ("number", "1.240", "1240", "en", False),
        ("number", 5, -5, "en", False),
        ("number", "- 5.00", -5, "en", True),
        ("number(0.01)", 1240.5, 1240.51, "en", True),
        ("number(0.01)", 1240.5, 1240.52, "en", False),
        ("number(1%)", 200, 202, "en", True),
        ("number(1%)", 200, 203, "en", False),
        ("number", "2 x 500", "500 x 2", "en", False),
        ("date", "2026-03-05", "5 March 2026", "en", True),
        ("date", "2026-03-05", "05.03.2026", "de", True),
        ("date", "2026-03-05", "5. März 2026", "de", True),
        ("date", "2026-03-05", "2026-05-03", "en", False),
        ("date", "2026-03-05", "2026年3月5日", "ja", True),
        ("date", "2026年3月5日", "2026년 3월 6일", "ko", False),
        ("date", "2026-03-05", "20260305", "en", True),
        ("date", "2026-03-05", "5-Mar-26", "en", True),
        ("date", "12345678", "1234-56-78", "en", False),
        ("text", "Ada  Ltd.", "ada ltd", "en", True),
        ("text", "Ada Ltd", "Ada GmbH", "en", False),
        ("exact", "DE12 3456", "DE12  3456 ", "en", True),
        ("exact", "DE12", "de12", "en", False),
        ("small | large", "small", "Small", "en", True),
        ("boolean", True, "true", "en", True),
        ("boolean", True, 1, "en", True),
        ("boolean", True, 2, "en", False),
        ("boolean", "yes", True, "en", True),
        ("boolean", "nein", True, "de", False),
        ("date", "2026-03-05", "Thursday, 5 March 2026", "en", True),
        ("date", "2026-03-05", "2026-03-05T09:30:00Z", "en", True),
        ("date", "2026-03-05T00:00:00", "2026-03-05", "en", True),
        ("date", "2026-03-05T09:30:00", "2026-03-05T11:30:00", "en", False),
        ("date", "2026-03-05T09:30:00", "2026-03-05", "en", False),
        ("date", "2026-03-05", "05.03.26", "de", True),
        ("date", "1999-03-05", "05.03.99", "de", True),
        ("date", "2026-03-05", "05.03.25", "de", False),
        ("set", ["blue", "red"], ["Red", "blue", "red"], "en", True),
        ("set", ["blue", "red"], ["blue"], "en", False),
        ("set", ["blue"], "blue", "en", True),
        ("span", "Mill\nLane", "Mill Lane", "en", True),
        ("text", "Ada", {"name": "Ada"}, "en", False),
    ],
)
def test_a_policy_says_which_values_are_the_same(described: str, wanted: Any, said: Any, language: str, is_right: bool) -> None:
    (field,) = fields({"it": described}).each
    assert is_same(field, wanted, said, language) is is_right
    assert is_same(field, wanted, wanted, language)


def test_texts_may_be_the_same_from_a_chrf_on() -> None:
    wanted, said = "The heating in the hall is broken", "heating in the hall broken"

    def is_right(described: str, given: str) -> bool:
        return is_same(fields({"it": described}).each[0], wanted, given)

    assert not is_right("text", said) and is_right("text(0.6)", said) and is_right("text(60%)", said)
    assert not is_right("text(0.99)", said) and is_right("text(1)", "the heating in the hall is broken.")
    assert not is_right("text(0.3)", "Nothing of that")


def test_every_field_has_a_verdict_and_what_both_leave_empty_is_a_success() -> None:
    described = {"a": "text", "b": "text", "c": "text", "d": "text", "e": "text", "f": "none | some", "g": "text"}
    wanted = {"a": "x", "b": "x", "c": "x", "d": None, "e": "", "f": "none", "g": "X"}
    said = {"a": "x", "b": "y", "d": "x", "e": "n/a", "f": "none", "g": "x", "more": 1}
    parts = compare(fields(described), wanted, said)
    found = ["correct", "misread", "missed", "invented", "empty", "correct", "correct"]
    assert [part.verdict for part in parts] == found
    assert [part.strict for part in parts] == [True, False, False, False, False, True, False]


def test_records_are_matched_whatever_their_order() -> None:
    said = RIGHT | {"items": [{"sku": "C1", "quantity": 9}, {"sku": "B7", "quantity": 3}]}
    assert verdicts(compare(fields(), RIGHT, said)) == [
        ("customer", "correct"),
        ("total", "correct"),
        ("due", "correct"),
        ("items.sku", "correct"),
        ("items.quantity", "misread"),
        ("items.sku", "correct"),
        ("items.quantity", "correct"),
    ]


def test_lists_inside_records_are_matched_with_them() -> None:
    """The boxes come in another order, and so do the items of one; one item is missed, and one has another number."""
    fields = fields_of({"boxes": [{"label": "exact", "items": [{"sku": "exact", "n": "number"}]}]}, "", ())
    assert fields.names == ("boxes.label", "boxes.items.sku", "boxes.items.n")
    first = {"label": "A", "items": [{"sku": "a1", "n": 1}, {"sku": "a2", "n": 2}]}
    second = {"label": "B", "items": [{"sku": "b1", "n": 3}]}
    said = {"boxes": [{"label": "B", "items": [{"sku": "b1", "n": 4}]}, {"label": "A", "items": [{"sku": "a2", "n": 2}]}]}
    parts = compare(fields, {"boxes": [first, second]}, said)
    assert Counter((part.name, part.verdict) for part in parts) == {
        ("boxes.label", "correct"): 2,
        ("boxes.items.sku", "correct"): 2,
        ("boxes.items.n", "correct"): 1,
        ("boxes.items.n", "misread"): 1,
        ("boxes.items.sku", "missed"): 1,
        ("boxes.items.n", "missed"): 1,
    }
    assert all(part.is_right for part in compare(fields, {"boxes": [first, second]}, {"boxes": [second, first]}))
    assert fitting(json.dumps({"boxes": [first]}), fields.json_schema)
    schema = json.dumps({"type": "object", "properties": json.loads(fields.json_schema)["properties"]})
    assert fields_of({"boxes.items.n": "number(1)"}, schema, ()).names == fields.names


def test_a_record_without_a_partner_is_missed_or_invented_field_by_field() -> None:
    one, two = compare(fields(), RIGHT, RIGHT | {"items": RIGHT["items"][:1]}), compare(fields(), RIGHT | {"items": []}, RIGHT)
    assert verdicts(one)[3:] == [
        *(("items." + name, "correct") for name in ("sku", "quantity")),
        ("items.sku", "missed"),
        ("items.quantity", "missed"),
    ]
    assert Counter(part.verdict for part in two[3:]) == {"invented": 4}
    assert verdicts(compare(fields(), RIGHT | {"items": []}, RIGHT | {"items": None}))[3:] == [("items", "empty")]
    assert verdicts(compare(fields(), RIGHT | {"items": []}, RIGHT | {"items": "B7"}))[3:] == [("items", "invented")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Here you are: {"a": {"b": "}"}} I hope it helps.', {"a": {"b": "}"}}),
        ('{not} json {"a": 2}', {"a": 2}),
        ("[1, 2]", None),
        ("nothing", None),
        ('{"a": ', None),
        ("", None),
    ],
)
def test_an_object_is_found_in_what_a_model_wrote(text: str, found: dict[str, Any] | None) -> None:
    assert read_object(text) == found


def test_a_number_is_read_where_there_is_just_one() -> None:
    assert [number_in(text) for text in ("EUR 45.50", "3 of 4", "none", "", True, float("nan"))] == [number_in(45.5), *[None] * 5]


# --- JSON schemas and short lists


SCHEMA = {
    "type": "object",
    "properties": {
        "customer": {"type": "string"},
        "total": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "due": {"type": ["string", "null"], "format": "date"},
        "size": {"enum": ["small", "large"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "address": {"type": "object", "properties": {"city": {"type": "string"}}},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "$defs": {"item": {"type": "object", "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer"}}}},
}


def test_a_json_schema_says_what_the_fields_are() -> None:
    found = fields_of({"customer": "exact", "items.quantity": "number(1)"}, json.dumps(SCHEMA), ())
    assert [(field.name, field.policy) for field in found.each] == [
        *[("customer", "exact"), ("total", "number"), ("due", "date"), ("size", "exact")],
        *[("tags", "set"), ("address.city", "text"), ("items", "exact")],
    ]
    assert [(field.policy, int(field.tolerance)) for field in found.each[-1].inner] == [("text", 0), ("number", 1)]
    assert found.names[-2:] == ("items.sku", "items.quantity") and found.json_schema == json.dumps(SCHEMA)


def test_a_short_list_makes_the_schema_that_it_is_read_from() -> None:
    short = {"customer": "text", "address": {"city": "text"}, "items": [{"sku": "text", "quantity": "number"}], "tags": "set"}
    made = fields_of(short, "", ())
    again = fields_of({}, made.json_schema, ())
    assert again.names == made.names == ("customer", "address.city", "items.sku", "items.quantity", "tags")
    assert [field.policy for field in again.each] == [field.policy for field in made.each]
    assert (
        '{"customer": text, "address": {"city": text}, "items": [{"sku": text, "quantity": number}, ...], "tags": [text, ...]}'
        in made.told
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "say what is extracted"),
        ({"a": "nmuber"}, "did you mean `number`"),
        ({"a": "number(lots)"}, "no tolerance"),
        ({"a": "number(-1)"}, "no tolerance"),
        ({"a": "date(3)"}, "takes nothing in brackets"),
        ({"a": "text(3)"}, "no chrF from which on texts are the same"),
        ({"a": "text(most)"}, "no chrF from which on texts are the same"),
        ({"a": "small | "}, "empty choice"),
        ({"a": 3}, "is described by 3"),
        ({"a.b": "text"}, "is no name"),
        ({"a": [{"b": [{}]}]}, "which has no fields"),
        (json.loads('{"a": [' * 12 + '{"b": "text"}' + "]}" * 12), "nested more than 8 deep"),
    ],
)
def test_a_description_that_cannot_be_read_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fields_of(given, "", ())


def test_two_ways_of_describing_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="types of entities"):
        fields_of({"a": "text"}, "", ("person",))
    with pytest.raises(ValueError, match="which `json_schema` does not have"):
        fields_of({"custommer": "text"}, json.dumps(SCHEMA), ())


# --- What an independent scorer says


WORDS = ["oak", "elm", "ash", "fir", "yew", ""]
NUMBERS = [None, *range(6)]
FLAT = fields({"name": "text", "count": "number", "rows": [{"tree": "text", "height": "number"}]})
OBJECTS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(WORDS),
        "count": st.sampled_from(NUMBERS),
        "rows": st.lists(st.fixed_dictionaries({"tree": st.sampled_from(WORDS), "height": st.sampled_from(NUMBERS)}), max_size=4),
    }
)


def drawn(by: random.Random) -> dict[str, Any]:
    rows = [{"tree": by.choice(WORDS), "height": by.choice(NUMBERS)} for _ in range(by.randrange(6))]
    return {"name": by.choice(WORDS), "count": by.choice(NUMBERS), "rows": rows}


def test_records_get_the_counts_of_an_independent_scorer() -> None:
    by, schema = random.Random(13), json.loads(FLAT.json_schema)
    for _ in range(600):
        wanted, said = drawn(by), drawn(by)
        ours = Counter(part.verdict for part in compare(FLAT, wanted, said))
        theirs = omni_score(said, wanted, schema)
        invented = theirs["fabricated"] + theirs["invented_item"] + theirs["invented_field"]
        counts = theirs["matched"], theirs["misread"], theirs["unfound"], invented
        assert tuple(ours[verdict] for verdict in ("correct", "misread", "missed", "invented")) == counts, (wanted, said)


@settings(max_examples=100, deadline=None)
@given(wanted=OBJECTS, said=OBJECTS)
def test_verdicts_count_every_value_once(wanted: dict[str, Any], said: dict[str, Any]) -> None:
    parts = compare(FLAT, wanted, said)
    found = Counter(part.verdict for part in parts)

    def filled(one: dict[str, Any]) -> int:
        values = [one["name"], one["count"], *(value for row in one["rows"] for value in row.values())]
        return sum(value not in ("", None) for value in values)

    assert found["correct"] + found["misread"] + found["missed"] == filled(wanted)
    assert found["correct"] + found["misread"] + found["invented"] == filled(said)
    assert all(part.is_right for part in compare(FLAT, wanted, wanted))
    assert found["correct"] == Counter(part.verdict for part in compare(FLAT, said, wanted))["correct"]


def test_a_field_of_entities_is_told_as_such() -> None:
    (field,) = fields_of({}, "", ("person", "place")).each
    assert isinstance(field, Field) and field.holds_entities and field.name == "entities"
