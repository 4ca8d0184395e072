"""Where the candidates of a rung are made and race on dev: each step is recorded, and a failure costs one candidate only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tailor.approaches.approach import TrainingData, looks_at_dev, summary_of, training_of
from tailor.data.example import Example
from tailor.decide.budget import Budget
from tailor.decide.candidates import RaceCandidate, RaceRows, race_rows
from tailor.decide.cost import NEVER_SAID, system_cost
from tailor.decide.prices import PriceList
from tailor.decide.race import rounds
from tailor.decide.rungs import Proposal, Rung
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
        data: train and dev.
        engine: answers.
        prices: of the models' tokens.
        observer: told what happens.
        budget: the time left.
        pace: how often documents and rules change.
        runs: dev Runs that count: complete, or as far as the time limit left room.
        steps: everything tried, and everything left out.
    """

    data: TrainingData
    engine: Engine
    prices: PriceList
    observer: Observer
    budget: Budget
    pace: Pace = NEVER_SAID
    runs: list[Run] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def race(self, rung: Rung, proposals: Sequence[Proposal]) -> None:
        """Make the rung's candidates and race them on dev (`tailor.decide.race`).

        Under a time limit what does not fit is left out, and what was measured up to there counts.

        Raises:
            CallsFailed: an endpoint did not answer every row, so that nobody's score can be compared.
        """
        where, candidates = race_rows(self.data.dev, proposals), list[RaceCandidate]()
        trained = self._train_together(rung, proposals, where)
        for proposal in proposals:
            candidates += self._make(rung, proposal, where, trained)
        least = max(2, len(candidates)) if rung.is_complete else 2
        teams = [candidate.system.weights.digest for candidate in candidates]
        for stage in rounds(len(candidates), len(where.blocks), lambda number: candidates[number].record, least=least, teams=teams):
            for candidate in (candidate for number, candidate in enumerate(candidates) if number not in stage.candidates):
                self._finish(rung, candidate, where, "stopped early", "others on its rung did at least as well")
            rows = [row for block in stage.blocks for row in where.blocks[block]]
            self.engine.batches.ahead(
                [(candidates[number].system, rows) for number in stage.candidates if not candidates[number].out]
            )
            for candidate in (candidates[number] for number in stage.candidates):
                for block in stage.blocks:
                    self._ask(rung, candidate, where, where.blocks[block])
                if stage.blocks.stop == len(where.blocks):
                    self._finish(rung, candidate, where, "measured")

    def leave_out(self, rung: Rung, proposals: Sequence[Proposal], status: StepStatus, why: str) -> None:
        """Record that candidates were not tried, and why."""
        for proposal in proposals:
            self._record(Step(rung.name, proposal.name, status, why, pulls=rung.pulls))

    def cost(self, run: Run) -> Cost:
        """What a system costs, on token counts."""
        teacher = run.system.weights.teacher
        taught_at = self.prices.models.get(teacher.digest) if teacher else None
        return system_cost(self.data, run, self.prices.of(run.system), self.engine, self.pace, taught_at)

    def _train_together(self, rung: Rung, proposals: Sequence[Proposal], where: RaceRows) -> Mapping[Path, float]:
        """Train side by side what several candidates need; the folders with the seconds that each took.

        Under a time limit each training is judged, and cut short, by itself.
        """
        if not rung.trains or self.budget.is_limited or not where.rows:
            return {}
        trainings = []
        for proposal in proposals:
            with suppress(TailorError):  # whoever makes the proposal meets it again, and records it
                trainings.append(training_of(proposal.approach, proposal.base, self._given(proposal, where), self.engine))
        found = side_by_side(training for training in trainings if training is not None)
        if found:
            self.observer.began(rung.name, f"{len(found)} trainings side by side")
        return train_together(found, self.observer.progress)

    def _given(self, proposal: Proposal, where: RaceRows) -> TrainingData:
        """What the candidate may learn from.

        It is given no dev rows but those that nobody in this race is measured on, and these only if it says that it looks at them.
        """
        return replace(self.data, dev=where.shown if looks_at_dev(proposal.approach) else ())

    def _make(self, rung: Rung, proposal: Proposal, where: RaceRows, trained: Mapping[Path, float]) -> list[RaceCandidate]:
        """The candidate made into a System, ready to race; nothing when that cannot be done, which is recorded."""

        def attempt() -> RaceCandidate:
            if not where.rows:
                raise ConfigError("all dev rows are of one group: none is left to measure what the others choose", "add groups")
            if rung.takes == "answers":
                self.budget.check()
            if rung.trains:
                self.budget.check_training(proposal)
            self.observer.began(rung.name, proposal.name)
            started = time.monotonic()
            progress = self.budget.paced(self.observer.progress)
            system = proposal.approach.fit(proposal.base, self._given(proposal, where), self.engine, progress)
            seconds = time.monotonic() - started + trained.get(self.engine.store / system.weights.tuned, 0.0)
            return RaceCandidate(proposal, system, seconds, self.prices.weigh)

        try:
            made = self._guarded(rung, proposal, attempt)
        except OutOfTime as error:
            self._record(Step(rung.name, proposal.name, "no time", f"{error}.", pulls=rung.pulls))
            return []
        return [] if made is None else [made]

    def _ask(self, rung: Rung, candidate: RaceCandidate, where: RaceRows, block: tuple[Example, ...]) -> None:
        """Measure a candidate on one more block, unless it is out; a failure or a lack of time puts it out, and is recorded."""
        if candidate.out:
            return

        def attempt() -> Run:
            self.budget.check_fits(candidate.system, block, candidate.run)
            self.observer.began(rung.name, candidate.proposal.name)
            return measure(self.data.task, candidate.system, "dev", block, self.engine, self.observer.progress)

        try:
            run = self._guarded(rung, candidate.proposal, attempt)
        except CallsFailed as error:
            raise self._failed(rung, candidate, str(error)) from error
        except OutOfTime as error:
            if candidate.run is None:
                self._record(Step(rung.name, candidate.proposal.name, "no time", f"{error}.", pulls=rung.pulls))
            self._finish(rung, candidate, where, "measured in part", str(error))
            return
        if run is None:
            candidate.out = True
            return
        candidate.run = run if candidate.run is None else candidate.run.extended(run)
        if candidate.run.failure:
            raise self._failed(rung, candidate, candidate.run.failure, candidate.run)

    def _failed(self, rung: Rung, candidate: RaceCandidate, why: str, run: Run | None = None) -> CallsFailed:
        """Record that calls failed, of the system or of its judge; gives what ends the climb."""
        self._record(Step(rung.name, candidate.proposal.name, "failed", f"{why}.", run=run, pulls=rung.pulls))
        return CallsFailed(f"{why}. Nothing is decided while calls fail")

    def _finish(self, rung: Rung, candidate: RaceCandidate, where: RaceRows, status: StepStatus, why: str = "") -> None:
        """Put a candidate out of the race and record what it has answered: all rows, or those up to where it stopped, and why."""
        if candidate.out:
            return
        candidate.out = True
        if candidate.run is None:
            return
        run, rows = candidate.run.on(where.rows), len(where.rows)
        note = f"stopped after {len(run.examples)} of {rows} dev rows: {why}" if status != "measured" else ""
        if status == "measured" and looks_at_dev(candidate.proposal.approach):
            note = f"chosen on {len(where.shown)} dev rows and measured on the other {rows}"
        note = "; ".join(filter(None, (note, summary_of(candidate.proposal.approach))))
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
            seconds=candidate.setup + run.seconds * len(run.examples),
            setup_seconds=candidate.setup,
            pulls=rung.pulls,
        )
        if step.counts and same is None:
            self.runs.append(run)
        self._record(step)

    def _guarded(self, rung: Rung, proposal: Proposal, attempt: Callable[[], T]) -> T | None:
        """What the attempt gives; a failure that is this candidate's own is recorded as a step and gives None."""
        try:
            return attempt()
        except DoesNotFit as error:
            self._record(Step(rung.name, proposal.name, "does not fit", f"{error}.", pulls=rung.pulls))
        except (ConfigError, DocumentsError) as error:
            self._record(Step(rung.name, proposal.name, "not possible", f"{error}.", pulls=rung.pulls))
        except EndpointError as error:
            if error.fatal:
                raise
            self._record(Step(rung.name, proposal.name, "failed", f"{error}.", pulls=rung.pulls))
        return None

    def _record(self, step: Step) -> None:
        self.steps.append(step)
        self.observer.ended(step)
