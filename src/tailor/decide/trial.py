"""A few approaches measured on all of dev and compared: nobody stops early, nothing is decided, and the test set stays sealed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tailor.approaches.approach import Approach, TrainingData, looks_at_dev, starting_systems
from tailor.card import Listing, card, table_html
from tailor.decide.candidates import RaceRows, race_rows
from tailor.decide.cost import system_cost
from tailor.decide.formats import format_money, format_percent
from tailor.decide.prices import price_list
from tailor.decide.rungs import Proposal
from tailor.decide.step import Observer, Step
from tailor.decide.types import Cost, Difference, Interval
from tailor.decide.upkeep import pace_of
from tailor.engine import Engine
from tailor.errors import CallsFailed, ConfigError, quoted
from tailor.evaluate.measure import measure
from tailor.evaluate.run import Run
from tailor.stats.intervals import mean_interval
from tailor.stats.paired import holm, paired_max_t

LEVEL = 0.95


@dataclass(frozen=True, repr=False)
class Measurement:
    """One approach on dev.

    Attributes:
        score: the task's metric with its 95 % interval.
        cost: what it would cost, in the task's currency.
        run: every answer with its score.
        currency: the task's.
    """

    score: Interval
    cost: Cost
    run: Run
    currency: str

    @property
    def name(self) -> str:
        """The system's name, such as "few-shot-5"."""
        return self.run.system.name

    def __repr__(self) -> str:
        return f"<Measurement {quoted(self.name, 60)}: {self._said()}>"

    def _repr_html_(self) -> str:
        return card(self.name, [self._said()])

    def _said(self) -> str:
        price = "" if self.cost.per_1000 is None else f", {format_money(self.cost.per_1000, self.currency)} per 1,000 answers"
        return f"{format_percent(self.score.mean)} {_limits(self.score)} on {self.score.n:,} dev rows{price}"

    def row(self) -> dict[str, object]:
        """The figures as a plain dict; scores and limits are shares, seconds are of one answer."""
        score, run = self.score, self.run
        found = {"system": self.name, "dev": score.mean, "low": score.low, "high": score.high, "rows": score.n}
        return {**found, "per_1000": self.cost.per_1000, "total": self.cost.total, "seconds": run.seconds}


@dataclass(frozen=True, repr=False)
class Comparison:
    """Approaches on the same dev rows, with the paired difference of every two.

    Attributes:
        measurements: one for each approach, in the order asked for.
        differences: of every two, with limits that hold for all pairs together at 95 %; p-values are adjusted by Holm.
    """

    measurements: tuple[Measurement, ...]
    differences: tuple[Difference, ...]

    def __repr__(self) -> str:
        said = self._said()
        more = f", and {len(said) - 1} more pairs" if len(said) > 1 else ""
        return f"<Comparison {said[0]}{more}>"

    def _repr_html_(self) -> str:
        return card("Compared on dev", self._said(), table_html(self.table()))

    def _said(self) -> list[str]:
        return [_difference(difference) for difference in self.differences]

    def table(self) -> Listing:
        """One plain dict for each approach, best first: system, dev, low, high, rows, per_1000, total, seconds."""
        return Listing(measurement.row() for measurement in sorted(self.measurements, key=lambda m: -m.score.mean))


def trial(
    approaches: Sequence[Approach], data: TrainingData, engine: Engine, observer: Observer, places: Sequence[int] = ()
) -> tuple[Measurement, ...]:
    """Each approach, fitted to the training rows and measured on dev: all on the same rows.

    Where one of them chooses something by dev rows, these count for nobody (`tailor.decide.candidates`).

    Args:
        approaches: what to measure.
        data: train and dev.
        engine: answers.
        observer: told what happens.
        places: which of the task's models each approach asks, by its place; the first one unless given.

    Raises:
        ConfigError: an approach does not fit the task or the model.
        CallsFailed: an endpoint did not answer every row, so that the score is not known.
        TailorError: a model, the documents or the disk is in the way; what was answered is kept.
    """
    starts = starting_systems(data.task, data.train, engine.models)
    proposals = [
        Proposal(approach, starts[place]) for approach, place in zip(approaches, places or [0] * len(approaches), strict=True)
    ]
    where = race_rows(data.dev, proposals)
    if not where.rows:
        raise ConfigError("all dev rows are of one group: none is left to measure what the others choose", "add groups")
    return tuple(_measured(proposal, where, data, engine, observer) for proposal in proposals)


def _measured(proposal: Proposal, where: RaceRows, data: TrainingData, engine: Engine, observer: Observer) -> Measurement:
    observer.began("dev", proposal.name)
    started = time.monotonic()
    shown = replace(data, dev=where.shown if looks_at_dev(proposal.approach) else ())
    system = proposal.approach.fit(proposal.base, shown, engine, observer.progress)
    setup, run = time.monotonic() - started, None
    for block in where.blocks:  # in the blocks of a study, so that neither asks what the other has asked
        part = measure(data.task, system, "dev", block, engine, observer.progress)
        if part.failure:
            raise CallsFailed(f"{part.failure}. The score of {quoted(system.name)} is not known", "run it again to continue")
        run = part if run is None else run.extended(part)
    assert run is not None  # there are rows, and so blocks
    run = run.on(where.rows)
    cost = system_cost(data, run, price_list(data.task, engine.models).of(system), engine, pace_of(data.task))
    score = mean_interval(run.values, LEVEL, groups=run.units)
    seconds = setup + run.seconds * len(run.examples)
    observer.ended(Step("dev", system.name, "measured", dev=score, run=run, cost=cost, seconds=seconds, setup_seconds=setup))
    return Measurement(score, cost, run, data.task.prices.currency)


def compared(measurements: Sequence[Measurement]) -> Comparison:
    """The measurements, all on the same rows, with the paired difference of every two (`tailor.stats.paired`)."""
    runs = [measurement.run for measurement in measurements]
    pairs = paired_max_t(np.array([run.values for run in runs]).T, LEVEL, groups=runs[0].units)
    differences = []
    for pair, p_value in zip(pairs, holm([pair.p_value for pair in pairs]), strict=True):
        estimate = Interval(
            *(pair.mean, pair.low, pair.high, len(runs[0].values), LEVEL),
            method="balanced max-T" if pair.clusters is None else "balanced max-T over groups",
            clusters=pair.clusters,
            events=pair.events,
            event="differ",
        )
        differences.append(Difference(runs[pair.first].system.name, runs[pair.second].system.name, estimate, p_value))
    return Comparison(tuple(measurements), tuple(differences))


def _limits(score: Interval) -> str:
    if score.low is None or score.high is None:
        return "[too few to say]"
    return f"[{100 * score.low:.0f}, {100 * score.high:.0f}]"


def _difference(difference: Difference) -> str:
    estimate = difference.estimate
    limits = (
        "too few to say"
        if estimate.low is None or estimate.high is None
        else f"{100 * estimate.low:+.1f}, {100 * estimate.high:+.1f}"
    )
    names = f"{quoted(difference.first, 50)} minus {quoted(difference.second, 50)}"
    return f"{names}: {100 * estimate.mean:+.1f} points [{limits}] on {estimate.n:,} dev rows"
