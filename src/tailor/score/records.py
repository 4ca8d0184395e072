"""Which records of an answer stand for which right ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def matched(rows: int, columns: int, gain: Callable[[int, int], float]) -> list[tuple[int, int]]:
    """The pairs of a one-to-one assignment with the greatest sum of gains, by row; pairs that gain nothing are none.

    The rectangular assignment problem, solved exactly by `scipy.optimize.linear_sum_assignment` (Crouse 2016,
    doi:10.1109/TAES.2016.140952).

    Args:
        rows: how many things there are on one side.
        columns: how many on the other.
        gain: what a pair is worth, by the numbers of both.
    """
    if not rows or not columns:
        return []
    from scipy.optimize import linear_sum_assignment

    gains = np.array([[gain(i, j) for j in range(columns)] for i in range(rows)], dtype=float)
    chosen = zip(*linear_sum_assignment(gains, maximize=True), strict=True)
    return [(int(i), int(j)) for i, j in chosen if gains[i, j] > 0]
