"""What pages show of everything together, worked out away from the request: a page has the last of it at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Later(Generic[T]):
    """A value that follows from what changes; worked out in the background when it is asked for and is not of now.

    Args:
        work: gives it; may take seconds.
        state: what it follows from; quick.
        pool: where it is worked out; with one thread, one value after the other, so that answers keep most of the processor.
    """

    def __init__(self, work: Callable[[], T], state: Callable[[], Hashable], pool: ThreadPoolExecutor) -> None:
        self._work, self._state, self._pool = work, state, pool
        self._of: Hashable = None
        self._value: T | None = None
        self._running: Future[None] | None = None

    def get(self, patience: float) -> tuple[T | None, bool]:
        """The value that was worked out last, None where there is none yet, and whether it is of now.

        Args:
            patience: seconds to wait for one that is of now.

        Raises:
            Exception: it could not be worked out; raised once, and tried again when it is asked for again.
        """
        now = self._state()
        if self._of == now:
            return self._value, True
        if self._running is None:
            self._running = self._pool.submit(self._renew, now)
        running = self._running
        try:
            running.result(patience)
        except TimeoutError:
            return self._value, False
        finally:
            if running.done():
                self._running = None
        return self._value, self._of == now

    def _renew(self, now: Hashable) -> None:
        self._value = self._work()
        self._of = now
