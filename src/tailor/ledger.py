"""The durable record of a project: answers, openings of the test set, studies.

One SQLite file (by APSW, which bundles a version without the WAL-reset bug) in write-ahead mode with ``synchronous=FULL``: what is
committed survives a killed process and a power cut. One process writes at a time; a second one is told so at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import apsw

from tailor.errors import StoreError

VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    system TEXT NOT NULL, example TEXT NOT NULL, record TEXT NOT NULL, sha256 TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (system, example)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS openings (
    number INTEGER PRIMARY KEY, rows TEXT NOT NULL, opening TEXT NOT NULL UNIQUE, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS studies (
    number INTEGER PRIMARY KEY, record TEXT NOT NULL, sha256 TEXT NOT NULL, at TEXT NOT NULL);
"""
BYTES = "CAST(record AS BLOB), CAST(sha256 AS BLOB)"


class Ledger:
    """The record of one project folder.

    Args:
        folder: the project's store; made if absent, readable by its owner only.

    Raises:
        StoreError: another process is writing here, or the file is damaged or made by a newer version.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _lock(folder / "lock")
        except OSError as error:
            raise StoreError(f"{folder} cannot be written to: {error}", "make it a folder that you may write to") from error
        try:
            self._db = _open(folder / "ledger.db")
        except BaseException:
            self._lock.close()
            raise

    def answers(self, system: str, examples: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Saved answers of a system (by fingerprints), those that are whole; a damaged row counts as absent.

        Raises:
            StoreError: the file cannot be read.
        """
        found: dict[str, dict[str, Any]] = {}
        for example in examples:
            for record in self._read(f"SELECT {BYTES} FROM answers WHERE system=? AND example=?", (system, example)):
                found[example] = record
        return found

    def save_answers(self, system: str, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Save answers, all of them or none; durable when this returns.

        Raises:
            StoreError: they could not be written, for example because the disk is full.
        """
        at = datetime.now(UTC).isoformat()
        rows = [(system, example, text := _dump(record), _sha256(text), at) for example, record in records.items()]
        self._write("INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?)", rows)

    def open_test(self, rows: Iterable[str], systems: Iterable[str]) -> int:
        """The number of this opening of a sealed test set, from 1; the same systems again are the same opening.

        Every earlier opening that showed any of these rows counts, also when the data were split anew since.

        Args:
            rows: keys of the test rows.
            systems: fingerprints of the finalists.
        """
        wanted = sorted(set(rows))
        key = _dump([wanted, sorted(systems)])
        if self._db.execute("SELECT 1 FROM openings WHERE opening=?", (_sha256(key),)).fetchone() is None:
            at = datetime.now(UTC).isoformat()
            self._write("INSERT INTO openings (rows, opening, at) VALUES (?,?,?)", [(_dump(wanted), _sha256(key), at)])
        count = 0
        for shown, opening in self._db.execute("SELECT rows, opening FROM openings ORDER BY number"):
            count += not set(wanted).isdisjoint(json.loads(str(shown)))
            if opening == _sha256(key):
                break
        return count

    def opened_rows(self) -> set[str]:
        """Keys of all rows that were ever shown in an opened test set."""
        return {key for (rows,) in self._db.execute("SELECT rows FROM openings") for key in json.loads(str(rows))}

    def save_study(self, record: Mapping[str, Any]) -> int:
        """Save a study's record; returns its number."""
        text = _dump(record)
        self._write(
            "INSERT INTO studies (record, sha256, at) VALUES (?,?,?)", [(text, _sha256(text), datetime.now(UTC).isoformat())]
        )
        (number,) = self._db.execute("SELECT MAX(number) FROM studies").fetchone() or (0,)
        return int(str(number))

    def last_study(self) -> dict[str, Any] | None:
        """The newest whole study's record, or None."""
        return next(self._read(f"SELECT {BYTES} FROM studies ORDER BY number DESC"), None)

    def _read(self, statement: str, bindings: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
        """The records that are whole, read as bytes: damage may have left what is no text."""
        try:
            for row in self._db.execute(statement, bindings):
                text, sha256 = (bytes(column).decode("ascii", "replace") for column in row)
                if _sha256(text) == sha256:
                    yield json.loads(text)
        except apsw.Error as error:
            raise StoreError(f"the ledger could not be read: {error}", "restore it from a backup, or move it away") from error

    def _write(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(statement, rows)
                self._db.execute("COMMIT")
            finally:
                # SQLite has undone the transaction already when the disk was full; then there is none to undo.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        except apsw.FullError as error:
            raise StoreError("the disk is full", "free some space and run the same command again; it goes on from here") from error
        except apsw.Error as error:
            raise StoreError(f"the ledger could not be written: {error}") from error

    def close(self) -> None:
        """Close the file and let other processes write."""
        self._db.close()
        self._lock.close()

    def __enter__(self) -> Ledger:
        """The ledger itself; it is closed when the block ends."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()


def _open(path: Path) -> apsw.Connection:
    """The database, checked and with its tables."""
    try:
        db = apsw.Connection(str(path))
        db.set_busy_timeout(2000)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        (check,) = db.execute("PRAGMA quick_check").fetchone() or ("no answer",)
        if check != "ok":
            raise apsw.CorruptError(str(check).splitlines()[0])
        (version,) = db.execute("PRAGMA user_version").fetchone() or (0,)
        if not isinstance(version, int) or version > VERSION:
            raise StoreError(f"{path.parent} was written by a newer Tailor (store version {version})", "update Tailor")
        with db:
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={VERSION}")
    except apsw.Error as error:
        raise StoreError(f"{path} cannot be used: {error}", "move it away to start anew, or restore it from a backup") from error
    return db


def _lock(path: Path) -> Any:
    """An open file that only one process can hold; the system frees it when the process ends, however it ends."""
    file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = file.read().strip() or "unknown"
        file.close()
        raise StoreError(
            f"another Tailor process (number {holder}) is working in {path.parent.parent}",
            "wait until it is done, or stop it",
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _dump(record: Any) -> str:
    # ASCII keeps lone surrogates and NUL, which SQLite's text cannot hold, as escapes.
    return json.dumps(record, sort_keys=True, ensure_ascii=True)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
