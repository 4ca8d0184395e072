"""Bringing a store to this version: a copy is kept first, and all of it happens in one transaction or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw

from tailor.data.example import Example
from tailor.data.identity import Identity, identity
from tailor.errors import StoreError
from tailor.files import private_folder, sync_folder
from tailor.store import studies
from tailor.store.database import VERSION, failure, make_tables, seal, transaction, version_of
from tailor.store.facts import write_fact
from tailor.store.openings import Openings
from tailor.store.registry import OpeningsRegistry
from tailor.task import VARIABLE

BACKUPS = "backups"


def migrate(db: apsw.Connection, path: Path) -> None:
    """Make the tables of this version, from those of an older one where there are any.

    Raises:
        StoreError: there is no room for the copy, or the store cannot be written.
    """
    old = version_of(db)
    if old == VERSION:
        return
    if old:
        backup(db, path, path.parent / BACKUPS / f"before-version-{VERSION}.db")
    with transaction(db, path):
        if version_of(db) == VERSION:  # another process was quicker
            return
        if old == 1:
            _rename(db)
        make_tables(db)
        if old < 2:
            write_fact(db, "project", secrets.token_hex(16))
            write_fact(db, "answers", 0)
            write_fact(db, "openings", [0, ""])
        if old == 1:
            _from_version_1(db, path)
        # Version 2 had no parts: its studies refer to nothing, and stay as they are.


def _from_version_1(db: apsw.Connection, path: Path) -> None:
    records = list(_old_studies(db))
    _answers(db)
    _openings(db, path, records)
    studies.add(db, records[: studies.KEPT])
    for table in ("answers", "openings", "studies"):
        db.execute(f"DROP TABLE {table}_1")


def backup(db: apsw.Connection, path: Path, target: Path) -> Path:
    """A copy of the database as it is now, checked, in one step; one that is there already is kept.

    Raises:
        StoreError: it could not be written, or is not whole.
    """
    if target.exists():
        return target
    part = target.with_name(f".{target.name}.part")
    try:
        private_folder(target.parent)
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        db.execute("VACUUM INTO ?", (str(part),))
        copy = apsw.Connection(str(part), flags=apsw.SQLITE_OPEN_READONLY)
        (check,) = copy.execute("PRAGMA integrity_check").fetchone() or ("no answer",)
        copy.close()
        if check != "ok":
            raise StoreError(f"the copy of {path} is not whole: {check}", f"run `tailor store check {path.parent.parent}`")
        handle = os.open(part, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
        os.replace(part, target)
        sync_folder(target.parent)
    except apsw.Error as error:
        part.unlink(missing_ok=True)
        raise failure(error, path) from error
    return target


def _rename(db: apsw.Connection) -> None:
    for table in ("answers", "openings", "studies"):
        db.execute(f"ALTER TABLE {table} RENAME TO {table}_1")


def _answers(db: apsw.Connection) -> None:
    statement = "SELECT CAST(system AS BLOB), CAST(example AS BLOB), CAST(record AS BLOB), CAST(sha256 AS BLOB), at FROM answers_1"
    count = 0
    for *columns, at in db.execute(statement).fetchall():
        raw = [bytes(column) for column in columns]  # type: ignore[arg-type]
        system, example, record, sha256 = (column.decode("ascii", "replace") for column in raw)
        if hashlib.sha256(record.encode()).hexdigest() == sha256:
            sealed = seal("answer", system, example, record, str(at))
            db.execute("INSERT INTO answers VALUES (?,?,?,?,?)", (system, example, record, sealed, str(at)))
            count += 1
        else:
            db.execute("INSERT INTO lost (kind, key, record, at) VALUES ('answer',?,?,?)", (raw[1], raw[2], str(at)))
    write_fact(db, "answers", count)


def _old_studies(db: apsw.Connection) -> Iterator[tuple[dict[str, Any], str]]:
    """The whole studies and their times, newest first."""
    for *columns, at in db.execute("SELECT CAST(record AS BLOB), CAST(sha256 AS BLOB), at FROM studies_1 ORDER BY number DESC"):
        text, sha256 = (bytes(column).decode("ascii", "replace") for column in columns)
        if hashlib.sha256(text.encode()).hexdigest() == sha256:
            yield json.loads(text), str(at)


def _openings(db: apsw.Connection, path: Path, records: list[tuple[dict[str, Any], str]]) -> None:
    """The old openings: what the old keys stood for is looked up in the studies; where no study has it, the key stays."""
    rows: dict[str, Identity] = {}
    for record, _ in records:
        for key, row in _rows(record):
            rows.setdefault(key, row)
    openings: list[tuple[str, str, list[Identity], int, str]] = []
    kept: list[list[str]] = []
    for keys, old, at in db.execute("SELECT rows, opening, at FROM openings_1 ORDER BY number").fetchall():
        shown = json.loads(str(keys))
        counted = 1 + sum(not set(shown).isdisjoint(before) for before in kept)
        kept.append(shown)
        found = [rows.get(key) or Identity((), (), old=key) for key in shown]
        openings.append((f"version 1: {old}", str(at), found, counted, str(old)))
    Openings(db, path, "", OpeningsRegistry()).write(openings, inside=True)


def _rows(study: Mapping[str, Any]) -> Iterator[tuple[str, Identity]]:
    columns = VARIABLE.findall(study["task"]["input"])
    for part in ("test", "dev", "train", "reserve"):
        for given in study["splits"].get(part) or ():
            example = Example(given["id"], given["fields"], tuple(given["answers"]), given["source"], given["quote"])
            if key := given.get("content"):
                yield key, replace(identity(columns, example), old=key)
