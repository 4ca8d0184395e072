"""How many rows a test set needs, and what one can show before it is opened."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

EXACT_UP_TO = 5_000


@dataclass(frozen=True)
class Prospect:
    """What a test set can show of a system that is truly so good.

    Attributes:
        rate: the true rate.
        chance: probability with which the existing rows show the target.
        rows: fewest rows with which the target is shown with the power asked for; None when no number does.
    """

    rate: float
    chance: float
    rows: int | None


def rows_to_certify(rate: float, target: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Fewest rows with which a system of true `rate` is shown to reach `target`; None when it does not exceed the target.

    Exact: the one-sided Clopper-Pearson limit at error `alpha` reaches the target with probability at least `power`, with these
    rows and with one more. Counts move in steps, so power does not grow with every row: at a target of 95 % and a true rate of 97
    %, it is 0.80 with 601 rows, less with 602 to 623, and above 0.80 from 624 to 631. A single row that one more undoes is passed
    over, which gives 624, 234 and 124 rows for 97, 98 and 99 % at alpha 0.05 and power 0.8 (commonly rounded up to 625, 235 and
    125), and 59 for 100 %. Beyond 5,000 rows by the normal approximation.

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
    enough = np.asarray(binom.sf(needed, rows, rate)) >= power
    twice = np.flatnonzero(enough[:-1] & enough[1:])
    return int(rows[twice[0]]) if twice.size else about


def chance_to_certify(rate: float, target: float, n: int, alpha: float = 0.05) -> float:
    """Probability with which n rows show that a system of true `rate` reaches `target` (Clopper-Pearson at error `alpha`).

    For scores between 0 and 1 that are not right or wrong the chance is at least about this: no scores spread more than these.

    Raises:
        ValueError: a number is not between 0 and 1, or n is negative.
    """
    from scipy.stats import binom

    _check(alpha=alpha)
    if not 0 <= rate <= 1 or not 0 < target <= 1 or n < 0:
        raise ValueError(f"rate {rate} and target {target} are not between 0 and 1, or {n} rows are not at least 0")
    return float(binom.sf(binom.isf(alpha, n, target), n, rate)) if target < 1 and n else 0.0


def prospects(n: int, target: float, alpha: float, power: float = 0.8, steps: int = 5) -> tuple[Prospect, ...]:
    """What n rows can show for true rates between the target and 1, the last one being 1; none for a target of 1.

    Args:
        n: independent rows.
        target: to be shown.
        alpha: one-sided error of the limit.
        power: of the rows needed.
        steps: parts into which the way from the target to 1 is cut; with 5 and a target of 95 %, 96 to 100 %.
    """
    if target >= 1:
        return ()
    rates = [target + (1 - target) * step / steps for step in range(1, steps)] + [1.0]
    return tuple(
        Prospect(rate, chance_to_certify(rate, target, n, alpha), rows_to_certify(rate, target, alpha, power)) for rate in rates
    )


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
