"""Where the candidates of a rung are made and race on dev: each step is recorded, and a failure costs one candidate only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tailor.approaches.approach import Material, looks_at_dev, told_of, training_of
from tailor.data.example import Example
from tailor.decide.arms import Arm, Course, course
from tailor.decide.budget import Budget
from tailor.decide.cost import NEVER_SAID, system_cost
from tailor.decide.prices import PriceList
from tailor.decide.race import heats
from tailor.decide.rungs import Option, Rung
from tailor.decide.step import Observer, Step, StepStatus
from tailor.decide.types import Cost, Pace
from tailor.engine import Engine
from tailor.errors import CallsFailed, ConfigError, DocumentsError, DoesNotFit, EndpointError, OutOfTime, TailorError
from tailor.evaluate.measure import measure
from tailor.evaluate.run import Run
from tailor.models.together import side_by_side, train_together
from tailor.stats.intervals import mean_interval

T = TypeVar("T")


@dataclass
class Track:
    """The races of one climb, and what came of them.

    Args:
        material: train and dev.
        engine: answers.
        prices: of the models' tokens.
        observer: told what happens.
        budget: the time left.
        pace: how often documents and rules change.
        runs: dev Runs that count: complete, or as far as the time limit left room.
        steps: everything tried, and everything left out.
    """

    material: Material
    engine: Engine
    prices: PriceList
    observer: Observer
    budget: Budget
    pace: Pace = NEVER_SAID
    runs: list[Run] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def race(self, rung: Rung, candidates: Sequence[Option]) -> None:
        """Make the rung's candidates and race them on dev (`tailor.decide.race`).

        Under a time limit what does not fit is left out, and what was measured up to there counts.

        Raises:
            CallsFailed: an endpoint did not answer every row, so that nobody's score can be compared.
        """
        where, arms = course(self.material.dev, candidates), list[Arm]()
        trained = self._train_together(rung, candidates, where)
        for candidate in candidates:
            arms += self._make(rung, candidate, where, trained)
        least = max(2, len(arms)) if rung.is_complete else 2
        teams = [arm.system.weights.digest for arm in arms]
        for heat in heats(len(arms), len(where.blocks), lambda number: arms[number].standing, least=least, teams=teams):
            for arm in (arm for number, arm in enumerate(arms) if number not in heat.arms):
                self._finish(rung, arm, where, "stopped early", "others of its rung did at least as well")
            rows = [row for block in heat.blocks for row in where.blocks[block]]
            self.engine.batches.ahead([(arms[number].system, rows) for number in heat.arms if not arms[number].out])
            for arm in (arms[number] for number in heat.arms):
                for block in heat.blocks:
                    self._ask(rung, arm, where, where.blocks[block])
                if heat.blocks.stop == len(where.blocks):
                    self._finish(rung, arm, where, "measured")

    def leave_out(self, rung: Rung, candidates: Sequence[Option], status: StepStatus, why: str) -> None:
        """Record that candidates were not tried, and why."""
        for candidate in candidates:
            self._record(Step(rung.name, candidate.name, status, why, pulls=rung.pulls))

    def cost(self, run: Run) -> Cost:
        """What a system costs, on token counts."""
        teacher = run.system.weights.teacher
        taught_at = self.prices.models.get(teacher.digest) if teacher else None
        return system_cost(self.material, run, self.prices.of(run.system), self.engine, self.pace, taught_at)

    def _train_together(self, rung: Rung, candidates: Sequence[Option], where: Course) -> Mapping[Path, float]:
        """Train side by side what several candidates need; the folders with the seconds that each took.

        Under a time limit each training is judged, and cut short, by itself.
        """
        if not rung.trains or self.budget.is_limited or not where.rows:
            return {}
        trainings = []
        for candidate in candidates:
            with suppress(TailorError):  # whoever makes the candidate meets it again, and records it
                trainings.append(training_of(candidate.approach, candidate.base, self._given(candidate, where), self.engine))
        found = side_by_side(training for training in trainings if training is not None)
        if found:
            self.observer.began(rung.name, f"{len(found)} trainings side by side")
        return train_together(found, self.observer.progress)

    def _given(self, candidate: Option, where: Course) -> Material:
        """What the candidate may learn from.

        It is given no dev rows but those that nobody in this race is measured on, and these only if it says that it looks at them.
        """
        return replace(self.material, dev=where.shown if looks_at_dev(candidate.approach) else ())

    def _make(self, rung: Rung, candidate: Option, where: Course, trained: Mapping[Path, float]) -> list[Arm]:
        """The candidate made into a System, ready to race; nothing when that cannot be done, which is recorded."""

        def attempt() -> Arm:
            if not where.rows:
                raise ConfigError("all dev rows are of one group: none is left to measure what the others choose", "add groups")
            if rung.takes == "answers":
                self.budget.check()
            if rung.trains:
                self.budget.check_training(candidate)
            self.observer.began(rung.name, candidate.name)
            started = time.monotonic()
            progress = self.budget.paced(self.observer.progress)
            system = candidate.approach.fit(candidate.base, self._given(candidate, where), self.engine, progress)
            seconds = time.monotonic() - started + trained.get(self.engine.store / system.weights.tuned, 0.0)
            return Arm(candidate, system, seconds, self.prices.weigh)

        try:
            made = self._guarded(rung, candidate, attempt)
        except OutOfTime as error:
            self._record(Step(rung.name, candidate.name, "no time", f"{error}.", pulls=rung.pulls))
            return []
        return [] if made is None else [made]

    def _ask(self, rung: Rung, arm: Arm, where: Course, block: tuple[Example, ...]) -> None:
        """Measure an arm on one more block, unless it is out; a failure or a lack of time puts it out, and is recorded."""
        if arm.out:
            return

        def attempt() -> Run:
            self.budget.check_fits(arm.system, block, arm.run)
            self.observer.began(rung.name, arm.option.name)
            return measure(self.material.task, arm.system, "dev", block, self.engine, self.observer.progress)

        try:
            run = self._guarded(rung, arm.option, attempt)
        except CallsFailed as error:
            raise self._failed(rung, arm, str(error)) from error
        except OutOfTime as error:
            if arm.run is None:
                self._record(Step(rung.name, arm.option.name, "no time", f"{error}.", pulls=rung.pulls))
            self._finish(rung, arm, where, "measured in part", str(error))
            return
        if run is None:
            arm.out = True
            return
        arm.run = run if arm.run is None else arm.run.extended(run)
        if arm.run.failure:
            raise self._failed(rung, arm, arm.run.failure, arm.run)

    def _failed(self, rung: Rung, arm: Arm, why: str, run: Run | None = None) -> CallsFailed:
        """Record that calls failed, of the system or of its judge; gives what ends the climb."""
        self._record(Step(rung.name, arm.option.name, "failed", f"{why}.", run=run, pulls=rung.pulls))
        return CallsFailed(f"{why}. Nothing is decided while calls fail")

    def _finish(self, rung: Rung, arm: Arm, where: Course, status: StepStatus, why: str = "") -> None:
        """Put an arm out of the race and record what it has answered: all rows, or those up to where it stopped, and why."""
        if arm.out:
            return
        arm.out = True
        if arm.run is None:
            return
        run, rows = arm.run.on(where.rows), len(where.rows)
        note = f"stopped after {len(run.examples)} of {rows} dev rows: {why}" if status != "measured" else ""
        if status == "measured" and looks_at_dev(arm.option.approach):
            note = f"chosen by {len(where.shown)} dev rows and measured on the other {rows}"
        note = "; ".join(filter(None, (note, told_of(arm.option.approach))))
        same = next((r.system.name for r in self.runs if r.system.fingerprint == run.system.fingerprint), None)
        if same is not None:
            note = f"{run.system.steps[-1]} changed nothing: the same system as {same}"
        step = Step(
            rung.name,
            run.system.name,
            status,
            note,
            dev=mean_interval(run.values, 0.95, groups=run.units),
            run=run,
            cost=self.cost(run),
            seconds=arm.setup + run.seconds * len(run.examples),
            setup_seconds=arm.setup,
            pulls=rung.pulls,
        )
        if step.counts and same is None:
            self.runs.append(run)
        self._record(step)

    def _guarded(self, rung: Rung, candidate: Option, attempt: Callable[[], T]) -> T | None:
        """What the attempt gives; a failure that is this candidate's own is recorded as a step and gives None."""
        try:
            return attempt()
        except DoesNotFit as error:
            self._record(Step(rung.name, candidate.name, "does not fit", f"{error}.", pulls=rung.pulls))
        except (ConfigError, DocumentsError) as error:
            self._record(Step(rung.name, candidate.name, "not possible", f"{error}.", pulls=rung.pulls))
        except EndpointError as error:
            if error.fatal:
                raise
            self._record(Step(rung.name, candidate.name, "failed", f"{error}.", pulls=rung.pulls))
        return None

    def _record(self, step: Step) -> None:
        self.steps.append(step)
        self.observer.ended(step)
