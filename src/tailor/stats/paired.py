"""Comparing systems on the same rows: exact McNemar and sign-flip tests, Holm, and simultaneous limits for all differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from tailor.stats.clusters import Clusters, Floats, by_cluster
from tailor.stats.intervals import DRAWS, MOST_DRAWS, gamma_draws

LEAST_RANK = 10
"""Rank among the resamples at which a pair's own share of the error is read, at least: lower ranks leave more to chance."""


@dataclass(frozen=True)
class PairedDifference:
    """Mean of column `first` minus column `second` with limits that hold for all pairs together.

    Attributes:
        first: number of the first column.
        second: number of the second column.
        mean: mean difference, in [-1, 1].
        low: lower limit; None with fewer than two rows or groups.
        high: upper limit; None with fewer than two rows or groups.
        p_value: two-sided, of this pair alone: for 0/1 values exact McNemar, with groups the exact sign-flip test; for others from
            the same draws as the limits.
        events: rows in which the two differ; where rows come in groups, groups.
        clusters: groups; None where every row is by itself.
    """

    first: int
    second: int
    mean: float
    low: float | None
    high: float | None
    p_value: float
    events: int
    clusters: int | None


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact p-value of McNemar's test; `b` and `c` count the rows on which only one of two systems is right.

    Raises:
        ValueError: a count is negative.
    """
    from scipy.special import bdtr

    if min(b, c) < 0:
        raise ValueError(f"counts {b} and {c} are not both at least 0")
    return min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0


def sign_flip(differences: Sequence[int]) -> float:
    """Two-sided exact p-value of Fisher's (1935) sign-flip test: McNemar's test where rows come in groups.

    Under the null the two systems could be exchanged in any group, so that each group's difference is as likely to have either
    sign. The p-value is the share of all 2**m ways to set the signs whose sum is at least as far from 0 as the one seen. With one
    row in each group it is McNemar's.

    Args:
        differences: per group, the rows that only the first system has right minus those that only the second has.
    """
    steps = [abs(int(difference)) for difference in differences if difference]
    reach = sum(steps)
    ways = np.zeros(2 * reach + 1)
    ways[reach] = 1.0
    for step in steps:
        ways = (np.roll(ways, step) + np.roll(ways, -step)) / 2  # no way ever leads beyond `reach`: nothing wraps around
    far = abs(int(sum(differences)))
    return min(1.0, float(np.sum(ways[reach + far :]) * 2)) if far else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down adjustment: p-values that keep the error over all of them, in the order given."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def paired_max_t(
    matrix: ArrayLike, level: float = 0.95, seed: int = 0, resamples: int = DRAWS, groups: Sequence[str] | None = None
) -> list[PairedDifference]:
    """Simultaneous limits for all pairwise differences of K systems on the same n rows.

    Bootstrap over rows, so that what is hard for one system may be hard for all; over groups of rows where they come in groups.
    Every resample holds one row more (or one group of a usual size), with the worst possible difference (Gaffke's limit, see
    `intervals`): this is the floor that keeps equal answers from becoming a claim of no difference. Without any disagreement the
    upper limit of a single pair at one-sided error alpha is exactly 1 - alpha**(1/n). The limits are made joint by the balanced
    maximum (Beran 1988, JASA 83): each resample's deviation is studentised by its rank among the resamples of its pair and side,
    the most extreme rank over all pairs and both sides is the statistic, and every limit is read at its quantile. Each pair thus
    has the same share of the error whether its differences are common or rare, and the limits are never wider than Bonferroni's.

    Args:
        matrix: values in [0, 1], shape (n, K): a row per example, a column per system.
        level: probability with which all limits of all pairs, both sides, hold together. Any choice of one side per pair
            therefore holds at least as surely: one-sided statements may be read off the same limits.
        seed: of the resamples.
        resamples: how many, at least; more where the error is too small to be read off so few.
        groups: name of each row's group, "" = by itself; left out: rows are independent.

    Returns:
        One difference per pair of columns (i, j) with i < j, in the order of `itertools.combinations`.

    Raises:
        ValueError: the matrix has not two dimensions, holds values outside [0, 1], the level is not between 0 and 1, or the groups
            do not fit the rows.
    """
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2 or not np.all((values >= 0) & (values <= 1)):
        raise ValueError("the matrix is not of shape (rows, systems) with values between 0 and 1")
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")
    n, systems = values.shape
    pairs = list(combinations(range(systems), 2))
    if not pairs:
        return []
    differences = np.stack([values[:, i] - values[:, j] for i, j in pairs], axis=1)
    clusters = by_cluster(differences, groups)
    means = [math.fsum(column) / n if n else 0.0 for column in differences.T]
    if len(clusters.sizes) < 2:
        return [
            PairedDifference(i, j, mean, None, None, 1.0, int(np.sum(clusters.sums[:, place] != 0)), clusters.count)
            for place, ((i, j), mean) in enumerate(zip(pairs, means, strict=True))
        ]
    enough = math.ceil(LEAST_RANK * 2 * len(pairs) / (1 - level))
    draws = _draws(clusters, min(max(resamples, enough), MOST_DRAWS), seed)
    limits = joint_limits(draws, 1 - level)
    rates = bool(np.all((values == 0) | (values == 1)))
    found = []
    for place, (i, j) in enumerate(pairs):
        column = clusters.sums[:, place]
        p_value = _exact(column, clusters.alone) if rates else p_value_of(draws[:, place])
        low, high = float(limits[place, 0]), float(limits[place, 1])
        found.append(PairedDifference(i, j, means[place], low, high, p_value, int(np.sum(column != 0)), clusters.count))
    return found


def _exact(differences: Floats, alone: bool) -> float:
    if alone:
        return mcnemar_exact(int(np.sum(differences > 0)), int(np.sum(differences < 0)))
    return sign_flip([round(difference) for difference in differences])


def _draws(clusters: Clusters, resamples: int, seed: int) -> Floats:
    """Resampled means, shape (resamples, pairs, 2): with the worst value for the lower limit, -1, and for the upper one, +1."""
    different, counts = np.unique(np.column_stack([clusters.sums, clusters.sizes]), axis=0, return_counts=True)
    # The added row is drawn again for each pair and side: rare disagreements of different pairs need not come together.
    random = np.random.default_rng([seed, 1])
    chunks = []
    for weights in gamma_draws(counts, resamples, seed):
        drawn = weights @ different
        extra = clusters.usual_size * random.standard_exponential((len(weights), different.shape[1] - 1, 2))
        chunks.append((drawn[:, :-1, None] + extra * [-1.0, 1.0]) / (drawn[:, -1, None, None] + extra))
    return np.concatenate(chunks)


def joint_limits(draws: Floats, alpha: float) -> Floats:
    """Lower and upper limits, shape (pairs, 2), that all hold together with probability 1 - alpha."""
    resamples, pairs, _ = draws.shape
    columns = np.ascontiguousarray((draws.reshape(resamples, 2 * pairs) * np.tile([1.0, -1.0], pairs)).T)
    # A single column has this many resamples up to this rank, so no joint rank lies beyond it, and no more need be sorted.
    most = min(math.floor(alpha * (resamples + 1)) + 1, resamples)
    lowest = np.full(resamples, resamples)  # each resample's most extreme rank, over all pairs and both sides
    sorted_columns = np.empty((2 * pairs, most))
    for column, ends in zip(columns, sorted_columns, strict=True):
        place = np.argpartition(column, most - 1)[:most]
        place = place[np.argsort(column[place], kind="stable")]
        ends[:] = column[place]
        lowest[place] = np.minimum(lowest[place], np.arange(1, most + 1))
    # The largest rank that at most a share alpha of the resamples reaches or passes anywhere.
    joint = int(np.partition(lowest, most - 1)[most - 1]) - 1
    rank = max(joint, math.floor(alpha * (resamples + 1) / (2 * pairs)))
    if rank < 1:
        return np.tile([-1.0, 1.0], (pairs, 1))  # so small an error cannot be read off so few resamples
    limits: Floats = np.clip(sorted_columns[:, rank - 1].reshape(pairs, 2) * [1.0, -1.0], -1.0, 1.0)
    return limits


def p_value_of(draws: Floats) -> float:
    """Two-sided p-value of no difference: twice the smallest error at which a one-sided limit excludes 0."""
    resamples = len(draws)
    tail = min(int(np.sum(draws[:, 0] <= 0)), int(np.sum(draws[:, 1] >= 0)))
    return min(1.0, 2 * (tail + 1) / (resamples + 1))
