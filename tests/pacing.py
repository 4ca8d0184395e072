"""An endpoint with a hidden limit a minute, asked in virtual time: how near to the limit, and how much is refused."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tailor.models.endpoint.pace import CallRate

MINUTE = 60.0
Limit = Callable[[float], float]
"""What is allowed in any minute, at a time."""


@dataclass
class Allowance:
    """The endpoint's side: what is used of any minute must not pass the limit.

    Attributes:
        limit: of a minute.
        told: whether a refusal tells how long to wait.
        used: when and how much, of the last minute.
        taken: all that was taken.
        refused: when it was refused.
    """

    limit: Limit
    told: bool
    used: deque[tuple[float, float]] = field(default_factory=deque)
    taken: list[tuple[float, float]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def ask(self, now: float, size: float) -> float | None:
        """0 when it is taken; else the seconds that are told, or None."""
        while self.used and now - self.used[0][0] >= MINUTE:
            self.used.popleft()
        over = sum(part for _, part in self.used) + size - self.limit(now)
        if over <= 0:
            self.used.append((now, size))
            self.taken.append((now, size))
            return 0.0
        self.refused.append(now)
        if not self.told:
            return None
        freed = itertools.accumulate(part for _, part in self.used)
        until = next((at for (at, _), sum_ in zip(self.used, freed, strict=True) if sum_ >= over), now)
        return max(0.01, until + MINUTE - now)


def asked(endpoint: Allowance, sizes: Callable[[], float], *, minutes: float, places: int, seed: int) -> None:
    """Ask for as long as that, so many at once, each answered after 0.2 to 1.5 seconds; what is refused is asked again."""
    chance, pace, now, order = random.Random(seed), CallRate(), 0.0, itertools.count()
    under_way: list[tuple[float, int, float, float | None]] = []  # until, order, size, what came: 0 for an answer
    later: list[tuple[float, int, float]] = []
    while now < minutes * MINUTE:
        wake = under_way[0][0] if under_way else float("inf")
        while len(under_way) < places:
            if (wait := pace.turn(now)) > 0:
                wake = min(wake, now + wait)
                break
            size = heapq.heappop(later)[2] if later and later[0][0] <= now else sizes()
            found = endpoint.ask(now + 0.05, size)
            seconds = chance.uniform(0.2, 1.5) if found == 0.0 else 0.1
            heapq.heappush(under_way, (now + seconds, next(order), size, found))
            wake = min(wake, under_way[0][0])
        now = max(now, wake)
        while under_way and under_way[0][0] <= now:
            _, _, size, found = heapq.heappop(under_way)
            if found == 0.0:
                pace.answered(now)
            else:
                heapq.heappush(later, (pace.refused(now, found, 0.5), next(order), size))


def figures(endpoint: Allowance, start: float, end: float) -> tuple[float, float]:
    """Between two minutes: what was taken, as a share of what was allowed, and the share of calls that were refused."""
    span = (start * MINUTE, end * MINUTE)
    taken = [size for at, size in endpoint.taken if span[0] <= at < span[1]]
    refused = sum(span[0] <= at < span[1] for at in endpoint.refused)
    allowed = sum(endpoint.limit(start * MINUTE + second) / MINUTE for second in range(round(span[1] - span[0])))
    return sum(taken) / allowed, refused / (len(taken) + refused)
