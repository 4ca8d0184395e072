"""What people are given to label, one row after the other, and what becomes of what they say.

The rows and leases are in memory; judgements are in the store, and nothing is acknowledged before it is durable there. A server
that is killed loses leases and nothing else.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailor.data.identity import identity
from tailor.errors import DataError
from tailor.kinds.base import kind_of
from tailor.kinds.entry import Entry
from tailor.labelled import as_cell
from tailor.labelling.aggregate import Aggregation, aggregate
from tailor.labelling.judgement import Judgement, Role, Suggestion, Why, standing
from tailor.labelling.judgements import Judgements
from tailor.project import Project
from tailor.task import columns_in
from tailor.workbench.guideline import Guideline
from tailor.workbench.items import Item, checked_label, items_of, labels_in

LEASE_SECONDS = 600.0
"""How long a row that was given to someone is given to nobody else."""
MOST_AHEAD = 5
"""Rows that a page may hold ready, so that the next one is there at once."""


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
        clock: seconds; leases are measured by it.

    Attributes:
        guideline: what people are told about how to label.

    Raises:
        ConfigError: the guideline cannot be read.
        DataError: the data cannot be read.
    """

    def __init__(
        self,
        project: Project,
        judgements: Judgements,
        *,
        overlap: int = 1,
        everything: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.project, self.task, self.judgements = project, project.task, judgements
        self.overlap, self.guideline = overlap, Guideline(project.folder)
        self.every = {item.row: item for item in items_of(project, judgements)}
        self.items = {row: item for row, item in self.every.items() if everything or not item.given.strip()}
        self._clock, self._lock = clock, threading.RLock()
        self._leases: dict[str, list[Lease]] = defaultdict(list)
        self.suggestions: dict[str, Suggestion] = {}
        self.drawn = sorted(self.items, key=_drawn)
        self._order, self._place = self.drawn, {row: place for place, row in enumerate(self.drawn)}
        self._why: Mapping[str, Why] = {}
        self._doubted: Mapping[str, int] = {}
        self._given: dict[tuple[str, str], Why] = {}
        self._said: dict[str, list[Judgement]] = defaultdict(list)
        self._standing: dict[str, dict[str, Judgement]] = {}
        self._aggregated: tuple[int, Aggregation] | None = None
        self._read = 0
        # What follows from what stands, kept up to date with each judgement, so that no answer waits for a look at all of them.
        self._finished: set[str] = set()
        self._begun: set[str] = set()
        self._by_person: dict[str, Counter[str]] = defaultdict(Counter)
        self._used = Counter(label for item in self.every.values() if item.given for label in labels_in(self.task, item.given))
        # The order of the buttons and of their keys: a label that comes later changes the key of no other.
        self._named = dict.fromkeys(sorted(self._used, key=str.casefold))

    # What is there

    def entry(self) -> Entry:
        """How a right answer is given now: labels that someone added are among the choices."""
        with self._lock:
            self._refresh()
            labels = self.task.labels or tuple(label for label in self._named if self._used[label] > 0)
        return kind_of(self.task).entry(self.task, labels)

    def labels(self) -> list[Judgement]:
        """The labels that count as one person's word each."""
        given = self.said().values()
        return [judgement for said in given for judgement in said.values() if judgement.label is not None]

    def of_row(self, row: str) -> dict[str, Judgement]:
        """What stands of a row, by who said it."""
        with self._lock:
            self._refresh()
            return dict(self._standing.get(row, {}))

    def settled(self, row: str) -> Judgement | None:
        """What settled a row last; None where nobody did."""
        with self._lock:
            self._refresh()
            return next(
                (one for one in reversed(standing(self._said.get(row, []))) if one.role == "adjudicated" and one.values), None
            )

    def said(self) -> dict[str, dict[str, Judgement]]:
        """What stands of each row that someone labelled or skipped, by who said it."""
        with self._lock:
            self._refresh()
            return {row: dict(given) for row, given in self._standing.items() if given and row in self.items}

    def aggregation(self) -> Aggregation:
        """The labels that count, and how they are found; takes seconds where there are thousands, once for the same judgements."""
        everything = self.judgements.all()
        with self._lock:
            kept = self._aggregated
        if kept is None or kept[0] != len(everything):
            said = [one for one in standing(everything) if one.row in self.every and not one.about]
            kept = len(everything), aggregate(said, closed=kind_of(self.task).closed)
            with self._lock:
                self._aggregated = kept
        return kept[1]

    def counts(self, name: str) -> dict[str, int]:
        """Rows in all, rows that need nothing more, and rows that this person labelled or skipped."""
        with self._lock:
            self._refresh()
            own = self._by_person[name]
            return {
                "rows": len(self.items),
                "finished": len(self._finished),
                "labelled": own["labelled"],
                "skipped": own["skipped"],
            }

    def open_items(self) -> list[Item]:
        """The rows that nobody labelled or skipped, in the order in which they are given out."""
        with self._lock:
            self._refresh()
            return [self.items[row] for row in self._order if not self._standing.get(row)]

    # Giving out

    def arrange(self, first: Mapping[str, Why], doubted: Sequence[str] = ()) -> None:
        """Give out some rows before the others, which follow in the order drawn.

        Args:
            first: rows in the order in which they are given out, and why each is.
            doubted: rows with a label that looks wrong, the surest first: of rows that others began, these come first.
        """
        order = [*first, *(row for row in self.drawn if row not in first)]
        with self._lock:
            self._order, self._why = order, dict(first)
            self._doubted = {row: place for place, row in enumerate(doubted)}

    def take(self, name: str, page: str, most: int = 1, holding: Sequence[str] = ()) -> list[Item]:
        """The next rows for someone; fewer where fewer are left.

        Rows that others began come first, so that rows are finished; then those that were chosen (`arrange`); the others come in an
        order that was drawn, and that differs between people no more than leases make it.

        Args:
            name: for whom.
            page: their page, which may be one of several.
            most: how many.
            holding: rows that the page has already; their leases are renewed.
        """
        wanted, found = min(most, MOST_AHEAD), list[Item]()
        with self._lock:
            self._refresh()
            now = self._clock()
            for row in holding[:MOST_AHEAD]:
                self._lease(row, name, page, now)
            for row in self._waiting():
                if len(found) >= wanted:
                    break
                if row in holding or not self._is_open(row, name, page, now):
                    continue
                self._lease(row, name, page, now)
                self._given.setdefault((row, name), self._reason(row))
                found.append(self.items[row])
        return found

    def _waiting(self) -> Iterator[str]:
        """Rows that need someone, in the order in which they are given out."""
        begun, last = self._begun, len(self._doubted)
        yield from sorted(begun, key=lambda row: (self._doubted.get(row, last), -len(self._standing[row]), self._place[row]))
        yield from (row for row in self._order if row not in begun and row not in self._finished)

    def _reason(self, row: str) -> Why:
        """Why a row is given to the next person: who gets it second for its doubtful label does not get it at random."""
        return "suspected" if row in self._begun and row in self._doubted else self._why.get(row, "random")

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
            self._refresh()
            columns = columns_in(self.task.input)
            if not judgement.retracts and self.judgements.find(judgement.key) is None:
                others = self._standing.get(judgement.row, {}).keys() - {judgement.annotator}
                judgement = replace(
                    judgement,
                    chosen=self._given.get((judgement.row, judgement.annotator), ""),
                    labelled_before=bool(item.given.strip() or others),
                )
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
        # Of a label, one's own; what settles a row is for all, whoever said it.
        alone = judgement.role == "label"
        own = [one for one in said[:place] if one.role == judgement.role and not (alone and one.annotator != judgement.annotator)]
        return next((one for one in reversed(standing(own)) if one.values or one.skipped), None)

    def last(self, name: str, role: Role = "label") -> Judgement | None:
        """The last label or skip of someone that stands, or what they settled last: what an undo takes back."""
        rows = self.items if role == "label" else self.every
        with self._lock:
            self._refresh()
            own = [one for one in standing(self.judgements.by(name)) if one.row in rows and one.role == role and not one.about]
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
            if judgement.label is not None:
                self._named |= dict.fromkeys(labels_in(self.task, as_cell(judgement.label)))
        for row in {judgement.row for judgement in fresh}:
            said = [one for one in standing(self._said[row]) if one.values or one.skipped]
            before, after = self._standing.get(row, {}), {one.annotator: one for one in said if one.role == "label"}
            self._standing[row] = after
            if row in self.items:
                self._count(row, before, -1)
                self._count(row, after, 1)

    def _count(self, row: str, said: Mapping[str, Judgement], by: int) -> None:
        """Count in what stands of a row, or out."""
        for name, judgement in said.items():
            self._by_person[name]["skipped" if judgement.skipped else "labelled"] += by
            for label in () if judgement.label is None else labels_in(self.task, as_cell(judgement.label)):
                self._used[label] += by
        (self._finished.add if len(said) >= self.overlap else self._finished.discard)(row)
        (self._begun.add if 0 < len(said) < self.overlap else self._begun.discard)(row)


def _drawn(row: str) -> str:
    """Where a row comes in the order of giving out: drawn by its name, so that what is labelled first is a fair sample."""
    return hashlib.sha256(f"labelled\0{row}".encode()).hexdigest()
