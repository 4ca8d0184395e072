"""The climb on dev, from cheap to dear, until the target is met or the next rung cannot pay or does not fit the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeVar

from tailor.approaches.approach import Material, looks_at_dev, starting_system
from tailor.data.example import Example
from tailor.decide.arms import Arm, Course, course
from tailor.decide.cost import NEVER_SAID, cost_of
from tailor.decide.formats import format_percent, format_target
from tailor.decide.hope import all_climbed, hopeless
from tailor.decide.prices import EMBEDDER_PARAMETERS, machine_rates
from tailor.decide.race import heats
from tailor.decide.rungs import Option, Rung, best, ladder, tie
from tailor.decide.step import Step, StepStatus
from tailor.decide.types import Cost, Pace, Rates
from tailor.diagnose.diagnosis import diagnose
from tailor.diagnose.forecast import in_order
from tailor.diagnose.types import Diagnosis
from tailor.diagnose.words import summary
from tailor.engine import Engine
from tailor.errors import ConfigError, DocumentsError, DoesNotFit, EndpointError, OutOfTime
from tailor.evaluate.measure import measure
from tailor.evaluate.run import Run
from tailor.models.tune import read_tuned
from tailor.stats.intervals import clopper_pearson_lower, lower_bound, mean_interval
from tailor.stats.spending import MOST_FINALISTS, of_target
from tailor.system import START

T = TypeVar("T")

TRAINING_TOKENS_PER_SECOND = 450
"""LoRA on the built-in model on two cores (docs/log.md); used only to foresee whether a training fits the time limit."""
TOP_LAYERS_SPEED = 3
"""How much quicker it is on the top layers over three epochs, what lies below computed once (docs/log.md)."""


STOP_CONFIDENCE = 0.80
"""The climb stops when dev shows the target with this one-sided confidence: dev chooses, the sealed test alone certifies."""


class Observer(Protocol):
    """Who wants to see the climb as it happens."""

    def began(self, rung: str, system: str) -> None:
        """A candidate is being made or measured."""
        ...

    def progress(self, done: int, total: int) -> None:
        """How far the present work is."""
        ...

    def ended(self, step: Step) -> None:
        """A step is done."""
        ...

    def said(self, text: str) -> None:
        """A sentence worth showing."""
        ...


@dataclass
class Clock:
    """The user's time limit in seconds; None = no limit."""

    limit: float | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds left, infinite without a limit."""
        return float("inf") if self.limit is None else self.limit - (time.monotonic() - self.started)

    def check(self) -> None:
        """Raise OutOfTime when the limit is reached."""
        if self.left <= 0:
            raise OutOfTime("the time limit was reached", "what was measured is kept; run again to go on from here")


@dataclass
class Climb:
    """One climb of the ladder.

    Args:
        material: train and dev.
        engine: answers.
        rates: token prices.
        clock: the time limit.
        observer: told what happens.
        everything: climb every rung, whatever was found.
        test_rows: rows of the sealed test, whose time is kept in reserve.
        pace: how often documents and rules change.
    """

    material: Material
    engine: Engine
    rates: Rates
    clock: Clock
    observer: Observer
    everything: bool
    test_rows: int
    pace: Pace = NEVER_SAID
    steps: list[Step] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    stopped: str = ""
    diagnosis: Diagnosis | None = None
    _looked: bool = False

    def climb(self) -> None:
        """Climb until a reason to stop is found; fills `steps`, `runs` (complete, on dev), `stopped` and `diagnosis`."""
        task, model = self.material.task, self.engine.model
        start = starting_system(task, self.material.train, model)
        rungs = list(ladder(task, bool(self.engine.documents), model.can_score, model.can_tune))
        while rungs:
            rung, *rungs = rungs
            if rung.optional and not self.everything:
                continue
            candidates = rung.candidates(start, self.runs)
            if (reason := self._reason_to_stop(rung, candidates)) is not None:
                status, self.stopped = reason
                self._leave_out(rung, candidates, status, self.stopped)
                if status == "not needed" or all(later.trains for later in rungs):
                    return
                continue  # a training that was brought forward does not keep cheaper rungs from being climbed
            if (why := self._cannot_win(rung, candidates)) is not None:
                self._leave_out(rung, candidates, "cannot pay", why)
            elif not self._race(rung, candidates):
                return
            if not self._looked:
                rungs = self._look_into(rungs)
        self.stopped = self.stopped or all_climbed(self.steps)

    def _look_into(self, rungs: Sequence[Rung]) -> list[Rung]:
        """Ask why the baseline fails, once it is measured; the rungs that follow, in the order that its forecasts speak for."""
        baseline = next((run for run in self.runs if run.system.name == START), None)
        self._looked = baseline is not None
        if baseline is None or baseline.count("failed") == len(baseline.scores):
            return list(rungs)  # answers that did not come say nothing of why it fails
        if self.material.task.judge is not None:
            self.observer.said(f"Why {START} fails is not forecast: a judge would have to be asked of answers that nobody gave.")
            return list(rungs)
        self.observer.began("diagnosis", f"why {START} fails")
        try:
            self._keep_time_for_the_test()
            self.diagnosis = diagnose(self.material, self.engine, baseline)
        except OutOfTime:
            return list(rungs)  # the next rung finds no time either, and says so
        except (ConfigError, DocumentsError, DoesNotFit, EndpointError) as error:
            if isinstance(error, EndpointError) and error.fatal:
                raise
            # What stands in the way of a forecast stands in the way of a candidate at most: it is tried, and says so itself.
            self.observer.said(f"Why {START} fails could not be found out: {error}.")
            return list(rungs)
        for sentence in summary(self.diagnosis):
            self.observer.said(sentence)
        by_name = {rung.name: rung for rung in rungs}
        return [by_name[name] for name in in_order(self.diagnosis, list(by_name))]

    def _cannot_win(self, rung: Rung, candidates: Sequence[Option]) -> str | None:
        """Why the forecasts leave this rung no hope of beating the leader, or None; the rungs behind it may still do."""
        if self.everything or self.diagnosis is None:
            return None
        return hopeless(self.diagnosis, rung.name, candidates, self.generative)

    def _leave_out(self, rung: Rung, candidates: Sequence[Option], status: StepStatus, why: str) -> None:
        for candidate in candidates:
            self._record(Step(rung.name, candidate.name, status, why))

    @property
    def generative(self) -> list[Run]:
        """Complete dev Runs of generative systems; the reference classifier is not among them."""
        return [run for run in self.runs if run.system.decoding.method != "head"]

    def _reason_to_stop(self, rung: Rung, candidates: Sequence[Option]) -> tuple[StepStatus, str] | None:
        """Why this rung is not climbed, or None."""
        leader = best(self.generative)
        if leader is None or not candidates:
            return None
        task = self.material.task
        # A judge's verdicts on dev say which system is better, but not how good it is: they are not corrected.
        if not self.everything and task.judge is None:
            shows = lower_bound(leader.values, 1 - STOP_CONFIDENCE, groups=leader.groups) >= task.target
            if shows and self._test_would_show(leader):
                reached = f"{leader.system.name} reaches {format_percent(leader.mean)} on dev"
                shown = f"{reached} and the target is {format_target(task.target)}"
                return "not needed", f"{shown}: the next rung ({rung.name}) is not needed."
            if rung.trains and (reason := self._cannot_pay(leader, candidates[0])) is not None:
                return "cannot pay", reason
        if rung.trains and self.clock.limit is not None:
            need = self._training_seconds(candidates[0])
            if need + self._test_seconds() > self.clock.left:
                return "no time", (
                    f"The next rung ({rung.name}) would need about {_minutes(need)} of training; the time limit leaves "
                    f"{_minutes(max(0.0, self.clock.left - self._test_seconds()))} beside the final test."
                )
        return None

    def _test_would_show(self, leader: Run) -> bool:
        """Whether the sealed test has rows enough to certify the target if the leader is as good as on dev."""
        right = round(leader.mean * self.test_rows)
        return clopper_pearson_lower(right, self.test_rows, of_target(1, MOST_FINALISTS)) >= self.material.task.target

    def _cannot_pay(self, leader: Run, candidate: Option) -> str | None:
        """Why even a perfect result of this rung would cost more than it saves, or None (also when errors have no price)."""
        task = self.material.task
        volume = task.volume.answers_per_month * task.volume.months
        wrong = [1 - value for value in leader.values]
        error_rate = mean_interval(wrong, 2 * STOP_CONFIDENCE - 1, groups=leader.groups).high
        if not task.prices.error or error_rate is None or self.rates.training_per_million is None:
            return None
        saved = volume * error_rate * task.prices.error
        tokens = self._training_tokens(candidate) * task.tuning.epochs
        spent = len(self.material.train) * task.prices.label + tokens * self.rates.training_per_million / 1e6
        if saved >= spent:
            return None
        return (
            f"Training costs about {spent:,.2f} {task.prices.currency} (labels and machine time); without a single error it would "
            f"save at most {saved:,.2f} {task.prices.currency} in {task.volume.months:g} months."
        )

    def _training_tokens(self, candidate: Option) -> int:
        """Tokens of one epoch, estimated from a few rendered rows."""
        sample = self.material.train[:8]
        chats = self.engine.messages(candidate.base, sample)
        mean = sum(self.engine.model.count_tokens(chat) for chat, _ in chats) / len(sample)
        return round(mean * len(self.material.train[: self.material.task.tuning.max_rows]))

    def _training_seconds(self, candidate: Option) -> float:
        tuning = self.material.task.tuning
        speed = TRAINING_TOKENS_PER_SECOND * (TOP_LAYERS_SPEED if tuning.layers else 1)
        return self._training_tokens(candidate) * tuning.epochs / speed

    def _test_seconds(self) -> float:
        """What the finalists will need on the sealed test, from their time on dev."""
        return sum(run.seconds * self.test_rows for run in finalists(self.runs, tie(self.material.task)).values())

    def _race(self, rung: Rung, candidates: Sequence[Option]) -> bool:
        """Make the rung's candidates and race them on dev (`tailor.decide.race`). False when time ran out."""
        where, arms, at = course(self.material.dev, candidates), list[Arm](), ""
        try:
            for candidate in candidates:
                at = candidate.name
                arms += self._make(rung, candidate, where)
            for heat in heats(len(arms), len(where.blocks), lambda number: arms[number].standing):
                for arm in (arm for number, arm in enumerate(arms) if number not in heat.arms):
                    self._finish(rung, arm, where, "others of its rung did at least as well")
                for arm in (arms[number] for number in heat.arms):
                    at = arm.option.name
                    for block in heat.blocks:
                        self._ask(rung, arm, where.blocks[block])
                    if heat.blocks.stop == len(where.blocks):
                        self._finish(rung, arm, where)
        except OutOfTime:
            for arm in arms:
                self._finish(rung, arm, where, "the time limit was reached")
            self.stopped = f"The time limit was reached on the rung {rung.name!r}; {at} was not measured."
            if all(arm.run is None or arm.option.name != at for arm in arms):
                self._record(Step(rung.name, at, "no time", self.stopped))
            return False
        return True

    def _make(self, rung: Rung, candidate: Option, where: Course) -> list[Arm]:
        """The candidate made into a System, ready to race; nothing when that cannot be done, which is recorded.

        It is given no dev rows but those that nobody in this race is measured on, and these only if it says that it looks at them.
        """
        self._keep_time_for_the_test()
        self.observer.began(rung.name, candidate.name)

        def attempt() -> Arm:
            if not where.rows:
                raise ConfigError("all dev rows are of one group: none is left to measure what the others choose", "add groups")
            started = time.monotonic()
            material = replace(self.material, dev=where.shown if looks_at_dev(candidate.approach) else ())
            system = candidate.approach.fit(candidate.base, material, self.engine, self.observer.progress)
            return Arm(candidate, system, time.monotonic() - started)

        made = self._guarded(rung, candidate, attempt)
        return [] if made is None else [made]

    def _ask(self, rung: Rung, arm: Arm, block: tuple[Example, ...]) -> None:
        """Measure an arm on one more block, unless it is out; a failure puts it out, and is recorded."""
        if arm.out:
            return
        self._keep_time_for_the_test()
        self.observer.began(rung.name, arm.option.name)
        attempt = partial(measure, self.material.task, arm.system, "dev", block, self.engine, self.observer.progress)
        run = self._guarded(rung, arm.option, attempt)
        if run is None:
            arm.out = True
        else:
            arm.run = run if arm.run is None else arm.run.extended(run)

    def _finish(self, rung: Rung, arm: Arm, where: Course, why: str = "") -> None:
        """Put an arm out of the race and record what it has answered: all rows, or those up to where it stopped, and why."""
        if arm.out or arm.run is None:
            return
        arm.out = True
        run, rows = arm.run.on(where.rows), len(where.rows)
        if len(run.examples) < rows:
            note = f"stopped after {len(run.examples)} of {rows} dev rows: {why}"
            self._measured(rung, run, arm.setup, "stopped early", note)
        else:
            looked = looks_at_dev(arm.option.approach)
            note = f"chosen by {len(where.shown)} dev rows and measured on the other {rows}" if looked else ""
            self._measured(rung, run, arm.setup, "measured", note)

    def _keep_time_for_the_test(self) -> None:
        if not self.everything and self.clock.left < self._test_seconds():
            raise OutOfTime("the time left is needed for the final test")

    def _guarded(self, rung: Rung, candidate: Option, attempt: Callable[[], T]) -> T | None:
        """What the attempt gives; a failure that is this candidate's own is recorded as a step and gives None."""
        try:
            return attempt()
        except DoesNotFit as error:
            self._record(Step(rung.name, candidate.name, "does not fit", f"{error}."))
        except (ConfigError, DocumentsError) as error:
            self._record(Step(rung.name, candidate.name, "not possible", f"{error}."))
        except EndpointError as error:
            if error.fatal:
                raise
            self._record(Step(rung.name, candidate.name, "failed", f"{error}."))
        return None

    def _measured(self, rung: Rung, run: Run, setup: float, status: StepStatus, note: str = "") -> None:
        same = next((r.system.name for r in self.runs if r.system.fingerprint == run.system.fingerprint), None)
        if same is not None:
            note = f"{run.system.steps[-1]} changed nothing: the same system as {same}"
        elif status == "measured":
            self.runs.append(run)
        step = Step(
            rung.name,
            run.system.name,
            status,
            note,
            dev=mean_interval(run.values, 0.95, groups=run.groups),
            run=run,
            cost=self.cost(run),
            seconds=setup + run.seconds * len(run.examples),
            setup_seconds=setup,
        )
        self._record(step)

    def cost(self, run: Run) -> Cost:
        """What a system costs, on token counts."""
        return system_cost(self.material, run, self.rates, self.engine, self.pace)

    def _record(self, step: Step) -> None:
        self.steps.append(step)
        self.observer.ended(step)


def system_cost(material: Material, run: Run, rates: Rates, engine: Engine, pace: Pace = NEVER_SAID) -> Cost:
    """What a system costs: labels it learned from, training, tokens, and keeping up with changes."""
    system, embedding = run.system, machine_rates(material.task.prices, EMBEDDER_PARAMETERS)
    if system.decoding.method == "head":
        rates = embedding
    labels, trained = len(system.prompt.shots), 0
    if system.decoding.method == "head":
        labels = len(material.train)
    elif system.is_tuned and (tuned := read_tuned(engine.store / system.weights.tuned)) is not None:
        labels, trained = len(material.train[: material.task.tuning.max_rows]), tuned.trained_tokens
    # The same stated estimate as elsewhere: a token is about four characters.
    tokens = sum(len(document.text) for document in engine.documents) / 4 / max(1, len(engine.documents))
    document_price = tokens * (embedding.input_per_million or 0.0) / 1e6 if system.knowledge.embedder else 0.0
    return cost_of(
        *(material.task, run, rates, labels, trained), dev_rows=len(material.dev), document_price=document_price, pace=pace
    )


def finalists(runs: Sequence[Run], near: float = 0.0) -> dict[str, Run]:
    """Role -> dev Run: the baseline and the best of each kind, each system once. `near` is that of `best`."""
    groups = {
        "baseline": [run for run in runs if run.system.steps == ("zero-shot",)],
        "best prompt": [r for r in runs if _plain(r) and not r.system.has_knowledge and not r.system.is_tuned],
        "best with retrieval": [r for r in runs if r.system.has_knowledge and not r.system.is_tuned],
        "best tuned": [r for r in runs if r.system.is_tuned and len(r.system.steps) == 1],
        "best combination": [r for r in runs if r.system.is_tuned and len(r.system.steps) > 1],
        "reference classifier": [r for r in runs if r.system.decoding.method == "head"],
    }
    chosen: dict[str, Run] = {}
    for role, members in groups.items():
        run = best(members, near=near)
        if run is not None and all(run.system.fingerprint != other.system.fingerprint for other in chosen.values()):
            chosen[role] = run
    return chosen


def _plain(run: Run) -> bool:
    return run.system.decoding.method != "head"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
