"""Rows that keep what is asked and what is answered in objects of their own, as tools for tests and for labels write them."""

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
    "_source",
    "attributes",
    "reference",
)
"""Columns whose objects hold values of the row, and no value with its place."""

CHOSEN, NOT_CHOSEN = ("1", "1.0", "True", "true"), ("0", "0.0", "False", "false")

Object = Mapping[str, object]


def unpack_records(name: str, rows: Sequence[Object]) -> tuple[Sequence[Object], tuple[Finding, ...]]:
    """The rows with the values of such objects as columns under their own names; others as they are.

    A name that another column has, too, is written behind that of its object: `inputs.text`. An object that says of each label
    whether it holds, and of just one that it does, is that label.
    """
    rows, marked = _with_chosen(rows)
    found = [
        Finding("note", f"{name} says of each label in {quoted(key)} whether it holds; the one that does is read.")
        for key in marked
    ]
    held = [key for key in dict.fromkeys(key for row in rows for key in row) if key in HOLDERS and _holds_values(rows, key)]
    if not held:
        return rows, tuple(found)
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
    found.append(Finding("note", f"{name} holds objects in {', '.join(map(quoted, held))}; their values are columns."))
    return made, tuple(found)


def _with_chosen(rows: Sequence[Object]) -> tuple[Sequence[Object], list[str]]:
    """The rows with a label in place of each object that marks one, and which columns these are."""
    marked = [key for key in dict.fromkeys(key for row in rows[:1] for key in row) if all(_chosen(row.get(key)) for row in rows)]
    return [
        {key: _chosen(cell) if key in marked else cell for key, cell in row.items()} for row in rows
    ] if marked else rows, marked


def _chosen(cell: object) -> str:
    """The one key of an object of yes and no that is marked; empty where it is none or marks several."""
    if not isinstance(cell, Mapping) or len(cell) < 2 or any(str(value) not in (*CHOSEN, *NOT_CHOSEN) for value in cell.values()):
        return ""
    yes = [str(key) for key, value in cell.items() if str(value) in CHOSEN]
    return yes[0] if len(yes) == 1 else ""


def _cell(row: Object, key: str) -> Object:
    cell = row.get(key)
    return cell if isinstance(cell, Mapping) else {}


def _holds_values(rows: Sequence[Object], key: str) -> bool:
    return all(
        isinstance(cell := row.get(key), Mapping) and cell and not {"start", "answer_start", "role"} & {*cell} for row in rows
    )
