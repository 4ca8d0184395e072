"""What is extracted: fields, each with the policy by which two values of it are compared, and the form of the JSON that holds them.

Fields are described in one of three ways: a short list (`customer: text`), a JSON schema, or a list of types of entities. All give
the same: fields in an order, and a schema to which answers can be held.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Literal, get_args

from tailor.errors import did_you_mean

Policy = Literal["exact", "number", "date", "text", "set", "span"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

ENTITIES = "entities"
"""The one field of a task that names types of entities."""

DEEPEST = 8
"""How deep objects and lists of objects may stand inside one another."""

_SHORT = re.compile(r"\s*([a-z]+)\s*(?:\(([^()]*)\))?\s*")
_TYPES: Mapping[str, Policy] = {
    "str": "text",
    "string": "text",
    "int": "number",
    "integer": "number",
    "float": "number",
    "list": "set",
}
"""What types are called elsewhere, and the policy that fits them."""
_BOOLEAN = ("bool", "boolean")
_WRITTEN = (
    "Write a field as `total: number(0.01)`, with exact, number, date, text, set, span, boolean or `small | large` behind it."
)


@dataclass(frozen=True)
class Field:
    """Something to find in a text.

    Attributes:
        name: its place in the JSON, such as "total", or "address.city" for one in an object.
        policy: how two values are compared (`tailor.score.fields.is_same`).
        tolerance: by how much two numbers may differ.
        is_share: whether that is a share of the right number.
        alike: chrF in [0, 1] from which on two texts count as the same; 0 where they must have the same words.
        choices: the values that it may have; types of entities where the policy is `span`.
        inner: fields of each object, where it holds a list of objects.
        form: JSON schema of its value.
    """

    name: str
    policy: Policy = "text"
    tolerance: Decimal = Decimal(0)
    is_share: bool = False
    alike: float = 0.0
    choices: tuple[str, ...] = ()
    inner: tuple[Field, ...] = ()
    form: str = ""

    @property
    def holds_entities(self) -> bool:
        """Whether it holds a list of typed pieces of the text."""
        return self.policy == "span" and bool(self.choices)

    @property
    def is_boolean(self) -> bool:
        """Whether it is true or false."""
        return '"boolean"' in self.form and not self.inner

    @property
    def path(self) -> tuple[str, ...]:
        """The names that lead to it from the outermost object."""
        return tuple(self.name.split("."))


@dataclass(frozen=True)
class Fields:
    """All that is extracted, in order.

    Attributes:
        each: the fields.
        json_schema: text of the JSON schema of an answer.
        told: the form of an answer, as a model is told it.
        whole: whether an answer names every field, also where it has no value.
    """

    each: tuple[Field, ...]
    json_schema: str
    told: str
    whole: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names by which a field can have a price: lists of objects by those of their fields, such as "items.sku"."""
        return tuple(name for field in self.each for name in _names(field))


def fields_of(fields: Mapping[str, Any], json_schema: str, entities: tuple[str, ...]) -> Fields:
    """The fields that a task describes.

    Args:
        fields: the short list; next to a JSON schema, policies by name for fields that are not compared by their type.
        json_schema: text of a JSON schema of an object, or empty.
        entities: types of entities; none where fields are extracted.

    Raises:
        ValueError: nothing is described, two ways are mixed, or a description cannot be read; what is accepted.
    """
    return _fields_of(json.dumps(fields), json_schema, entities)


@lru_cache(maxsize=64)
def _fields_of(listed: str, json_schema: str, entities: tuple[str, ...]) -> Fields:
    fields: dict[str, Any] = json.loads(listed)
    if entities:
        if fields or json_schema:
            raise ValueError("`labels` name types of entities; give them, or `fields`, or a `json_schema`")
    if json_schema:
        schema = json.loads(json_schema)
        each = tuple(_overruled(_from_schema(schema), fields))
        return Fields(
            each,
            json_schema,
            f"Answer with a JSON object that fits this JSON schema, and nothing else:\n{json_schema}",
            whole=False,
        )
    if not fields and not entities:
        raise ValueError("say what is extracted: `fields`, a `json_schema`, or types of entities as `labels`")
    each = (_entities(ENTITIES, entities),) if entities else tuple(_listed(fields))
    return Fields(each, json.dumps(_schema(each), ensure_ascii=False), _told(each))


# The short list


def _listed(fields: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[Field]:
    if depth > DEEPEST:
        raise ValueError(f"the fields are nested more than {DEEPEST} deep")
    for given, described in fields.items():
        name = f"{prefix}{given}"
        if not given or "." in given:
            raise ValueError(f"{given!r} is no name of a field: a dot stands between an object and its field")
        if not described and isinstance(described, Mapping) or described == [{}]:
            raise ValueError(f"{name!r} is described by {described!r}, which has no fields. {_WRITTEN}")
        if isinstance(described, Mapping):
            yield from _listed(described, f"{name}.", depth + 1)
        elif isinstance(described, list) and len(described) == 1 and isinstance(described[0], Mapping):
            inner = tuple(_listed(described[0], depth=depth + 1))
            yield Field(name, "exact", inner=inner, form=json.dumps({"type": "array", "items": _schema(inner)}))
        elif isinstance(described, str):
            yield _short(name, described)
        else:
            raise ValueError(f"{name!r} is described by {described!r}. {_WRITTEN}")


def _short(name: str, described: str) -> Field:
    """A field out of one word, such as `text`, `number(1%)`, `small | large` or `span(person | place)`."""
    if "|" in described and "(" not in described:
        choices = _choices(described)
        return Field(name, "exact", choices=choices, form=json.dumps({"enum": [*choices, None]}))
    match = _SHORT.fullmatch(described)
    word, inside = (match[1], (match[2] or "").strip()) if match else ("", "")
    if word in _BOOLEAN and not inside:
        return Field(name, "exact", form=_form("boolean", "null"))
    policy = _TYPES.get(word) or next((policy for policy in POLICIES if policy == word), None)
    if policy is None:
        raise ValueError(f"{name!r} is described by {described!r}{did_you_mean(word, (*POLICIES, *_TYPES, *_BOOLEAN))}. {_WRITTEN}")
    if policy == "number":
        return _with_tolerance(Field(name, policy, form=_form("number", "null")), inside)
    if policy == "text" and inside:
        return replace(Field(name, policy, form=_form("string", "null")), alike=_chrf(name, inside))
    if policy == "span" and inside:
        return _entities(name, _choices(inside))
    if inside:
        raise ValueError(f"{name!r}: {policy} takes nothing in brackets, not {inside!r}")
    if policy == "set":
        return Field(name, policy, form=json.dumps({"type": "array", "items": {"type": "string"}}))
    return Field(name, policy, form=_form("string", "null"))


def _entities(name: str, types: tuple[str, ...]) -> Field:
    properties = {"type": {"enum": list(types)}, "text": {"type": "string"}, "nth": {"type": "integer", "minimum": 2}}
    item = {"type": "object", "properties": properties, "required": ["type", "text"], "additionalProperties": False}
    return Field(name, "span", choices=types, form=json.dumps({"type": "array", "items": item}, ensure_ascii=False))


def _choices(described: str) -> tuple[str, ...]:
    choices = tuple(part.strip() for part in described.split("|"))
    if not all(choices) or len(set(choices)) < len(choices):
        raise ValueError(f"{described!r} has an empty choice, or one twice")
    return choices


def _with_tolerance(field: Field, written: str) -> Field:
    if not written:
        return field
    is_share = written.endswith("%")
    try:
        tolerance = Decimal(written.rstrip("%").strip()) / (100 if is_share else 1)
    except InvalidOperation:
        tolerance = Decimal("NaN")
    if not tolerance.is_finite() or tolerance < 0:
        raise ValueError(f"{field.name!r}: {written!r} is no tolerance; write number(0.01), or number(1%) for a share")
    return replace(field, tolerance=tolerance, is_share=is_share)


def _chrf(name: str, written: str) -> float:
    try:
        least = float(written.rstrip("%")) / (100 if written.endswith("%") else 1)
    except ValueError:
        least = 0.0
    if not 0 < least <= 1:
        raise ValueError(f"{name!r}: {written!r} is no chrF from which on texts are the same; write text(0.7), or text(70%)")
    return least


def _form(*types: str) -> str:
    return json.dumps({"type": list(types)})


def _schema(each: tuple[Field, ...]) -> dict[str, Any]:
    """The JSON schema of an object with these fields: all of them in their order, and nothing else."""
    schema: dict[str, Any] = _object()
    for field in each:
        place = schema
        for name in field.path[:-1]:
            place = place["properties"].setdefault(name, _object())
        place["properties"][field.path[-1]] = json.loads(field.form)
    return _with_required(schema)


def _object() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": False}


def _with_required(schema: dict[str, Any]) -> dict[str, Any]:
    properties = {name: _with_required(inner) if "properties" in inner else inner for name, inner in schema["properties"].items()}
    return {**schema, "properties": properties, "required": list(properties)}


def _told(each: tuple[Field, ...]) -> str:
    lines = ["Answer with a JSON object of this form and nothing else. Write null for what is not stated.", _shape(each)]
    if any(field.holds_entities for field in each):
        lines.append('List all of them in the order of the text, or an empty list if there are none. Copy "text" from the text.')
        lines.append('If the same words occur several times and a later one is meant, add "nth": 2 or more.')
    return "\n".join(lines)


def _shape(each: tuple[Field, ...]) -> str:
    """The form by example: {"customer": text, "total": number, "items": [{"sku": text}]}."""
    tree: dict[str, Any] = {}
    for field in each:
        place = tree
        for name in field.path[:-1]:
            place = place.setdefault(name, {})
        place[field.path[-1]] = _value_told(field)
    return _drawn(tree)


def _drawn(tree: Mapping[str, Any]) -> str:
    parts = (f"{json.dumps(name)}: {_drawn(value) if isinstance(value, Mapping) else value}" for name, value in tree.items())
    return "{" + ", ".join(parts) + "}"


def _value_told(field: Field) -> str:
    if field.inner:
        return f"[{_shape(field.inner)}, ...]"
    among = " or ".join(json.dumps(choice, ensure_ascii=False) for choice in field.choices)
    if field.holds_entities:
        return f'[{{"type": {among}, "text": words of the text}}, ...]'
    if among:
        return among
    if field.is_boolean:
        return "true or false"
    return {"exact": "text", "set": "[text, ...]", "span": "words of the text"}.get(field.policy, field.policy)


# A JSON schema


def _from_schema(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    found = tuple(_properties(schema, schema))
    if not found:
        raise ValueError("a `json_schema` of what is extracted is that of an object with `properties`")
    return found


def _properties(schema: Mapping[str, Any], root: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[Field]:
    if depth > DEEPEST:
        raise ValueError(f"the `json_schema` refers to itself, or is nested more than {DEEPEST} deep")
    for name, given in _plain(schema, root).get("properties", {}).items():
        plain, place = _plain(given, root), f"{prefix}{name}"
        items = _plain(plain.get("items") or {}, root)
        if plain.get("properties"):
            yield from _properties(plain, root, f"{place}.", depth + 1)
        elif items.get("properties"):
            yield Field(place, "exact", inner=tuple(_properties(items, root, depth=depth + 1)))
        else:
            yield Field(place, _policy_of(plain, items), choices=_enumerated(plain))


def _plain(schema: object, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with its reference followed, and of alternatives the first that is not null."""
    for _ in range(8):
        if not isinstance(schema, Mapping):
            return {}
        branches = [part for name in ("anyOf", "oneOf") for part in schema.get(name, ()) if part != {"type": "null"}]
        reference = schema.get("$ref", "")
        if reference.startswith("#/"):
            schema = _at(root, reference[2:].split("/"))
        elif branches:
            schema = branches[0]
        else:
            return schema
    return {}


def _at(root: object, path: list[str]) -> object:
    for name in path:
        root = root.get(name) if isinstance(root, Mapping) else None
    return root


def _enumerated(schema: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(choice) for choice in schema.get("enum", ()) if choice is not None)


def _policy_of(schema: Mapping[str, Any], items: Mapping[str, Any]) -> Policy:
    types = schema.get("type", "")
    kinds = {types} if isinstance(types, str) else set(types)
    if "array" in kinds or items:
        return "set"
    if kinds & {"number", "integer"}:
        return "number"
    if "boolean" in kinds or "enum" in schema or "const" in schema:
        return "exact"
    return "date" if str(schema.get("format", "")).startswith("date") else "text"


def _overruled(each: tuple[Field, ...], policies: Mapping[str, Any]) -> Iterator[Field]:
    """The fields of a schema with the policies that `fields` gives some of them."""
    known = [name for field in each for name in _names(field)]
    for name, described in policies.items():
        if name not in known:
            raise ValueError(f"`fields` names {name!r}, which `json_schema` does not have{did_you_mean(name, known)}")
        if not isinstance(described, str):
            raise ValueError(
                f"next to a `json_schema`, `fields` gives policies by name, such as `total: number(0.01)`, not {described!r}"
            )
    yield from (_with_policies(field, policies) for field in each)


def _with_policies(field: Field, policies: Mapping[str, str], prefix: str = "") -> Field:
    inner = tuple(_with_policies(part, policies, f"{prefix}{field.name}.") for part in field.inner)
    return _with_policy(replace(field, inner=inner), policies.get(f"{prefix}{field.name}"))


def _with_policy(field: Field, described: str | None) -> Field:
    if described is None:
        return field
    given = _short(field.name, described)
    return replace(given, form="", choices=given.choices or field.choices)


def _names(field: Field) -> tuple[str, ...]:
    if field.inner:
        return tuple(f"{field.name}.{name}" for part in field.inner for name in _names(part))
    if field.holds_entities:
        return tuple(f"{field.name}.{choice}" for choice in field.choices)
    return (field.name,)
