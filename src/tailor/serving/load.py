"""How many requests are answered together, and how many may wait while more come than can be answered.

A batch is never larger than it has to be: the smallest that keeps most of the best rate, since each request in it waits for all the
others, and whoever comes while it is computed waits for it as well. How quick batches of a size are is learned from those before,
and larger ones are tried as long as they pay.

A queue takes up a burst: clients that wait for their answers before they ask again never fill one that has a place for each of
them. What goes on growing once a burst is over shows that more is asked than can be answered, and so does a full queue: from then
on, every place in it only makes all answers later (Nichols and Jacobson 2012, "Controlling queue delay", ACM Queue 10). So while
that lasts, no more may wait than the next batch needs, and they are let in as late as they can be without leaving it short: the
others are refused at once.
"""

from __future__ import annotations

import math
import statistics
import time

KEPT_RATE, KEPT_SOON = 0.9, 0.75
"""Share of the best rate that the smallest batch must keep: usually, and under overload, where most are refused whatever the rate,
and whoever is let in waits for a whole batch."""
GROWS = 1.25
"""How much quicker the largest size must be than the one before, for each request, for a larger one to be tried: where a model
computes as much for each request, nothing is gained, and whoever is in the batch waits for all of it."""
FIRST = 8
"""Requests in a batch, at most, while nothing is known of any."""
KEPT_BATCHES = 5
"""Batches of a size that its rate is taken from, by their median: a batch that something else held up decides nothing."""
OVERLOAD_SECONDS = 5.0
"""How long after the last refusal an overload is taken to last: longer than those refused wait before they come back."""
BURST_SECONDS = 0.3
"""Clients that begin together have all asked by then; a queue that grows for longer is no burst."""
LEAST_SHARE, FIRST_SHARE = 0.1, 0.2
"""Share of a batch's time, before its end, in which others are let in under overload: at least, and at first."""
WIDER, NARROWER = 1.5, 0.95
"""What that share is multiplied by where the next batch was short of requests, and where it was not."""


class Timing:
    """How long a configuration's batches take; safe to read while another thread notes.

    Sizes are counted by powers of two: 1, 2, 3 to 4, 5 to 8, and so on.
    """

    def __init__(self) -> None:
        self._each: dict[int, tuple[float, ...]] = {}

    def note(self, count: int, seconds: float) -> None:
        """Learn of a batch.

        Args:
            count: requests in it.
            seconds: what it took.
        """
        size = _size(count)
        self._each = {**self._each, size: (*self._each.get(size, ()), seconds / count)[-KEPT_BATCHES:]}

    def seconds(self, count: int) -> float:
        """About how long a batch of so many requests takes, by the batches nearest in size; 0 while nothing is known."""
        known = self._each
        if not known:
            return 0.0
        nearest = min(known, key=lambda seen: abs(math.log2(seen / _size(count))))
        return count * statistics.median(known[nearest])

    def batch(self, most: int, *, soon: bool = False) -> int:
        """Requests in the smallest batch that keeps `KEPT_RATE` of the best rate.

        Where that is the largest size seen so far, and far quicker for each request than the one before, it is twice that: larger
        ones may be quicker still.

        Args:
            most: requests that can be answered together.
            soon: that an answer comes soon counts for more: the batch need only keep `KEPT_SOON`, and no larger one is tried.
        """
        each = {size: statistics.median(seconds) for size, seconds in self._each.items()}
        if not each:
            return min(most, FIRST)
        least = min(each.values())
        size = min(one for one, seconds in each.items() if (KEPT_SOON if soon else KEPT_RATE) * seconds <= least)
        if soon:
            return min(most, size)
        *smaller, largest = sorted(each)
        grows = size == largest and (not smaller or each[smaller[-1]] >= GROWS * each[largest])
        return min(most, 2 * size if grows else size)


class Load:
    """Whether more is asked than can be answered, and when others are let in while it is so.

    Not safe to use by several threads at once.
    """

    def __init__(self) -> None:
        self._until = self._short = -math.inf
        self._fewest = math.inf
        self._share = FIRST_SHARE

    @property
    def is_over(self) -> bool:
        """Whether more is asked than can be answered."""
        return time.monotonic() < self._until

    def grows(self, waiting: int, *, batch: int, last: int) -> bool:
        """Learn of a request; whether an overload shows, since the queue has grown by more than a batch after a burst was over.

        Args:
            waiting: requests that wait already.
            batch: requests that the next batch needs.
            last: requests in the batch before: as many may ask again at once.
        """
        now = time.monotonic()
        if waiting <= batch:
            self._short, self._fewest = now, math.inf
        if now - self._short <= BURST_SECONDS:
            return False
        self._fewest = min(self._fewest, waiting)
        return waiting > self._fewest + batch + last

    def refused(self) -> None:
        """Learn that a request found no room."""
        self._until = time.monotonic() + OVERLOAD_SECONDS

    def ended(self, waiting: int, *, batch: int) -> None:
        """Learn how many waited when a batch ended, of those that the next one needs."""
        if self.is_over:
            self._share = min(1.0, WIDER * self._share) if waiting < batch else max(LEAST_SHARE, NARROWER * self._share)

    def opens(self, seconds: float) -> float:
        """How long after a batch began others are let in, under overload.

        Args:
            seconds: about what the batch takes.
        """
        return (1 - self._share) * seconds


def _size(count: int) -> int:
    """The size that a batch is counted by: the smallest power of two that is not below it."""
    return 1 << (count - 1).bit_length()
