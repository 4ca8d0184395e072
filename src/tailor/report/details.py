"""Measures of a kind's own: how often each requirement was kept, and what describes answers next to them, system by system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailor.decide.types import Interval
from tailor.evaluate.run import Run
from tailor.kinds.base import Detail, kind_of
from tailor.report.ladder import shown_runs
from tailor.results import Study
from tailor.stats.intervals import mean_interval


@dataclass(frozen=True)
class DetailRow:
    """A measure of every system, in the order of the table's systems; `says` explains it, or is empty."""

    name: str
    says: str
    scores: tuple[Interval, ...]


@dataclass(frozen=True)
class DetailTable:
    """Requirements, or what only describes; an answer that never came keeps none and counts as 0."""

    required: bool
    n: int
    systems: tuple[str, ...]
    rows: tuple[DetailRow, ...]


def details(study: Study) -> tuple[DetailTable, ...]:
    """The table of requirements and that of the other measures; those that have no row are left out."""
    _, runs = shown_runs(study)
    measured = kind_of(study.task).details(study.task)
    parts = ([detail for detail in measured if detail.required is required] for required in (True, False))
    return tuple(_table(part, runs) for part in parts if part and runs)


def _table(measured: Sequence[Detail], runs: Sequence[Run]) -> DetailTable:
    rows = tuple(DetailRow(one.short, one.says, tuple(_interval(one.name, run) for run in runs)) for one in measured)
    most = max(len(run.examples) for run in runs)
    return DetailTable(measured[0].required, most, tuple(run.system.name for run in runs), rows)


def _interval(name: str, run: Run) -> Interval:
    return mean_interval([score.details.get(name, 0.0) for score in run.scores], groups=run.units)
