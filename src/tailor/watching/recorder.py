"""Keeping what a served system is asked, from a thread of its own: serving waits for nothing here, and fails for nothing.

What is to be kept goes into a bounded queue. While the disk is slow or full the queue fills, and then the newest is lost, counted,
and shown as a gap. Where a write fails, fewer are written at once, down to a single one, and one that cannot be written is given up
after a few attempts: nothing holds up what comes behind it for ever. A request is drawn for the audit when it arrives, by a number
that knows nothing of it or of its answer.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from tailor.errors import TailorError
from tailor.kinds.base import kind_of
from tailor.language.detect import language_of
from tailor.score.confidence import confidence
from tailor.score.parse import parse_answer
from tailor.score.types import Answer
from tailor.store.traffic import DAY, Feedback, Gap, Request, Traffic
from tailor.system import System
from tailor.task import Task, columns_in

QUEUE = 2_000
"""Requests and remarks that wait to be written, at most."""
QUEUED_CHARACTERS = 16_000_000
"""Their texts together, at most."""
PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds until the write of a single item that failed is tried again, at first and at most."""
ATTEMPTS = 6
"""How often it is tried before it is given up: about half a minute in all, at first."""
GATHERED = 0.25
"""Seconds in which what comes is written together: each write takes processor time from whoever answers."""
HEARTBEAT = 30.0
"""Seconds after which an idle recorder notes down that nothing was lost."""

log = logging.getLogger(__name__)
unforeseeable = random.SystemRandom().random
"""Numbers in [0, 1) that no caller can foresee, so that nobody can keep a request out of the audit."""


@dataclass(frozen=True)
class Exchange:
    """A request and what was answered.

    Attributes:
        id: as the response names it; no two are the same.
        system: who answered, as the study has it: its documents may have changed since.
        fields: the columns asked about.
        answer: what came.
        price: of the answer, in the project's currency; None where it is not known.
        at: when, in seconds since 1970; now unless given.
        since: when the study of its system ended, likewise. No request to it came before, whatever the clock says: one that was put
            back is taken to have stood still.
    """

    id: str
    system: System
    fields: Mapping[str, str]
    answer: Answer
    price: float | None = None
    at: float | None = None
    since: float = 0.0


class Recorder:
    """Keeps requests and what people say of them. Safe to call from several threads; no call waits for the disk or raises.

    Args:
        store: the project's store.
        task: what is asked; its `traffic` says what is kept.
        draw: numbers in [0, 1) that nobody can foresee.
        now: the time, in seconds since 1970.
    """

    def __init__(
        self,
        store: Path,
        task: Task,
        *,
        draw: Callable[[], float] = unforeseeable,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._task, self._draw, self._now = store, task, draw, now
        self._queue: deque[tuple[tuple[Exchange, bool] | Feedback, int]] = deque()
        self._waiting = threading.Condition()
        self._characters = 0
        self._lost, self._lost_since, self._lost_until = 0, 0.0, 0.0
        self._lost_in_all = 0
        self._trouble = ""
        self._most, self._attempts = QUEUE, 0
        self._ending = self._hurried = False
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def record(self, exchange: Exchange) -> bool:
        """Keep a request, if it is drawn; gives whether it was drawn for the audit, so that a verdict on it is asked for."""
        settings = self._task.traffic
        audited = self._draw() < settings.audit
        if not audited and self._draw() >= settings.share:
            return False
        known = exchange if exchange.at is not None else replace(exchange, at=max(self._now(), exchange.since))
        size = sum(map(len, exchange.fields.values())) + len(exchange.answer.raw)
        return self._put((known, audited), size) and audited

    def feedback(self, given: Feedback) -> bool:
        """Keep what someone said of an answer; gives whether it will be, unless the process ends before."""
        return self._put(given if given.at else replace(given, at=self._now()), len(given.correct))

    @property
    def trouble(self) -> str:
        """Why nothing can be kept just now, in a sentence; empty where all is well."""
        return self._trouble

    @property
    def lost(self) -> int:
        """Requests and remarks that were lost since the start."""
        return self._lost_in_all

    def flush(self, seconds: float = 5.0) -> bool:
        """Wait until all is written; gives whether it was within so many seconds."""
        with self._waiting:
            self._hurried = True
            self._waiting.notify_all()
            try:
                return self._waiting.wait_for(lambda: not self._queue and not self._lost, seconds)
            finally:
                self._hurried = False

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits, as far as that can be done within so many seconds, and end."""
        with self._waiting:
            self._ending = True
            self._waiting.notify_all()
        self._thread.join(seconds)
        if self._queue or self._lost:
            count = len(self._queue) + self._lost
            log.error("%d requests and remarks could not be recorded before the end. %s", count, self._trouble)

    def _put(self, item: tuple[Exchange, bool] | Feedback, size: int) -> bool:
        with self._waiting:
            if self._ending or len(self._queue) >= QUEUE or self._characters + size > QUEUED_CHARACTERS:
                self._lose()
                return False
            self._queue.append((item, size))
            self._characters += size
            self._waiting.notify_all()
            return True

    def _lose(self) -> None:
        """Count one more that is lost."""
        now = self._now()
        self._lost_since = self._lost_since if self._lost else now
        self._lost, self._lost_in_all, self._lost_until = self._lost + 1, self._lost_in_all + 1, now

    # The thread

    def _work(self) -> None:
        pause = PAUSE
        while not self._over():
            try:
                with Traffic(self._store) as traffic:
                    self._write_all(traffic)
            except Exception as error:  # whatever happens here is no reason to stop serving
                why = str(error) if isinstance(error, TailorError) else type(error).__name__  # others may quote what was asked
                if not self._trouble:
                    log.warning("Requests are not being recorded, and answered as before: %s", why)
                    pause = PAUSE
                self._trouble = f"Requests are not being recorded: {why}."
                if self._fewer():
                    continue
                with self._waiting:
                    self._waiting.wait_for(lambda: self._ending, pause)
                    if self._ending:
                        return
                pause = min(2 * pause, LONGEST_PAUSE)

    def _fewer(self) -> bool:
        """Write fewer at once after a failure; gives False where it was a single one, which is given up after some attempts."""
        with self._waiting:
            failed = min(self._most, len(self._queue))
            self._most = max(1, failed // 2)
            if failed > 1:
                return True
            self._attempts += failed
            if self._attempts < ATTEMPTS:
                return False
            self._attempts = 0
            self._characters -= self._queue.popleft()[1]
            self._lose()
        log.error("A request or remark is given up after %d attempts to record it. %s", ATTEMPTS, self._trouble)
        return False

    def _over(self) -> bool:
        return self._ending and not self._queue and not self._lost

    def _write_all(self, traffic: Traffic) -> None:
        """Write as long as that goes well."""
        if traffic.aside is not None:
            now = self._now()
            traffic.add((), (), [Gap(now, now, 0, f"the record was damaged and is kept as {traffic.aside.name}")])
        span, forgotten = traffic.begin_span(self._now()), 0.0
        while not self._over():
            with self._waiting:
                if self._waiting.wait_for(lambda: self._ending or bool(self._queue), HEARTBEAT):
                    self._waiting.wait_for(lambda: self._ending or self._hurried or 2 * len(self._queue) > QUEUE, GATHERED)
                batch = list(islice(self._queue, self._most))
                lost, since, until = self._lost, self._lost_since, self._lost_until
            gaps = [Gap(since, until, lost, self._trouble or "more came in than could be written")] if lost else []
            traffic.add(*self._sorted([item for item, _ in batch]), gaps)
            traffic.go_on(span, self._now())
            with self._waiting:
                for _, size in batch:
                    self._queue.popleft()
                    self._characters -= size
                self._lost -= lost
                if len(batch) < self._most or not self._queue:
                    self._trouble = ""
                self._most, self._attempts = min(2 * self._most, QUEUE), 0
                self._waiting.notify_all()
            if self._now() - forgotten > DAY / 24:
                forgotten = self._now()
                traffic.forget(forgotten - self._task.traffic.days * DAY)

    def _sorted(self, batch: Sequence[tuple[Exchange, bool] | Feedback]) -> tuple[list[Request], list[Feedback]]:
        """The requests and the remarks of a batch."""
        remarks = [item for item in batch if isinstance(item, Feedback)]
        return [self._request(*item) for item in batch if not isinstance(item, Feedback)], remarks

    def _request(self, exchange: Exchange, audited: bool) -> Request:
        """What is kept of a request."""
        system, answer, task = exchange.system, exchange.answer, self._task
        text = asked_text(task, exchange.fields)
        parsed = "" if answer.error else parse_answer(system, answer.raw) or ""
        closed = kind_of(task).closed
        found = [passage.score for passage in answer.passages if passage.score]
        return Request(
            id=exchange.id,
            at=float(exchange.at or 0.0),
            system=system.fingerprint,
            audited=audited,
            outcome=outcome_of(system, answer),
            words=len(text.split()),
            language=language_of(text),
            label=parsed if closed and parsed else None,
            retrieved=max(found, default=None),
            confidence=confidence(answer, several=system.decoding.several),
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            seconds=answer.seconds,
            price=exchange.price,
            fields=dict(exchange.fields) if task.traffic.texts else None,
            answer=answer.raw if task.traffic.texts else None,
        )


def asked_text(task: Task, fields: Mapping[str, str]) -> str:
    """What is asked, of a request or of a row of the study: the columns that `input` names, one after the other."""
    return " ".join(fields.get(name, "") for name in columns_in(task.input))


def outcome_of(system: System, answer: Answer) -> str:
    """`answered`, or why there is no answer that can be used: `empty`, `unparsed`, `cut`, `refused` or `failed`."""
    if answer.finish == "refused":
        return "refused"
    if answer.error or answer.finish == "error":
        return "failed"
    if not answer.raw.strip():
        return "empty"
    if parse_answer(system, answer.raw) is not None:
        return "answered"
    return "cut" if answer.finish == "length" else "unparsed"
