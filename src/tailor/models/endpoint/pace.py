"""How fast an endpoint may be asked: found out from its refusals, and shared by all calls to it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

STEADY = 8
"""Answers in a row, before a refusal, that show a limit on the rate; fewer show an endpoint that refuses at random."""
SHORT_RUNS = 3
"""So many runs of fewer answers, one after the other, and the refusals are at random: calls are no longer paced."""
BELOW = 0.96
"""Share of the measured rate at which calls go on: a window that is filled to the brim overflows."""
GROWTH, MOST_GROWTH = 0.005, 0.05
GROW_AFTER, LONG = 50, 200
"""The rate grows by a share after so many answers without a refusal; after many, each time by twice as much, up to the largest."""
GROW_FEWEST, GROW_SECONDS = 10, 15.0
"""Where calls are slow, fewer answers and so many seconds are enough for that, and each time counts as many."""
LESS, MUCH_LESS = 0.97, 0.8
"""What a refusal leaves of a rate: of one that was kept to for a while, and of one that was refused again soon: the limit has
changed."""
LEAST = 0.5
"""What a refusal leaves of a rate at least: little may be answered of late since little was asked."""
SPAN = 60.0
"""Seconds over which answers are counted: limits are mostly of a minute."""
PROBE = 2.0
"""Seconds in which one call alone shows whether a refusal is over, before another may."""
HEADROOM = 3.0
"""Calls by which a refusal is waited out for longer than told, where calls are paced."""
CATCH_UP = 1.0
"""Calls that may be made up for when they come late."""
LONGEST_BACKOFF = 30.0  # seconds


@dataclass
class CallRate:
    """The pace of one endpoint. Times are those of a monotonic clock, in seconds.

    Attributes:
        rate: calls a second that the endpoint takes; None until a refusal shows a limit.
        succeeded: when the last answer came; None before the first.
        resume: no call starts before.
    """

    rate: float | None = None
    succeeded: float | None = None
    resume: float = 0.0
    _free: float = 0.0
    _run: int = 0
    _began: float | None = None
    _answers: deque[float] = field(default_factory=deque)
    _refused: bool = False
    _streak: int = field(default=0)
    _short: int = 0
    _probe: float | None = None
    _grown: int = 0
    _grown_at: float = 0.0
    _growth: float = GROWTH

    def turn(self, now: float) -> float:
        """Seconds until the next call may start; 0 takes the turn."""
        self._began = now if self._began is None else self._began
        ready = max(self.resume, self._free if self.rate is not None else 0.0)
        if self._refused and self._probe is not None and self._short < SHORT_RUNS:
            ready = max(ready, self._probe + PROBE)
        if ready > now:
            return ready - now
        if self._refused:
            self._probe = now
        if self.rate is not None:
            # What a call is late may be made up for, but little of it: many at once are what a limit refuses.
            self._free = max(now - CATCH_UP / self.rate, self._free) + 1 / self.rate
        return 0.0

    def answered(self, now: float) -> None:
        """An answer came."""
        self._answers.append(now)
        while self._answers[0] < now - SPAN:
            self._answers.popleft()
        # Answers that come while nothing may start are of calls from before the refusal.
        if self._refused and now >= self.resume and self._began is not None:
            self._learn(now)
            self._run, self._refused, self._probe = 0, False, None
            self._grown, self._grown_at, self._growth = 0, now, GROWTH
        self.succeeded, self._streak = now, 0
        self._run += 1
        self._grown += 1
        few = self._grown >= GROW_FEWEST and now - self._grown_at >= GROW_SECONDS
        if self.rate is not None and (self._grown >= GROW_AFTER or few):
            self.rate, self._grown, self._grown_at = self.rate * (1 + self._growth), 0, now
            self._growth = min(MOST_GROWTH, 2 * self._growth) if self._run >= LONG or few else GROWTH

    def _learn(self, now: float) -> None:
        """The rate after a refusal that was waited out: what was answered of late is what the limit allows."""
        all_time = max(now - (self._began or 0.0), 0.001)
        measured = len(self._answers) / min(SPAN, all_time)
        is_short = self._run < STEADY
        self._short = self._short + 1 if is_short else 0
        if self._short >= SHORT_RUNS:  # no limit refuses so few: at random, which gets no better by being asked slowly
            self.rate = None
        elif self.rate is not None:
            self.rate *= min(LESS, max(MUCH_LESS if is_short else LEAST, BELOW * measured / self.rate))
        elif not is_short:
            self.rate = BELOW * max(measured, self._run / all_time)  # the wait may have been longer than what is counted

    def refused(self, now: float, wait: float | None, backoff: float) -> float:
        """The endpoint asks to slow down; nothing starts until then. Returns when.

        Args:
            now: the time.
            wait: seconds that it asks for, if it says so.
            backoff: the first wait where it does not; each further one is twice as long until an answer comes.
        """
        before = self._streak if now >= self.resume else max(0, self._streak - 1)  # calls under way together are refused once
        if wait is None:
            wait = min(LONGEST_BACKOFF, backoff * 2.0**before)
        elif before > 0:  # one that asks for no wait again and again is not asked without any
            wait = max(wait, min(2.0, backoff * 2.0**before / 2))
        self._streak = before + 1
        self._refused, self._probe = True, None
        if self.rate is not None:  # a window that is full to the brim would refuse the next ones too
            wait += HEADROOM / self.rate
        self.resume = max(self.resume, now + wait)
        return self.resume

    def hold(self, until: float) -> None:
        """No call starts before then: the endpoint's headers say that its allowance is used up."""
        self.resume = max(self.resume, until)
