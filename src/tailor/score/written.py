"""Extracted fields as JSON: as they are kept, and as a model should write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tailor.score.fields import at, is_empty, number_in
from tailor.score.schema import Field, Fields
from tailor.score.spans import as_items, marked, spans_in


def in_order(fields: Fields, value: Mapping[str, Any], *, settled: bool = True) -> str:
    """The fields of an object as JSON, in their order and with nothing else; the same text for the same values.

    Where the fields are a short list, each is there, with null for no value.

    Args:
        fields: what is extracted.
        value: the object.
        settled: whether values of a short list are written in one way, such as numbers as numbers where it is clear which they are;
            else they stay as they are, as those of a JSON schema always do.
    """
    return _dumped(_arranged(fields.each, value, whole=fields.whole, settled=settled))


def as_said(text: str, source: str) -> str:
    """The same as a model should write it: entities by their words, and not by their places.

    Args:
        text: what `in_order` gives.
        source: the text that the entities are in.
    """
    return _dumped(_worded(json.loads(text), source))


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _arranged(each: Sequence[Field], value: Mapping[str, Any], *, whole: bool, settled: bool) -> dict[str, Any]:
    arranged: dict[str, Any] = {}
    for field in each:
        found = at(value, field)
        if found is None and not whole:
            continue
        if field.inner:
            given = [] if found is None else found if isinstance(found, list) else [found]
            found = [
                _arranged(field.inner, one, whole=whole, settled=settled) if isinstance(one, Mapping) else one
                for one in given
                if not is_empty(one)
            ]
        elif settled:
            found = _kept(field, found)
        place = arranged
        for name in field.path[:-1]:
            place = place.setdefault(name, {})
        place[field.path[-1]] = found
    return arranged


def _kept(field: Field, value: Any) -> Any:
    """One value as it is kept."""
    if field.holds_entities:
        return marked(value)
    if not field.form:
        return value
    if field.policy == "set":
        return [item for item in (value if isinstance(value, list) else [value]) if not is_empty(item)]
    if is_empty(value):
        return None
    if field.policy == "number" and isinstance(value, str):
        number = number_in(value, "en")
        if number is not None and number == number_in(value, "de"):  # else 1.240 is 1240 or 1.24, by the language of the row
            return int(number) if number == number.to_integral_value() else float(number)
    if field.is_boolean and isinstance(value, str) and value.strip().casefold() in ("true", "false"):
        return value.strip().casefold() == "true"
    return value


def _worded(value: Any, source: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _worded(inner, source) for name, inner in value.items()}
    if (
        isinstance(value, list)
        and value
        and all(isinstance(item, Mapping) and {"type", "start", "end"} == set(item) for item in value)
    ):
        return as_items(spans_in(value, source), source)
    return [_worded(item, source) for item in value] if isinstance(value, list) else value
