"""The judgements of a project, kept in `labels.db` in its store: added, read, and never changed."""

from __future__ import annotations

import json
import threading
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import apsw

from tailor.data.identity import Identity, Known
from tailor.errors import DataError, quoted
from tailor.files import private_folder
from tailor.labelling.judgement import Judgement, checked, from_text, is_same, row_id, standing, to_text
from tailor.store.database import dump, failure, transaction
from tailor.store.labels import LABELS, add_records, add_rows, find_record, hold, open_labels, read_records, read_rows, sweep
from tailor.store.openings import record_of, row_of


class KeyTaken(DataError):
    """Another judgement has this key: what was sent is not what was kept under it."""


class Judgements:
    """The judgements of one project. Safe to use from several threads, and next to other processes, such as a run.

    Args:
        folder: the project's store (`Project.store`); made if absent, readable by its owner only.

    Attributes:
        messages: what was found damaged or gone when it was opened, one sentence each.

    Raises:
        StoreError: the file is damaged, or cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = private_folder(folder) / LABELS
        self._lock = threading.RLock()
        self._known: list[Judgement] = []
        self._by_key: dict[str, Judgement] = {}
        self._last = 0
        self._held = hold(folder)
        try:
            self._db = open_labels(folder)
            self.messages = sweep(self._db, self._path)
        except BaseException:
            self.close()
            raise

    def append(self, *judgements: Judgement, rows: Iterable[Identity] = ()) -> tuple[Judgement, ...]:
        """Add judgements, all of them or none; durable when this returns.

        One that was added before, under the same key, is not added again. A time that was left out is filled in.

        Args:
            judgements: what was said.
            rows: what the rows are known again by, for rows that are new here.

        Returns:
            The judgements as they are kept: of those that were added before, as they were then.

        Raises:
            DataError: one cannot be kept, or retracts what that person did not say of that row.
            KeyTaken: another judgement has its key.
            StoreError: they could not be written.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        given = [checked(replace(judgement, at=judgement.at or now)) for judgement in judgements]
        with self._lock, transaction(self._db, self._path):
            self._refresh()
            kept = ChainMap[str, Judgement]({}, self._by_key)
            fresh: list[Judgement] = []
            for judgement in given:
                before = kept.get(judgement.key)
                if before is not None and not is_same(before, judgement):
                    raise KeyTaken(
                        f"another judgement has the key {quoted(judgement.key)}", "Send each judgement under a key of its own."
                    )
                if before is None:
                    _refuse_foreign(judgement, kept)
                    kept[judgement.key] = judgement
                    fresh.append(judgement)
            add_rows(self._db, [(row_id(row), dump(record_of(row, text=True))) for row in rows])
            add_records(self._db, [(judgement.key, to_text(judgement)) for judgement in fresh])
        return tuple(kept[judgement.key] for judgement in given)

    def all(self) -> Sequence[Judgement]:
        """Every judgement, retracted and replaced ones among them, in the order in which they were added.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._lock:
            try:
                self._refresh()
            except apsw.Error as error:
                raise failure(error, self._path) from error
            return tuple(self._known)

    def standing(self) -> list[Judgement]:
        """The judgements that count (`tailor.labelling.judgement.standing`), skipped rows and flags among them."""
        return standing(self.all())

    def of_row(self, row: str) -> list[Judgement]:
        """Every judgement of one row, by its name, in the order in which they were added."""
        return [judgement for judgement in self.all() if judgement.row == row]

    def by(self, annotator: str) -> list[Judgement]:
        """Every judgement of one person, in the order in which they were added."""
        return [judgement for judgement in self.all() if judgement.annotator == annotator]

    def find(self, key: str) -> Judgement | None:
        """The judgement under this key; None where there is none."""
        with self._lock:
            try:
                found = find_record(self._db, key)
            except apsw.Error as error:
                raise failure(error, self._path) from error
        return from_text(found.text) if found else None

    def rows(self) -> Mapping[str, Identity]:
        """What the labelled rows are known again by, by their names.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._lock:
            try:
                return {row: row_of(json.loads(text)) for row, text in read_rows(self._db).items()}
            except apsw.Error as error:
                raise failure(error, self._path) from error

    def names(self, rows: Sequence[Identity]) -> list[str]:
        """The name under which each row of today was labelled: also one that is asked with more or fewer of its columns since.

        A row that was never labelled has its own name (`row_id`).
        """
        kept = self.rows()
        labelled, known = list(kept), Known(kept.values())
        own = [row_id(row) for row in rows]
        places = [None if name in kept else known.find(row) for name, row in zip(own, rows, strict=True)]
        return [name if place is None else labelled[place] for name, place in zip(own, places, strict=True)]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if hasattr(self, "_db"):
                self._db.close(force=True)
            self._held.close()

    def __enter__(self) -> Judgements:
        """The judgements themselves; they are closed when the block ends."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()

    def _refresh(self) -> None:
        """Read what was added since, here or by another process."""
        for record in read_records(self._db, self._last):
            judgement = from_text(record.text)
            self._known.append(judgement)
            self._by_key[judgement.key] = judgement
            self._last = record.number


def _refuse_foreign(judgement: Judgement, kept: Mapping[str, Judgement]) -> None:
    """Refuse a retraction of what is not there, or of what someone else said, or of another row.

    Raises:
        DataError: it is one.
    """
    if not judgement.retracts:
        return
    before = kept.get(judgement.retracts)
    if before is None or (before.subject, before.annotator, before.role) != (
        judgement.subject,
        judgement.annotator,
        judgement.role,
    ):
        raise DataError(
            f"{quoted(judgement.retracts)} is no judgement of {quoted(judgement.annotator)} on this row, so it cannot be retracted",
            "Each person takes back what they said themselves.",
        )
