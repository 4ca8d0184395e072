"""Sheets that people fill in: an apostrophe in front keeps a spreadsheet from running a cell, and goes when the sheet is read."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from tailor.data.table import Table, read_table

FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""A cell that begins so is run as a formula by spreadsheets."""
_COVERED = re.compile(rf"'*[{re.escape(''.join(FORMULA))}]")


def defused(cell: str) -> str:
    """The cell with an apostrophe in front where a spreadsheet would run it, or where `restored` would take one away."""
    return f"'{cell}" if _COVERED.match(cell) else cell


def restored(cell: str) -> str:
    """The cell as it was before `defused`; any other apostrophe stays."""
    return cell[1:] if cell.startswith("'") and _COVERED.match(cell) else cell


def read_sheet(path: Path) -> Table:
    """A sheet that Tailor wrote, with every cell as it was before `defused`.

    Raises:
        DataError: it cannot be read as a table.
    """
    table = read_table(path)
    rows = ({name: restored(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in table.rows)
    return replace(table, rows=tuple(rows))
