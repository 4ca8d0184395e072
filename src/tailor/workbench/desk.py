"""What people are given to label, one row after the other, and what becomes of what they say.

The rows and leases are in memory; judgements are in the store, and nothing is acknowledged before it is durable there. A server
that is killed loses leases and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailor.data.example import Example
from tailor.data.identity import identity
from tailor.data.split import read_tables
from tailor.data.unlabelled import bare_rows
from tailor.errors import DataError, quoted
from tailor.kinds.base import Unreadable, kind_of
from tailor.kinds.entry import Entry
from tailor.labelled import as_cell
from tailor.labelling.judgement import Judgement, Suggestion, standing
from tailor.labelling.judgements import Judgements
from tailor.project import Project
from tailor.task import Task, columns_in

LEASE_SECONDS = 600.0
"""How long a row that was given to someone is given to nobody else."""
LONGEST_LABEL = 200
"""Characters of a label that someone adds on the page."""
UNSEEN = ("Cc", "Cs", "Zl", "Zp")
"""Categories of what no new label holds: control characters, halves of surrogate pairs, ends of lines."""
MOST_AHEAD = 5
"""Rows that a page may hold ready, so that the next one is there at once."""


@dataclass(frozen=True)
class Item:
    """A row to label.

    Attributes:
        row: its name in judgements.
        example: what is asked.
        given: the label in the user's file, as a cell; empty where there is none.
        split: the setting that names its file: "file", "train", "dev" or "test".
    """

    row: str
    example: Example
    given: str = ""
    split: str = "file"


@dataclass(frozen=True)
class Lease:
    """A row in someone's hands.

    Attributes:
        name: whose.
        page: the page that has it: someone may have several open.
        until: when it ends, on the clock of the desk.
    """

    name: str
    page: str
    until: float


class Desk:
    """Gives out rows and takes in judgements; safe to use from several threads.

    Args:
        project: what is labelled.
        judgements: where it is kept.
        overlap: how many people label each row.
        everything: whether rows with a label in the file are labelled too.
        guideline: version of the guideline that people have.
        clock: seconds; leases are measured by it.

    Raises:
        DataError: the data cannot be read.
    """

    def __init__(
        self,
        project: Project,
        judgements: Judgements,
        *,
        overlap: int = 1,
        everything: bool = False,
        guideline: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.project, self.task, self.judgements = project, project.task, judgements
        self.overlap, self.guideline = overlap, guideline
        self.every = {item.row: item for item in _items(project, judgements)}
        self.items = {row: item for row, item in self.every.items() if everything or not item.given.strip()}
        self._clock, self._lock = clock, threading.RLock()
        self._leases: dict[str, list[Lease]] = defaultdict(list)
        self.suggestions: dict[str, Suggestion] = {}
        self._order = sorted(self.items, key=_drawn)
        self._said: dict[str, list[Judgement]] = defaultdict(list)
        self._standing: dict[str, dict[str, Judgement]] = {}
        self._read = 0
        self._given_labels = {label for item in self.every.values() if item.given for label in _labels_in(project.task, item.given)}

    # What is there

    def entry(self) -> Entry:
        """How a right answer is given now: labels that someone added are among the choices."""
        with self._lock:
            used = {label for judgement in self.labels() for label in _labels_in(self.task, as_cell(judgement.label))}
        labels = self.task.labels or tuple(sorted(self._given_labels | used, key=str.casefold))
        return kind_of(self.task).entry(self.task, labels)

    def labels(self) -> list[Judgement]:
        """The labels that count as one person's word each."""
        self._refresh()
        return [
            judgement
            for given in self._standing.values()
            for judgement in given.values()
            if judgement.label is not None and judgement.row in self.items
        ]

    def of_row(self, row: str) -> dict[str, Judgement]:
        """What stands of a row, by who said it."""
        with self._lock:
            self._refresh()
            return dict(self._standing.get(row, {}))

    def said(self) -> dict[str, dict[str, Judgement]]:
        """What stands of each row that someone labelled or skipped, by who said it."""
        with self._lock:
            self._refresh()
            return {row: dict(given) for row, given in self._standing.items() if row in self.items}

    def counts(self, name: str) -> dict[str, int]:
        """Rows in all, rows that need nothing more, and rows that this person labelled or skipped."""
        with self._lock:
            self._refresh()
            finished = sum(len(self._standing.get(row, {})) >= self.overlap for row in self.items)
            own = [given[name] for row, given in self._standing.items() if name in given and row in self.items]
        skipped = sum(bool(judgement.skipped) for judgement in own)
        return {"rows": len(self.items), "finished": finished, "labelled": len(own) - skipped, "skipped": skipped}

    def open_items(self) -> list[Item]:
        """The rows that nobody labelled or skipped, in the order in which they are given out."""
        with self._lock:
            self._refresh()
            return [self.items[row] for row in self._order if not self._standing.get(row)]

    # Giving out

    def take(self, name: str, page: str, most: int = 1, holding: Sequence[str] = ()) -> list[Item]:
        """The next rows for someone; fewer where fewer are left.

        Rows that others began come first, so that rows are finished; the order of the others is drawn, and differs between people
        no more than leases make it.

        Args:
            name: for whom.
            page: their page, which may be one of several.
            most: how many.
            holding: rows that the page has already; their leases are renewed.
        """
        with self._lock:
            self._refresh()
            now = self._clock()
            for row in holding[:MOST_AHEAD]:
                self._lease(row, name, page, now)
            open_rows = [row for row in self._order if row not in holding and self._is_open(row, name, page, now)]
            order = sorted(open_rows, key=lambda row: -len(self._standing.get(row, {})))[: max(0, min(most, MOST_AHEAD))]
            for row in order:
                self._lease(row, name, page, now)
            return [self.items[row] for row in order]

    def _is_open(self, row: str, name: str, page: str, now: float) -> bool:
        judged = self._standing.get(row, {})
        if name in judged:
            return False
        held = [lease for lease in self._leases.get(row, []) if lease.until > now and lease.name not in judged]
        if any(lease.name == name and lease.page != page for lease in held):
            return False
        others = {lease.name for lease in held} - {name}
        return len(judged) + len(others) < self.overlap

    def _lease(self, row: str, name: str, page: str, now: float) -> None:
        kept = [lease for lease in self._leases[row] if lease.until > now and (lease.name, lease.page) != (name, page)]
        self._leases[row] = [*kept, Lease(name, page, now + LEASE_SECONDS)]

    # Taking in

    def give(self, judgement: Judgement, *, replaces: str | None = None) -> Judgement | None:
        """Keep what someone said, and give what they had said of the row before, where they may not know of it.

        Args:
            judgement: what was said, its label as the page has it.
            replaces: key of the judgement that the page knew of; None for none.

        Raises:
            DataError: the row is not there, the label cannot be used, or the judgement cannot be kept.
            StoreError: it could not be written.
        """
        item = self.every.get(judgement.row)
        if item is None:
            raise DataError("this row is not in the data any more", "Load the page again.")
        with self._lock:
            columns = columns_in(self.task.input)
            self.judgements.append(judgement, rows=[identity(columns, item.example)])
            self._refresh()
            self._leases[judgement.row] = [lease for lease in self._leases[judgement.row] if lease.name != judgement.annotator]
            before = None if judgement.retracts else self._before(judgement)
            unknown = before is not None and before.key != replaces
            return before if unknown and before is not None and dict(before.values) != dict(judgement.values) else None

    def _before(self, judgement: Judgement) -> Judgement | None:
        """What that person had said of the row when they said this: also where the answer was lost, and this was sent again."""
        said = self._said[judgement.row]
        place = next(place for place, one in enumerate(said) if one.key == judgement.key)
        own = [one for one in said[:place] if (one.annotator, one.role) == (judgement.annotator, judgement.role)]
        return next((one for one in standing(own) if one.values or one.skipped), None)

    def last(self, name: str) -> Judgement | None:
        """The last label or skip of someone that stands: what an undo takes back."""
        with self._lock:
            self._refresh()
            own = [judgement for judgement in standing(self.judgements.by(name)) if judgement.row in self.items]
            return own[-1] if own else None

    def checked(self, given: Any) -> Any:
        """A label as it is kept.

        Raises:
            DataError: it is none that this task takes.
        """
        return checked_label(self.task, self.entry(), given)

    def _refresh(self) -> None:
        """Read what was judged since, here or elsewhere."""
        everything = self.judgements.all()
        if len(everything) == self._read:
            return
        fresh = [judgement for judgement in everything[self._read :] if not judgement.about]
        self._read = len(everything)
        for judgement in fresh:
            self._said[judgement.row].append(judgement)
        for row in {judgement.row for judgement in fresh}:
            said = [one for one in standing(self._said[row]) if one.values or one.skipped]
            self._standing[row] = {one.annotator: one for one in said if one.role == "label"}


def checked_label(task: Task, entry: Entry, given: Any) -> Any:
    """A label as it is kept: a text, a list of labels, or an object.

    Raises:
        DataError: it is none that this task takes.
    """
    kind = kind_of(task)
    try:
        if entry.shape == "fields":
            given = _object(given)
        if entry.shape == "choices":
            if not isinstance(given, list) or not all(isinstance(label, str) and label.strip() for label in given):
                raise DataError("a list of labels is needed")
            given = sorted({label.strip() for label in given})
        elif entry.shape != "fields":
            if not isinstance(given, str) or not (given.strip() or entry.nothing):
                raise DataError(f"{kind.a_noun} is needed")
            given = given.strip()
        found = kind.accepted(task, as_cell(given))
    except Unreadable as error:
        raise DataError(f"it {error.holds}, but {error.but}", error.advice) from None
    if not found and not kind.abstains:
        raise DataError(f"{quoted(as_cell(given))} says that there is no {kind.noun}; skip the row instead")
    new = [label for answer in found for label in kind.labels_in(answer) if kind.closed and label not in entry.choices]
    if new and task.labels:
        raise DataError(f"{quoted(new[0])} is not among the labels of the task", "Add it to `labels` in tailor.yaml.")
    for label in new:  # it becomes a button on everybody's page
        if len(label) > LONGEST_LABEL or any(unicodedata.category(sign) in UNSEEN for sign in label):
            raise DataError(f"{quoted(label)} is no label", f"Write one line of at most {LONGEST_LABEL} characters.")
    return given


def _object(given: Any) -> dict[str, Any]:
    """Values by their places, such as "address.city", as an object in objects; what is empty is left out."""
    if not isinstance(given, Mapping):
        raise DataError("a value for each field is needed")
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value in ("", None):
            continue
        *outer, last = str(name).split(".")
        place = found
        for part in outer:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise DataError(f"{quoted(str(name))} is no field")
            place = inner
        place[last] = value
    return found


def _items(project: Project, judgements: Judgements) -> list[Item]:
    """Every row of the project's data."""
    task, found = project.task, []
    for split, table in read_tables(project).items():
        rows = bare_rows(task, table)
        names = judgements.names([identity(columns_in(task.input), row) for row in rows])
        for place, (row, name) in enumerate(zip(rows, names, strict=True)):
            cell = table.rows[place].get(task.output, "")
            given = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
            found.append(Item(name, row, given, split))
    return found


def _labels_in(task: Task, cell: str) -> Sequence[str]:
    kind = kind_of(task)
    if not kind.closed:
        return ()
    try:
        return tuple(label for answer in kind.accepted(task, cell) for label in kind.labels_in(answer))
    except Unreadable:
        return ()


def _drawn(row: str) -> str:
    """Where a row comes in the order of giving out: drawn by its name, so that what is labelled first is a fair sample."""
    return hashlib.sha256(f"labelled\0{row}".encode()).hexdigest()
