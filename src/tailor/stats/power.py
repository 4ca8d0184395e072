"""How many rows a test set needs."""

from __future__ import annotations

import math

import numpy as np

EXACT_UP_TO = 5_000


def rows_to_certify(rate: float, target: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Fewest rows with which a system of true `rate` is shown to reach `target`; None when it does not exceed the target.

    Exact: the one-sided Clopper-Pearson limit at error `alpha` reaches the target with probability at least `power`. Beyond 5,000
    rows by the normal approximation. A few rows more can have slightly less power, since counts move in steps.

    Raises:
        ValueError: a number is not between 0 and 1.
    """
    from scipy.stats import binom

    _check(alpha=alpha, power=power)
    if not 0 <= rate <= 1 or not 0 < target <= 1:
        raise ValueError(f"rate {rate} and target {target} are not between 0 and 1")
    if rate <= target:
        return None
    spread = _z(alpha) * math.sqrt(target * (1 - target)) + _z(1 - power) * math.sqrt(rate * (1 - rate))
    about = math.ceil((spread / (rate - target)) ** 2)
    rows = np.arange(max(1, about // 2), min(2 * about + 20, EXACT_UP_TO) + 1)
    needed = binom.isf(alpha, rows, target)  # more successes than this show the target
    enough = np.flatnonzero(binom.sf(needed, rows, rate) >= power)
    return int(rows[enough[0]]) if enough.size else about


def rows_to_separate(gap: float, variance: float, alpha: float = 0.025, power: float = 0.8) -> int | None:
    """Rows with which a limit of one-sided error `alpha` stays within `gap` of the true mean; None for gap <= 0.

    It does so with probability `power`. For paired differences `variance` is that of the difference per row: q - d**2, with d the
    mean difference and q the share of rows on which two systems disagree. n = (z_alpha + z_power)**2 variance / gap**2 (Miller
    2024, arXiv:2411.00640), and never fewer than the log(alpha) / log(1 - gap) rows that are needed without any disagreement.

    Raises:
        ValueError: alpha or power is not between 0 and 1, or the variance is negative.
    """
    _check(alpha=alpha, power=power)
    if variance < 0:
        raise ValueError(f"variance {variance} is not at least 0")
    if gap <= 0:
        return None
    spread = (_z(alpha) + _z(1 - power)) ** 2 * variance / gap**2
    silent = math.log(alpha) / math.log1p(-gap) if gap < 1 else 1.0
    return math.ceil(max(spread, silent))


def _z(tail: float) -> float:
    """The point above which a standard normal variable lies with probability `tail`."""
    from scipy.special import ndtri

    return float(-ndtri(tail))


def _check(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 < share < 1:
            raise ValueError(f"{name} {share} is not between 0 and 1")
