"""Splits that a column of the table names: its rows as a table for each split."""

from __future__ import annotations

from collections import Counter

from tailor.data.jsontext import as_text
from tailor.data.roles import ROLE_OF, ROLES
from tailor.data.table import Table
from tailor.errors import DataError, did_you_mean, quoted

ROWS_NAMED = 5


def role_of(cell: object) -> str:
    """The split that a cell names; empty where it names none."""
    return ROLE_OF.get(as_text(cell).strip().casefold(), "") if isinstance(cell, str | list) else ""


def split_by_column(table: Table, column: str) -> dict[str, Table]:
    """The table's rows as tables by the split that a column names for them: `train` and `test`, and `dev` where there are some.

    Raises:
        DataError: there is no such column, it holds something else, or names no row of train or test.
    """
    if column not in table.columns:
        raise DataError(f"`data.split_by` names the column {quoted(column)}{did_you_mean(column, table.columns)}")
    roles = [role_of(row[column]) for row in table.rows]
    other = [table.place(index) for index, role in enumerate(roles) if not role]
    if other:
        more = f" and {len(other) - ROWS_NAMED:,} more" if len(other) > ROWS_NAMED else ""
        raise DataError(
            f"{quoted(column)} names no split in {', '.join(other[:ROWS_NAMED])}{more}",
            "train, dev (or validation) and test are accepted; or take `split_by` out of tailor.yaml, and Tailor splits the rows.",
        )
    counts = Counter(roles)
    absent = [role for role in ("train", "test") if not counts[role]]
    if absent:
        raise DataError(
            f"{quoted(column)} puts no row into {' or '.join(absent)}",
            "Take `split_by` out of tailor.yaml, and Tailor splits the rows.",
        )
    return {role: _part(table, roles, role) for role in ROLES if counts[role]}


def _part(table: Table, roles: list[str], role: str) -> Table:
    indices = [index for index, other in enumerate(roles) if other == role]
    findings = table.findings if role == "train" else ()  # of the file, and so once
    return Table(
        f"{table.file} ({role})",
        table.columns,
        tuple(table.rows[index] for index in indices),
        tuple(table.where(index) for index in indices),
        findings,
        table.headerless,
    )
