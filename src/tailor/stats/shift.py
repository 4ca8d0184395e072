"""Whether what is asked today is drawn from where the study's rows were: tests of two samples, each with an honest p-value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
FIRST, CHUNK = 999, 2_000
"""Permutations that are always drawn, and how many at once after that."""


def energy_distance(vectors: Floats, others: Floats) -> float:
    """Energy distance of two samples: 2 E|x - y| - E|x - x'| - E|y - y'| (Szekely and Rizzo 2013, J. Stat. Plan. Inference 143).

    The mean distances inside a sample are over all ordered pairs, a point and itself included (the V-statistic).
    """
    distances = _distances(np.concatenate([vectors, others]))
    of_first = np.zeros((1, len(distances)), dtype=np.float32)
    of_first[0, : len(vectors)] = 1
    return float(_energy(distances, of_first)[0])


def energy_p(vectors: Floats, others: Floats, *, least: float, seed: int = 0, first: int = FIRST) -> float:
    """P-value of "both samples come from one population": how often the energy distance is as large when rows change samples.

    A permutation test, exact whatever the distribution: (1 + as large) / (1 + drawn) (Phipson and Smyth 2010). After the first
    permutations, more are drawn only where a p-value as small as `least` is still possible, until it can be told.

    Args:
        vectors: of one sample, a row each.
        others: of the other.
        least: the level of the test: p-values above it need not be exact.
        seed: of the permutations.
        first: how many permutations are always drawn.

    Raises:
        ValueError: a sample is empty.
    """
    if not len(vectors) or not len(others):
        raise ValueError("both samples must hold something")
    distances = _distances(np.concatenate([vectors, others]))
    n, total = len(vectors), len(distances)
    random = np.random.default_rng(seed)
    given = np.zeros((1, total), dtype=np.float32)
    given[0, :n] = 1
    seen = float(_energy(distances, given)[0])
    seen -= 1e-5 * abs(seen)  # sums in another order differ in the last digits: equal counts as equal
    wanted = max(first, int(np.ceil(2 / least)))
    as_large = drawn = 0
    while drawn < wanted:
        some = min(CHUNK, (first if drawn < first else wanted) - drawn)
        order = np.argpartition(random.random((some, total), dtype=np.float32), n - 1, axis=1)[:, :n]
        mask = np.zeros((some, total), dtype=np.float32)
        np.put_along_axis(mask, order, 1, axis=1)
        as_large += int(np.sum(_energy(distances, mask) >= seen))
        drawn += some
        if (1 + as_large) / (1 + wanted) > least:
            break  # however the rest falls out, it is above the level
    return (1 + as_large) / (1 + drawn)


def _distances(given: Floats) -> Floats:
    points = given.astype(np.float64)  # in fewer digits, a point would be some way from its own copy
    squares = np.einsum("ij,ij->i", points, points)
    squared = squares[:, None] + squares[None, :] - 2 * points @ points.T
    np.fill_diagonal(squared, 0)
    found: Floats = np.sqrt(np.maximum(squared, 0)).astype(np.float32)
    return found


def _energy(distances: Floats, masks: Floats) -> NDArray[np.float64]:
    """The energy distance for each way to say which rows are of the first sample."""
    n = masks.sum(axis=1, dtype=np.float64)
    m = len(distances) - n
    to_first = masks @ distances
    inside = np.einsum("ij,ij->i", to_first, masks, dtype=np.float64)
    to_all = masks @ distances.sum(axis=1, dtype=np.float64)
    between = to_all - inside
    others = distances.sum(dtype=np.float64) - 2 * to_all + inside
    found: NDArray[np.float64] = 2 * between / (n * m) - inside / n**2 - others / m**2
    return found


def share_p(ours: tuple[int, int], theirs: tuple[int, int]) -> float:
    """Fisher's (1935) exact two-sided p-value that two shares, each given as (how many, of how many), are the same."""
    from scipy.stats import fisher_exact

    (a, n), (b, m) = ours, theirs
    return 1.0 if not n or not m else float(fisher_exact(np.array([[a, n - a], [b, m - b]]))[1])


def level_p(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Two-sided p-value of the Kolmogorov-Smirnov test that two samples of numbers come from one distribution.

    Exact (Hodges 1958) without ties, and too large with them, so that it errs on the side of no alarm.
    """
    from scipy.stats import ks_2samp

    if not ours or not theirs:
        return 1.0
    return float(ks_2samp(ours, theirs, method="exact" if max(len(ours), len(theirs)) <= 2_000 else "asymp").pvalue)


def counts_p(ours: Sequence[int], theirs: Sequence[int], *, least: float, seed: int = 0) -> float:
    """P-value that two rows of counts over the same categories come from one distribution: Pearson's statistic, by permutation.

    Rows change samples as in `energy_p`: with both rows' totals and each category's total as they are.
    """
    table = np.array([ours, theirs], dtype=np.int64)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return 1.0
    both, n = table.sum(axis=0), int(table[0].sum())
    expected = both * n / both.sum()

    def statistic(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = ((rows - expected) ** 2 / expected).sum(axis=-1)  # the other row's part is proportional
        return found

    seen = float(statistic(table[0])) - 1e-9
    random, wanted = np.random.default_rng(seed), max(FIRST, int(np.ceil(2 / least)))
    as_large = drawn = 0
    while drawn < wanted:
        some = min(20_000, (FIRST if drawn < FIRST else wanted) - drawn)
        as_large += int(np.sum(statistic(random.multivariate_hypergeometric(both, n, size=some)) >= seen))
        drawn += some
        if (1 + as_large) / (1 + wanted) > least:
            break
    return (1 + as_large) / (1 + drawn)
