"""Fields, records or entities out of a text, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from tailor.data.cells import is_missing, written_value
from tailor.data.example import Example
from tailor.data.jsontext import Value
from tailor.errors import quoted
from tailor.jsonform import SOURCES, fitting, has_sources
from tailor.kinds.base import ColumnProfile, Detail, Draft, Kind, Metric, Unreadable
from tailor.kinds.entry import Entry, EntryField
from tailor.kinds.lines import as_yaml
from tailor.language.detect import language_of
from tailor.retrieval.passage import Passage
from tailor.score.fields import compare, is_empty, number_in, read_object, truth_in
from tailor.score.parse import last_answer
from tailor.score.schema import Field, Fields, fields_of
from tailor.score.scorer import broken, is_failed, missing
from tailor.score.spans import TYPE_NAMES
from tailor.score.types import Answer, Outcome, Part, Score
from tailor.score.written import as_said, in_order
from tailor.system import Decoding, System
from tailor.task import Task, columns_in

CHARACTERS_PER_TOKEN = 2
"""Of JSON, whose signs are tokens of their own: fewer than of prose."""

SAYS = {"exact": "word for word", "text": "words", "number": "a number", "date": "a date", "span": "words of the text"}
"""What people are told to write in a field, by how it is compared."""
MOST_CHOICES = 8
OFTEN = 4
"""How often a value stands on average where it is one of a few choices."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{4}")
_CODE = re.compile(r"(?=\S*\d)[A-Z0-9][A-Z0-9/_.-]+")
_AMOUNT = re.compile(r"[-−]?\W{0,2}\d[\d.,' ]*\W{0,2}")

WHAT = """\
# What is extracted: a name and how its values are compared. `text` takes case and punctuation for form, `exact` does not;
# `number(0.01)` has a tolerance; then there are `date`, `set` (a list in any order), `boolean`, `span` (words of the text), and
# choices such as `small | large`. A list of objects is written as `items: [{sku: exact, quantity: number}]`."""
PRICES = "# A wrong field may have a price of its own, as in `prices: {error: 1, fields: {total: 50, note: 0}}` below."


class Extract(Kind):
    """Fields, records or entities out of a text."""

    name = "extract"
    says = "fields, records or entities out of a text"
    noun = "record"
    metrics = (
        Metric("row_accuracy", "the share of rows of which every field is right", "rows right"),
        Metric("field_accuracy", "the mean share of right fields", "fields right", graded=True),
    )
    parted = True
    brief = False
    stratified_by = "fields that have a value"
    label_work = "Filling in one row"
    label_price = 0.8

    def check(self, task: Task) -> None:
        """Refuse fields that cannot be read, and prices of fields that are none."""
        super().check(task)
        if task.pattern:
            raise ValueError("`pattern` is for free text; what is extracted is JSON, as `fields` or a `json_schema` say")
        known = _fields(task).names
        priced = {above for name in known for above in _above(name)}
        if unknown := [name for name in task.prices.fields if name not in priced]:
            raise ValueError(f"`prices.fields` names {unknown[0]!r}, which is no field; there are {', '.join(known)}")

    def likelihood(self, column: ColumnProfile) -> float:
        """Sure of marks of spans, and nearly so of objects with values of their own."""
        return 1.0 if column.spans else 0.9 if column.records else 0.0

    def instruction(self, draft: Draft) -> str:
        """What the data say, else to find what is asked for."""
        if draft.instruction:
            return draft.instruction
        return (
            "Do what is asked, with what the text says and nothing else."
            if draft.instructed
            else f"Extract what {draft.asked} says."
        )

    def settings(self, draft: Draft) -> Iterator[str]:
        """The fields, or the types of entities, that the data seem to hold."""
        return _field_lines(draft.answers, draft.right)

    def accepted(self, task: Task, cell: Value) -> tuple[str, ...]:
        """The object in the cell, with the task's fields in their order; a value alone is that of the one field there is."""
        text = cell if isinstance(cell, str) else f"[{','.join(map(_as_json, cell))}]"
        if is_missing(text):
            return ()
        found, fields = written_value(text), _fields(task)
        bare = found is not None or not text.lstrip().startswith(("{", "["))  # a number, or a text as it is
        if len(fields.each) == 1 and not isinstance(found, Mapping) and bare:
            found = {fields.each[0].name: text if found is None else found}
        if not isinstance(found, Mapping):
            advice = 'Write such a cell as {"total": 12.5}, or name several columns in `output`. An empty cell leaves the row out.'
            raise Unreadable("holds no object with fields", f"kind `{task.kind}` takes JSON", advice)
        return (in_order(fields, found),)

    def entry(self, task: Task, labels: Sequence[str]) -> Entry:
        """A value for each field; entities and words of the text by selecting them."""
        return Entry("fields", fields=tuple(map(_entry_field, _fields(task).each)))

    def check_entry(self, task: Task, given: Any) -> None:
        """Values of the task's fields, each such as its field holds."""
        _check_object(_fields(task).each, given)

    def stratum(self, example: Example) -> str:
        """How many of the fields have a value."""
        found = written_value(example.label)
        values = list(found.values()) if isinstance(found, Mapping) else []
        longest = max((len(value) for value in values if isinstance(value, list)), default=0)
        return f"{sum(not is_empty(value) for value in values)} with a value, lists of up to {min(longest, 3)}"

    def form(self, task: Task) -> str:
        """The fields, or the schema."""
        return _fields(task).told

    def decoding(self, task: Task, train: Sequence[Example], scores: bool) -> Decoding:
        """JSON that is held to the schema, with room for the longest right answer and half as much again."""
        longest = max((len(as_said(example.label, _source(task.input, example))) for example in train), default=200)
        return Decoding(max_tokens=round(1.5 * longest / CHARACTERS_PER_TOKEN) + 16, json_schema=_fields(task).json_schema)

    def target_text(self, system: System, example: Example, passages: Sequence[Passage]) -> str:
        """The right object as a model should write it: entities by their words."""
        return as_said(example.label, _source(system.prompt.input, example))

    def score(self, task: Task, system: System, example: Example, answer: Answer) -> Score:
        """Right when every field is; an answer that cannot be read misses them all.

        Details: `form` (1 when the text is JSON that fits the schema), `fields` (share of right fields), `strict` (1 when all are
        right to the letter), and `sources` (share of the quotes that are in the text) of a system that quotes.
        """
        fields = _fields(task)
        if is_failed(answer):
            return _unread(task, fields, example, Score(missing(answer), 0.0, ""))
        free = system.prompt.reasoning and not system.decoding.json_schema
        text = last_answer(answer.raw) if free else answer.raw
        said = read_object(text or "")
        if said is None:
            return _unread(task, fields, example, Score(broken(answer), 0.0, answer.raw.strip(), {"form": 0.0}))
        schema = system.decoding.json_schema or fields.json_schema
        parts = _compared(task, fields, example, said)
        right = sum(part.is_right for part in parts)
        share = right / len(parts)
        details = {
            "form": float(fitting(text or "", schema) is not None),
            "fields": share,
            "strict": float(all(part.strict for part in parts)),
        }
        loss, errors = _cost(task, parts)
        if has_sources(system.decoding.json_schema):
            details[SOURCES] = _quoted(example, said.get(SOURCES))
        is_right = right == len(parts)
        value = share if task.scored_by == "field_accuracy" else float(is_right)
        outcome: Outcome = "right" if is_right else "cut" if answer.finish == "length" else "wrong"
        return Score(outcome, value, in_order(fields, said, settled=False), details, loss, errors)

    def details(self, task: Task) -> tuple[Detail, ...]:
        """How much of a row is right, and whether all of it is to the letter."""
        return (
            Detail("fields", "fields right"),
            Detail("strict", "rows right to the letter", "Numbers, dates, case and white space are as in the data, too."),
            Detail(SOURCES, "sources that are in the text", "Of a system that copies the words that its answer rests on."),
        )

    def parts(self, task: Task, example: Example, score: Score) -> tuple[Part, ...]:
        """Every field of the answer next to the right one."""
        return _compared(task, _fields(task), example, read_object(score.answer) or {})


def _fields(task: Task) -> Fields:
    return fields_of(task.fields, task.json_schema, task.labels)


def _entry_field(field: Field) -> EntryField:
    if field.holds_entities:
        return EntryField(field.name, "entities", field.choices, "entities")
    if field.is_boolean:
        return EntryField(field.name, "yes or no", ("true", "false"))
    if field.inner or field.policy == "set":
        return EntryField(field.name, "a list as JSON", form="json")
    says = "" if field.choices else SAYS.get(field.policy, field.policy)
    return EntryField(field.name, says, field.choices, "words" if field.policy == "span" else "line")


def _check_object(each: Sequence[Field], given: Mapping[str, Any], prefix: str = "") -> None:
    """Make sure that an object has no other fields than these, and their values.

    Raises:
        Unreadable: it has.
    """
    known = {field.name: field for field in each}
    for name, value in given.items():
        place = f"{prefix}{name}"
        if place in known:
            _check_value(known[place], value)
        elif isinstance(value, Mapping) and any(field.startswith(f"{place}.") for field in known):
            _check_object(each, value, f"{place}.")
        else:
            raise Unreadable(f"has a field {quoted(place)}", f"there are {', '.join(known)}", "Leave it out.")


def _check_value(field: Field, value: Any) -> None:
    """Make sure that a field can hold a value.

    Raises:
        Unreadable: it cannot.
    """
    several = value if isinstance(value, list) else [value]
    takes = ""
    if is_empty(value):
        return
    if field.inner:
        if all(isinstance(one, Mapping) for one in several):
            for one in several:
                _check_object(field.inner, one)
        else:
            takes = "a list of objects"
    elif field.holds_entities:
        if not all(isinstance(one, Mapping) and str(one.get("type", one.get("label"))) in field.choices for one in several):
            takes = f"a list of entities, each with a `type` out of {', '.join(field.choices)}"
    elif isinstance(value, Mapping) or (isinstance(value, list) and field.policy != "set"):
        takes = "a list" if field.policy == "set" else SAYS.get(field.policy, "a value")
    elif not _holds(field, value):
        takes = "true or false" if field.is_boolean else f"one of {', '.join(field.choices)}" if field.choices else "a number"
    if takes:
        raise Unreadable(f"has {quoted(str(value))} as {field.name}", f"that is {takes}", "Correct it, or leave the field empty.")


def _holds(field: Field, value: Any) -> bool:
    """Whether a field for a single value can hold it."""
    if field.is_boolean:
        return truth_in(value) is not None
    if field.choices:
        return str(value) in field.choices
    return field.policy != "number" or number_in(value) is not None


def _compared(task: Task, fields: Fields, example: Example, said: Mapping[str, Any]) -> tuple[Part, ...]:
    texts = (text for column, text in example.fields.items() if column not in example.media)
    wanted = written_value(example.label)
    wanted = wanted if isinstance(wanted, Mapping) else {}
    parts = compare(fields, wanted, said, source=_source(task.input, example), language=language_of(" ".join(texts)))
    return tuple(replace(part, price=_price(task, part)) for part in parts) if task.prices.fields else parts


def _price(task: Task, part: Part) -> float | None:
    """What a wrong part costs, by its name or by that of the list that it is in; None where none has a price, or it is right."""
    price = next((price for name in _above(part.name) if (price := task.prices.fields.get(name))), None)
    return None if part.is_right or price is None else float(getattr(price, part.verdict))


def _quoted(example: Example, quotes: object) -> float:
    """The share of the quotes that are in the row's texts, whatever the white space and the case; 0 for none."""
    texts = [" ".join(text.split()).casefold() for text in example.fields.values()]
    said = [" ".join(quote.split()).casefold() for quote in quotes if isinstance(quote, str)] if isinstance(quotes, list) else []
    said = [quote for quote in said if quote]
    return sum(any(quote in text for text in texts) for quote in said) / len(said) if said else 0.0


def _above(name: str) -> list[str]:
    """The name of a field, and those of what it is in: "items.parts.sku", "items.parts", "items"."""
    names = name.split(".")
    return [".".join(names[:count]) for count in range(len(names), 0, -1)]


def _source(template: str, example: Example) -> str:
    """The text that entities are in: the first column that the input names."""
    return next((example.fields[name] for name in columns_in(template) if name in example.fields), "")


def _unread(task: Task, fields: Fields, example: Example, score: Score) -> Score:
    """The score of an answer that cannot be read: all that the row has is missed, and it is an error at least."""
    loss, errors = _cost(task, _compared(task, fields, example, {}))
    return replace(score, loss=loss, errors=None if errors is None else max(1.0, errors))


def _cost(task: Task, parts: Sequence[Part]) -> tuple[float, float | None]:
    """What wrong fields with a price cost together, and how many there are without one; None where no field has a price."""
    if not task.prices.fields:
        return 0.0, None
    wrong = [part for part in parts if not part.is_right]
    return sum(part.price or 0.0 for part in wrong), float(sum(part.price is None for part in wrong))


def _as_json(item: str) -> str:
    """An item of a list as JSON, which it may be already."""
    return item if written_value(item) is not None else json.dumps(item, ensure_ascii=False)


# Settings for `tailor init`


def _field_lines(answers: Sequence[str], right: str) -> Iterator[str]:
    """Lines of ``tailor.yaml`` that describe what these right answers hold.

    Args:
        answers: cells with right answers, as text.
        right: what they are called: the one field where they are lists of objects.
    """
    found = [_unpacked(value) for text in answers if (value := written_value(text)) is not None]
    types = sorted({kind for value in found if isinstance(value, list) for item in value if (kind := _type(item))})
    if types:
        yield "# The types of entities to find, each with its words; where they stand is found in the text."
        yield "labels:"
        yield from (f"  - {as_yaml(name)}" for name in types)
        return
    right = right.replace(".", " ")  # a dot in a name stands between an object and its field
    lists = [{right: items} for items in found if isinstance(items, list) and any(isinstance(item, Mapping) for item in items)]
    objects: list[Mapping[str, Any]] = [value for value in found if isinstance(value, Mapping) and value] or [*lists]
    objects = objects or [
        {right: found if found is not None else text} for text, found in zip(answers, map(written_value, answers), strict=True)
    ]
    yield WHAT
    yield "fields:"
    yield from _described(objects, "  ")
    yield PRICES


def _unpacked(value: Any) -> Any:
    """A list with its items as they were before they became texts."""
    items = [written_value(item) if isinstance(item, str) else item for item in value] if isinstance(value, list) else []
    return items if items and None not in items else value


def _described(objects: Sequence[Mapping[str, Any]], indent: str) -> Iterator[str]:
    for name in dict.fromkeys(name for value in objects for name in value):
        values = [value[name] for value in objects if not is_empty(value.get(name))]
        key = name if re.fullmatch(r"[A-Za-z_]\w*", name) and isinstance(yaml.safe_load(name), str) else as_yaml(name)
        records = [item for value in values if isinstance(value, list) for item in value if isinstance(item, Mapping)]
        nested = [value for value in values if isinstance(value, Mapping)]
        if not name or "." in name:
            yield f"{indent}# {key} is left out: its name is empty or has a dot"
        elif records and any(map(_type, records)):
            kinds = " | ".join(sorted({_type(item) for item in records} - {""}))
            yield f"{indent}{key}: {as_yaml(f'span({kinds})')}"
        elif records:
            yield f"{indent}{key}:"
            first, *others = _described(records, "")
            yield f"{indent}  - {first}"
            yield from (f"{indent}    {line}" for line in others)
        elif nested:
            yield f"{indent}{key}:"
            yield from _described(nested, f"{indent}  ")
        else:
            yield f"{indent}{key}: {_policy(values)}"


def _policy(values: Sequence[Any]) -> str:
    """The policy by which such values are best compared."""
    if any(isinstance(value, list) for value in values):
        return "set"
    if values and all(isinstance(value, bool) for value in values):
        return "boolean"
    if values and all(isinstance(value, int | float) for value in values):
        return "number"
    texts = [value for value in values if isinstance(value, str)]
    if not texts or len(texts) < len(values):
        return "text"
    if all(map(_DAY.fullmatch, texts)):
        return "date"
    choices = list(dict.fromkeys(texts))
    if (
        2 <= len(choices) <= MOST_CHOICES
        and len(texts) >= OFTEN * len(choices)
        and not any(sign in text for text in choices for sign in "|(")
    ):
        return as_yaml(" | ".join(choices))
    if all(_AMOUNT.fullmatch(text) and number_in(text) is not None for text in texts):
        return "number"
    return "exact" if all(map(_CODE.fullmatch, texts)) else "text"


def _type(item: Any) -> str:
    """The type of an entity that an item marks by its place or its words; empty for none."""
    if isinstance(item, list) and len(item) == 3 and all(str(place).isdecimal() for place in item[:2]):
        return str(item[2])
    if isinstance(item, Mapping) and {"start", "end"} <= set(item):
        kind = next((item[name] for name in TYPE_NAMES if item.get(name)), "")
        return str(kind[0] if isinstance(kind, list) else kind)
    return ""


EXTRACT = Extract()
