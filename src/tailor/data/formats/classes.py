"""Class names that a file keeps next to the numbers of classes, as Hugging Face `datasets` writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor.data.finding import Finding
from tailor.errors import DataError, quoted

ROWS_NAMED = 5

Object = Mapping[str, object]


def with_class_names(name: str, rows: Sequence[Object], features: object) -> tuple[Sequence[Object], tuple[Finding, ...]]:
    """The rows with class names in place of numbers, and which columns these are.

    Args:
        name: the file's name, for messages.
        rows: the rows.
        features: how `datasets` describes the columns: by name, or as a list of `{"name": ..., "type": ...}`.

    Raises:
        DataError: a number has no name.
    """
    found = {column: names for column, feature in _described(features) if (names := _names(feature))}
    found = {column: names for column, names in found.items() if any(column in row for row in rows)}
    if not found:
        return rows, ()
    named = []
    for number, row in enumerate(rows, start=1):
        place = f"{name} row {number}"
        named.append({key: _name(value, found[key], place, key) if key in found else value for key, value in row.items()})
    listed = ", ".join(map(quoted, found))
    return named, (Finding("note", f"{name} names the classes of {listed}; the names replace the numbers."),)


def _described(features: object) -> list[tuple[str, object]]:
    if isinstance(features, Mapping):
        return list(features.items())
    if isinstance(features, list):
        return [(str(item.get("name")), item.get("type")) for item in features if isinstance(item, Mapping)]
    return []


def _names(feature: object) -> list[str]:
    """Names of the classes of a column, also of one that holds lists of classes."""
    if isinstance(feature, list) and len(feature) == 1:
        return _names(feature[0])
    if not isinstance(feature, Mapping):
        return []
    names = feature.get("names")
    if feature.get("_type") == "ClassLabel":
        if isinstance(names, Mapping):
            names = [names[key] for key in sorted(names, key=lambda key: int(key) if str(key).isdecimal() else 0)]
        return [str(item) for item in names] if isinstance(names, list) else []
    return _names(feature.get("feature"))


def _name(value: object, names: Sequence[str], place: str, column: str) -> object:
    if isinstance(value, list):
        return [_name(item, names, place, column) for item in value]
    text = str(value)
    if value is None or text == "-1":  # how `datasets` marks a row without a label
        return None
    if not text.isdecimal():
        return value
    if int(text) >= len(names):
        raise DataError(f"{place} has {column} {text}, but the file names only {len(names)} classes", "Correct the row.")
    return names[int(text)]
