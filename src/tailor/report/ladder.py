"""The ladder as a table: every step in order, and which systems the report shows side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tailor.data.example import SplitName
from tailor.decide.formats import describe_system
from tailor.decide.types import Interval
from tailor.evaluate.run import Run
from tailor.results import Step, Study

MAX_DEV_RUNS = 5
UNTRIED = ("no time", "cannot pay", "not possible", "failed", "does not fit")


@dataclass(frozen=True)
class LadderRow:
    """One step of the ladder.

    Attributes:
        number: place in the order of trying, from 1.
        step: the step as recorded.
        words: the system in plain words, or an empty text when it was never built.
        begins: seconds of work before this step.
        chosen: whether the decision chose this system.
        finalist: whether it met the sealed test set.
        reaches: whether its dev score is at the target or above.
    """

    number: int
    step: Step
    words: str
    begins: float
    chosen: bool
    finalist: bool
    reaches: bool

    @property
    def dev(self) -> Interval | None:
        """The metric on dev."""
        return self.step.dev

    @property
    def per_1000(self) -> float | None:
        """Cost of 1,000 answers; None when unknown or not measured."""
        return self.step.cost.per_1000 if self.step.cost else None


@dataclass(frozen=True)
class RungTable:
    """Consecutive steps of the same rung."""

    name: str
    rows: tuple[LadderRow, ...]


def ladder_rows(study: Study) -> tuple[LadderRow, ...]:
    """Every step in the order in which it was tried."""
    finalists = {run.key for run in study.tests}
    chosen = study.decision.winner.key if study.decision else None
    rows, begins = [], 0.0
    for number, step in enumerate(study.steps, start=1):
        rows.append(
            LadderRow(
                number=number,
                step=step,
                words=describe_system(step.run.system) if step.run else "",
                begins=begins,
                chosen=step.run is not None and step.run.key == chosen,
                finalist=step.run is not None and step.run.key in finalists,
                reaches=step.counts and step.dev is not None and step.dev.mean >= study.task.target,
            )
        )
        begins += step.seconds
    return tuple(rows)


def rungs(rows: Sequence[LadderRow]) -> tuple[RungTable, ...]:
    """The rows, grouped where neighbours share a rung."""
    return tuple(RungTable(name, tuple(group)) for name, group in groupby(rows, key=lambda row: row.step.rung))


def best_on_dev(study: Study) -> LadderRow | None:
    """The step that counts with the highest dev score, the earlier one on a tie; the reference classifier aside."""
    rows = [row for row in ladder_rows(study) if row.step.counts and row.dev is not None and not is_reference(row.step.run)]
    return max(rows, key=lambda row: (row.dev.mean if row.dev else 0.0, -row.number), default=None)


def is_reference(run: Run | None) -> bool:
    """Whether this is the reference classifier, which is no generative model."""
    return run is not None and not run.system.is_generative


def models(study: Study) -> tuple[str, ...]:
    """Every generative model that answered, with how its weights are held, such as "smollm2-135m, 4-bit (Q4_1) weights"."""
    weights = [run.system.weights for step in study.steps if (run := step.run) and not is_reference(run)]
    return tuple(dict.fromkeys(", ".join(filter(None, (held.model, held.precision.removeprefix("none: ")))) for held in weights))


def untried(study: Study) -> tuple[Step, ...]:
    """The first step of every rung that was left out, with what it would have needed in its note."""
    measured = {step.rung for step in study.steps if step.counts or step.status == "stopped early"}
    first: dict[str, Step] = {}
    for step in study.steps:
        if step.status in UNTRIED and step.rung not in measured:
            first.setdefault(step.rung, step)
    return tuple(first.values())


def shown_runs(study: Study) -> tuple[SplitName, tuple[Run, ...]]:
    """The Runs set side by side: the finalists on test, cheapest first; without a decision the best of each rung on dev."""
    if study.decision:
        rank = {finalist.key: place for place, finalist in enumerate(study.decision.finalists)}
        return "test", tuple(sorted(study.tests, key=lambda run: rank.get(run.key, len(rank))))
    best: dict[str, Run] = {}
    for step in study.steps:
        if step.counts and step.run and (step.rung not in best or step.run.mean > best[step.rung].mean):
            best[step.rung] = step.run
    return "dev", tuple(best.values())[-MAX_DEV_RUNS:]


def focus(study: Study) -> Run | None:
    """The Run of the system that the report looks at most closely: the chosen one on test, else the best on dev; None without."""
    if study.decision:
        return study.test_run(study.decision.winner.fingerprint)
    best = best_on_dev(study)
    return best.step.run if best else None
