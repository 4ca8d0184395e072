"""Where each system fails: outcomes, confusions, further measures and results per value of a column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tailor.data.example import Example
from tailor.decide.types import Interval
from tailor.evaluate.run import Run
from tailor.report.ladder import shown_runs
from tailor.results import Study
from tailor.stats.intervals import mean_interval

MAX_LABELS = 16
MAX_VALUES = 12
OTHER = "(other labels)"
NO_LABEL = "(no label)"
DETAILS = ("retrieved", "cited", "form", "correct", "exact", "f1")


@dataclass(frozen=True)
class Outcomes:
    """How many of a system's answers were right, wrong, not in the required form, cut off, refused, not judged, or never came."""

    system: str
    right: int
    wrong: int
    unparsed: int
    cut: int
    refused: int
    failed: int
    unjudged: int = 0

    @property
    def total(self) -> int:
        """All answers."""
        return self.right + self.wrong + self.unparsed + self.cut + self.refused + self.failed + self.unjudged


@dataclass(frozen=True)
class Confusion:
    """What one system took for what.

    Attributes:
        system: whose answers.
        labels: rows, the right labels; at most 16, the others gathered under "(other labels)".
        answers: columns: the same, and "(no label)" when some answers were none.
        counts: one list per row.
        top: (right label, label given, how often), most frequent first; from the full set of labels.
        n: answers counted.
    """

    system: str
    labels: tuple[str, ...]
    answers: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    top: tuple[tuple[str, str, int], ...]
    n: int


@dataclass(frozen=True)
class Measure:
    """A further measure: `value` in [0, 1] over `n` answers; None where it never applied."""

    name: str
    value: float | None
    n: int


@dataclass(frozen=True)
class MeasureRow:
    """A system's further measures, in the same order for every system."""

    system: str
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class GroupRow:
    """Results for the examples that share a value; `scores` in the order of the table's systems."""

    value: str
    n: int
    scores: tuple[Interval, ...]


@dataclass(frozen=True)
class GroupTable:
    """Results per value of one column."""

    column: str
    systems: tuple[str, ...]
    rows: tuple[GroupRow, ...]


def outcomes(study: Study) -> tuple[Outcomes, ...]:
    """One row per shown system."""
    _, runs = shown_runs(study)
    return tuple(Outcomes(run.system.name, **run.outcomes) for run in runs)


def confusion(run: Run) -> Confusion | None:
    """The confusions of a classifier; None when it made no mistake or has fewer than two labels."""
    right = [example.label for example in run.examples]
    known = sorted({*right, *run.system.decoding.labels})
    given = [score.answer if score.answer in known else NO_LABEL for score in run.scores]
    missed = Counter((r, g) for r, g in zip(right, given, strict=True) if r != g)
    if len(known) < 2 or not missed:
        return None
    labels = _most_confused(known, missed)
    rows = [label if label in labels else OTHER for label in right]
    columns = [label if label in labels or label == NO_LABEL else OTHER for label in given]
    cells = Counter(zip(rows, columns, strict=True))
    shown = (*labels, OTHER) if OTHER in rows or OTHER in columns else labels
    answers = (*shown, NO_LABEL) if NO_LABEL in columns else shown
    counts = tuple(tuple(cells[row, column] for column in answers) for row in shown)
    top = tuple((r, g, n) for (r, g), n in sorted(missed.items(), key=lambda item: (-item[1], item[0])))
    return Confusion(run.system.name, shown, answers, counts, top, len(right))


def _most_confused(labels: Sequence[str], missed: Counter[tuple[str, str]]) -> tuple[str, ...]:
    """All labels when few enough, else those with the most mistakes, in the given order."""
    if len(labels) <= MAX_LABELS:
        return tuple(labels)
    weight: Counter[str] = Counter()
    for (right, given), n in missed.items():
        weight[right] += n
        weight[given] += n
    kept = {label for label, _ in weight.most_common(MAX_LABELS) if label != NO_LABEL}
    return tuple(label for label in labels if label in kept)[: MAX_LABELS - 1]


def measures(study: Study) -> tuple[MeasureRow, ...]:
    """Further measures of every shown system; measures that applied to none are left out."""
    _, runs = shown_runs(study)
    table = [MeasureRow(run.system.name, (*_abstention(run), *(_detail(run, name) for name in DETAILS))) for run in runs]
    kept = [
        i for i, column in enumerate(zip(*(row.measures for row in table), strict=True)) if any(m.value is not None for m in column)
    ]
    return tuple(MeasureRow(row.system, tuple(row.measures[i] for i in kept)) for row in table) if kept else ()


def _detail(run: Run, name: str) -> Measure:
    found = run.detail(name)
    return Measure(name, *found) if found else Measure(name, None, 0)


def _abstention(run: Run) -> tuple[Measure, Measure]:
    """How often "not found" was true, and how many of the unanswerable questions were met with it."""
    said = [score.details.get("abstained", 0.0) > 0 for score in run.scores]
    unanswerable = [not example.answers for example in run.examples]
    both = sum(a and b for a, b in zip(said, unanswerable, strict=True))
    precision = both / sum(said) if any(said) else None
    recall = both / sum(unanswerable) if any(unanswerable) else None
    return Measure("abstain_precision", precision, sum(said)), Measure("abstain_recall", recall, sum(unanswerable))


def groups(study: Study) -> tuple[GroupTable, ...]:
    """Results per value of every column the task reports by; rare values beyond the twelfth are gathered."""
    _, runs = shown_runs(study)
    return tuple(table for column in study.task.data.report_by if (table := _group_table(column, runs)))


def _group_table(column: str, runs: Sequence[Run]) -> GroupTable | None:
    counts = Counter(_value(example, column) for run in runs[:1] for example in run.examples)
    if len(counts) < 2:
        return None
    kept = [value for value, _ in counts.most_common(MAX_VALUES)]
    rows = [_group_row(value, column, {value}, runs) for value in kept]
    rest = set(counts) - set(kept)
    if rest:
        rows.append(_group_row(f"{len(rest)} other values", column, rest, runs))
    return GroupTable(column, tuple(run.system.name for run in runs), tuple(rows))


def _group_row(name: str, column: str, values: set[str], runs: Sequence[Run]) -> GroupRow:
    inside = [run.on([example for example in run.examples if _value(example, column) in values]) for run in runs]
    return GroupRow(name, max(len(run.examples) for run in inside), tuple(mean_interval(r.values, groups=r.units) for r in inside))


def _value(example: Example, column: str) -> str:
    return example.fields.get(column, "") or "(empty)"
