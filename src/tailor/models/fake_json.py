"""The JSON that the fake model writes: an object of the form asked for, filled by a rule with what is in the text.

A value is looked for behind the name of its property ("Total: 12.50"), then by its form (a number, a date, one of the choices), and
is null where neither is there and null fits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Pick = Callable[[str], float]
"""How well a text fits the question, higher is better; deterministic."""

_NUMBER = re.compile(r"(?<![\w.,-])-?\d{1,15}(?:\.\d{1,15})?(?![\w-])")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
_NAMED = re.compile(r"[A-Z][\w&'-]*(?: (?:& )?[A-Z][\w&'-]*)*")
_DEEPEST = 8


def written_json(schema: str, text: str, pick: Pick) -> str:
    """JSON that fits the schema, for the types that schemas of fields use: objects, lists, texts, numbers, booleans and choices.

    Args:
        schema: text of a JSON schema.
        text: what is asked about.
        pick: decides between values that fit as well.
    """
    root = json.loads(schema)
    return json.dumps(_value(root, "", text, pick, root, _DEEPEST), ensure_ascii=False)


def _value(schema: Any, name: str, text: str, pick: Pick, root: Any, depth: int) -> Any:
    schema, may_be_null = _plain(schema, root)
    kinds = schema.get("type", [])
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    may_be_null |= "null" in kinds
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return max(schema["enum"], key=lambda choice: -1.0 if choice is None else pick(str(choice)))
    if schema.get("properties") or "object" in kinds:
        inner = schema.get("properties", {}) if depth else {}
        return {key: _value(of, key, text, pick, root, depth - 1) for key, of in inner.items()}
    if "array" in kinds:
        return list(_items(schema, name, text, pick, root, depth))
    behind = _behind(name, text)
    if kinds & {"number", "integer"}:
        found = _NUMBER.findall(behind) or _NUMBER.findall(text)
        return _number(found[0], whole="number" not in kinds) if found else None if may_be_null else 0
    if "boolean" in kinds:
        return bool(re.match(r"\W*(?:yes|true)\b", behind, re.IGNORECASE)) if behind or not may_be_null else None
    if str(schema.get("format", "")).startswith("date"):
        found = _DATE.findall(behind) or _DATE.findall(text)
        return found[0] if found else None if may_be_null else ""
    said = re.split(r"[\n;,]|\.(?:\s|$)", behind, maxsplit=1)[0].strip()
    return said or (None if may_be_null else "")


def _items(schema: Mapping[str, Any], name: str, text: str, pick: Pick, root: Any, depth: int) -> Iterator[Any]:
    """The items of a list: of entities (objects with a type and words) each name in the text, else what comes after its name."""
    items, _ = _plain(schema.get("items", {}), root)
    properties = items.get("properties", {})
    if {"type", "text"} <= set(properties):
        for words in dict.fromkeys(match.group() for match in _NAMED.finditer(text)):
            yield {"type": _value(properties["type"], "type", words, pick, root, depth - 1), "text": words}
    elif properties and depth:
        yield _value(items, name, text, pick, root, depth - 1)
    else:
        yield from filter(None, (part.strip() for part in re.split(r"[,;]", _behind(name, text).split("\n")[0])))


def _plain(schema: Any, root: Any) -> tuple[Mapping[str, Any], bool]:
    """A schema with its reference followed and, of alternatives, the first that is not null; and whether null is one of them."""
    may_be_null = False
    for _ in range(_DEEPEST):
        if not isinstance(schema, Mapping):
            return {}, may_be_null
        branches = schema.get("anyOf") or schema.get("oneOf") or []
        if str(schema.get("$ref", "")).startswith("#/"):
            path, schema = schema["$ref"][2:].split("/"), root
            for key in path:
                schema = schema.get(key) if isinstance(schema, Mapping) else None
        elif branches:
            may_be_null |= {"type": "null"} in branches
            schema = next((branch for branch in branches if branch != {"type": "null"}), {})
        else:
            return schema, may_be_null
    return {}, may_be_null


def _behind(name: str, text: str) -> str:
    """What comes after the name of a property in the text, as words, with a colon or an equals sign or "is" between them."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").split()
    if not words:
        return ""
    match = re.search(rf"\b{r'[ _-]?'.join(map(re.escape, words))}\b\s*(?:[:=]|is\b)?\s*", text, re.IGNORECASE)
    return text[match.end() :] if match else ""


def _number(written: str, *, whole: bool) -> float:
    return int(written.partition(".")[0]) if whole or "." not in written else float(written)
