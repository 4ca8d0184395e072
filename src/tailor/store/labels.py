"""The file of people's labels: records that are only ever added, each under a key that can be used once.

It lies next to the ledger and has no lock of its own, so that people go on labelling while a run goes on, from several processes.
What is committed survives a killed process and a power cut. A damaged record is set aside and never used, and a count tells when
one is gone.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import apsw

from tailor.errors import StoreError
from tailor.files import open_private
from tailor.store.database import connect, dump, read_whole, seal, transaction
from tailor.store.pages import Row

LABELS = "labels.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS judgements (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, record TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rows (
    row TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total (number INTEGER PRIMARY KEY, record TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS lost (number INTEGER PRIMARY KEY, key BLOB, record BLOB, at TEXT NOT NULL)
"""
"""`total` has one row: the highest number that was ever given, and how many judgements there should be; `lost` has what was set
aside."""
LOCK = "labels.lock"
_JUDGEMENTS = "number, CAST(key AS BLOB), CAST(record AS BLOB), CAST(sha256 AS BLOB)"
_ROWS = "CAST(row AS BLOB), CAST(record AS BLOB), CAST(sha256 AS BLOB)"


@dataclass(frozen=True)
class Record:
    """One judgement as it is kept: its number in the order of adding, its key, and its text."""

    number: int
    key: str
    text: str


@dataclass(frozen=True)
class LabelsCondition:
    """What a file of labels holds.

    Attributes:
        whole: judgements that are whole.
        damaged: judgements that are there and damaged.
        gone: judgements that were added and are not there any more, as far as that is known.
    """

    whole: int = 0
    damaged: int = 0
    gone: int = 0

    def problems_found(self) -> list[str]:
        """What is damaged or gone, in one sentence."""
        lost = self.damaged + self.gone
        if not lost:
            return []
        labels = "1 label that people gave is" if lost == 1 else f"{lost:,} labels that people gave are"
        return [f"{labels} damaged or gone; it cannot be told which, so look for rows that lack one."]


def hold(folder: Path, *, alone: bool = False) -> IO[bytes]:
    """An open file that says that the labels are in use; the system frees it when the process ends, however it ends.

    Any number of processes may use them at a time, unless one must be `alone` with them, as a repair must.

    Raises:
        StoreError: another process is in the way.
    """
    file = open(open_private(folder / LOCK), "rb")
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        doing = "labels are being given" if alone else "the labels are being repaired"
        raise StoreError(f"{doing} in {folder.parent}", "wait until that is done, or stop it") from error
    return file


def open_labels(folder: Path) -> apsw.Connection:
    """The file of labels in a store's folder; made where it is absent.

    Raises:
        StoreError: it is damaged, or cannot be read or written.
    """
    path = folder / LABELS
    db = connect(path)
    try:
        with transaction(db, path):
            for statement in SCHEMA.split(";"):
                db.execute(statement)
    except BaseException:
        db.close(force=True)
        raise
    return db


def add_records(db: apsw.Connection, records: Iterable[tuple[str, str]]) -> None:
    """Add judgements, given as (key, text), whose keys are new; for use inside a transaction."""
    last, count = _total(db) or _seen(db)
    for number, (key, text) in enumerate(records, start=last + 1):
        db.execute("INSERT INTO judgements VALUES (?,?,?,?)", (number, key, text, seal("judgement", number, key, text)))
        last, count = number, count + 1
    _count(db, last, count)


def add_rows(db: apsw.Connection, rows: Iterable[tuple[str, str]]) -> None:
    """Keep what labelled rows are known again by, given as (name, text); for use inside a transaction."""
    sealed = [(row, text, seal("labelled", row, text)) for row, text in rows]
    db.executemany("INSERT OR REPLACE INTO rows VALUES (?,?,?)", sealed)


def read_records(db: apsw.Connection, after: int = 0) -> list[Record]:
    """The judgements that are whole and have a higher number, in the order of adding."""
    statement = f"SELECT {_JUDGEMENTS} FROM judgements WHERE number>? ORDER BY number"
    return [record for row in db.execute(statement, (after,)) if (record := _record(row)) is not None]


def find_record(db: apsw.Connection, key: str) -> Record | None:
    """The judgement under this key; None where there is none that is whole."""
    found = db.execute(f"SELECT {_JUDGEMENTS} FROM judgements WHERE key=?", (key,)).fetchone()
    return _record(found) if found else None


def read_rows(db: apsw.Connection) -> dict[str, str]:
    """What labelled rows are known again by, by their names."""
    return dict(row for columns in db.execute(f"SELECT {_ROWS} FROM rows") if (row := _row(columns)) is not None)


def survey(db: apsw.Connection) -> LabelsCondition:
    """Every judgement compared with its seal."""
    tables = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master")}
    if "judgements" not in tables:
        return LabelsCondition()
    found = [_record(row) for row in db.execute(f"SELECT {_JUDGEMENTS} FROM judgements")]
    whole = sum(record is not None for record in found)
    _, count = _total(db) or (0, 0)
    return LabelsCondition(whole, len(found) - whole, max(0, count - len(found)))


def sweep(db: apsw.Connection, path: Path) -> list[str]:
    """Set damaged judgements aside and say once what was lost, in one sentence.

    Raises:
        StoreError: it cannot be written.
    """
    with transaction(db, path):
        condition = survey(db)
        now = datetime.now(UTC).isoformat()
        damaged = [row for row in db.execute(f"SELECT {_JUDGEMENTS} FROM judgements") if _record(row) is None]
        for number, key, record, _ in damaged:
            db.execute("DELETE FROM judgements WHERE number=?", (number,))
            db.execute("INSERT INTO lost (key, record, at) VALUES (?,?,?)", (key, record, now))
        if condition.problems_found():
            _count(db, max((_total(db) or (0, 0))[0], _seen(db)[0]), condition.whole)
    return condition.problems_found()


def check_labels(path: Path) -> LabelsCondition:
    """The judgements in a file, which may be absent; nothing is changed.

    Raises:
        StoreError: it cannot be read.
    """
    return read_whole(path, survey, LabelsCondition())


def salvage(rows: Iterable[Row], new: Path) -> LabelsCondition:
    """Rewrite a file from rows that were found in the pages of a damaged one; gives what it holds.

    Raises:
        StoreError: it cannot be written.
    """
    records: dict[int, Record] = {}
    labelled: dict[str, str] = {}
    last, count = 0, 0
    for number, values in rows:
        if number is not None and len(values) == 4 and (record := _record((number, *values[1:]))) is not None:
            records[number] = record
        elif number is not None and len(values) == 3:
            last, count = max((last, count), _counted((number, *values[1:])) or (0, 0))
        elif number is None and len(values) == 3 and (row := _row(values)) is not None:
            labelled[row[0]] = row[1]
    db = connect(new)
    try:
        with transaction(db, new):
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            for number in sorted(records):
                key, text = records[number].key, records[number].text
                db.execute("INSERT INTO judgements VALUES (?,?,?,?)", (number, key, text, seal("judgement", number, key, text)))
            add_rows(db, labelled.items())
            _count(db, max([last, *records]), len(records))
        return LabelsCondition(len(records), gone=max(0, count - len(records)))
    finally:
        db.close()


def _seen(db: apsw.Connection) -> tuple[int, int]:
    """The highest number there is, and how many there are: what stands for a damaged total."""
    last, count = db.execute("SELECT COALESCE(MAX(number), 0), COUNT(*) FROM judgements").fetchone() or (0, 0)
    return int(str(last)), int(str(count))


def _total(db: apsw.Connection) -> tuple[int, int] | None:
    rows = db.execute("SELECT number, CAST(record AS BLOB), CAST(sha256 AS BLOB) FROM total")
    return next((found for row in rows if (found := _counted(row)) is not None), None)


def _count(db: apsw.Connection, last: int, count: int) -> None:
    text = dump([last, count])
    db.execute("INSERT OR REPLACE INTO total VALUES (1,?,?)", (text, seal("labels", text)))


def _counted(row: Iterable[object]) -> tuple[int, int] | None:
    _, text, sha256 = _texts(row)
    if seal("labels", text) != sha256:
        return None
    last, count = json.loads(text)
    return int(last), int(count)


def _record(row: Iterable[object]) -> Record | None:
    number, key, text, sha256 = _texts(row)
    return Record(int(number), key, text) if seal("judgement", int(number), key, text) == sha256 else None


def _row(row: Iterable[object]) -> tuple[str, str] | None:
    name, text, sha256 = _texts(row)
    return (name, text) if seal("labelled", name, text) == sha256 else None


def _texts(row: Iterable[object]) -> list[str]:
    return [column.decode("utf-8", "replace") if isinstance(column, bytes) else str(column) for column in row]
