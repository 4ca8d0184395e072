"""Lines of fastText: one or several labels that begin with `__label__`, and the text behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tailor.data.finding import Finding
from tailor.errors import DataError, quoted

MARK = "__label__"

_LINE = re.compile(rf"\s*((?:{MARK}\S+[,\s]+)+)(\S.*)")
_LABEL = re.compile(rf"{MARK}([^\s,]+)")


def is_fasttext(text: str) -> bool:
    """Whether the first line begins as those of fastText do."""
    return text.lstrip().startswith(MARK)


def read_fasttext(name: str, text: str) -> tuple[list[Mapping[str, object]], tuple[Finding, ...]]:
    """The rows, with the columns `text` and `label`; `label` is a list where a line has several.

    Raises:
        DataError: a line has no label or no text.
    """
    rows: list[Mapping[str, object]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.rstrip())
        if found is None:
            what = f"{name} line {number} is none of fastText: {quoted(line, 60)}"
            raise DataError(what, f"Begin every line with its label, as in {MARK}billing, and write the text behind it.")
        labels = _LABEL.findall(found[1])
        rows.append({"text": found[2], "label": labels[0] if len(labels) == 1 else labels})
    return rows, (Finding("note", f"{name} holds lines of fastText; they are read as `text` and `label`."),)
