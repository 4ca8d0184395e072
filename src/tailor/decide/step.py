"""A step of the ladder: one thing it tried, or decided not to try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tailor.decide.types import Cost, Interval
from tailor.evaluate.run import Run

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
