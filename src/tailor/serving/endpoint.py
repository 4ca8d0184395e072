"""What the routes share: the configuration that answers, the one before it, the queue, the figures, and whether it is ready."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from tailor.data.example import Example
from tailor.errors import EndpointError, OverBudget, TailorError
from tailor.models.base import Listener
from tailor.score.types import Answer
from tailor.serving.images import forget, kept
from tailor.serving.metrics import Metrics
from tailor.serving.refused import Refused
from tailor.serving.replies import Reply, read_answer
from tailor.serving.served import Served
from tailor.serving.worker import QueueFull, Worker
from tailor.serving.writing import Writing
from tailor.watching.recorder import Exchange, Recorder

T = TypeVar("T")
LONGEST_WAIT = 120.0
"""Seconds for which an answer is waited for."""
DRAIN_SECONDS = 0.05
"""Between two looks whether a configuration that was replaced still has requests to answer."""


class Gone(Exception):
    """Whoever asked is gone."""


class Endpoint:
    """One server.

    Args:
        served: what answers.
        worker: its thread.
        recorder: keeps what is asked; None for nothing.
    """

    def __init__(self, served: Served, worker: Worker, recorder: Recorder | None = None) -> None:
        self.current = served
        self.before: Served | None = None
        self.worker, self.recorder = worker, recorder
        self.metrics = Metrics()
        self.swaps = 0
        self.gate = "what is served is not yet held to what was measured"
        self.health = ""
        self._swapping = threading.Lock()

    @property
    def trouble(self) -> str:
        """Why a request would not be answered as certified; empty where it would."""
        return self.gate or self.health

    async def answer(self, served: Served, example: Example, gone: Callable[[], Coroutine[object, object, object]]) -> Reply:
        """The answer to a row.

        Args:
            served: who answers.
            example: the row; its id names the request.
            gone: makes what ends when whoever asked is gone.

        Raises:
            Refused: there is no answer.
            Gone: nobody waits for it any more; its place in the queue is free.
        """
        self._let_in()
        answer = await self.waited(asyncio.wrap_future(self._submitted(served, example)), gone)
        return self.replied(served, example, answer)

    async def writing(self, served: Served, example: Example, gone: Callable[[], Coroutine[object, object, object]]) -> Writing:
        """The answer to a row from when something of it is written, or all of it is there.

        Raises:
            Refused: there is no answer.
            Gone: nobody waits for it any more; its place in the queue is free.
        """
        self._let_in()
        writing = Writing()
        writing.of(self._submitted(served, example, writing.listen))
        try:
            await self.waited(writing.begun, gone)
        except BaseException:
            writing.answer.cancel()
            raise
        return writing

    def written(self, served: Served, example: Example, writing: Writing) -> Reply:
        """The whole answer, once its writing has ended.

        Raises:
            Refused: there is none.
        """
        try:
            return self.replied(served, example, writing.answer.result())
        except QueueFull as full:
            raise self._full(full.seconds) from None
        except TailorError as error:
            raise failed(error) from None

    def replied(self, served: Served, example: Example, answer: Answer) -> Reply:
        """An answer as a reply; it is recorded and counted.

        Raises:
            Refused: there is none in it.
        """
        price = served.price(answer)
        if self.recorder is not None:
            found = served.certified
            self.recorder.record(Exchange(example.id, found.system, example.fields, answer, price, since=found.ended))
        reply = read_answer(example.id, served, answer)
        self.metrics.answer(answer.tokens_in, answer.tokens_out, price, hands_over=reply.hands_over, unparsed=reply.parsed is None)
        return reply

    async def done(self, call: Callable[[], T], gone: Callable[[], Coroutine[object, object, object]]) -> T:
        """What the thread that answers makes of something else than a row, between two batches.

        Raises:
            Refused: it failed, or too much waits already.
            Gone: nobody waits for it any more.
        """
        self._let_in()
        if self.worker.tasks >= self.worker.capacity:
            raise self._full(self.worker.seconds_each)
        return await self.waited(asyncio.wrap_future(self.worker.background(call)), gone)

    def _let_in(self) -> None:
        if self.gate:
            raise Refused(f"Not ready: {self.gate}.", 503, kind="server_error", code="not_ready", headers={"retry-after": "5"})

    def _submitted(self, served: Served, example: Example, listener: Listener | None = None) -> Future[Answer]:
        asked = kept(served.project, example) if example.media else example
        try:
            future = self.worker.submit(served, asked, listener)
        except BaseException as error:  # whatever it was, nobody will be asked about the images any more
            forget(served.project, asked)
            if isinstance(error, QueueFull):
                raise self._full(error.seconds) from None
            raise
        if asked.media:
            future.add_done_callback(lambda done: forget(served.project, asked))
        return future

    def _full(self, seconds: float) -> Refused:
        wait = max(1, round(seconds))
        said = f"More is asked than can be answered, and no more requests may wait. Try again in {wait} s."
        return Refused(said, 429, kind="rate_limit_error", code="queue_full", headers={"retry-after": str(wait)})

    async def waited(self, answer: asyncio.Future[T], gone: Callable[[], Coroutine[object, object, object]]) -> T:
        """What comes of a future, unless whoever waits for it leaves.

        Raises:
            Refused: it failed, or took too long.
            Gone: nobody waits for it any more.
        """
        left = asyncio.ensure_future(gone())
        both: tuple[asyncio.Future[Any], ...] = (answer, left)
        try:
            await asyncio.wait(both, timeout=LONGEST_WAIT, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if left.done():
                raise Gone
            raise Refused(f"No answer came within {LONGEST_WAIT:g} s.", 504, kind="server_error", code="timeout")
        except QueueFull as full:
            raise self._full(full.seconds) from None
        except TailorError as error:
            raise failed(error) from None
        finally:
            answer.cancel()
            left.cancel()

    def swap(self, served: Served) -> None:
        """Let another configuration answer from now on; what was asked before is answered by the one before.

        One that would answer the same takes the place of the present one, so that going back goes to another one.
        """
        with self._swapping:
            if served.id == self.current.id:
                retired: Served | None = self.current
            else:
                retired, self.before = self.before, self.current
            self.current = served
            self.swaps += 1
        if retired is not None and retired is not served:
            threading.Thread(target=self._retire, args=(retired,), daemon=True).start()

    def roll_back(self) -> bool:
        """Let the configuration before this one answer again; whether there is one."""
        with self._swapping:
            if self.before is None:
                return False
            self.before, self.current = self.current, self.before
            self.swaps += 1
        return True

    def _retire(self, served: Served) -> None:
        """Close a configuration that nobody can go back to, once all it was asked is answered."""
        while self.worker.users(served):
            time.sleep(DRAIN_SECONDS)
        self.worker.background(served.close)

    def gauges(self) -> dict[str, float]:
        """Figures of now."""
        worker, recorder = self.worker, self.recorder
        return {
            "ready": not self.trouble,
            "waiting": worker.waiting,
            "waiting_most": worker.capacity,
            "overloaded": worker.load.is_over,
            "batches": worker.batches,
            "batch_answers": worker.answered,
            "swaps": self.swaps,
            "recording": recorder is not None and not recorder.trouble,
            "not_recorded": 0 if recorder is None else recorder.lost,
            "seconds_each": worker.seconds_each,
        }

    def close(self) -> None:
        """Answer what waits, and end."""
        self.worker.close()
        for served in filter(None, (self.current, self.before)):
            served.close()
        if self.recorder is not None:
            self.recorder.close()


def failed(error: TailorError) -> Refused:
    """The refusal that says why no request can succeed now."""
    if isinstance(error, OverBudget):
        return Refused(f"{error}.", 429, kind="insufficient_quota", code="insufficient_quota")
    again = {"retry-after": "5"} if isinstance(error, EndpointError) else {}
    return Refused(f"No answer came: {error}.", 502, kind="server_error", code="no_answer", headers=again)


def chosen_names(served: Served) -> Sequence[str]:
    """The names that a request may call the model by: the task, the task in this configuration."""
    name = "-".join(served.certified.task.name.split())
    return name, f"{name}@{served.id}"
