"""Studies as they are kept: compressed and sealed, the newest few, with the parts that they share."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import apsw

from tailor.store import answers
from tailor.store.database import dump, seal
from tailor.store.packing import Json, pack, parts_of, unpack

KEPT = 10
"""The last few studies are kept, so that the store does not grow with every run."""
_COLUMNS = "CAST(record AS BLOB), CAST(sha256 AS BLOB), CAST(at AS BLOB)"


def keep(db: apsw.Connection, record: Mapping[str, Any], number: int | None = None) -> int:
    """Keep a study, or replace the one of this number; gives its number. For use inside a transaction."""
    packed, parts = pack(record, lambda system, examples: answers.read(db, system, examples))
    for name, text in parts.items():
        if read_part(db, name) is None:
            db.execute("INSERT OR REPLACE INTO parts VALUES (?,?)", (name, zlib.compress(text.encode("ascii"))))
    number = add(db, [(packed, now())], number)
    _sweep_parts(db)
    return number


def add(db: apsw.Connection, records: Sequence[tuple[Mapping[str, Any], str]], number: int | None = None) -> int:
    """Add studies as they are, given newest first with their times, or replace the one of this number; gives the newest's number.

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


def read(db: apsw.Connection, number: int) -> Json | None:
    """The study of this number, if it and all that it refers to is whole."""
    packed = _packed(db, number)
    if packed is None:
        return None
    return unpack(packed, lambda name: read_part(db, name), lambda system, examples: answers.read(db, system, examples))


def read_part(db: apsw.Connection, name: str) -> Any:
    """The part of this name; None where there is none that is whole."""
    for (record,) in db.execute("SELECT CAST(record AS BLOB) FROM parts WHERE sha256=?", (name,)):
        if (text := part_text(name, bytes(record))) is not None:
            return json.loads(text)
    return None


def part_text(name: str, record: bytes) -> str | None:
    """The text of a part, if this is what it is named by."""
    text = _text(record)
    return text if text is not None and seal("part", text) == name else None


def unpacked(number: int, record: bytes, sha256: bytes, at: bytes) -> Json | None:
    """The study in these columns, with its references, if they fit together."""
    text = _text(record)
    if text is None or seal("study", number, text, at.decode("ascii", "replace")).encode() != sha256:
        return None
    found: Json = json.loads(text)
    return found


def numbers(db: apsw.Connection) -> list[int]:
    """Numbers of the studies that are kept, whole or not, newest first."""
    return [int(str(number)) for (number,) in db.execute("SELECT number FROM studies ORDER BY number DESC")]


def drop_damaged(db: apsw.Connection) -> None:
    """Take out studies that are not whole, or refer to what is gone; for use inside a transaction."""
    for number in numbers(db):
        if read(db, number) is None:
            db.execute("DELETE FROM studies WHERE number=?", (number,))


def _packed(db: apsw.Connection, number: int) -> Json | None:
    for row in db.execute(f"SELECT {_COLUMNS} FROM studies WHERE number=?", (number,)):
        return unpacked(number, *(bytes(column) for column in row))
    return None


def _sweep_parts(db: apsw.Connection) -> None:
    """Take out parts that no study refers to any more. While a study is damaged, all stay: a repair may still read it."""
    studies = [_packed(db, number) for number in numbers(db)]
    used = {name for packed in studies if packed is not None for name in parts_of(packed)}
    if None not in studies:
        kept = [str(name) for (name,) in db.execute("SELECT sha256 FROM parts")]
        db.executemany("DELETE FROM parts WHERE sha256=?", [(name,) for name in kept if name not in used])


def _text(record: bytes) -> str | None:
    try:
        return zlib.decompress(record).decode("ascii")
    except (zlib.error, UnicodeDecodeError):
        return None
