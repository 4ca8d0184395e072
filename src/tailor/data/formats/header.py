"""Names of columns, and whether what is in their place reads like a row of data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tailor.errors import DataError, quoted

COMMON_NAMES = frozenset(
    "id text label question answer answers input output message subject body title class category intent name date time timestamp "
    "url source page type status score target prompt completion response comment description language topic query context".split()
)
LONG_WORDS = 5  # from here on a cell reads like a sentence
ROWS_LOOKED_AT = 500

_YEAR = re.compile(r"(?:19|20)\d\d")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")


def column_names(file: str, header: Iterable[str]) -> tuple[str, ...]:
    """The names, without white space around them; columns without one are numbered.

    Raises:
        DataError: two columns have one name.
    """
    columns = tuple(column.strip() or f"column {number}" for number, column in enumerate(header, start=1))
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise DataError(f"{file} has two columns named {quoted(twice[0])}", "Give every column its own name.")
    return columns


def has_common_name(header: Sequence[str]) -> bool:
    """Whether one of the names is one that files commonly give a column."""
    return any(name.strip().casefold() in COMMON_NAMES for name in header)


def looks_like_data(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a header seems to be the first row of data.

    So it is where one of its cells is a value that its column often has, or a sentence above sentences, or a number above
    numbers; a name that files commonly give a column says otherwise.
    """
    names = [name.strip() for name in header]
    if not rows or has_common_name(names):
        return False
    columns = list(zip(*(row for row in rows[:ROWS_LOOKED_AT] if len(row) == len(names)), strict=True))
    if not columns:
        return False
    counted = [name.isdecimal() for name in names]
    if all(counted) and len(names) > 1 and [int(name) for name in names] in (_run(names, 0), _run(names, 1)):
        return False  # columns that a program numbered
    return any(
        _is_value(name, [cell.strip() for cell in column if cell.strip()]) for name, column in zip(names, columns, strict=True)
    )


def _run(names: Sequence[str], start: int) -> list[int]:
    return list(range(start, start + len(names)))


def _is_value(name: str, column: Sequence[str]) -> bool:
    if not name or not column:
        return False
    again = column.count(name)
    if again and len(set(column)) <= max(2, len(column) / 2):
        return True
    if _NUMBER.fullmatch(name) and not _YEAR.fullmatch(name):
        return all(_NUMBER.fullmatch(cell) for cell in column)
    words = sum(len(cell.split()) for cell in column) / len(column)
    return len(name.split()) >= LONG_WORDS <= words and 2 * len(name.split()) >= words
