"""The durable record of a project: answers, openings of the test set, studies.

One SQLite file (by APSW, which bundles a version without the WAL-reset bug) in write-ahead mode with ``synchronous=FULL``: what is
committed survives a killed process and a power cut. One process works in a project at a time, and a second one is told at once;
others may read meanwhile. What is damaged is never used, and what was lost is reported.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import apsw

from tailor.data.doubt import Data
from tailor.data.identity import Identity
from tailor.errors import StoreError
from tailor.files import private_folder
from tailor.store import answers, ballast, studies
from tailor.store.database import LEDGER, SEALED, VERSION, connect, failure, lock, transaction, version_of
from tailor.store.facts import read_fact, read_facts, write_fact
from tailor.store.migrate import migrate
from tailor.store.openings import Opening, Openings, Rated
from tailor.store.registry import OpeningsRegistry
from tailor.store.spending import Spending

BATCH = "batch "
"""Begins the names of facts about batches."""


class Ledger:
    """The record of one project folder.

    Args:
        folder: the project's store; made if absent, readable by its owner only.
        shared: read while another process may be working here. Answers are then saved where that can be done at once, and
            not kept otherwise.

    Attributes:
        messages: what was found damaged or gone when it was opened, and what that costs, one sentence each.

    Raises:
        StoreError: another process is working here, or the file is damaged or made by a newer version.
    """

    def __init__(self, folder: Path, *, shared: bool = False) -> None:
        self._folder = private_folder(folder)
        self._path = folder / LEDGER
        self._lock = None if shared else lock(folder / "lock")
        self._spending: Spending | None = None
        self.messages: list[str] = []
        try:
            self._db = self._open(write=not shared)
            self._registry = OpeningsRegistry()
            self._openings = Openings(self._db, self._path, str(read_fact(self._db, "project")), self._registry)
            if not shared:
                ballast.make(folder)
                self._examine()
        except BaseException:
            self._unlock()
            raise

    def _open(self, *, write: bool) -> apsw.Connection:
        db = connect(self._path, write=write)
        try:
            # What vouches for itself can be read as it is, also while a run of an older Tailor goes on.
            if version_of(db) < (VERSION if write else SEALED):
                with self.alone():
                    migrate(db, self._path)
        except BaseException:
            db.close(force=True)
            raise
        return db

    def _examine(self) -> None:
        """Find what is damaged before it is missed."""
        try:
            with transaction(self._db, self._path):
                self.messages += answers.sweep(self._db)
                if read_fact(self._db, "project") is None:
                    write_fact(self._db, "project", secrets.token_hex(16))
        except BaseException:
            self._db.close(force=True)
            raise
        if missing := self._openings.read()[1]:
            were = "opening of a test set is" if missing == 1 else "openings of test sets are"
            self.messages.append(f"{missing} {were} damaged or gone; to be safe, each counts as an opening of every test set.")

    @property
    def is_shared(self) -> bool:
        """Whether another process may be working here."""
        return self._lock is None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out of the project for a while, where that was not done when the ledger was opened.

        Raises:
            StoreError: another process is working here.
        """
        held = getattr(self, "_lock", None) is not None
        if not held:
            self._lock = lock(self._folder / "lock")
        try:
            yield
        finally:
            if not held:
                self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def answers(self, system: str, examples: Iterable[str] | Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Saved answers of a system, those that are whole; a damaged one counts as absent.

        Args:
            system: its fingerprint.
            examples: keys of the examples; or each key -> the key that an older Tailor had for it, under which an answer is
                found too, and kept under the new one.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            found = answers.read(self._db, system, examples)
            if isinstance(examples, Mapping):
                olds = {old: key for key, old in examples.items() if key not in found}
                before = {olds[old]: record for old, record in answers.read(self._db, system, olds).items()}
                if before:
                    self.save_answers(system, before)
                    found |= before
        except apsw.Error as error:
            raise failure(error, self._path) from error
        return found

    def save_answers(self, system: str, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Save answers, all of them or none; durable when this returns.

        When the disk is full, space that was kept back is freed for them; they are then saved, and the error is raised all the
        same, so that nothing more is asked for.

        Raises:
            StoreError: they could not be written, or the disk is full.
        """
        if not records:
            return
        try:
            self._write_answers(system, records)
        except StoreError as error:
            if self._lock is None:
                return  # another process is writing, or nobody can; the answer itself is what was asked for
            if not ballast.is_full(error) or not ballast.free(self._folder):
                raise
            self._write_answers(system, records)
            raise

    def _write_answers(self, system: str, records: Mapping[str, Mapping[str, Any]]) -> None:
        with transaction(self._db, self._path):
            answers.add(self._db, system, records)

    def open_test(
        self, rows: Sequence[Identity], systems: Iterable[str], data: Data | None = None, rated: Rated | None = None
    ) -> Opening:
        """Note down that a sealed test set is opened; the same systems on the same rows again are the same opening.

        Every earlier opening that showed any of these rows counts: also when the data were split or spelled differently since,
        when the columns have other names, and when another project of the user's showed them.

        Args:
            rows: the test rows.
            systems: fingerprints of the finalists.
            data: the other rows, to see what became of rows that were shown before.
            rated: the ratings that correct a judge; the first ones are no further opening.

        Raises:
            StoreError: it could not be written.
        """
        return self._openings.open_test(rows, systems, data, rated)

    def openings_of(self, rows: Sequence[Identity], data: Data) -> int:
        """How many openings there were that count for a test set of these rows; `data` is as for `open_test`.

        Raises:
            StoreError: the record cannot be read.
        """
        return self._openings.earlier(rows, data)

    def shown(self) -> list[Identity]:
        """Every row that was ever shown in an opened test set, in this project or another of the user's."""
        return self._openings.shown()

    def rated(self) -> Rated:
        """People's ratings that decisions rested on, each as it was first used.

        Raises:
            StoreError: the file cannot be read.
        """
        return self._openings.rated()

    @property
    def trouble(self) -> str:
        """Why openings are not shared with the user's other projects, in one sentence; empty where they are."""
        return self._registry.trouble

    def save_study(self, record: Mapping[str, Any], number: int | None = None) -> int:
        """Save a study's record, or replace the one of this number; gives its number. The newest ten are kept.

        Raises:
            StoreError: it could not be written.
        """
        with transaction(self._db, self._path):
            return studies.keep(self._db, record, number)

    def last_study(self) -> dict[str, Any] | None:
        """The newest study's record, or None.

        Raises:
            StoreError: the newest one is damaged.
        """
        try:
            numbers = studies.numbers(self._db)
            record = studies.read(self._db, numbers[0]) if numbers else None
        except apsw.Error as error:
            raise failure(error, self._path) from error
        if numbers and record is None:
            project = self._folder.parent
            raise StoreError(
                f"the newest study of {project} (number {numbers[0]}) is damaged",
                f"`tailor run {project}` makes it again from the saved answers, which are not paid for twice; "
                f"`tailor store repair {project}` goes back to the study before it",
            )
        return record

    def amend_study(self, record: Mapping[str, Any]) -> int:
        """Replace the newest study's record, or save a first one; gives its number.

        Raises:
            StoreError: it could not be written.
        """
        with transaction(self._db, self._path):
            return studies.keep(self._db, record, next(iter(studies.numbers(self._db)), None))

    def known(self, name: str) -> Any:
        """What was found out about a model and kept by `learn`, or None."""
        try:
            return read_fact(self._db, f"known {name}")
        except apsw.Error as error:
            raise failure(error, self._path) from error

    def learn(self, name: str, value: Any) -> None:
        """Keep what was found out about a model, as JSON; read during a run, only where that can be done at once."""
        with suppress(StoreError) if self._lock is None else nullcontext(), transaction(self._db, self._path):
            write_fact(self._db, f"known {name}", value)

    def batches(self) -> dict[str, Any]:
        """What is noted down of batches that are at endpoints, by their marks."""
        try:
            return {name.removeprefix(BATCH): found for name, found in read_facts(self._db, BATCH).items()}
        except apsw.Error as error:
            raise failure(error, self._path) from error

    def note_batch(self, mark: str, note: Mapping[str, Any] | None) -> None:
        """Note down, durably, what a batch holds and how far it is; None takes the note back."""
        with transaction(self._db, self._path):
            write_fact(self._db, f"{BATCH}{mark}", note)

    def spending(self, *, cap: float | None = None, currency: str = "USD") -> Spending:
        """What the project's calls to endpoints cost; closed together with the ledger.

        Args:
            cap: the most that may be spent, all runs together; None for no cap.
            currency: of the amounts.

        Raises:
            StoreError: the file is damaged, or cannot be written.
        """
        if self._spending is None:
            self._spending = Spending(self._folder, cap=cap, currency=currency)
        return self._spending

    def close(self) -> None:
        """Close the files and let other processes in."""
        try:
            if self._spending is not None:
                self._spending.close()
        finally:
            self._close()

    def _close(self) -> None:
        try:
            self._db.close()
        except apsw.Error:  # on a full disk it cannot be tidied up; what was committed is safe in the log next to the file
            self._db.close(force=True)
        finally:
            self._unlock()

    def __enter__(self) -> Ledger:
        """The ledger itself; it is closed when the block ends."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()
