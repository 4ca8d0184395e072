"""Strict JSON that keeps the text of what it reads: numbers stay as they are spelled, no key is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping

Value = str | list[str]

MAX_DEPTH = 200  # far beyond any real record, and far below what recursion can take


class _Number(str):
    """A number as spelled in the file, so that 1.10 stays 1.10 and a long identifier keeps all its digits."""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON value")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a key is given twice")
    return record


_DECODER = json.JSONDecoder(
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_refuse,
    object_pairs_hook=_without_repeats,
)


def _parse(text: str) -> object:
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.colno}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise ValueError("nested too deeply")
    return value


def _is_deep(value: object) -> bool:
    """Whether lists and objects stand in each other more than MAX_DEPTH deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [child for children in inner for child in children]
    return bool(level)


def parse_object(text: str) -> Mapping[str, object]:
    """The JSON object in a text.

    Raises:
        ValueError: the text is not JSON (NaN and Infinity are not), repeats a key, or is not an object.
    """
    value = _parse(text)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def parse_objects(text: str) -> list[Mapping[str, object]]:
    """The objects in a JSON list.

    Raises:
        ValueError: the text is not JSON, repeats a key, or is not a list of objects.
    """
    value = _parse(text)
    if not isinstance(value, list):
        raise ValueError("not a list")
    for number, item in enumerate(value, start=1):
        if not isinstance(item, dict):
            raise ValueError(f"item {number} is not an object")
    return value


def to_value(value: object) -> Value:
    """A JSON value, or a value of a Parquet cell, as text or as a list of texts; null is an empty text."""
    if isinstance(value, list | tuple):
        return [to_text(item) for item in value]
    return to_text(value)


def to_text(value: object) -> str:
    """Text as it is, null as an empty text, everything else as compact JSON."""
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else _compact(value)


def _compact(value: object) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(str(key))}:{_compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_compact, value)) + "]"
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return str(value)
