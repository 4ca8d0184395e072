"""Work that waits for LanceDB's threads, begun without waiting for it: an event loop in a thread of its own.

A caller's own loop, as a notebook or a server has one, is left alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import cache
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


def begin(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Begin it; the result waits until it is done, and raises what it raised."""
    return asyncio.run_coroutine_threadsafe(work, _loop(os.getpid()))


@cache
def _loop(process: int) -> asyncio.AbstractEventLoop:
    """The loop of this process: threads do not survive a fork."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="tailor-waiting", daemon=True).start()
    return loop
