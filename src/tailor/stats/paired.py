"""Comparing systems on the same rows: exact McNemar, Holm, and simultaneous limits for all differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from tailor.stats.intervals import DRAWS, Floats, gamma_draws


@dataclass(frozen=True)
class PairedDifference:
    """Mean of column `first` minus column `second` with limits that hold for all pairs together.

    Attributes:
        first: number of the first column.
        second: number of the second column.
        mean: mean difference, in [-1, 1].
        low: lower limit; None with fewer than two rows.
        high: upper limit; None with fewer than two rows.
        p_value: two-sided, of this pair alone: exact McNemar for 0/1 values, else from the same draws as the limits.
    """

    first: int
    second: int
    mean: float
    low: float | None
    high: float | None
    p_value: float


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact p-value of McNemar's test; `b` and `c` count the rows on which only one of two systems is right.

    Raises:
        ValueError: a count is negative.
    """
    from scipy.special import bdtr

    if min(b, c) < 0:
        raise ValueError(f"counts {b} and {c} are not both at least 0")
    return min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down adjustment: p-values that keep the error over all of them, in the order given."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def paired_max_t(matrix: ArrayLike, level: float = 0.95, seed: int = 0, resamples: int = DRAWS) -> list[PairedDifference]:
    """Simultaneous limits for all pairwise differences of K systems on the same n rows.

    Bootstrap over rows, so that what is hard for one system may be hard for all. Every resample holds one row more, with the worst
    possible difference (Gaffke's limit, see `intervals`): this is the floor that keeps equal answers from becoming a claim of no
    difference. Without any disagreement the upper limit of a single pair at one-sided error alpha is exactly 1 - alpha**(1/n).
    The limits are made joint by the balanced maximum (Beran 1988, JASA 83): each resample's deviation is studentised by its rank
    among the resamples of its pair and side, the most extreme rank over all pairs and both sides is the statistic, and every limit
    is read at its quantile. Each pair thus has the same share of the error whether its differences are common or rare, and the
    limits are never wider than Bonferroni's.

    Args:
        matrix: values in [0, 1], shape (n, K): a row per example, a column per system.
        level: probability with which all limits of all pairs, both sides, hold together. Any choice of one side per pair
            therefore holds at least as surely: one-sided statements may be read off the same limits.
        seed: of the resamples.
        resamples: how many.

    Returns:
        One difference per pair of columns (i, j) with i < j, in the order of `itertools.combinations`.

    Raises:
        ValueError: the matrix has not two dimensions, holds values outside [0, 1], or the level is not between 0 and 1.
    """
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2 or not np.all((values >= 0) & (values <= 1)):
        raise ValueError("the matrix is not of shape (rows, systems) with values between 0 and 1")
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")
    n, systems = values.shape
    pairs = list(combinations(range(systems), 2))
    if n < 2 or not pairs:
        return [PairedDifference(i, j, float(np.sum(values[:, i] - values[:, j])), None, None, 1.0) for i, j in pairs]
    differences = np.stack([values[:, i] - values[:, j] for i, j in pairs], axis=1)
    draws = _draws(differences, resamples, seed)
    limits = joint_limits(draws, 1 - level)
    rates = bool(np.all((values == 0) | (values == 1)))
    found = []
    for place, (i, j) in enumerate(pairs):
        column = differences[:, place]
        p_value = mcnemar_exact(int(np.sum(column > 0)), int(np.sum(column < 0))) if rates else p_value_of(draws[:, place])
        low, high = float(limits[place, 0]), float(limits[place, 1])
        found.append(PairedDifference(i, j, math.fsum(column) / n, low, high, p_value))
    return found


def _draws(differences: Floats, resamples: int, seed: int) -> Floats:
    """Resampled means, shape (resamples, pairs, 2): with the worst value for the lower limit, -1, and for the upper one, +1."""
    rows, counts = np.unique(differences, axis=0, return_counts=True)
    # The added row is drawn anew for each pair and side: rare disagreements of different pairs need not come together.
    random = np.random.default_rng([seed, 1])
    chunks = []
    for weights in gamma_draws(counts, resamples, seed):
        inner, total = (weights @ rows)[:, :, None], weights.sum(axis=1)[:, None, None]
        extra = random.standard_exponential((len(weights), rows.shape[1], 2))
        chunks.append((inner + extra * [-1.0, 1.0]) / (total + extra))
    return np.concatenate(chunks)


def joint_limits(draws: Floats, alpha: float) -> Floats:
    """Lower and upper limits, shape (pairs, 2), that all hold together with probability 1 - alpha."""
    resamples, pairs, _ = draws.shape
    flat = draws.reshape(resamples, 2 * pairs) * np.tile([1.0, -1.0], pairs)
    order = np.argsort(flat, axis=0, kind="stable")
    lowest = np.full(resamples, resamples)  # each resample's most extreme rank, over all pairs and both sides
    np.minimum.at(lowest, order, np.arange(1, resamples + 1)[:, None])
    # The largest rank that at most a share alpha of the resamples reaches or passes anywhere.
    joint = int(np.sort(lowest)[min(math.floor(alpha * (resamples + 1)), resamples - 1)]) - 1
    rank = max(joint, math.floor(alpha * (resamples + 1) / (2 * pairs)))
    if rank < 1:
        return np.tile([-1.0, 1.0], (pairs, 1))  # so small an error cannot be read off so few resamples
    chosen = np.take_along_axis(flat, order[rank - 1 : rank], axis=0)
    limits: Floats = np.clip(chosen.reshape(pairs, 2) * [1.0, -1.0], -1.0, 1.0)
    return limits


def p_value_of(draws: Floats) -> float:
    """Two-sided p-value of no difference: twice the smallest error at which a one-sided limit excludes 0."""
    resamples = len(draws)
    tail = min(int(np.sum(draws[:, 0] <= 0)), int(np.sum(draws[:, 1] >= 0)))
    return min(1.0, 2 * (tail + 1) / (resamples + 1))
