"""Learning curves: the accuracy at twice the labels, forecast from fewer, against what is then measured.

By probe, 37 tasks: the curve is cross-validated on the existing labels, as a project's is; the forecast is for the probe trained
on twice as many labels as the largest subset had, tested on rows that the curve never saw. By LoRA, eleven tasks: three sizes
forecast the fourth on the same test rows; their accuracies are kept in `benchmarks/recorded` (`learning-curve-lora` measures anew).
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.common import engine_for
from benchmarks.curve_cases import Case, cases
from benchmarks.curve_lora import SIZES, TEST_ROWS, Accuracies, recorded
from tailor.approaches.approach import TrainingData
from tailor.diagnose.curve import Measured, commonest_share, learned, measure_probe, probe_accuracy
from tailor.engine import Engine
from tailor.stats.curve import Forecast, fit_curve

DEV_SHARE = 0.2


@dataclass(frozen=True)
class Outcome:
    """A forecast, the accuracy measured at the largest size that it knew, and what came."""

    name: str
    method: Literal["probe", "lora"]
    forecast: Forecast
    last: float
    actual: float
    developed_on: bool

    @property
    def is_hit(self) -> bool:
        """Whether what came lies in the interval."""
        return self.forecast.low <= self.actual <= self.forecast.high


def probe_outcome(case: Case, engine: Engine, at_hand: int, times: int) -> Outcome | None:
    """The forecast of the probe with so many times the labels; None where there are too few for a curve, as a user is told."""
    cut = round((1 - DEV_SHARE) * at_hand)
    measured = measure_probe(TrainingData(case.task, case.rows[:cut], case.rows[cut:at_hand]), engine)
    if measured is None or (measured := learned(measured)) is None:
        return None
    size = times * measured.sizes[-1]
    curve = fit_curve(measured.sizes, measured.accuracies, measured.rows)
    forecast = curve.predict([size], new_rows=len(case.test))[0]
    actual = probe_accuracy(case.task, case.rows[:size], case.test, engine)
    return Outcome(case.name, "probe", forecast, float(measured.accuracies[:, -1].mean()), actual, case.developed_on)


def lora_outcomes(accuracies: Accuracies, known: Sequence[Case]) -> list[Outcome]:
    """The forecast of LoRA at the largest size, for every task that has all of them and learned something at two at least."""
    outcomes = []
    for case in known:
        found = accuracies.get(case.name, {})
        if all(str(size) in found for size in SIZES):
            *before, actual = (found[str(size)] for size in SIZES)
            measured = learned(Measured(SIZES[:-1], np.array([before]), TEST_ROWS, commonest_share(case.test[:TEST_ROWS])))
            if measured is not None:
                curve = fit_curve(measured.sizes, measured.accuracies, measured.rows)
                forecast = curve.predict(SIZES[-1:], same_rows=True)[0]
                outcomes.append(Outcome(case.name, "lora", forecast, before[-1], actual, case.developed_on))
    return outcomes


def figures(outcomes: Sequence[Outcome], prefix: str = "") -> dict[str, float]:
    """Share of hits, median width of the intervals in points, and the mean error as a multiple of that of "it stays as it is"."""
    errors = [abs(o.forecast.median - o.actual) for o in outcomes]
    return {
        f"{prefix}cases": float(len(outcomes)),
        f"{prefix}interval_hits": statistics.mean(o.is_hit for o in outcomes),
        f"{prefix}median_width_points": statistics.median(100 * (o.forecast.high - o.forecast.low) for o in outcomes),
        f"{prefix}error_points": 100 * statistics.mean(errors),
        f"{prefix}error_vs_last_value": sum(errors) / sum(abs(o.last - o.actual) for o in outcomes),
    }


def run() -> dict[str, float]:
    """The figures over all cases, by method, and over the cases that the method was not developed on (`unseen_`).

    `far_` are not among these: from half as many labels the accuracy at four times as many, the end of what is ever forecast.
    """
    known = cases()
    outcomes, far = lora_outcomes(recorded(), known), []
    with engine_for(known[0].task) as engine:
        for case in known:
            if (outcome := probe_outcome(case, engine, case.size, 2)) is not None:
                outcomes.append(outcome)
            if (outcome := probe_outcome(case, engine, case.size // 2, 4)) is not None:
                far.append(outcome)
    for o in (*outcomes, *far):
        f = o.forecast
        told = f"{o.last:.3f} -> {o.actual:.3f} with {f.size} labels, forecast {f.median:.3f} [{f.low:.3f}, {f.high:.3f}]"
        print(f"  {o.method} {o.name}: {told}{'' if o.is_hit else ' MISSED'}", file=sys.stderr)
    parts = {
        "": outcomes,
        "probe_": [o for o in outcomes if o.method == "probe"],
        "lora_": [o for o in outcomes if o.method == "lora"],
        "unseen_": [o for o in outcomes if not o.developed_on],
        "far_": far,
    }
    return {key: value for prefix, part in parts.items() if part for key, value in figures(part, prefix).items()}
