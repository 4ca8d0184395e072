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

REQUIRED, CRITERIA, OTHERS = "Requirements", "Criteria of the rubric", "Next to the reference"
CAPTIONS = {
    REQUIRED: "Share of all answers that keep each requirement, with its interval. An answer that breaks one is wrong; one that "
    "cannot be read, or never came, keeps none.",
    CRITERIA: "Share of the answers that meet each criterion by the judge's verdicts alone, which nobody has corrected; "
    "an answer that was not judged meets none.",
    OTHERS: "Mean with its interval. These describe the answers and decide nothing.",
}


@dataclass(frozen=True)
class DetailRow:
    """A measure of every system, in the order of the table's; None where it does not apply. `says` explains it, or is empty."""

    name: str
    says: str
    scores: tuple[Interval | None, ...]


@dataclass(frozen=True)
class DetailTable:
    """Requirements, criteria of the rubric, or what only describes; an answer that never came keeps none and counts as 0."""

    title: str
    caption: str
    n: int
    systems: tuple[str, ...]
    rows: tuple[DetailRow, ...]


def details(study: Study) -> tuple[DetailTable, ...]:
    """The tables of requirements, of criteria and of other measures; those that have no row are left out."""
    _, runs = shown_runs(study)
    parts: dict[str, list[Detail]] = {}
    for detail in kind_of(study.task).details(study.task):
        parts.setdefault(REQUIRED if detail.required else CRITERIA if detail.criterion else OTHERS, []).append(detail)
    return tuple(_table(title, part, runs) for title, part in parts.items() if runs)


def _table(title: str, measured: Sequence[Detail], runs: Sequence[Run]) -> DetailTable:
    made = (DetailRow(one.short, one.says, tuple(_interval(one, run) for run in runs)) for one in measured)
    rows = tuple(row for row in made if any(score is not None for score in row.scores))
    read = [_readable(measured, run) for run in runs]
    if title == REQUIRED and not all(map(all, read)):
        found = (mean_interval(list(map(float, one)), groups=run.units) for one, run in zip(read, runs, strict=True))
        rows = (DetailRow("is an answer that can be checked", "", tuple(found)), *rows)
    most = max(len(run.examples) for run in runs)
    return DetailTable(title, CAPTIONS[title], most, tuple(run.system.name for run in runs), rows)


def _readable(measured: Sequence[Detail], run: Run) -> list[bool]:
    """For each answer, whether there was one that these requirements could be held against."""
    return [any(detail.name in score.details for detail in measured) for score in run.scores]


def _interval(detail: Detail, run: Run) -> Interval | None:
    """The mean over all answers, one without the measure being 0; None where none of them has it, unless it is a requirement."""
    if not (detail.required or detail.criterion) and not any(detail.name in score.details for score in run.scores):
        return None
    return mean_interval([score.details.get(detail.name, 0.0) for score in run.scores], groups=run.units)
