"""Answering requests that arrive together: one thread owns the models, a bounded queue comes before it.

Requests that wait are answered in one batch as soon as the batch before is done, or as many of them as one batch should hold
(`load`). While more is asked than can be answered, fewer may wait. Work in the background, such as holding another configuration to
what was measured, takes its turn in pieces when nobody waits. Calls to an endpoint wait in threads of their own.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tailor.data.example import Example
from tailor.errors import TailorError
from tailor.models.base import Listener, Request
from tailor.retrieval.passage import Passage
from tailor.score.types import Answer
from tailor.serving.load import LEAST_SHARE, Load
from tailor.serving.served import Served

T = TypeVar("T")
WAITING = 64
"""Requests that may wait, unless said otherwise, while what is asked can be answered."""
GATHER_SHARE, LEAST_GATHER, MOST_GATHER = 0.02, 0.002, 0.1
"""How long others are waited for that will probably come, where the batch before held several: a share of its time, and limits in
seconds."""
QUEUED_SECONDS = 60.0
"""Seconds that nobody is let in to wait for longer, by the times of the batches so far: who waits much longer is given up on."""
CALLS = 64
"""Calls to endpoints at once, at most."""
SMOOTH = 0.1
"""Weight of the newest batch in the mean time of an answer."""
BACKGROUND_SECONDS = 0.5
"""How long work in the background waits for a pause; then it takes a turn between two batches."""


class QueueFull(Exception):
    """No request can wait any more.

    Args:
        seconds: after which there is probably room.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(eq=False)
class Job:
    """A request that waits.

    Attributes:
        served: who answers.
        example: what is asked.
        future: gets the answer; one that is cancelled leaves the queue.
        listener: told of what is written of it; None for nobody.
        since: when it came, by a clock that never goes back.
    """

    served: Served
    example: Example
    listener: Listener | None = None
    future: Future[Answer] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class Task(Generic[T]):
    """Work in the background."""

    call: Callable[[], T]
    future: Future[T] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class Worker:
    """The thread that answers.

    Args:
        waiting: requests that may wait while what is asked can be answered.
    """

    def __init__(self, waiting: int = WAITING) -> None:
        self.capacity = waiting
        self.batches = self.answered = 0
        self.seconds_each = 0.0
        self.load = Load()
        self._jobs: deque[Job] = deque()
        self._tasks: deque[Task[object]] = deque()
        self._changed = threading.Condition()
        self._ending = False
        self._busy_since: float | None = None
        self._last, self._last_seconds = 1, 0.0
        self._calls = 0
        self._users: dict[int, int] = {}
        self._pool = ThreadPoolExecutor(CALLS, "call")
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Requests that wait now."""
        return len(self._jobs)

    @property
    def tasks(self) -> int:
        """Work in the background that waits now."""
        return len(self._tasks)

    @property
    def is_alive(self) -> bool:
        """Whether the thread is there."""
        return self._thread.is_alive()

    @property
    def busy_seconds(self) -> float:
        """How long the present batch has taken so far; 0 where nothing is done."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def users(self, served: Served) -> int:
        """Requests that wait for a configuration's answer."""
        with self._changed:
            return self._users.get(id(served), 0)

    def submit(self, served: Served, example: Example, listener: Listener | None = None) -> Future[Answer]:
        """Put a request into the queue; its answer comes in the future, or what prevented it.

        Args:
            served: who answers.
            example: what is asked.
            listener: told of what is written, by the thread that answers; it must not fail.

        Raises:
            QueueFull: it is full.
        """
        job, late = Job(served, example, listener), list[Job]()
        try:
            with self._changed:
                if self._ending:
                    raise QueueFull(self._until_room(served))
                grows = not served.is_billed and self.load.grows(len(self._jobs), batch=self._batch(served), last=self._last)
                if grows or self._is_full(served):
                    self.load.refused()
                    late = self._shed(served, early=grows)
                    raise QueueFull(self._until_room(served))
                self._jobs.append(job)
                self._users[id(served)] = self._users.get(id(served), 0) + 1
                self._changed.notify_all()
        finally:
            for other in late:
                other.future.set_exception(QueueFull(self.seconds_each))
        job.future.add_done_callback(lambda future: self._left(job))
        return job.future

    def _is_full(self, served: Served) -> bool:
        """Whether one more may not wait."""
        return len(self._jobs) >= self._room(served) or (self.load.is_over and time.monotonic() < self._opens(served))

    def _opens(self, served: Served) -> float:
        """When others are let in under overload, so that they do not wait for all of the present batch; now, if there is none."""
        if served.is_billed or self._busy_since is None:
            return -math.inf
        return self._busy_since + self.load.opens(served.timing.seconds(self._last))

    def _batch(self, served: Served) -> int:
        """Requests that the next batch needs."""
        return served.timing.batch(served.at_once, soon=self.load.is_over)

    def _room(self, served: Served) -> int:
        """Requests that may wait now: no more than the next batch needs where more is asked than can be answered."""
        if served.is_billed:
            return min(self.capacity, CALLS) if self.load.is_over else self.capacity
        batch = self._batch(served)
        each = served.timing.seconds(batch) / batch
        if self.load.is_over:
            return min(self.capacity, batch)
        return min(self.capacity, max(batch, int(QUEUED_SECONDS / each))) if each else self.capacity

    def _until_room(self, served: Served) -> float:
        """Seconds after which there is probably room."""
        return max(self.seconds_each * len(self._jobs), self._opens(served) - time.monotonic())

    def _shed(self, served: Served, *, early: bool) -> list[Job]:
        """Take those out of the queue who would be answered too late: the youngest for whom there is no room.

        Args:
            served: who answers.
            early: those as well who would not have been let in if the overload had been known when they came.
        """
        opens, room, found = self._opens(served) if early else -math.inf, self._room(served), list[Job]()
        stay = [job for job in self._jobs if job.since >= opens][:room]
        for job in set(self._jobs).difference(stay):
            self._jobs.remove(job)
            if job.future.set_running_or_notify_cancel():
                found.append(job)
        return found

    def background(self, call: Callable[[], T]) -> Future[T]:
        """Let the thread do something when nobody waits, or soon."""
        task = Task(call)
        with self._changed:
            self._tasks.append(task)  # type: ignore[arg-type]
            self._changed.notify_all()
        return task.future

    def close(self) -> None:
        """Answer what waits, and end."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join()
        self._pool.shutdown()

    def _left(self, job: Job) -> None:
        """A request is answered, or whoever asked is gone: its place is free."""
        with self._changed:
            left = self._users[id(job.served)] - 1
            if left:
                self._users[id(job.served)] = left
            else:
                del self._users[id(job.served)]
            if job.future.cancelled() and job in self._jobs:
                self._jobs.remove(job)

    # The thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ending or self._tasks or (self._jobs and self._calls < CALLS))
                if self._ending and not self._jobs and not self._tasks:
                    return
                task = self._turn()
            if task is not None:
                _run(task)
                continue
            self._gather()
            if jobs := self._taken():
                self._answer(jobs)

    def _turn(self) -> Task[object] | None:
        """The work in the background that is due: nobody waits, or it has waited long enough."""
        if self._tasks and (not self._jobs or time.monotonic() - self._tasks[0].since > BACKGROUND_SECONDS):
            task = self._tasks.popleft()
            for other in self._tasks:
                other.since = time.monotonic()
            return task
        return None

    def _gather(self) -> None:
        """Wait a moment for as many as there were in the batch before, so that they do not miss this one by a hair.

        Under overload, for as many as the batch needs: they were told not to come earlier.
        """
        with self._changed:
            if not self._jobs or (served := self._jobs[0].served).is_billed:
                return
            count, seconds = self._last, min(MOST_GATHER, max(LEAST_GATHER, GATHER_SHARE * self._last_seconds))
            if self.load.is_over:
                count = self._room(served)
                seconds = max(seconds, LEAST_SHARE * served.timing.seconds(count))
            self._changed.wait_for(lambda: len(self._jobs) >= count or self._ending, seconds)

    def _taken(self) -> list[Job]:
        """The next batch: requests to one configuration, in the order in which they came."""
        with self._changed:
            if not self._jobs:
                return []
            served = self._jobs[0].served
            most = max(1, CALLS - self._calls) if served.is_billed else self._batch(served)
            taken: list[Job] = []
            while self._jobs and len(taken) < most and self._jobs[0].served is served:
                job = self._jobs.popleft()
                if job.future.set_running_or_notify_cancel():
                    taken.append(job)
            self._last = len(taken)
            return taken

    def _answer(self, jobs: list[Job]) -> None:
        started = self._busy_since = time.monotonic()
        served = jobs[0].served
        try:
            if served.is_billed:
                self._call(served, jobs)
                return
            listeners = {job.example.id: job.listener for job in jobs if job.listener is not None}
            answers = served.answers([job.example for job in jobs], listeners)
        except Exception as error:  # the boundary of the thread: whoever asked is told
            for job in jobs:
                job.future.set_exception(_plain(error))
            return
        finally:
            self._busy_since = None
            self._last_seconds = time.monotonic() - started
            self._note(served, len(jobs), self._last_seconds)
        for job, answer in zip(jobs, answers, strict=True):
            job.future.set_result(answer)

    def _call(self, served: Served, jobs: list[Job]) -> None:
        """Hand the calls of a batch to threads of their own."""
        for job, (request, passages, besides) in zip(jobs, served.asked([job.example for job in jobs]), strict=True):
            with self._changed:
                self._calls += 1
            self._pool.submit(self._wait, served, job, request, passages, besides)

    def _wait(self, served: Served, job: Job, request: Request, passages: tuple[Passage, ...], besides: list[Answer]) -> None:
        try:
            job.future.set_result(served.called(job.example, request, passages, besides))
        except BaseException as error:  # the boundary of the thread: whoever asked is told
            job.future.set_exception(_plain(error))
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    def _note(self, served: Served, count: int, seconds: float) -> None:
        each = seconds / count
        served.timing.note(count, seconds)
        if not served.is_billed:
            with self._changed:
                self.load.ended(len(self._jobs), batch=min(self.capacity, self._batch(served)))
        self.batches += 1
        self.answered += count
        self.seconds_each = each if not self.seconds_each else (1 - SMOOTH) * self.seconds_each + SMOOTH * each


def _run(task: Task[object]) -> None:
    if not task.future.set_running_or_notify_cancel():
        return
    try:
        task.future.set_result(task.call())
    except BaseException as error:  # the boundary of the thread
        task.future.set_exception(error)


def _plain(error: BaseException) -> BaseException:
    """The error without the frames inside, which hold what was asked."""
    return error.with_traceback(None) if isinstance(error, TailorError) else error
