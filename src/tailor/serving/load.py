"""How long batches take, and how many requests may wait while more come than can be answered.

A queue takes up a burst, and clients that wait for their answers before they ask again never fill it. A full queue shows that
more is asked than can be answered: from then on, every place in it only makes all answers later (Nichols and Jacobson 2012,
"Controlling queue delay", ACM Queue 10). So while that lasts, no more may wait than the next batch needs, and the others are
refused at once. That batch is the smallest that keeps most of the rate of full ones, since each request in it waits
for all the others.
"""

from __future__ import annotations

import math
import time

KEPT_RATE = 0.9
"""Share of the rate of full batches that smaller ones must keep."""
OVERLOAD_SECONDS = 5.0
"""How long after the last refusal an overload is taken to last: longer than those refused wait before they come back."""
TOO_EARLY = 0.2
"""Share of a batch's time in which nobody is let in under overload: who comes then would wait for nearly two batches."""
ONE_SIZE = 1e-6
"""A variance of sizes that is a smaller part of their mean's square is none."""
FORGOTTEN = 0.02
"""Weight that what was known of batches loses with each new one."""


class Load:
    """What is known of batches so far, and whether more is asked than can be answered.

    Their time is taken to be `start + each * count`, by least squares in which older batches count less.
    """

    def __init__(self) -> None:
        self._weight = self._counts = self._seconds = self._squares = self._products = 0.0
        self._until = -math.inf

    def note(self, count: int, seconds: float) -> None:
        """Learn of a batch.

        Args:
            count: requests in it.
            seconds: what it took.
        """
        keep = 1 - FORGOTTEN
        self._weight = keep * self._weight + 1
        self._counts = keep * self._counts + count
        self._seconds = keep * self._seconds + seconds
        self._squares = keep * self._squares + count * count
        self._products = keep * self._products + count * seconds

    def fit(self) -> tuple[float, float]:
        """Seconds that a batch takes by itself, and for each request in it; all of it by itself where one size alone was seen."""
        if not self._weight:
            return 0.0, 0.0
        count, seconds = self._counts / self._weight, self._seconds / self._weight
        if self._spread <= ONE_SIZE * count * count:
            return seconds, 0.0
        each = (self._products / self._weight - count * seconds) / self._spread
        each = min(max(each, 0.0), seconds / count)
        return seconds - each * count, each

    def batch(self, most: int) -> int:
        """Requests in the smallest batch that keeps `KEPT_RATE` of the rate of batches of `most`.

        Where one size alone was seen, it is that size: nobody waits longer than those before.
        """
        if not self._weight:
            return most
        count = self._counts / self._weight
        if self._spread <= ONE_SIZE * count * count:
            return min(most, round(count))
        start, each = self.fit()
        # count / (start + each * count) >= kept * most / (start + each * most), solved for count
        full = start + each * most
        left = full - KEPT_RATE * most * each
        return most if left <= 0 else min(most, max(1, math.ceil(KEPT_RATE * most * start / left)))

    @property
    def _spread(self) -> float:
        """Variance of the sizes."""
        return self._squares / self._weight - (self._counts / self._weight) ** 2

    def is_early(self, count: int, seconds: float) -> bool:
        """Whether a batch that has taken this long has hardly begun.

        Args:
            count: requests in it.
            seconds: since it was begun.
        """
        start, each = self.fit()
        return seconds < TOO_EARLY * (start + each * count)

    @property
    def is_over(self) -> bool:
        """Whether more is asked than can be answered."""
        return time.monotonic() < self._until

    def refused(self) -> None:
        """Learn that a request found no room."""
        self._until = time.monotonic() + OVERLOAD_SECONDS
