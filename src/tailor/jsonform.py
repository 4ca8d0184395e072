"""Forms that an answer must have: JSON of a given schema, checked here whoever promised to keep to it, or a regular expression."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

REASONING = "reasoning"
"""The property that holds the steps of a system that reasons."""
SOURCES = "sources"
"""The property that holds what a system copies from the text before it fills in what it found."""
_QUOTES = {"type": "array", "items": {"type": "string"}}

FENCE = re.compile(r"\A\s*```[\w-]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


def check_expression(pattern: str) -> None:
    """Make sure that a regular expression is one, also inside a longer one.

    Raises:
        ValueError: it is not, or it is one that libraries read in different ways.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # sets inside sets
            re.compile(f"(?:{pattern})")
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise ValueError(f"it is not a regular expression: {error}") from error


def check_schema(schema: Mapping[str, Any]) -> None:
    """Make sure that answers can be compared with a JSON schema.

    Raises:
        ValueError: it is not a JSON schema, or refers to what is not in it; nothing is fetched.
    """
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"it is not a JSON schema: {error.message}") from error
    root = EMPTY_REGISTRY.resolver_with_root(Resource.from_contents(schema, default_specification=DRAFT202012))
    for reference in _references(schema):
        try:
            root.lookup(reference)
        except Unresolvable as error:
            raise ValueError(f"it refers to {reference!r}, which is not in it; give the whole schema in one") from error


def fitting(text: str, schema: str) -> str | None:
    """The JSON in a model's text, in `canonical` form, if it fits the schema; None if it does not. A fence around it is taken off.

    Args:
        text: what the model wrote.
        schema: text of a JSON schema (draft 2020-12 unless it names another).
    """
    fenced = FENCE.match(text)
    try:
        value = read_json(fenced[1] if fenced else text)
        return _dumped(value) if _checker(schema).is_valid(value) else None
    except (ValueError, RecursionError):
        return None


def with_reasoning(schema: str) -> str | None:
    """The schema of an object with a first property for the steps that lead to the others; None where it has no place for it."""
    return _with_first(schema, REASONING, {"type": "string"})


def with_sources(schema: str) -> str | None:
    """The schema of an object with a first property for pieces of the text, word for word; None where it has no place for it."""
    return _with_first(schema, SOURCES, _QUOTES)


def has_sources(schema: str) -> bool:
    """Whether it is such a schema."""
    properties = json.loads(schema).get("properties") if schema else None
    return isinstance(properties, dict) and next(iter(properties), "") == SOURCES and properties[SOURCES] == _QUOTES


def _with_first(schema: str, name: str, form: Mapping[str, Any]) -> str | None:
    found: dict[str, Any] = json.loads(schema)
    properties = found.get("properties")
    if not isinstance(properties, dict) or name in properties:
        return None
    required = [name, *found.get("required", ())]
    return json.dumps({**found, "properties": {name: form, **properties}, "required": required}, ensure_ascii=False)


def without_reasoning(text: str) -> str:
    """An object that fits such a schema, in `canonical` form, without these steps."""
    return _dumped({name: value for name, value in read_json(text).items() if name != REASONING})


def canonical(text: str) -> str:
    """JSON in one spelling: names sorted, spaces alike. What is no JSON stays as it is."""
    try:
        return _dumped(read_json(text))
    except (ValueError, RecursionError):
        return text


def read_json(text: str) -> Any:
    """What JSON says; NaN and Infinity are none.

    Raises:
        ValueError: the text is no JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_no_number)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _references(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [found for inner in schema for found in _references(inner)]
    if not isinstance(schema, Mapping):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    inside = [inner for name, inner in schema.items() if name not in ("const", "enum", "default", "examples")]
    return own + [found for inner in inside for found in _references(inner)]


@lru_cache(maxsize=8)
def _checker(schema: str) -> Validator:
    from jsonschema.validators import validator_for
    from referencing.jsonschema import EMPTY_REGISTRY

    found = json.loads(schema)
    # A registry of its own: without one, references to addresses would be fetched.
    checker: Validator = validator_for(found)(found, registry=EMPTY_REGISTRY)
    return checker
