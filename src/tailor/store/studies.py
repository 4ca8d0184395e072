"""Studies as they are kept: compressed and sealed, the newest few."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import apsw

from tailor.store.database import dump, seal

KEPT = 10
"""A study holds every answer with its passages; the last few are kept, so that the store does not grow with every run."""


def add(db: apsw.Connection, records: Sequence[tuple[Mapping[str, Any], str]], number: int | None = None) -> int:
    """Add studies, given newest first with their times, or replace the one of this number; gives the number of the newest.

    For use inside a transaction.
    """
    (last,) = db.execute("SELECT COALESCE(MAX(number), 0) FROM studies").fetchone() or (0,)
    place = int(str(last)) if number is None else number - 1
    for record, at in reversed(records):
        place += 1
        text = dump(record)
        row = (place, zlib.compress(text.encode("ascii")), seal("study", place, text, at), at)
        db.execute("INSERT OR REPLACE INTO studies VALUES (?,?,?,?)", row)
    db.execute("DELETE FROM studies WHERE number <= ?", (place - KEPT,))
    return place


def now() -> str:
    """The time, as it is kept."""
    return datetime.now(UTC).isoformat()


def read(db: apsw.Connection, number: int) -> dict[str, Any] | None:
    """The study of this number, if it is whole."""
    statement = "SELECT CAST(record AS BLOB), CAST(sha256 AS BLOB), CAST(at AS BLOB) FROM studies WHERE number=?"
    for row in db.execute(statement, (number,)):
        return unpacked(number, *(bytes(column) for column in row))
    return None


def unpacked(number: int, record: bytes, sha256: bytes, at: bytes) -> dict[str, Any] | None:
    """The study in these columns, if they fit together."""
    try:
        text = zlib.decompress(record).decode("ascii")
        time = at.decode("ascii")
    except (zlib.error, UnicodeDecodeError):
        return None
    if seal("study", number, text, time).encode() != sha256:
        return None
    found: dict[str, Any] = json.loads(text)
    return found


def numbers(db: apsw.Connection) -> list[int]:
    """Numbers of the studies that are kept, whole or not, newest first."""
    return [int(str(number)) for (number,) in db.execute("SELECT number FROM studies ORDER BY number DESC")]
