"""Checking a store, and rebuilding a damaged one from every record in it that is whole; the damaged file is kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from tailor.errors import StoreError
from tailor.files import private_folder, sync_folder, write_failure
from tailor.store import answers, calls, labels, studies
from tailor.store.database import LEDGER, SEALED, connect, is_damage, lock, make_tables, seal, snapshot, transaction, version_of
from tailor.store.facts import read_fact
from tailor.store.openings import Openings
from tailor.store.pages import Row, rows
from tailor.store.registry import OpeningsRegistry

_FILES = tuple(f"{name}{suffix}" for name in (LEDGER, calls.SPENDING, labels.LABELS) for suffix in ("", "-wal"))


@dataclass
class StoreCondition:
    """What was found in a store.

    Attributes:
        answers: saved answers that are whole.
        openings: openings of test sets that are whole.
        studies: studies that are whole.
        calls: notes on calls to endpoints that are whole.
        labels: labels by people that are whole.
        problems: what is damaged or gone, and what that costs, one sentence each.
        lost_studies: those of them that tell of studies.
        aside: where the damaged files were kept; None where nothing had to be made again.
    """

    answers: int = 0
    openings: int = 0
    studies: int = 0
    calls: int = 0
    labels: int = 0
    problems: list[str] = field(default_factory=list)
    lost_studies: list[str] = field(default_factory=list)
    aside: Path | None = None


@dataclass
class _Found:
    """Whole records by their keys; of several under one key, the newest."""

    answers: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)
    openings: dict[int, tuple[str, str]] = field(default_factory=dict)
    studies: dict[int, tuple[bytes, str, str]] = field(default_factory=dict)
    facts: dict[str, tuple[str, str]] = field(default_factory=dict)


def check(folder: Path) -> StoreCondition:
    """What a store holds and what is wrong with it; nothing is changed, and nothing is locked.

    Raises:
        StoreError: it cannot be read, for another reason than damage.
    """
    found = _check_ledger(folder / LEDGER)
    try:
        noted = calls.check_calls(folder / calls.SPENDING)
    except StoreError as error:
        if not is_damage(error):
            raise
        found.problems.append(f"{error}.")
        return found
    found.calls, found.problems = noted.whole, [*found.problems, *noted.problems_found()]
    try:
        given = labels.check_labels(folder / labels.LABELS)
    except StoreError as error:
        if not is_damage(error):
            raise
        found.problems.append(f"{error}.")
        return found
    found.labels, found.problems = given.whole, [*found.problems, *given.problems_found()]
    return found


def _check_ledger(path: Path) -> StoreCondition:
    if not path.exists():  # so far there are labels by people alone
        return StoreCondition()
    try:
        db = connect(path, write=False)
    except StoreError as error:
        if not is_damage(error):
            raise
        return StoreCondition(problems=[f"{error}."])
    try:
        with snapshot(db):
            return _condition(db, path)
    finally:
        db.close()


def repair(folder: Path) -> StoreCondition:
    """Make a store whole again. What is damaged is set aside first; a repair that is killed can be done again.

    Raises:
        StoreError: another process is working there, or the disk is in the way.
    """
    held = lock(private_folder(folder) / "lock")
    try:
        return _repair(folder)
    finally:
        held.close()


def _repair(folder: Path) -> StoreCondition:
    held = labels.hold(folder, alone=True) if (folder / labels.LABELS).exists() else None
    try:
        return _made_again(folder, check(folder))
    finally:
        if held is not None:
            held.close()


def _made_again(folder: Path, before: StoreCondition) -> StoreCondition:
    if not before.problems and not any(folder.glob("damaged-*/unfinished")):
        return before
    aside = _set_aside(folder)
    found = _Found()
    for place in (aside, folder):  # a repair that was killed may have put the new file in place already
        _gather(found, place)
    if not found.facts and (old := _of_old_version(aside)):
        raise StoreError(f"{folder / LEDGER} is damaged and of an older version", old)
    ledger, spending, given = (_fresh(folder, name) for name in (LEDGER, calls.SPENDING, labels.LABELS))
    after, lost = _ledger_again(ledger, folder / LEDGER, found) if (aside / LEDGER).exists() else (StoreCondition(), [])
    noted = calls.NOTHING
    if (aside / calls.SPENDING).exists():
        noted = calls.salvage((row for place in (aside, folder) for row in _rows(place, calls.SPENDING)), spending)
    labelled = labels.LabelsCondition()
    if (aside / labels.LABELS).exists():
        labelled = labels.salvage((row for place in (aside, folder) for row in _rows(place, labels.LABELS)), given)
    try:
        for new in (ledger, spending, given):
            if new.exists():
                _put_in_place(new, folder)
        (aside / "unfinished").unlink()
    except OSError as error:
        raise write_failure(folder, error) from error
    after.calls, after.labels = noted.whole, labelled.whole
    told = [*lost, *after.problems, *before.lost_studies, *noted.problems_found(), *labelled.problems_found()]
    after.problems = list(dict.fromkeys(told))
    after.aside = aside
    return after


def _ledger_again(new: Path, path: Path, found: _Found) -> tuple[StoreCondition, list[str]]:
    """Write a ledger from what was found of the one at `path`; gives its condition, and what was lost."""
    db = connect(new)
    try:
        with transaction(db, new):
            make_tables(db)
            _refill(db, found)
            lost = answers.sweep(db)
            lost += _condition(db, path).lost_studies
            studies.drop_damaged(db)
        return _condition(db, path), lost
    finally:
        db.close()


def _fresh(folder: Path, name: str) -> Path:
    """Where the file of this name is made again; what a repair that was killed left there is gone."""
    new = folder / f".{name}.repaired"
    for suffix in ("", "-wal", "-shm"):
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    return new


def _put_in_place(new: Path, folder: Path) -> None:
    """The log of the damaged file must be gone before the new one takes its place; both lie in the folder set aside."""
    name = new.name.removeprefix(".").removesuffix(".repaired")
    for suffix in ("-wal", "-shm"):
        (folder / f"{name}{suffix}").unlink(missing_ok=True)
    os.replace(new, folder / name)
    sync_folder(folder)


def _condition(db: apsw.Connection, path: Path) -> StoreCondition:
    found = StoreCondition()
    if version_of(db) < SEALED:
        return found
    surveyed = answers.survey(db)
    found.answers, found.problems = surveyed.whole, surveyed.problems_found()
    records, missing = Openings(db, path, "", OpeningsRegistry()).read()
    found.openings = len(records)
    if missing:
        found.problems.append(f"{missing} openings of test sets are damaged or gone; each counts as one of every test set.")
    if incomplete := sum(not record.whole for record in records):
        found.problems.append(f"Of {incomplete} openings rows are damaged; each counts as one of every test set.")
    for number in studies.numbers(db):
        if studies.read(db, number) is None:
            found.lost_studies.append(f"Study {number} is damaged; another run makes it again from the saved answers.")
        else:
            found.studies += 1
    found.problems += found.lost_studies
    if read_fact(db, "project") is None:
        found.problems.append("The store's own name is damaged; test sets opened again count from the start.")
    return found


def _set_aside(folder: Path) -> Path:
    """A copy of the files as they are, on the disk before anything is changed."""
    for aside in folder.glob("damaged-*"):
        if (aside / "unfinished").exists():
            return aside
    number = 1 + max((int(path.name[8:]) for path in folder.glob("damaged-*") if path.name[8:].isdigit()), default=0)
    part, aside = folder / f".damaged-{number}", folder / f"damaged-{number}"
    try:
        shutil.rmtree(part, ignore_errors=True)
        private_folder(part)
        (part / "unfinished").touch(0o600)
        for name in _FILES:
            if (folder / name).exists():
                shutil.copyfile(folder / name, part / name)
                with (part / name).open("rb+") as file:
                    os.fsync(file.fileno())
        os.replace(part, aside)
        sync_folder(folder)
    except OSError as error:
        raise write_failure(aside, error) from error
    return aside


def _of_old_version(aside: Path) -> str:
    """What to do with a file of a version whose records do not vouch for themselves; empty for others."""
    data = (aside / LEDGER).read_bytes() if (aside / LEDGER).exists() else b""
    if data[:16] == b"SQLite format 3\0" and int.from_bytes(data[60:64], "big") == 1:
        return f"intact and damaged records cannot be told apart; a copy is in {aside}: restore a backup of the project"
    return ""


def _rows(folder: Path, name: str) -> Iterator[Row]:
    """The rows that can be read in a file of a store and its log."""
    paths = (folder / name, folder / f"{name}-wal")
    return rows(*(path.read_bytes() if path.exists() else b"" for path in paths))


def _gather(found: _Found, folder: Path) -> None:
    for row in _rows(folder, LEDGER):
        try:
            _take(found, row)
        except (UnicodeDecodeError, AttributeError, TypeError):
            continue


def _take(found: _Found, row: Row) -> None:
    """Keep a row that fits the seal of one of the kinds of record."""
    number, values = row
    if len(values) == 5 and number is None:
        system, example, record, sha256, at = _texts(values)
        newest = found.answers.get((system, example), ("",) * 5)[4]
        if seal("answer", system, example, record, at) == sha256 and at > newest:
            found.answers[system, example] = (system, example, record, sha256, at)
    elif len(values) == 2:
        _take_named_by_content(found, *values)
    elif len(values) == 4 and number is not None:
        packed, (sha256, at) = values[1], _texts(values[2:])
        if isinstance(packed, bytes) and studies.unpacked(number, packed, sha256.encode(), at.encode()) is not None:
            if at > found.studies.get(number, (b"", "", ""))[2]:
                found.studies[number] = (packed, sha256, at)
    elif len(values) == 3 and number is not None:
        record, sha256 = _texts(values[1:])
        if seal("opening", number, record) == sha256:
            found.openings[number] = (record, sha256)
    elif len(values) == 3:
        name, value, sha256 = _texts(values)
        if seal("fact", name, value) == sha256 and (name not in found.facts or _size(value) >= _size(found.facts[name][0])):
            found.facts[name] = (value, sha256)


def _take_named_by_content(found: _Found, name: Any, record: Any) -> None:
    sha256 = name.decode("ascii")
    if studies.part_text(sha256, record) is not None:
        found.parts[sha256] = record
    elif seal("shown", text := record.decode("utf-8")) == sha256:
        found.shown[sha256] = text


def _size(value: str) -> int:
    """By this, the newer of two states of a count is recognised: counts grow."""
    digits = value.strip("[").split(",")[0]
    return int(digits) if digits.isdigit() else 0


def _texts(values: Iterable[Any]) -> list[str]:
    return [value.decode("utf-8") for value in values]


def _refill(db: apsw.Connection, found: _Found) -> None:
    db.executemany("INSERT INTO answers VALUES (?,?,?,?,?)", found.answers.values())
    db.executemany("INSERT INTO shown VALUES (?,?)", found.shown.items())
    db.executemany("INSERT INTO parts VALUES (?,?)", found.parts.items())
    db.executemany("INSERT INTO openings VALUES (?,?,?)", [(number, *rest) for number, rest in found.openings.items()])
    newest = sorted(found.studies)[-studies.KEPT :]
    db.executemany("INSERT INTO studies VALUES (?,?,?,?)", [(number, *found.studies[number]) for number in newest])
    db.executemany("INSERT INTO facts VALUES (?,?,?)", [(name, *rest) for name, rest in found.facts.items()])
