"""Share the processor's cores with whatever else runs on the machine.

OpenMP's threads spin while they wait for each other. Alone that is the quickest way to wait. Next to other work it is the slowest:
a thread that spins holds the core that the thread it waits for needs. So networks look now and then how busy other programs keep
the machine, and tell OpenMP's threads to sleep while they wait, for as long as others are busy. How many threads compute does
not change, so neither do the results.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

LOOK_SECONDS = 0.5
"""How long at least between two looks."""
BUSY_CORES = 0.25
"""What other programs use of a core, on average since the last look, from which they count as busy."""
USERS_OWN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables by which users decide on spinning themselves; where one is set, nothing is changed."""


class Runtime(Protocol):
    """An OpenMP runtime that can be told how its threads wait."""

    def sleep_when_waiting(self, on: bool) -> None:
        """Let threads sleep while they wait, or spin as they do by default. Called by the thread that computes."""
        ...


class Gnu:
    """GNU's runtime, whose spin count is fixed when it is loaded, but which hardly spins while it has more threads than cores.

    An idle team of threads, held by a thread of its own, is enough for that (libgomp, `gomp_throttled_spin_count_var`: 1,000 turns
    instead of 300,000). The team ends with the thread that holds it.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        self._release: threading.Event | None = None

    def sleep_when_waiting(self, on: bool) -> None:
        """Hold an idle team, or let go of it."""
        if on and self._release is None:
            self._release, held = threading.Event(), threading.Event()
            threading.Thread(target=self._hold, args=(held, self._release), name="idle OpenMP team", daemon=True).start()
            held.wait()
        elif not on and self._release is not None:
            self._release.set()
            self._release = None

    def _hold(self, held: threading.Event, release: threading.Event) -> None:
        nothing = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)  # `free(NULL)` is what each thread of the team does
        self._library.GOMP_parallel(nothing, None, ctypes.c_uint((os.cpu_count() or 1) + 1), ctypes.c_uint(0))
        held.set()
        release.wait()


class Llvm:
    """LLVM's and Intel's runtimes (also on macOS), which take the time to spin, in milliseconds, while they run."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._usual = int(library.kmp_get_blocktime())

    def sleep_when_waiting(self, on: bool) -> None:
        """Set the calling thread's block time."""
        self._library.kmp_set_blocktime(0 if on else self._usual)


@dataclass
class Cores:
    """Looks at how busy other programs are, and tells the runtimes.

    Args:
        runtimes: those that are loaded.
        used: processor seconds used so far, by everything on the machine and by this process.
        clock: seconds.
    """

    runtimes: tuple[Runtime, ...]
    used: Callable[[], tuple[float, float]]
    clock: Callable[[], float] = time.monotonic
    shared: bool = False
    _last: tuple[float, float, float] | None = field(default=None, repr=False)

    def look(self) -> None:
        """Look, unless the last look was just now."""
        now = self.clock()
        if self._last is not None and now - self._last[0] < LOOK_SECONDS:
            return
        everything, own = self.used()
        if self._last is not None:
            then, everything_then, own_then = self._last
            others = ((everything - everything_then) - (own - own_then)) / (now - then)
            self._share(others >= BUSY_CORES)
        self._last = (now, everything, own)

    def _share(self, shared: bool) -> None:
        if shared != self.shared:
            for runtime in self.runtimes:
                runtime.sleep_when_waiting(shared)
            self.shared = shared


def share_cores() -> None:
    """Let OpenMP's threads wait asleep while other programs are busy; cheap enough for every pass through a network.

    It does nothing on a machine of one core, where users decide by environment variables, and for runtimes that it does not know.
    """
    if (cores := _cores()) is not None:
        cores.look()


@cache
def _cores() -> Cores | None:
    if any(name in os.environ for name in USERS_OWN) or (os.cpu_count() or 1) < 2:
        return None
    runtimes = _runtimes()
    return Cores(runtimes, _used) if runtimes else None


def _used() -> tuple[float, float]:
    import psutil

    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return sum(times) - idle, time.process_time()


def _runtimes() -> tuple[Runtime, ...]:
    """The OpenMP runtimes in this process; torch has to be loaded before."""
    import threadpoolctl

    found: list[Runtime] = []
    for pool in threadpoolctl.threadpool_info():
        if pool["internal_api"] != "openmp" or sys.platform == "win32":
            continue
        try:
            library = ctypes.CDLL(pool["filepath"])
            found.append(Gnu(library) if pool["prefix"] == "libgomp" else Llvm(library))
        except (OSError, AttributeError):  # a runtime that lacks what is asked of it keeps its ways
            continue
    return tuple(found)
