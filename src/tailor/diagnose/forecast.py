"""What pulling several levers at once is expected to reach: what a rung of the ladder promises."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailor.diagnose.types import LEVEL, Diagnosis, Lever, LeverName
from tailor.stats.intervals import Interval

Pulls = tuple[LeverName, ...]
"""Levers that are pulled together."""


def forecast_for(diagnosis: Diagnosis, pulls: Pulls) -> Interval | None:
    """The score on dev that these levers are expected to reach, with an 80 % interval; None where nothing was forecast.

    Several levers reach at least what the best of them does, and at most every row that one of them fixes. Tuning on prompts with
    their passages teaches to answer from them: there every row whose passage is found may be fixed.
    """
    pulled = [lever for name in pulls if (lever := diagnosis.lever(name)) is not None]
    if not pulled:
        return None
    best = max(pulled, key=lambda lever: lever.forecast.mean).forecast
    teaches = {"knowledge", "behaviour"} <= set(pulls)
    together = max(_together(pulled), diagnosis.retrieval_recall or 0.0 if teaches else 0.0)
    if len(pulled) == 1 or together <= best.mean:
        return best
    mean, spare = (best.mean + together) / 2, (best.high or 1.0) - best.mean
    return Interval(mean, best.low, min(1.0, together + spare), best.n, LEVEL, "forecast")


def promises_more(diagnosis: Diagnosis, first: Pulls, second: Pulls) -> bool:
    """Whether a forecast lies so far above another that their intervals do not meet: then it may be tried before it."""
    one, other = forecast_for(diagnosis, first), forecast_for(diagnosis, second)
    return one is not None and other is not None and (one.low or 0.0) > (1.0 if other.high is None else other.high)


def _together(levers: Sequence[Lever]) -> float:
    """The score if every row had the best that any of the levers gives it."""
    return float(np.max([lever.values for lever in levers], axis=0).mean())
