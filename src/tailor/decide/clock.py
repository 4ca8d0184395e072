"""The time limit that the user gave."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tailor.errors import OutOfTime


@dataclass
class Clock:
    """The user's time limit.

    Attributes:
        limit: seconds; None = no limit.
        now: seconds since any moment.
        started: when it began to count.
    """

    limit: float | None = None
    now: Callable[[], float] = time.monotonic
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.now()

    @property
    def left(self) -> float:
        """Seconds left, infinite without a limit."""
        return float("inf") if self.limit is None else self.limit - (self.now() - self.started)

    def check(self) -> None:
        """Raise OutOfTime when the limit is reached."""
        if self.left <= 0:
            raise OutOfTime("the time limit was reached", "what was measured is kept; run again to continue")
