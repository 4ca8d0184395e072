"""Intervals and limits for rates and for means of values in [0, 1].

Two cases, one idea. For rates (values 0 and 1) the limits are Clopper and Pearson's (1934). For other values in [0, 1] they are
Gaffke's (2005; Learned-Miller and Thomas 2019, arXiv:1905.06208): the Bayesian bootstrap of the values with the worst possible
value added once. On 0/1 values Gaffke's limits *are* Clopper and Pearson's, on many values they approach the usual ones, and with
few or equal values they stay honest: they never shrink to a point. That they always hold is conjectured, and no exception is known.

Where rows come in groups, groups are drawn instead of rows (see `clusters`): the limit is the quantile of the groups' weighted sums
over their weighted sizes, with one more group of a usual size and the worst values. With groups of one row this is the same
limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tailor.stats.clusters import Clusters, by_cluster
from tailor.stats.clusters import Floats as Floats

DRAWS = 20_000
MOST_DRAWS = 200_000
CHUNK = 2_000_000

FEW = 5
"""Fewer events than this say little of how often they come (the usual least count of a cell, Cochran 1954)."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits; the limits are None where too little was seen to say.

    Attributes:
        mean: the estimate.
        low: lower limit.
        high: upper limit.
        n: rows.
        level: probability with which the limits hold.
        method: how they were found.
        clusters: groups that count as one observation each; None where every row is by itself.
        events: what the limits rest on, in rows, or where rows come in groups in groups that hold one; None where not counted.
        event: what was counted: of a mean the rarer of "wrong" (less than full marks) and "right" (more than none), of a difference
            "differ" (the two differ).
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    level: float = 0.95
    method: str = ""
    clusters: int | None = None
    events: int | None = None
    event: Literal["", "wrong", "right", "differ"] = ""

    @property
    def rests_on_few(self) -> bool:
        """Whether there are so few events, or groups, that the estimate is rough although its limits hold."""
        return any(count is not None and count < FEW for count in (self.events, self.clusters))


def clopper_pearson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact two-sided limits of a rate (Clopper and Pearson 1934); (0, 1) for n = 0.

    Raises:
        ValueError: successes are not between 0 and n, or the level is not between 0 and 1.
    """
    alpha = _tail(level) / 2
    return clopper_pearson_lower(successes, n, alpha), 1 - clopper_pearson_lower(n - successes, n, alpha)


def clopper_pearson_lower(successes: int, n: int, alpha: float) -> float:
    """Exact one-sided lower limit of a rate: it lies above the true rate with probability at most `alpha`.

    Raises:
        ValueError: successes are not between 0 and n, or alpha is not between 0 and 1.
    """
    from scipy.special import betaincinv

    _check_counts(successes, n)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha} is not between 0 and 1")
    return float(betaincinv(successes, n - successes + 1, alpha)) if successes else 0.0


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Two-sided score limits of a rate (Wilson 1927), right on average rather than always; (0, 1) for n = 0.

    Raises:
        ValueError: successes are not between 0 and n, or the level is not between 0 and 1.
    """
    from scipy.special import ndtri

    _check_counts(successes, n)
    z = float(-ndtri(_tail(level) / 2))
    if n == 0:
        return 0.0, 1.0
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def counted_limits(successes: int, n: int, level: float = 0.95, alike: float = 1.0) -> tuple[float, float]:
    """`clopper_pearson` where only counts are known and `alike` rows count as one observation (Kish's effective number of rows).

    Counts are rounded so that the limits are no narrower: the lower one by a whole success less, the upper one by one more.
    """
    if alike <= 1 or not n:
        return clopper_pearson(successes, n, level)
    units = max(1, math.floor(n / alike))
    share = successes / n * units
    low, high = math.floor(share + 1e-9), min(units, math.ceil(share - 1e-9))
    return clopper_pearson(low, units, level)[0], clopper_pearson(high, units, level)[1]


def mean_interval(
    values: Sequence[float], level: float = 0.95, seed: int = 0, groups: Sequence[str] | None = None, draws: int = DRAWS
) -> Interval:
    """The mean of values in [0, 1] with two-sided limits: Clopper-Pearson for independent 0/1 values, else Gaffke.

    With fewer than two values or groups the limits are None: nothing is known about the spread. The mean of no values is given as
    0.

    Args:
        values: one per row.
        level: probability with which the limits hold.
        seed: of the draws.
        groups: name of each row's group, "" = by itself; left out: rows are independent.
        draws: how many, at least, where limits are drawn.

    Raises:
        ValueError: a value is not between 0 and 1, the level is not between 0 and 1, or the groups do not fit the values.
    """
    numbers, alpha = _checked(values), _tail(level) / 2
    clusters = by_cluster(numbers, groups)
    n, units = len(numbers), len(clusters.sizes)
    mean = math.fsum(numbers) / n if n else 0.0
    wrong, right = int(np.sum(clusters.sums < clusters.sizes)), int(np.sum(clusters.sums > 0))

    def interval(low: float | None, high: float | None, method: str) -> Interval:
        events = min(wrong, right)
        return Interval(mean, low, high, n, level, method, clusters.count, events, "wrong" if wrong <= right else "right")

    if units < 2:
        return interval(None, None, f"fewer than two {'values' if clusters.alone else 'groups'}")
    if clusters.alone and _is_rate(numbers):
        return interval(*clopper_pearson(int(numbers.sum()), n, level), "Clopper-Pearson")
    low, high = _gaffke(clusters, alpha, seed, draws)
    return interval(low, high, "Gaffke" if clusters.alone else "Gaffke over groups")


def lower_bound(
    values: Sequence[float], alpha: float, seed: int = 0, groups: Sequence[str] | None = None, draws: int = DRAWS
) -> float:
    """One-sided lower limit of the mean of values in [0, 1]: above the true mean with probability at most `alpha`; 0 for no values.

    `groups`, `seed` and `draws` are those of `mean_interval`.

    Raises:
        ValueError: a value is not between 0 and 1, alpha is not between 0 and 1, or the groups do not fit the values.
    """
    numbers = _checked(values)
    clusters = by_cluster(numbers, groups)
    if clusters.alone and _is_rate(numbers):
        return clopper_pearson_lower(int(numbers.sum()), len(numbers), alpha)
    return _gaffke(clusters, alpha, seed, draws)[0]


def gamma_draws(counts: NDArray[np.int64], draws: int, seed: int) -> Iterator[Floats]:
    """Weights of the Bayesian bootstrap, not yet divided by their sums: chunks of shape (some, len(counts)), `draws` rows in all.

    `counts` says how many units are alike, so that their weights come as one gamma variable instead of many exponential ones.
    """
    random = np.random.default_rng(seed)
    rows = max(1, CHUNK // len(counts))
    for start in range(0, draws, rows):
        yield random.standard_gamma(counts, size=(min(rows, draws - start), len(counts)))


def _gaffke(clusters: Clusters, alpha: float, seed: int, draws: int) -> tuple[float, float]:
    """Lower and upper limit, each with a one-sided error of at most `alpha`.

    The alpha-quantile of sum(w * sums) / sum(w * sizes), with one more weight on the worst group, of the usual size: its sum is 0
    for the lower limit and its size for the upper one. The k-th smallest of B draws with k = alpha (B + 1) rounded down keeps the
    error at most alpha over the draws, too; with k = 0 nothing is shown, and the limits are 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha} is not between 0 and 1")
    draws = min(max(draws, math.ceil(20 / alpha)), MOST_DRAWS)
    rank = math.floor(alpha * (draws + 1)) - 1
    if rank < 0:
        return 0.0, 1.0
    different, counts = np.unique(np.stack([clusters.sums, clusters.sizes], axis=1), axis=0, return_counts=True)
    support = np.append(different, [[0.0, clusters.usual_size]], axis=0)
    # A third column: the sums with the best group added instead of the worst.
    support = np.column_stack([support, np.append(different[:, 0], clusters.usual_size)])
    drawn = np.concatenate([weights @ support for weights in gamma_draws(np.append(counts, 1), draws, seed)])
    low, high = drawn[:, 0] / drawn[:, 1], drawn[:, 2] / drawn[:, 1]
    last = draws - 1 - rank
    return float(np.clip(np.partition(low, rank)[rank], 0.0, 1.0)), float(np.clip(np.partition(high, last)[last], 0.0, 1.0))


def _is_rate(values: Floats) -> bool:
    return bool(np.all((values == 0) | (values == 1)))


def _checked(values: Sequence[float]) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    outside = numbers[~((numbers >= 0) & (numbers <= 1))]
    if outside.size:
        raise ValueError(f"value {outside[0]} is not between 0 and 1")
    return numbers


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")
    return 1 - level


def _check_counts(successes: int, n: int) -> None:
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes are not between 0 and {n}")
