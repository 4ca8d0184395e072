"""The store's database: every record vouches for itself, so that what is read is what was written, under the key it had.

A record is sealed by a SHA-256 over its kind, its key and its content. A row that was damaged, or that an index of the database
finds under another row's key, does not fit its seal and is never used.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import apsw

from tailor.errors import StoreError
from tailor.files import Held, hold_alone, open_private, refuse_foreign, write_failure

Found = TypeVar("Found")

VERSION = 3
SEALED = 2
"""The version from which records vouch for themselves."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    system TEXT NOT NULL, example TEXT NOT NULL, record TEXT NOT NULL, sha256 TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (system, example)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shown (
    sha256 TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS openings (
    number INTEGER PRIMARY KEY, record TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS studies (
    number INTEGER PRIMARY KEY, record BLOB NOT NULL, sha256 TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
    sha256 TEXT NOT NULL PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (
    name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lost (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key BLOB, record BLOB, at TEXT NOT NULL);
"""
LEDGER = "ledger.db"
_SMALL = 1 << 20  # with less room than this, a write that fails in the system has met a full disk
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)
_REFUSED = (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError, apsw.AuthError)


def seal(kind: str, *columns: str | int) -> str:
    """SHA-256 over what a record is, its key and its content."""
    return hashlib.sha256("\0".join((kind, *map(str, columns))).encode("utf-8", "surrogatepass")).hexdigest()


def dump(record: Any) -> str:
    """The record as JSON; ASCII keeps lone surrogates and NUL, which SQLite's text cannot hold, as escapes."""
    return json.dumps(record, sort_keys=True, ensure_ascii=True)


def connect(path: Path, *, write: bool = True) -> apsw.Connection:
    """An open database whose structure was checked; made where it is absent and `write` is set.

    What was committed survives a killed process and a power cut (write-ahead mode, ``synchronous=FULL``).

    Raises:
        StoreError: it is damaged, cannot be read or written, is a link, or was made by a newer version.
    """
    for suffix in ("", "-wal", "-shm"):
        refuse_foreign(path.with_name(path.name + suffix))
    if write:
        os.close(open_private(path))  # made for its owner only
    db = None
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        _prepare(db)
    except apsw.Error as error:
        if db is not None:
            db.close(force=True)
        if write or not isinstance(error, _REFUSED):
            raise failure(error, path) from error
        db = _read_only(path)
    try:
        _check_version(db, path)
    except BaseException:
        db.close(force=True)
        raise
    return db


def _prepare(db: apsw.Connection) -> None:
    db.set_busy_timeout(2000)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    (check,) = db.execute("PRAGMA quick_check").fetchone() or ("no answer",)
    if check != "ok":
        raise apsw.CorruptError(str(check).splitlines()[0])


def _read_only(path: Path) -> apsw.Connection:
    """A database on a medium that nobody can write to: nothing can change under the reader."""
    try:
        uri = f"file:{path.as_posix().replace('?', '%3f').replace('#', '%23')}?immutable=1"
        db = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        (check,) = db.execute("PRAGMA quick_check").fetchone() or ("no answer",)
        if check != "ok":
            raise apsw.CorruptError(str(check).splitlines()[0])
    except apsw.Error as error:
        raise failure(error, path) from error
    return db


def version_of(db: apsw.Connection) -> int:
    """The version of the store; 0 for a new one."""
    (version,) = db.execute("PRAGMA user_version").fetchone() or (0,)
    return int(str(version))


def _check_version(db: apsw.Connection, path: Path) -> None:
    if (version := version_of(db)) > VERSION:
        raise StoreError(f"{path.parent} was written by a newer Tailor (store version {version})", "update Tailor")


def make_tables(db: apsw.Connection) -> None:
    """The tables of this version; for use inside a transaction."""
    for statement in SCHEMA.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA user_version={VERSION}")


@contextmanager
def transaction(db: apsw.Connection, path: Path) -> Iterator[None]:
    """All of what is written inside, or nothing; durable at its end.

    Raises:
        StoreError: it could not be written.
    """
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            if not path.exists():  # what is written into a file that was deleted is kept nowhere
                raise StoreError(f"{path} is gone", "stop, and start again")
            yield
            db.execute("COMMIT")
        finally:
            # SQLite has undone the transaction already when the disk was full; then there is none to undo.
            if db.in_transaction:
                db.execute("ROLLBACK")
    except apsw.Error as error:
        raise failure(error, path) from error


@contextmanager
def snapshot(db: apsw.Connection) -> Iterator[None]:
    """Inside, everything is read as it was at one moment, whatever another process writes meanwhile."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def read_whole(path: Path, read: Callable[[apsw.Connection], Found], absent: Found) -> Found:
    """What `read` makes of a database as it was at one moment, or `absent` where there is none; nothing is changed.

    Raises:
        StoreError: it cannot be read.
    """
    if not path.exists():
        return absent
    db = connect(path, write=False)
    try:
        with snapshot(db):
            return read(db)
    except apsw.Error as error:
        raise failure(error, path) from error
    finally:
        db.close(force=True)


def failure(error: apsw.Error, path: Path) -> StoreError:
    """What a failure of the database means: damage, a full disk, no permission, a failing disk and a busy file differ in advice."""
    if _from_damage(error):
        return StoreError(
            f"{path} is damaged: {error}",
            f"run `tailor store repair {path.parent.parent}`: it keeps the damaged file and everything in it that is whole",
        )
    if isinstance(error, apsw.FullError) or (isinstance(error, apsw.IOError | apsw.CantOpenError) and _is_full(path)):
        return write_failure(path, OSError(errno.ENOSPC, "No space left on device"))
    if isinstance(error, _REFUSED):
        return write_failure(path, OSError(errno.EROFS, str(error)))
    if isinstance(error, apsw.IOError):
        return write_failure(path, OSError(errno.EIO, str(error)))
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreError(f"another process is writing to {path}", "wait until it is done, then run the same command again")
    return StoreError(f"{path} could not be used: {error}", "run the same command again; nothing that was saved is lost")


def is_damage(error: BaseException | None) -> bool:
    """Whether a `StoreError` came from damage."""
    return isinstance(error, StoreError) and _from_damage(error.__cause__)


def _from_damage(error: BaseException | None) -> bool:
    cut_off = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHORT_READ
    return isinstance(error, _DAMAGE) or cut_off


def _is_full(path: Path) -> bool:
    with suppress(OSError):
        return shutil.disk_usage(path.parent).free < _SMALL
    return False


def lock(path: Path) -> IO[str]:
    """An open file that only one process can hold; the system frees it when the process ends, however it ends.

    Raises:
        StoreError: another process holds it.
    """
    try:
        return hold_alone(path, str(os.getpid()))
    except Held as held:
        raise StoreError(
            f"another Tailor process (number {held.told or 'unknown'}) is working in {path.parent.parent}",
            "wait until it is done, or stop it",
        ) from held
