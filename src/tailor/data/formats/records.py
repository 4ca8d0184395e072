"""Rows that keep what is asked and what is answered in objects of their own, as tools for tests of models write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor.data.finding import Finding
from tailor.errors import quoted

HOLDERS = (
    "data",
    "example",
    "record",
    "fields",
    "vars",
    "inputs",
    "input",
    "outputs",
    "output",
    "expected",
    "annotation",
    "reference",
)
"""Columns whose objects hold values of the row, and no value with its place."""

Object = Mapping[str, object]


def unpack_records(name: str, rows: Sequence[Object]) -> tuple[Sequence[Object], tuple[Finding, ...]]:
    """The rows with the values of such objects as columns under their own names; others as they are.

    A name that another column has, too, is written behind that of its object: `inputs.text`.
    """
    held = [key for key in dict.fromkeys(key for row in rows for key in row) if key in HOLDERS and _holds_values(rows, key)]
    if not held:
        return rows, ()
    inner = [key for row in rows for column in held for key in {*_cell(row, column)}]
    outer = {key for row in rows for key in row if key not in held}
    once = {key for key in inner if sum(key in _cell(rows[0], column) for column in held) < 2} - outer
    made = []
    for row in rows:
        values: dict[str, object] = {}
        for key, cell in row.items():
            if key in held:
                values |= {name if name in once else f"{key}.{name}": value for name, value in _cell(row, key).items()}
            else:
                values[key] = cell
        made.append(values)
    return made, (Finding("note", f"{name} holds objects in {', '.join(map(quoted, held))}; their values are columns."),)


def _cell(row: Object, key: str) -> Object:
    cell = row.get(key)
    return cell if isinstance(cell, Mapping) else {}


def _holds_values(rows: Sequence[Object], key: str) -> bool:
    return all(
        isinstance(cell := row.get(key), Mapping) and cell and not {"start", "answer_start", "role"} & {*cell} for row in rows
    )
