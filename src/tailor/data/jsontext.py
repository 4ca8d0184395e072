"""JSON that keeps the text of what it reads: numbers stay as they are spelled, no key is lost."""

from __future__ import annotations

import ast
import json
import math
import re

Value = str | list[str]

MAX_DEPTH = 200  # far beyond any real record, and far below what recursion can take


class Number(str):
    """A number as spelled in the file, so that 1.10 stays 1.10 and a long identifier keeps all its digits."""


def _constant(constant: str) -> str | None:
    """NaN, which programs write where a value is missing, as null; Infinity as spelled."""
    return None if constant == "NaN" else Number(constant)


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a key is given twice")
    return record


def as_text(value: Value) -> str:
    """The value of a cell as text; a list becomes compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_BETWEEN = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder(
    parse_int=Number,
    parse_float=Number,
    parse_constant=_constant,
    object_pairs_hook=_without_repeats,
)


def parse(text: str) -> object:
    """The JSON value that a text is; its numbers are texts of a class of their own, and NaN is null.

    Raises:
        ValueError: the text is not JSON, repeats a key, or is nested too deeply.
    """
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.colno}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise ValueError("nested too deeply")
    return value


def parse_several(text: str) -> list[tuple[int, object]]:
    """JSON values one behind the other, with or without commas between them, and the line that each begins on.

    Raises:
        ValueError: something between them is not JSON.
    """
    values: list[tuple[int, object]] = []
    place = _BETWEEN.match(text, 0).end()  # type: ignore[union-attr]  # it matches nothing, too
    line, counted = 1, 0
    while place < len(text):
        line, counted = line + text.count("\n", counted, place), place
        try:
            value, end = _DECODER.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise ValueError(f"{error.msg} at line {error.lineno}") from error
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        if _is_deep(value):
            raise ValueError("nested too deeply")
        values.append((line, value))
        place = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]
    return values


def written_by_python(line: str) -> dict[str, object] | None:
    """The object that a line is as Python writes dictionaries, with single quotes, None and True; None where it is none."""
    if not (line.startswith("{'") and line.endswith("}")):
        return None
    try:
        value = ast.literal_eval(line)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None
    named = isinstance(value, dict) and all(isinstance(key, str) for key in value)
    return value if named and not _is_deep(value) else None


def _is_deep(value: object) -> bool:
    """Whether lists and objects are nested more than MAX_DEPTH deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [child for children in inner for child in children]
    return bool(level)


def to_value(value: object) -> Value:
    """A JSON value, or a value of a Parquet cell, as text or as a list of texts; null is an empty text."""
    if isinstance(value, list | tuple):
        return [to_text(item) for item in value]
    return to_text(value)


def to_text(value: object) -> str:
    """Text as it is, null and a float that is no number as an empty text, everything else as compact JSON."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value) if isinstance(value, str) else _compact(value)


def _compact(value: object) -> str:
    if isinstance(value, Number):
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
