"""The climb on dev, from cheap to expensive, until the target is met or the next rung cannot pay or does not fit the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tailor.approaches.approach import TrainingData, asks_a_model, starting_systems, talks
from tailor.data.power import most_claims
from tailor.decide.budget import Budget
from tailor.decide.clock import Clock
from tailor.decide.cost import NEVER_SAID
from tailor.decide.formats import examples_called, format_percent, format_target
from tailor.decide.prices import PriceList
from tailor.decide.prune import all_climbed, in_order, most_promising, reason_to_prune
from tailor.decide.rungs import Proposal, Rung, best, ladder
from tailor.decide.searchrace import SearchRace
from tailor.decide.step import Observer, Step, StepStatus
from tailor.decide.track import Track
from tailor.decide.types import Pace
from tailor.diagnose.diagnosis import LabelReview, diagnose, review_labels
from tailor.diagnose.forecast import Pulls
from tailor.diagnose.types import Diagnosis
from tailor.diagnose.words import summary
from tailor.engine import Engine
from tailor.errors import CallsFailed, ConfigError, DocumentsError, DoesNotFit, EndpointError, OutOfTime
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of
from tailor.stats.intervals import clopper_pearson_lower, lower_bound, mean_interval
from tailor.stats.spending import of_target
from tailor.system import START, System

STOP_CONFIDENCE = 0.80
"""The climb stops when dev shows the target with this one-sided confidence: dev chooses, the sealed test alone certifies."""
ADVISED: dict[str, tuple[Pulls, ...]] = {
    "documents in the prompt": (("knowledge",),),
    "retrieval": (("knowledge",),),
    "fine-tuning": (("behaviour",),),
    "documents in the prompt and fine-tuning": (("knowledge",), ("behaviour",)),
    "retrieval and fine-tuning": (("knowledge",), ("knowledge", "behaviour")),
}
"""Approach that was advised -> what the rungs pull that take it."""


@dataclass
class Climb:
    """One climb of the ladder.

    Args:
        data: train and dev.
        engine: answers.
        prices: of the models' tokens.
        clock: the time limit.
        observer: told what happens.
        everything: climb every rung, whatever was found.
        test_rows: rows of the sealed test, whose time is kept in reserve; `test_alike` of them count as one observation.
        pace: how often documents and rules change.
        advised: the approach that was advised; under a time limit it comes first where nothing could be forecast.
    """

    data: TrainingData
    engine: Engine
    prices: PriceList
    clock: Clock
    observer: Observer
    everything: bool
    test_rows: int
    pace: Pace = NEVER_SAID
    advised: str = ""
    test_alike: float = 1.0
    stopped: str = ""
    is_broken: bool = False
    diagnoses: list[Diagnosis] = field(default_factory=list)
    track: Track = field(init=False)
    budget: Budget = field(init=False)
    search: SearchRace = field(init=False)
    starts: tuple[System, ...] = ()
    _looked: bool = False
    _labels: LabelReview | None = None
    _over: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        runs: list[Run] = []
        keeps_reserve, weigh = not self.everything, self.prices.weigh
        self.budget = Budget(self.clock, self.data, self.engine, runs, self.test_rows, keeps_reserve, weigh)
        self.track = Track(self.data, self.engine, self.prices, self.observer, self.budget, self.pace, runs)
        limited = self.budget.is_limited
        self.search = SearchRace(self.data.task, self.data, self.engine, self.observer, runs, limited)

    @property
    def runs(self) -> Sequence[Run]:
        """Dev Runs that count: complete, or as far as the time limit left room."""
        return self.track.runs

    @property
    def steps(self) -> Sequence[Step]:
        """Everything tried, and everything left out."""
        return self.track.steps

    @property
    def generative(self) -> list[Run]:
        """Those of `runs` that are of generative systems; the reference classifier is not among them."""
        return [run for run in self.runs if run.system.is_generative]

    def climb(self) -> None:
        """Climb until a reason to stop is found; fills `runs`, `steps`, `stopped`, `is_broken` and `diagnoses`."""
        try:
            self._climb()
        except CallsFailed as error:
            self.is_broken, self.stopped = True, f"{error}; run again to continue."

    def _climb(self) -> None:
        task, models = self.data.task, self.engine.models
        self.starts = starting_systems(task, self.data.train, models)
        can = replace(models[0].capabilities, tunes=any(model.capabilities.tunes for model in models))
        more = {"unlabelled": bool(self.data.unlabelled), "talks": talks(task, self.data.dev)}
        rungs = list(ladder(task, bool(self.engine.documents), can, **more, search=self.search))
        rungs = [rung for rung in rungs if self.everything or not rung.optional]
        while rungs and len(self._over) < len(self.starts):
            rung = self._next(rungs)
            rungs.remove(rung)
            if going := [proposal for start in self.starts for proposal in self._admitted(rung, rungs, start)]:
                self.track.race(rung, going)
            if self.budget.is_limited and not self.generative:
                break
            if not self._looked:
                rungs = self._look_into(rungs)
        ended = list(self._over.values())
        if len(ended) < len(self.starts):
            ended.append(self.stopped or all_climbed(self.steps))
        self.stopped = " ".join(dict.fromkeys(ended))

    def _proposals(self, rung: Rung, start: System) -> Sequence[Proposal]:
        """The candidates of a rung for one model; what asks none is tried with the first one only."""
        if rung.trains and not self.engine.model_of(start).capabilities.tunes:
            return ()
        digest = start.weights.digest
        seen = [run for run in self.runs if not run.system.is_generative or run.system.weights.digest == digest]
        proposals = rung.candidates(start, self.runs if rung.learns_from_all else seen)
        return [proposal for proposal in proposals if start is self.starts[0] or asks_a_model(proposal.approach)]

    def _own(self, start: System) -> list[Run]:
        """The Runs of generative systems on the model of this one."""
        return [run for run in self.generative if run.system.weights.digest == start.weights.digest]

    def _admitted(self, rung: Rung, later: Sequence[Rung], start: System) -> Sequence[Proposal]:
        """One model's candidates that take part in a rung; why the others do not is recorded."""
        candidates = self._proposals(rung, start)
        if not candidates or start.weights.digest in self._over:
            return ()
        if (reason := self._reason_to_stop(rung, start, candidates)) is not None:
            status, why = reason
            self.track.leave_out(rung, candidates, status, why)
            if status == "not needed" or all(other.trains for other in later):
                self._over[start.weights.digest] = why
            else:  # a training that was brought forward does not keep cheaper rungs from being climbed
                self.stopped = why
            return ()
        if (why_not := self._cannot_win(rung, start, candidates)) is not None:
            self.track.leave_out(rung, candidates, "cannot pay", why_not)
            return ()
        with self.search.racing():
            return self._proposals(rung, start)

    def _next(self, rungs: Sequence[Rung]) -> Rung:
        """The rung to climb next: in order, or under a time limit the one that promises most for its time."""
        leader = best(self.generative, weigh=self.prices.weigh)
        if not self.budget.is_limited or self.everything or leader is None:
            return rungs[0]
        if not self.diagnoses:
            return next((rung for rung in rungs if rung.pulls in ADVISED.get(self.advised, ())), rungs[0])
        proposals = {rung: [proposal for start in self.starts for proposal in self._proposals(rung, start)] for rung in rungs}
        seconds = {rung.name: self.budget.rung_seconds(rung, found) for rung, found in proposals.items()}
        return most_promising(self.diagnoses, rungs, leader, seconds, self.data.task.smallest_effect)

    def _look_into(self, rungs: Sequence[Rung]) -> list[Rung]:
        """Ask why baselines fail, once they are measured; the rungs that follow, in the order that the first forecasts speak for.

        Worth asking is that of the first model, and that of each model whose weights can be tuned: what tuning promises decides
        whether it is paid for.
        """
        measured = {run.system.weights.digest: run for run in self.generative if run.system.is_start}
        self._looked = bool(measured)
        asked = [start for start in self.starts if start is self.starts[0] or self.engine.model_of(start).capabilities.tunes]
        for start in asked:
            baseline = measured.get(start.weights.digest)
            if baseline is None or baseline.count("failed") == len(baseline.scores):
                continue  # answers that did not come say nothing of why it fails
            if len(baseline.scores) < len(self.data.dev):
                continue  # the time limit cut it short: none is left to ask why
            if why_not := self._not_forecast():
                self.observer.message(f"Why {START} fails is not forecast: {why_not}.")
                break
            if not self._diagnose(baseline):
                break
        return in_order(self.diagnoses[0], rungs) if self.diagnoses else list(rungs)

    def _not_forecast(self) -> str:
        """Why nothing can be forecast for this task; empty where something can."""
        if self.data.task.judge is not None:
            return "a judge would have to score answers that no system gave"
        if kind_of(self.data.task).parted:
            return "probes and neighbours give whole answers, and say nothing of fields that are found one by one"
        if not kind_of(self.data.task).brief:
            return "a forecast takes answers of other rows, and a text fits its own row alone"
        return "what would forecast it reads text alone, and no images" if self.data.task.data.images else ""

    def _diagnose(self, baseline: Run) -> bool:
        """Ask why a baseline fails, and say what was found; False where no time is left for it."""
        name = baseline.system.name
        self.observer.began("diagnosis", f"why {name} fails")
        try:
            # It may take what the final test needs: without it the best would perhaps not be in the test.
            self.clock.check()
            if kind_of(self.data.task).closed and self._labels is None:
                self._labels = review_labels(self.data, self.engine)
            found = diagnose(self.data, self.engine, baseline, self._labels)
        except OutOfTime:
            return False  # the next rung finds no time either, and says so
        except (ConfigError, DocumentsError, DoesNotFit, EndpointError) as error:
            if isinstance(error, EndpointError) and error.fatal:
                raise
            # What is in the way of a forecast is in the way of a candidate at most: it is tried, and says so itself.
            self.observer.message(f"Why {name} fails could not be found out: {error}.")
            return True
        for sentence in summary(found)[: 1 if self.diagnoses else None]:  # the labels are the same for all models
            self.observer.message(sentence)
        self.diagnoses.append(found)
        return True

    def _cannot_win(self, rung: Rung, start: System, candidates: Sequence[Proposal]) -> str | None:
        """Why the forecasts leave this rung no hope of beating what its model does already, or None; later rungs may still do."""
        found = next((diagnosis for diagnosis in self.diagnoses if diagnosis.model == start.label), None)
        return None if self.everything or found is None else reason_to_prune(found, rung, candidates, self._own(start))

    def _reason_to_stop(self, rung: Rung, start: System, candidates: Sequence[Proposal]) -> tuple[StepStatus, str] | None:
        """Why this rung is not climbed with this model, or None.

        It is not needed where the target is reached with the model, or with another one for less than the model's baseline
        costs. What a more expensive model reaches ends nothing: a cheaper one may do.
        """
        leader = best(self._rivals(start), weigh=self.prices.weigh)
        if leader is None:
            return None
        task = self.data.task
        # A judge's verdicts on dev say which system is better, but not how good it is: they are not corrected.
        if not self.everything and task.judge is None:
            shows = lower_bound(leader.values, 1 - STOP_CONFIDENCE, groups=leader.units) >= task.target
            if shows and self._test_would_show(leader):
                reached = f"{leader.system.name} reaches {format_percent(leader.mean)} on dev and the target is"
                return "not needed", f"{reached} {format_target(task.target)}: the next rung ({rung.name}) is not needed."
            if rung.trains and (reason := self._cannot_pay(leader, candidates[0])) is not None:
                return "cannot pay", reason
        return None

    def _rivals(self, start: System) -> list[Run]:
        """The Runs of a model, and those of others whose answers cost no more than the model's own baseline."""
        own, weigh = self._own(start), self.prices.weigh
        asked = next((run for run in own if run.system.is_start), None)
        if asked is None or not self.prices.in_money:
            return own
        others = [run for run in self.generative if run.system.weights.digest != start.weights.digest]
        return [*own, *(run for run in others if weigh(run) <= weigh(asked))]

    def _test_would_show(self, leader: Run) -> bool:
        """Whether the sealed test has rows enough to certify the target if the leader is as good as on dev."""
        n = round(self.test_rows / self.test_alike)
        return clopper_pearson_lower(round(leader.mean * n), n, of_target(1, most_claims(self.data.task))) >= self.data.task.target

    def _cannot_pay(self, leader: Run, candidate: Proposal) -> str | None:
        """Why even a perfect result of this rung would cost more than it saves, or None (also when errors have no price).

        With several models it may also save what the answers of a more expensive one cost.
        """
        task = self.data.task
        volume = task.volume.answers_per_month * task.volume.months
        rates = self.prices.of(candidate.base)
        wrong = [1 - value for value in leader.values]
        error_rate = mean_interval(wrong, 2 * STOP_CONFIDENCE - 1, groups=leader.units).high
        if not task.prices.count_errors or error_rate is None or rates.training_per_million is None:
            return None
        answering = self.prices.weigh(leader) if self.prices.in_money else 0.0
        lost = [score.cost(task.prices.error) for score in leader.scores if score.outcome != "right"]
        saved = volume * (error_rate * (sum(lost) / len(lost) if lost else task.prices.error) + answering)
        tokens = self.budget.training_tokens(candidate) * task.tuning.epochs
        spent = len(self.data.train) * task.prices.label + tokens * rates.training_per_million / 1e6
        if saved >= spent:
            return None
        trained, perfect = (
            (f"Training {candidate.base.label}", "with answers that cost nothing and are always right")
            if candidate.base.label
            else ("Training", "without a single error")
        )
        return (
            f"{trained} costs about {spent:,.2f} {task.prices.currency} ({examples_called(task)} and machine time); "
            f"{perfect} it would "
            f"save at most {saved:,.2f} {task.prices.currency} in {task.volume.months:g} months."
        )
