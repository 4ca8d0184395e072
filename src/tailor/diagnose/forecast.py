"""What a rung of the ladder is expected to reach, from the levers it pulls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailor.diagnose.types import LEVEL, Diagnosis, Lever, LeverName
from tailor.stats.intervals import Interval

PULLS: dict[str, tuple[LeverName, ...]] = {
    "prompt": ("form", "examples"),
    "retrieve": ("knowledge",),
    "retrieve and prompt": ("knowledge", "form", "examples"),
    "tune": ("behaviour",),
    "retrieve and tune": ("knowledge", "behaviour"),
    "prompt and tune": ("examples", "behaviour"),
    "tune fully": ("behaviour",),
}
"""Rung -> the levers it pulls. The rung "prompt" also tries things that nobody can forecast, such as reasoning in steps."""


def forecast_for(diagnosis: Diagnosis, rung: str) -> Interval | None:
    """The score on dev that a rung is expected to reach, with an 80 % interval; None where nothing was forecast.

    Several levers reach at least what the best of them does, and at most every row that one of them mends. Tuning on prompts with
    their passages teaches to answer from them: there every row whose passage is found may be mended.
    """
    pulled = [lever for name in PULLS.get(rung, ()) if (lever := diagnosis.lever(name)) is not None]
    if not pulled:
        return None
    best = max(pulled, key=lambda lever: lever.forecast.mean).forecast
    together = max(_together(pulled), diagnosis.reach or 0.0 if rung == "retrieve and tune" else 0.0)
    if len(pulled) == 1 or together <= best.mean:
        return best
    mean, spare = (best.mean + together) / 2, (best.high or 1.0) - best.mean
    return Interval(mean, best.low, min(1.0, together + spare), best.n, LEVEL, "forecast")


def promises_more(diagnosis: Diagnosis, first: str, second: str) -> bool:
    """Whether a rung's forecast lies so far above another's that their intervals do not meet: then it may be climbed before it."""
    one, other = forecast_for(diagnosis, first), forecast_for(diagnosis, second)
    return one is not None and other is not None and (one.low or 0.0) > (1.0 if other.high is None else other.high)


def in_order(diagnosis: Diagnosis, rungs: Sequence[str]) -> list[str]:
    """The rungs in their order, save that "tune" goes before "retrieve" where it clearly promises more.

    The other rungs are cheap, or build on what these two find.
    """
    order = list(rungs)
    if {"tune", "retrieve"} <= set(order) and promises_more(diagnosis, "tune", "retrieve"):
        order.remove("tune")
        order.insert(order.index("retrieve"), "tune")
    return order


def _together(levers: Sequence[Lever]) -> float:
    """The score if every row had the best that any of the levers gives it."""
    return float(np.max([lever.values for lever in levers], axis=0).mean())
