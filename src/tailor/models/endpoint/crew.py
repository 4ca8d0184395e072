"""Asking an endpoint many things at once: a queue, patience, and a rule for every fault.

One thread, the caller's, decides everything; the others only wait for answers. So there is nothing to lock, and an answer is handed
over (and saved) before the next call starts in its place.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tailor.errors import EndpointError
from tailor.models.base import Reply, Request, message
from tailor.models.endpoint.faults import REFUSALS, Fault
from tailor.models.endpoint.pace import LONGEST_BACKOFF, CallRate
from tailor.models.endpoint.rows import TRIES, UNREADABLE_TRIES, InFlight, QueuedRow, Rules
from tailor.models.endpoint.signals import Stopping

ODD_TRIES = 2
"""How often an endpoint without an answer yet is asked that sends something else: a page or a wrong path stays what it is."""
SUSPECTS, MOST_SUSPECTS = 5, 80
"""So many refused in a row, none answered between them, may be more than single rows: it is found out by a question that should be
answered. Where it is, twice as many are waited for before it is asked again, up to the most."""
CONTROL = Request((message("user", "Is snow white? Answer yes or no."),), max_tokens=8)
"""That question, where none was answered yet."""
FEWEST_FIRST = 4
SAMPLE, SLOW, HUNG = 10, 1.5, 3.0
"""Once there are `SAMPLE` answers, a call gives its place up after `SLOW` times the time in which 95 of 100 came, and its row is
asked again next to it after `HUNG` times the longest of the last 200."""
SHORTEST_HANG = 2.0  # seconds
MOST_SLOW = 2
"""So many slow calls for each place hold none."""
MOST_HUNG = 512
"""So many hung calls hold no place; each still has a thread and a connection until its time is over."""
MOST_REPEATS = 2
"""How often a hung call is asked again next to it."""
LAST_SHARE = 0.2
"""Share of the patience after which the last rows are given up; they fail while all others have succeeded."""
STOP = object()

Deliver = Callable[[dict[int, Reply]], None]


@dataclass
class Crew:
    """Asks; one object for one endpoint, whose pace and health it remembers.

    Args:
        ask: makes one call; returns a Reply or raises Fault.
        rules: how patient it is.
    """

    ask: Callable[[Request], Reply]
    rules: Rules
    pace: CallRate = field(default_factory=CallRate)
    proven: bool = False
    known: Request | None = None
    random: random.Random = field(default_factory=lambda: random.Random(0))
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=200))

    def run(self, requests: Sequence[Request], deliver: Deliver) -> None:
        """Hand over a reply for every request, in the order in which they come.

        A request that alone fails gets a Reply with `error`. What is under way is waited for and handed over before this ends,
        also when it ends early.

        Raises:
            EndpointError: no request can succeed, or none did for longer than the patience lasts.
            KeyboardInterrupt: a signal asked to stop.
        """
        if requests:
            Shift(self, requests, deliver).work()


class Shift:
    """One run of a crew."""

    def __init__(self, crew: Crew, requests: Sequence[Request], deliver: Deliver) -> None:
        self.crew, self.rules, self.pace = crew, crew.rules, crew.pace
        self.deliver = deliver
        self.rows = [QueuedRow(place, request) for place, request in enumerate(requests)]
        self.fresh = deque(self.rows)
        self.later: list[tuple[float, int, QueuedRow]] = []
        self.order = itertools.count()  # equal times go in the order in which they were put off
        self.calls: set[InFlight] = set()
        self.suspects: list[QueuedRow] = []
        self.enough = SUSPECTS
        self.control: QueuedRow | None = None
        self.control_at: float | None = None  # when to ask it; None while it is asked
        self.spoilt = 0  # answers that cannot be read, since the last that can
        self.tasks: queue.SimpleQueue[InFlight | object] = queue.SimpleQueue()
        self.done: queue.SimpleQueue[tuple[InFlight, Reply | BaseException] | None] = queue.SimpleQueue()
        self.left = len(self.rows)
        self.threads = 0
        self.ending: BaseException | None = None
        self.began = time.monotonic()
        self.wake = 0.0

    def work(self) -> None:
        """Until every row is done, or the run ends early with nothing left under way."""
        with Stopping(self._stop):
            try:
                while not self._is_over():
                    self._start()
                    self._collect()
            finally:
                for _ in range(self.threads):
                    self.tasks.put(STOP)
        if self.ending is not None:
            raise self.ending

    def _is_over(self) -> bool:
        if self.ending is not None:
            return all(call.hung or call.row.done for call in self.calls)
        return not self.left

    def _stop(self, ending: BaseException) -> None:
        """End early: nothing new starts. Called by a signal's handler too."""
        self.ending = self.ending or ending
        self.done.put(None)

    # --- starting calls

    def _start(self) -> None:
        now = time.monotonic()
        self.wake = now + self.rules.timeout
        self._look_after(now)
        free = self.rules.places - sum(not call.slow for call in self.calls)
        while self.ending is None and free > 0 and self._is_due(now):
            if (wait := self.pace.turn(now)) > 0:
                self.wake = min(self.wake, now + wait)
                break
            row = self._next(now)
            if not row.done:
                self._call(row)
                free -= 1
        due = self.control_at if self.control is not None else self.later[0][0] if self.later else None
        if due is not None:
            self.wake = min(self.wake, max(due, self.pace.resume))

    def _is_due(self, now: float) -> bool:
        """Whether there is something to ask now: while it is found out whether anything is answered at all, that alone."""
        if self.control is not None:
            return self.control_at is not None and self.control_at <= now
        return bool(self.fresh) or bool(self.later and self.later[0][0] <= now)

    def _next(self, now: float) -> QueuedRow:
        if self.control is not None:
            self.control_at = None
            return self.control
        if not (self.later and self.later[0][0] <= now):
            return self.fresh.popleft()
        row = heapq.heappop(self.later)[2]
        row.waits = False
        return row

    def _call(self, row: QueuedRow) -> None:
        call = InFlight(row, time.monotonic())
        self.calls.add(call)
        if self.threads < len(self.calls):
            self.threads += 1
            threading.Thread(target=self._serve, daemon=True).start()
        self.tasks.put(call)

    def _serve(self) -> None:
        """A thread: ask what is put in front of it."""
        while isinstance(call := self.tasks.get(), InFlight):
            try:
                self.done.put((call, self.crew.ask(call.row.request)))
            except BaseException as error:  # the boundary of a thread: looked at by the one that decides
                self.done.put((call, error))

    def _look_after(self, now: float) -> None:
        """Calls that are far slower than others give up their place, and are asked again next to the first."""
        if len(self.crew.seconds) < SAMPLE:
            return
        usual = sorted(self.crew.seconds)[int(0.95 * (len(self.crew.seconds) - 1))]
        hung_after = max(SHORTEST_HANG, HUNG * max(self.crew.seconds))
        slow = sum(call.slow and not call.hung for call in self.calls)
        hung = sum(call.hung for call in self.calls)
        for call in self.calls:
            age = now - call.started
            if not call.slow and age >= SLOW * usual and slow < MOST_SLOW * self.rules.places:
                call.slow, slow = True, slow + 1
            if not call.hung and age >= hung_after and not call.row.done:
                call.hung, call.slow, hung = True, call.slow or hung < MOST_HUNG, hung + 1
                if call.row.repeats < MOST_REPEATS and self.ending is None:
                    call.row.repeats += 1
                    self._put_off(call.row, now)
            if not call.hung:
                self.wake = min(self.wake, call.started + (hung_after if call.slow else SLOW * usual))

    # --- what comes back

    def _collect(self) -> None:
        """Wait for what comes next, and take all that has come."""
        now = time.monotonic()
        came = []
        try:
            came.append(self.done.get(timeout=max(0.001, min(self.wake - now, 1.0))))
            while True:
                came.append(self.done.get_nowait())
        except queue.Empty:
            pass
        replies: dict[int, Reply] = {}
        for found in came:
            if found is None:
                continue
            call, outcome = found
            self.calls.discard(call)
            if call.row.done:
                continue
            if isinstance(outcome, Reply):
                self._answered(call, outcome, replies)
            elif isinstance(outcome, Fault):
                self._failed(call.row, outcome, replies)
            else:
                self._stop(outcome)
        self._settle()
        self._hand_over(replies)

    def _hand_over(self, replies: dict[int, Reply]) -> None:
        if not replies:
            return
        try:
            self.deliver(replies)
        except Exception as error:  # the first failure ends the run; what comes after it is still tried
            self._stop(error)

    def _answered(self, call: InFlight, reply: Reply, replies: dict[int, Reply]) -> None:
        now = time.monotonic()
        self.pace.answered(now)
        self.spoilt = 0
        self.crew.proven, self.crew.known = True, call.row.request
        self.crew.seconds.append(now - call.started)
        self.enough = min(MOST_SUSPECTS, 2 * self.enough) if call.row is self.control else SUSPECTS
        # What was refused while others are answered was refused for what it is.
        alone = [row for row in self.suspects if row.refused_at < call.started]
        self.suspects = [row for row in self.suspects if row not in alone]
        for row in alone:
            if row.is_told:
                self._give_up(row, replies, "refused")
            else:
                self._put_off(row, now + self._pause(row))
        self._done(call.row, reply, replies)

    def _failed(self, row: QueuedRow, fault: Fault, replies: dict[int, Reply]) -> None:
        now = time.monotonic()
        row.fault, row.failed_at = fault, row.failed_at if row.failed_at is not None else now
        row.tries += 1
        row.refusals += fault.kind in TRIES
        if fault.kind == "fatal":
            self._stop(_ended(fault))
        elif fault.kind == "busy":
            until = self.pace.refused(now, fault.wait, self.rules.backoff)
            if until - now > self.rules.patience:
                text = f"{fault}; it asks to wait {until - now:,.0f} s"
                self._stop(EndpointError(text, "Run again later; answers are kept.", retryable=True, fatal=True))
            self._put_off(row, until)
        elif fault.kind in ("request", "moderated", "long") or (fault.kind == "unreadable" and self.crew.proven):
            self._refused(row, now)
        elif self._is_hopeless(row, fault):
            if self.crew.proven:
                self._give_up(row, replies, "error")
            else:
                self._stop(_ended(fault))
        else:
            self._put_off(row, now + max(self._pause(row), fault.wait or 0.0))

    def _pause(self, row: QueuedRow) -> float:
        """Seconds until a row is tried again."""
        return min(LONGEST_BACKOFF, self.rules.backoff * 2.0 ** (row.tries - 1)) * self.crew.random.uniform(0.5, 1.5)

    def _refused(self, row: QueuedRow, now: float) -> None:
        """Not answered for what it is, or since nothing is."""
        row.refused_at = now
        if row is self.control:
            if row.is_told:
                self._stop(self._failed_alike(self.suspects))
            else:
                self._put_off(row, now + self._pause(row))
        elif row.is_unreadable:
            self._spoilt(row, now)
        elif row not in self.suspects:
            self.suspects.append(row)

    def _spoilt(self, row: QueuedRow, now: float) -> None:
        """An answer that cannot be read: a row that alone has such is told by its tries, an endpoint that sends nothing else by how
        many there are in a row. It is given a little time, and then not asked any more, since each may be billed.
        """
        self.spoilt += 1
        rounds, rest = divmod(self.spoilt, self.rules.places + SUSPECTS)
        if rounds >= UNREADABLE_TRIES:
            self._stop(self._failed_alike([row for row in self.rows if row.is_unreadable and not row.done]))
        elif rounds and not rest:
            self.pace.hold(now + self.rules.backoff * 2.0 ** (rounds - 1))
        if not row.is_told:
            self._put_off(row, now + self._pause(row))
        elif row not in self.suspects:
            self.suspects.append(row)

    def _is_hopeless(self, row: QueuedRow, fault: Fault) -> bool:
        """Whether a row is not tried again: it fails while others succeed, or it never worked in a way that will not pass."""
        if fault.kind in ("odd", "unreadable") and row.tries >= ODD_TRIES:
            return True
        if fault.kind == "unreachable" and not self.crew.proven:
            return row.tries >= min(4, self.rules.attempts)
        if fault.kind == "late":
            return row.tries >= min(2, self.rules.attempts)
        failed_at = row.failed_at or 0.0
        lives = fault.lives or (self.pace.succeeded is not None and self.pace.succeeded > failed_at)
        # The last ones have nobody left to succeed next to them.
        alone = self.crew.proven and not self.fresh and time.monotonic() - failed_at > self.rules.patience * LAST_SHARE
        return row.tries >= self.rules.attempts and (lives or alone)

    def _give_up(self, row: QueuedRow, replies: dict[int, Reply], how: Literal["refused", "error"]) -> None:
        if row is self.control:
            self._stop(self._failed_alike(self.suspects))
            return
        cost = row.fault.cost if row.fault is not None else None
        self._done(row, replace(cost or Reply(""), finish=how, error=str(row.fault)), replies)

    def _done(self, row: QueuedRow, reply: Reply, replies: dict[int, Reply]) -> None:
        row.done = True
        self.suspects = [other for other in self.suspects if other is not row]  # of two calls for it, one may have been refused
        if row is self.control:
            self.control = self.control_at = None
        else:
            self.left -= 1
            replies[row.place] = reply

    def _put_off(self, row: QueuedRow, until: float) -> None:
        if row is self.control:
            self.control_at = until
        elif not row.waits:  # of two calls for it, both may have failed
            row.waits = True
            heapq.heappush(self.later, (until, next(self.order), row))

    def _settle(self) -> None:
        """What is to be thought of requests that were refused, and of a long silence."""
        if self.ending is not None:
            return
        now, proven = time.monotonic(), self.crew.proven
        enough = self.enough if proven else min(max(self.rules.places, FEWEST_FIRST), len(self.rows))
        is_last = not self.fresh and not self.later and all(call.row.done for call in self.calls)
        if self.control is None and self.suspects and (is_last or len(self.suspects) >= enough):
            again = [row for row in self.suspects if not row.is_told]
            if again and not proven:
                self._stop(self._failed_alike(self.suspects))
            elif again and is_last:
                self.suspects = [row for row in self.suspects if row.is_told]
                for row in again:
                    self._put_off(row, now + self._pause(row))
            else:
                self.control = QueuedRow(len(self.rows), self.crew.known or CONTROL)
                self._put_off(self.control, now)
        silent = now - max(self.began, self.pace.succeeded or 0.0)
        failing = [row for row in self.rows if row.fault is not None and not row.done]
        if failing and silent > self.rules.patience:
            self._stop(self._failed_alike(failing))

    def _failed_alike(self, rows: Sequence[QueuedRow]) -> EndpointError:
        """The end of a run in the endpoint's words: how many calls failed, and why."""
        faults = [row.fault for row in rows if row.fault is not None]
        causes = Counter(fault.cause for fault in faults).most_common(3)
        if len(self.rows) == 1 or not self.crew.proven and len(causes) == 1:
            return _ended(faults[0])
        told = causes[0][0] if len(causes) == 1 else "; ".join(f"{number} times {cause}" for cause, number in causes)
        text = f"{len(rows)} of {len(self.rows)} calls failed: {told}"
        return EndpointError(text, faults[0].hint or "Run again later; what was answered is kept.", retryable=True, fatal=True)


def _ended(fault: Fault) -> EndpointError:
    passing = fault.kind not in REFUSALS
    first = "Run again"
    if not passing:
        first = "Change what it refuses under `model`, or the rows, and run again"
    elif fault.kind in ("odd", "unreadable"):
        first = "Check that `base_url` is that of an OpenAI-compatible endpoint, and run again"
    return EndpointError(str(fault), fault.hint or f"{first}; what was answered is kept.", retryable=passing, fatal=True)
