"""A step of the ladder: one thing it tried, or decided not to try; and who observes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from tailor.decide.types import Cost, Interval
from tailor.diagnose.types import LeverName
from tailor.evaluate.run import Run
from tailor.store.spending import Spent

StepStatus = Literal[
    "measured",
    "measured in part",
    "stopped early",
    "does not fit",
    "not needed",
    "cannot pay",
    "no time",
    "failed",
    "not possible",
]


@dataclass(frozen=True)
class Step:
    """One thing the ladder tried, or decided not to try.

    Attributes:
        rung: the rung's name, such as "prompt" or "retrieve".
        system: the system's name, such as "few-shot-nearest-5".
        status: what became of it.
        note: one sentence: why it stopped, what it would need, what it learned.
        dev: the metric on dev with a 95 % interval, when measured.
        run: the Run on dev (complete, or up to where it stopped), when measured.
        cost: what it would cost, when measured.
        seconds: time spent making and measuring it.
        setup_seconds: the part of `seconds` spent making it (training, indexing, choosing examples).
        pulls: the levers of its rung.
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
    pulls: tuple[LeverName, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether what was measured counts: all of dev, or as much of it as the time limit left room for."""
        return self.status in ("measured", "measured in part")


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

    def pays(self, spent: Callable[[], Spent]) -> None:
        """Endpoints are asked; `spent` tells at any time what they were paid so far."""
        ...

    def message(self, text: str) -> None:
        """A sentence worth showing."""
        ...
