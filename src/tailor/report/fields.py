"""Answers field by field: how each field does, and what each system said next to the right value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of
from tailor.score.types import VERDICTS, Part, Verdict
from tailor.task import Task

MOST_SYSTEMS = 6


@dataclass(frozen=True)
class FieldRow:
    """How one field did.

    Attributes:
        name: of the field.
        counts: how many values got each verdict.
        right: share of right values, those rightly left empty among them.
        strict: share that is right to the letter.
        near: share that is right or, for entities, of the right type and at least overlaps.
        cost: what its errors cost in a thousand answers; None where fields have no prices.
        others: share of right values of each further system, in the order of the table.
    """

    name: str
    counts: Mapping[Verdict, int]
    right: float
    strict: float
    near: float
    cost: float | None
    others: tuple[float | None, ...]

    @property
    def is_right(self) -> bool:
        """Whether it has no error."""
        return self.right == 1


@dataclass(frozen=True)
class FieldTable:
    """How the fields of one system did, next to others.

    Attributes:
        system: whose answers are counted.
        others: names of the further systems.
        rows: a row for each field.
        n: answers.
        overlaps: whether `near` differs anywhere from `right`.
    """

    system: str
    others: tuple[str, ...]
    rows: tuple[FieldRow, ...]
    n: int

    @property
    def overlaps(self) -> bool:
        """Whether some entity is of the right type, and only overlaps."""
        return any(row.near > row.right for row in self.rows)

    @property
    def priced(self) -> bool:
        """Whether errors have a cost."""
        return any(row.cost is not None for row in self.rows)


@dataclass(frozen=True)
class FieldSaid:
    """What a system said of a field, and how it compares; `verdict` is None where it said nothing that belongs here."""

    said: str
    verdict: Verdict | None


@dataclass(frozen=True)
class FieldDiff:
    """A field of one example: the right value, and what each system said."""

    name: str
    wanted: str
    said: tuple[FieldSaid, ...]


def field_table(task: Task, run: Run, runs: Sequence[Run]) -> FieldTable | None:
    """How the fields of a Run did, next to those of others; None where answers have no parts."""
    if not kind_of(task).parted:
        return None
    others = [other for other in runs if other.key != run.key][: MOST_SYSTEMS - 1]
    found, further = _parts(task, run), [_parts(task, other) for other in others]
    names = dict.fromkeys(name for parts in (found, *further) for name in parts)
    rows = tuple(_row(task, run, name, found.get(name, []), [parts.get(name, []) for parts in further]) for name in names)
    return FieldTable(run.system.name, tuple(other.system.name for other in others), rows, len(run.scores))


def _parts(task: Task, run: Run) -> dict[str, list[Part]]:
    """The parts of all answers by field."""
    found: dict[str, list[Part]] = {}
    for example, score in zip(run.examples, run.scores, strict=True):
        for part in kind_of(task).parts(task, example, score):
            found.setdefault(part.name, []).append(part)
    return found


def _row(task: Task, run: Run, name: str, parts: Sequence[Part], others: Sequence[Sequence[Part]]) -> FieldRow:
    counts = Counter(part.verdict for part in parts)
    lost = sum(task.prices.error if part.price is None else part.price for part in parts if not part.is_right)
    return FieldRow(
        name=name,
        counts={verdict: counts[verdict] for verdict in VERDICTS},
        right=_share([part.is_right for part in parts]) or 0.0,
        strict=_share([part.strict for part in parts]) or 0.0,
        near=_share([part.near for part in parts]) or 0.0,
        cost=1000 * lost / max(1, len(run.scores)) if task.prices.fields else None,
        others=tuple(_share([part.is_right for part in other]) for other in others),
    )


def _share(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None


def field_diffs(systems: Sequence[Sequence[Part]]) -> tuple[FieldDiff, ...]:
    """The parts of several answers to one example side by side: right values in their order, then what was invented.

    Args:
        systems: the parts of each system's answer.
    """
    tables = [_numbered(parts) for parts in systems]
    keys = dict.fromkeys(key for table in tables for key in table)
    order = sorted(keys, key=lambda key: not key[1])
    return tuple(
        FieldDiff(name, wanted, tuple(_said(table.get((name, wanted, n))) for table in tables)) for name, wanted, n in order
    )


def _numbered(parts: Sequence[Part]) -> dict[tuple[str, str, int], Part]:
    """Each part by its field, its right value, and which of several such ones it is."""
    seen: Counter[tuple[str, str]] = Counter()
    found = {}
    for part in parts:
        place = part.name, part.wanted
        found[(*place, seen[place])] = part
        seen[place] += 1
    return found


def _said(part: Part | None) -> FieldSaid:
    return FieldSaid("", None) if part is None else FieldSaid(part.said, part.verdict)
