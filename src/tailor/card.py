"""Small pieces of HTML for notebooks: everything from data is escaped, and colours are those of the page, light or dark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from tailor.errors import printable

BORDER = "1px solid rgba(128,128,128,.45)"
BOX = f"border:{BORDER};border-radius:6px;padding:.6em .9em;margin:.4em 0;max-width:60em;color:inherit;background:transparent"
CELL = f"padding:.15em .7em .15em 0;border:0;border-bottom:{BORDER};background:transparent;color:inherit"
TABLE = "border-collapse:collapse;color:inherit;background:transparent;font-size:inherit"
PRE = "white-space:pre-wrap;word-break:normal;margin:0;color:inherit;background:transparent;font-family:monospace;font-size:.92em"
MOST_ROWS = 60
SHORT = 40  # characters of a cell that is not folded
LONGEST = 200


class Listing(list[dict[str, Any]]):
    """Rows of plain dicts, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        return table_html(self)


def card(title: str, sentences: Iterable[str] = (), table: str = "") -> str:
    """A box with a title, sentences and a table that `table_html` made."""
    said = "".join(f'<div style="margin-top:.3em">{_sentence(text)}</div>' for text in sentences)
    return f'<div style="{BOX}"><div style="font-weight:600">{_safe(title)}</div>{said}{table}</div>'


def table_html(rows: Sequence[Mapping[str, object]]) -> str:
    """A table with the columns of the first row; what goes on beyond 60 rows is counted."""
    if not rows:
        return ""
    columns = list(rows[0])
    sides = {name: _side(row.get(name) for row in rows) for name in columns}
    head = "".join(f'<th style="{CELL};text-align:{sides[name]};font-weight:600">{_safe(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(_cell(row.get(name), sides[name]) for name in columns)}</tr>" for row in rows[:MOST_ROWS])
    more = f'<div style="opacity:.75">and {len(rows) - MOST_ROWS:,} more rows</div>' if len(rows) > MOST_ROWS else ""
    return (
        f'<div style="overflow-x:auto;margin-top:.5em"><table style="{TABLE}">'
        f'<thead><tr style="background:transparent">{head}</tr></thead><tbody>{body}</tbody></table></div>{more}'
    )


def paragraph(lines: Sequence[str]) -> str:
    """Lines below each other, with their spaces, as a terminal shows them."""
    text = _safe("\n".join(lines), limit=100_000)
    return f'<pre style="{PRE}">{text}</pre>' if lines else ""


def progress_bar(what: str, done: int, total: int) -> str:
    """What runs now, and how far it is; without a total, that it runs."""
    share = f' value="{done}" max="{total}"' if total else ""
    count = f"{done:,}/{total:,}" if total else ""
    return (
        f'<div style="color:inherit">{_safe(what)} <progress{share} style="vertical-align:middle"></progress> {_safe(count)}</div>'
    )


def _sentence(text: str) -> str:
    """A sentence, escaped, with `code` set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _safe(text))


def _side(values: Iterable[object]) -> str:
    """Where a column stands: numbers to the right."""
    first = next((value for value in values if value is not None), "")
    return "right" if isinstance(first, int | float) and not isinstance(first, bool) else "left"


def _cell(value: object, side: str) -> str:
    text = _shown(value)
    wrap = "nowrap" if len(text) <= SHORT else "normal"
    return f'<td style="{CELL};text-align:{side};vertical-align:top;white-space:{wrap}">{_safe(text)}</td>'


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def _safe(text: str, limit: int = LONGEST * 10) -> str:
    """Escaped for HTML, without what acts or hides, and cut where it is very long."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return escape(printable(cut))
