"""A Study: the results of a run of the ladder, for the report, `tailor show`, `tailor try` and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailor.advise.advice import Advice
from tailor.card import Listing, card, table_html
from tailor.data.example import Splits
from tailor.decide.amounts import Estimate
from tailor.decide.controls import Control
from tailor.decide.formats import format_score, format_target
from tailor.decide.step import Step as Step
from tailor.decide.step import StepStatus as StepStatus
from tailor.decide.types import Decision, Interval
from tailor.diagnose.curve import LearningCurve
from tailor.diagnose.types import Diagnosis
from tailor.errors import quoted
from tailor.evaluate.consistency import Consistency
from tailor.evaluate.forgetting import Forgetting
from tailor.evaluate.found import Found
from tailor.evaluate.freshness import Freshness
from tailor.evaluate.hostile import Injection
from tailor.evaluate.run import Run
from tailor.evaluate.searched import SearchTrial
from tailor.evaluate.sources import Sources
from tailor.labelling.worth import LabelsWorth
from tailor.store.spending import Spent
from tailor.task import Task


@dataclass(frozen=True, repr=False)
class Study:
    """What a run of the ladder found.

    Attributes:
        task: the task.
        splits: the data.
        steps: everything tried, in order.
        stopped: why the climb ended, in one sentence.
        tests: the finalists' Runs on the sealed test set; empty when it was not opened.
        decision: what follows; None when the test set was not opened.
        provenance: name -> value: fingerprints, versions, seed, commit, machine.
        started: ISO time.
        finished: ISO time.
        advice: what was expected before anything was measured.
        diagnosis: why the first model's baseline fails, and what each lever was forecast to win; None when nothing was diagnosed.
        curve: what more labels would bring.
        consistency: how steadily the finalists answer, in the order of `tests`; empty when it was not measured.
        controls: what answers without sense score on the test set; empty when it was not opened.
        expected: what it was expected to ask endpoints for, before it did; None where none was asked.
        spent: what all calls of the project to endpoints cost until this study ended; None where no endpoint was asked.
        forgetting: what each tuned finalist lost of what its model could do besides; empty where none is tuned or it was not asked.
        worth: what labels are worth to the decision; None where nobody labelled rows for Tailor.
        other_diagnoses: the same of further models whose weights can be tuned.
        freshness: whether finalists follow changed documents; empty until they are probed (`tailor.probing`).
        injections: how often finalists obey instructions on hostile pages; empty until they are probed.
        searches: ways to search that were measured by search alone, to choose which of them race.
        sources: whether the winner's passages hold its answers; None where it was given none.
        found: how well each way to search finds what dev rows need; empty where nothing was searched for.
        before: the decision that this one takes the place of; None where it was not decided again.
    """

    task: Task
    splits: Splits
    steps: tuple[Step, ...]
    stopped: str
    tests: tuple[Run, ...]
    decision: Decision | None
    provenance: dict[str, str]
    started: str
    finished: str
    advice: Advice | None = None
    diagnosis: Diagnosis | None = None
    curve: LearningCurve | None = None
    consistency: tuple[Consistency, ...] = ()
    controls: tuple[Control, ...] = ()
    spent: Spent | None = None
    expected: Estimate | None = None
    other_diagnoses: tuple[Diagnosis, ...] = ()
    forgetting: tuple[Forgetting, ...] = ()
    freshness: tuple[Freshness, ...] = ()
    injections: tuple[Injection, ...] = ()
    worth: LabelsWorth | None = None
    searches: tuple[SearchTrial, ...] = ()
    sources: Sources | None = None
    found: tuple[Found, ...] = ()
    before: Decision | None = None

    def __repr__(self) -> str:
        return f"<Study {quoted(self.task.name, 40)}: {self._said(100)}>"

    def _repr_html_(self) -> str:
        decision = self.decision
        said = [decision.headline, *decision.changes] if decision else [self.stopped or "Nothing was decided."]
        columns = ("system", "dev", "test", "test_low", "test_high", "per_1000", "status", "chosen")
        rows = [{name: row[name] for name in columns} for row in self.table()]
        return card(f"Study {self.task.name}: {decision.verdict if decision else 'no decision'}", said, table_html(rows))

    def _said(self, limit: int) -> str:
        """The decision in a few words."""
        if self.decision is None:
            return f"no decision after {len(self.steps)} steps"
        chosen = next(finalist for finalist in self.decision.finalists if finalist.name == self.decision.chosen)
        score = f"{format_score(chosen)}, target {format_target(self.decision.target)}"
        return f"{self.decision.verdict}, {quoted(chosen.name, limit - len(score) if limit > len(score) + 20 else 20)} {score}"

    def table(self) -> Listing:
        """One row for each system tried, best first: by its score on the test set, else on dev.

        Plain dicts, whatever is installed, so that code that reads them runs everywhere; `pandas.DataFrame(study.table())` makes
        a frame.

        Returns:
            Rows with system, model, rung, status, dev, dev_low, dev_high, dev_rows, test, test_low, test_high, per_1000 (price of
            1,000 answers in the task's currency), total (over the task's months, errors included), seconds (of an answer) and
            chosen. Scores and limits are shares; what was not measured is None.
        """
        finalists = {finalist.name: finalist for finalist in self.decision.finalists} if self.decision else {}
        rows: dict[str, dict[str, object]] = {}
        for step in self.steps:
            finalist = finalists.get(step.system)
            test = finalist.score if finalist else None
            cost = finalist.cost if finalist else step.cost
            rows[step.system] = {  # the last step of a system says what became of it
                "system": step.system,
                "model": step.run.system.weights.model if step.run else None,
                "rung": step.rung,
                "status": step.status,
                **_limits("dev", step.dev),
                "dev_rows": step.dev.n if step.dev else None,
                **_limits("test", test),
                "per_1000": cost.per_1000 if cost else None,
                "total": cost.total if cost else None,
                "seconds": step.run.seconds if step.run else None,
                "chosen": self.decision is not None and step.system == self.decision.chosen,
            }
        return Listing(sorted(rows.values(), key=lambda row: _place(row["test"], row["dev"])))

    def dev_run(self, system: str) -> Run | None:
        """The dev Run of a system that counts (complete, or as far as the time limit left room), by fingerprint or name."""
        return _of(system, [step.run for step in self.steps if step.run is not None and step.counts])

    def test_run(self, system: str) -> Run | None:
        """The test Run of a finalist, by fingerprint or name."""
        return _of(system, self.tests)


def _of(system: str, runs: Sequence[Run]) -> Run | None:
    """The first Run with this fingerprint; if there is none, the first with this name."""
    found = [run for run in runs if run.system.fingerprint == system] or [run for run in runs if run.system.name == system]
    return found[0] if found else None


def _limits(name: str, score: Interval | None) -> dict[str, object]:
    mean, low, high = (score.mean, score.low, score.high) if score else (None, None, None)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _place(*scores: object) -> tuple[float, ...]:
    """For sorting: higher scores first, none last."""
    return tuple(-score if isinstance(score, float | int) else 1.0 for score in scores)
