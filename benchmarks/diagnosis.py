"""Forecasts of the diagnosis against what each lever then really gives, on fifteen tasks.

For every task the zero-shot baseline is diagnosed. Then the levers are measured on the same dev rows: answers held to their form,
one passage by hybrid search, nearest examples, LoRA on the top layers. Up to 64 of a task's dev rows are asked with their passage
by the diagnosis itself, which the ladder would use again; nothing else of what is measured is known to it. A lever that does not
apply to a task is neither forecast nor measured.

The constants of the forecasts were chosen on ten of the tasks; how far off they are on the five others is also given by itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from statistics import fmean

from benchmarks.common import engine_for
from benchmarks.diagnosis_outcomes import outcomes
from benchmarks.diagnosis_tasks import Case, cases
from tailor.approaches.approach import starting_system
from tailor.diagnose.diagnosis import diagnose
from tailor.diagnose.types import Diagnosis
from tailor.diagnose.words import sentences
from tailor.evaluate.measure import measure

TIE = 0.02
"""Levers whose real scores are within two points are equally good."""


def run() -> dict[str, float]:
    """`forecast_mae_points`, `forecast_interval_hits`, `best_lever_hits` and `simple_rule_hits`, and each task's figures."""
    figures: dict[str, float] = {}
    misses, fresh, inside, hits, simple, seconds = [], [], [], [], [], []
    for case in cases():
        diagnosis, real = compared(case)
        seconds.append(diagnosis.seconds)
        forecasts = {lever.name: lever.forecast for lever in diagnosis.levers if lever.name in real}
        for name, forecast in forecasts.items():
            misses.append(100 * abs(forecast.mean - real[name]))
            fresh += misses[-1:] if case.fresh else []
            inside.append((forecast.low or 0.0) <= real[name] <= (forecast.high or 1.0))
            figures |= {f"{case.name}_{name}_forecast": forecast.mean, f"{case.name}_{name}_real": real[name]}
        expected = {"baseline": diagnosis.baseline} | {name: forecast.mean for name, forecast in forecasts.items()}
        hits.append(hit(max(expected, key=expected.__getitem__), real))
        simple.append(hit(case.simple, real))
        figures |= {f"{case.name}_baseline": real["baseline"], f"{case.name}_hit": float(hits[-1])}
    return {
        "forecast_mae_points": fmean(misses),
        "fresh_forecast_mae_points": fmean(fresh),
        "forecast_interval_hits": fmean(inside),
        "best_lever_hits": fmean(hits),
        "simple_rule_hits": fmean(simple),
        "tasks": float(len(hits)),
        "forecasts": float(len(misses)),
        "diagnosis_seconds_worst": max(seconds),
    } | figures


def compared(case: Case) -> tuple[Diagnosis, dict[str, float]]:
    """The diagnosis of a task, and the real score of the baseline and of every lever."""
    with engine_for(case.data.task, list(case.documents)) as engine:
        start = starting_system(case.data.task, case.data.train, engine.model)
        baseline = measure(case.data.task, start, "dev", case.data.dev, engine)
        started = time.perf_counter()
        diagnosis = diagnose(case.data, engine, baseline)
        print(
            f"{case.name}: diagnosed in {time.perf_counter() - started:.0f} s", *sentences(diagnosis), sep="\n  ", file=sys.stderr
        )
        real = {name: fmean(values) for name, values in outcomes(case, engine).items()}
    return diagnosis, real


def hit(chosen: str, real: Mapping[str, float]) -> bool:
    """Whether the chosen lever is as good as the really best one; the baseline counts as one, and one that does not apply as it."""
    return real.get(chosen, real["baseline"]) >= max(real.values()) - TIE
