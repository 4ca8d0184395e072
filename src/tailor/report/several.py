"""Answers that hold several labels: F1 over all decisions about labels, system by system, and the labels that go wrong most."""

from __future__ import annotations

from dataclasses import dataclass

from tailor.decide.types import Interval
from tailor.evaluate.run import Run
from tailor.kinds.base import Kind, kind_of
from tailor.report.ladder import shown_runs
from tailor.results import Study
from tailor.score.tagging import LabelCounts, label_counts, label_matrix
from tailor.stats.f1 import f1_intervals

MAX_LABELS = 12
Sets = list[frozenset[str]]


@dataclass(frozen=True)
class F1Row:
    """Micro- and macro-F1 of one system."""

    system: str
    micro: Interval
    macro: Interval


@dataclass(frozen=True)
class LabelTable:
    """How labels fare.

    Attributes:
        rows: the systems.
        system: the one whose labels are shown.
        worst: its labels, the lowest F1 first; at most twelve.
        n_labels: how many labels it gave or should have given.
        n: answers counted.
    """

    rows: tuple[F1Row, ...]
    system: str
    worst: tuple[LabelCounts, ...]
    n_labels: int
    n: int


def label_table(study: Study, looked_at: Run | None) -> LabelTable | None:
    """How labels fare where an answer may hold several; None elsewhere, and where no label was given or right."""
    kind, (_, runs) = kind_of(study.task), shown_runs(study)
    if looked_at is None or not kind.several:
        return None
    rows = tuple(row for run in runs if (row := _row(kind, run)))
    counts = label_counts(*_sets(kind, looked_at))
    worst = sorted(counts, key=lambda count: (count.f1, -count.right, count.label))[:MAX_LABELS]
    return LabelTable(rows, looked_at.system.name, tuple(worst), len(counts), len(looked_at.examples)) if rows and counts else None


def _row(kind: Kind, run: Run) -> F1Row | None:
    given, right = _sets(kind, run)
    labels = sorted(frozenset[str]().union(*given, *right))
    found = f1_intervals(label_matrix(given, labels), label_matrix(right, labels), groups=run.units)
    return F1Row(run.system.name, *found) if found else None


def _sets(kind: Kind, run: Run) -> tuple[Sets, Sets]:
    """The labels that each row got, none where no answer could be read, and those that it has."""
    given = [frozenset(kind.labels_in(score.answer) if score.outcome in ("right", "wrong") else ()) for score in run.scores]
    return given, [frozenset(kind.labels_in(example.label)) for example in run.examples]
