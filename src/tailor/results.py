"""A Study: the results of a run of the ladder, for the report, `tailor show`, `tailor try` and notebooks."""

from __future__ import annotations

from dataclasses import dataclass

from tailor.advise.advice import Advice
from tailor.data.example import Splits
from tailor.decide.controls import Control
from tailor.decide.estimate import Estimate
from tailor.decide.step import Step as Step
from tailor.decide.step import StepStatus as StepStatus
from tailor.decide.types import Decision
from tailor.diagnose.curve import LearningCurve
from tailor.diagnose.types import Diagnosis
from tailor.evaluate.consistency import Consistency
from tailor.evaluate.run import Run
from tailor.store.spending import Spent
from tailor.task import Task


@dataclass(frozen=True)
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
        diagnosis: why the baseline fails, and what each lever was forecast to win; None when nothing was diagnosed.
        curve: what more labels would bring.
        consistency: how steadily the finalists answer, in the order of `tests`; empty when it was not measured.
        controls: what answers without sense score on the test set; empty when it was not opened.
        expected: what it was expected to ask endpoints for, before it did; None where none was asked.
        spent: what all calls of the project to endpoints cost until this study ended; None where no endpoint was asked.
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

    def dev_run(self, system: str) -> Run | None:
        """The dev Run of a system that counts (complete, or as far as the time limit left room), by name."""
        for step in self.steps:
            if step.system == system and step.run is not None and step.counts:
                return step.run
        return None

    def test_run(self, system: str) -> Run | None:
        """The test Run of a finalist, by name."""
        return next((run for run in self.tests if run.system.name == system), None)
