"""Timings of two sides on the same machine: medians and spreads."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def seconds_of(work: Callable[[], T]) -> tuple[float, T]:
    """How long it took, and what it gave."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def spread(seconds: Sequence[float]) -> float:
    """(Longest - shortest) / median."""
    return (max(seconds) - min(seconds)) / statistics.median(seconds)
