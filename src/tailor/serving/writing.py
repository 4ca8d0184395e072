"""An answer in the making: the thread that answers tells what it has written, and whoever asked reads it as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import suppress

from tailor.models.thought import split_thought
from tailor.score.types import Answer

HALF = "\ufffd"
"""What stands for a character of which not all bytes are written yet."""


class Writing:
    """An answer in the making; made by the event loop that reads it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()
        self.begun: asyncio.Future[None] = self._loop.create_future()
        self.answer: Future[Answer] = Future()

    def of(self, answer: Future[Answer]) -> None:
        """Say where the whole answer will come."""
        self.answer = answer
        answer.add_done_callback(lambda future: self._tell(None))

    def listen(self, text: str) -> None:
        """Take what is written so far; called by the thread that answers."""
        self._tell(text)

    def _tell(self, text: str | None) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody reads any more
            self._loop.call_soon_threadsafe(self._take, text)

    def _take(self, text: str | None) -> None:
        self._texts.put_nowait(text)
        if not self.begun.done():
            self.begun.set_result(None)

    async def pieces(self, seconds: float) -> AsyncIterator[str]:
        """The pieces of the answer until its writing has ended, each as soon as nothing behind it can change it.

        Raises:
            TimeoutError: the next one did not come within so many seconds.
        """
        sent = ""
        while (text := await asyncio.wait_for(self._texts.get(), seconds)) is not None:
            settled = split_thought(text.rstrip(HALF))[1]  # without blanks at its end, which the whole answer may lack
            if len(settled) > len(sent) and settled.startswith(sent):
                yield settled[len(sent) :]
                sent = settled
