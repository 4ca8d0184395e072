"""A Study: everything a run of the ladder found, for the report, `tailor show` and `tailor try`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tailor.data.example import Splits
from tailor.decide.types import Cost, Decision, Interval
from tailor.evaluate.run import Run
from tailor.task import Task

StepStatus = Literal["measured", "stopped early", "does not fit", "not needed", "cannot pay", "no time", "failed", "not possible"]


@dataclass(frozen=True)
class Step:
    """One thing the ladder tried, or decided not to try.

    Attributes:
        rung: the rung's name, such as "prompt" or "retrieve".
        system: the system's name, such as "few-shot-nearest-5".
        status: what became of it.
        note: one sentence: why it stopped, what it would need, what it learned.
        dev: the metric on dev with a 95 % interval, when measured.
        run: the Run on dev (complete or stopped early), when measured.
        cost: what it would cost, when measured.
        seconds: time spent making and measuring it.
        setup_seconds: the part of `seconds` spent making it (training, indexing, choosing examples).
    """

    rung: str
    system: str
    status: StepStatus
    note: str = ""
    dev: Interval | None = None
    run: Run | None = None
    cost: Cost | None = None
    seconds: float = 0.0
    setup_seconds: float = 0.0


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

    def dev_run(self, system: str) -> Run | None:
        """The complete dev Run of a system, by name."""
        for step in self.steps:
            if step.system == system and step.run is not None and step.status == "measured":
                return step.run
        return None

    def test_run(self, system: str) -> Run | None:
        """The test Run of a finalist, by name."""
        return next((run for run in self.tests if run.system.name == system), None)
