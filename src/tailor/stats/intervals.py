"""Intervals and limits for rates and for means of values in [0, 1].

Two cases, one idea. For rates (values 0 and 1) the limits are Clopper and Pearson's (1934). For other values in [0, 1] they are
Gaffke's (2005; Learned-Miller and Thomas 2019, arXiv:1905.06208): the Bayesian bootstrap of the values with the worst possible
value added once. On 0/1 values Gaffke's limits *are* Clopper and Pearson's, on many values they approach the usual ones, and with
few or equal values they stay honest: they never shrink to a point. That they always hold is conjectured, and no exception is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 20_000
MOST_DRAWS = 200_000
CHUNK = 2_000_000


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits; the limits are None where too little was seen to say."""

    mean: float
    low: float | None
    high: float | None
    n: int
    level: float = 0.95
    method: str = ""


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


def mean_interval(values: Sequence[float], level: float = 0.95, seed: int = 0) -> Interval:
    """The mean of values in [0, 1] with two-sided limits: Clopper-Pearson for 0/1 values, else Gaffke.

    With fewer than two values the limits are None: nothing is known about the spread. The mean of no values is given as 0.

    Raises:
        ValueError: a value is not between 0 and 1, or the level is not between 0 and 1.
    """
    numbers, alpha = _checked(values), _tail(level) / 2
    n = len(numbers)
    mean = math.fsum(numbers) / n if n else 0.0
    if n < 2:
        return Interval(mean, None, None, n, level, "fewer than two values")
    if _is_rate(numbers):
        low, high = clopper_pearson(int(numbers.sum()), n, level)
        return Interval(mean, low, high, n, level, "Clopper-Pearson")
    low, high = _gaffke_lower(numbers, alpha, seed), 1 - _gaffke_lower(1 - numbers, alpha, seed)
    return Interval(mean, low, high, n, level, "Gaffke")


def lower_bound(values: Sequence[float], alpha: float, seed: int = 0) -> float:
    """One-sided lower limit of the mean of values in [0, 1]: above the true mean with probability at most `alpha`; 0 for no values.

    Raises:
        ValueError: a value is not between 0 and 1, or alpha is not between 0 and 1.
    """
    numbers = _checked(values)
    if _is_rate(numbers):
        return clopper_pearson_lower(int(numbers.sum()), len(numbers), alpha)
    return _gaffke_lower(numbers, alpha, seed)


def gamma_draws(counts: NDArray[np.int64], draws: int, seed: int) -> list[Floats]:
    """Weights of the Bayesian bootstrap, not yet divided by their sums: chunks of shape (some, len(counts)), `draws` rows in all.

    `counts` says how many rows are alike, so that their weights come as one gamma variable instead of many exponential ones.
    """
    random = np.random.default_rng(seed)
    rows = max(1, CHUNK // len(counts))
    sizes = [min(rows, draws - start) for start in range(0, draws, rows)]
    return [random.standard_gamma(counts, size=(size, len(counts))) for size in sizes]


def _gaffke_lower(values: Floats, alpha: float, seed: int) -> float:
    """The alpha-quantile of sum(w * values) / sum(w), with one more weight on the worst value, 0.

    The k-th smallest of B draws with k = alpha (B + 1) rounded down keeps the error at most alpha over the draws, too; with k = 0
    nothing is shown, and the limit is 0.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha} is not between 0 and 1")
    draws = min(max(DRAWS, math.ceil(20 / alpha)), MOST_DRAWS)
    rank = math.floor(alpha * (draws + 1)) - 1
    if rank < 0:
        return 0.0
    different, counts = np.unique(values, return_counts=True)
    weights = gamma_draws(np.append(counts, 1), draws, seed)
    support = np.append(different, 0.0)
    means = np.concatenate([chunk @ support / chunk.sum(axis=1) for chunk in weights])
    return float(np.clip(np.partition(means, rank)[rank], 0.0, 1.0))


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
