"""A finding of the audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something to know about the data before anything is spent on them.

    Attributes:
        level: `error` makes the measurement wrong, `warning` makes it worse, `note` is good to know.
        what: what was found, in a sentence.
        rows: where, such as "tickets.csv row 14"; rows that belong together share an entry.
        advice: what to do.
    """

    level: Level
    what: str
    rows: tuple[str, ...] = ()
    advice: str = ""
