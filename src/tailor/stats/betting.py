"""Testing by betting: evidence that a mean has fallen below a level, valid however often it is looked at.

A gambler starts with 1 and bets on each value before it is known. While the mean is at least the level, no bet gains on average,
so the capital is a nonnegative supermartingale, and by Ville's inequality (1939) it ever reaches 1 / alpha with probability at most
alpha: there is no number of rows to fix beforehand, and looking costs nothing. See Waudby-Smith and Ramdas (2024), "Estimating
means of bounded random variables by betting", JRSS B 86, and Ramdas et al. (2023), "Game-theoretic statistics and safe
anytime-valid inference", Statistical Science 38.

A fall may come after a long good time, in which a gambler who always bets would lose nearly everything. So most of the capital is
kept back, and a share of it, which falls as 1 / t, is dealt out again before each value (fixed share: Herbster and Warmuth 1998,
Machine Learning 32). A mixture of gamblers is a gambler.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

FALLS = (0.04, 0.08, 0.14)
"""Falls that are bet on, each by the bets that gain most if it has happened, were values 0 or 1 (Kelly 1956)."""
KEPT_BACK = 0.5
"""Share of the capital that is dealt out to no bet."""
REMIXED_AFTER = 100
"""Rows after which about half as much is dealt out again as at the start."""


def evidence_of_fall(values: Sequence[float], least: float) -> list[float]:
    """Logarithm of the evidence (an e-process) against "the mean is at least `least`", after each value.

    The mean is that of each value given those before it. The evidence passes log(1 / alpha) at any time with probability at most
    alpha while that holds.

    Args:
        values: in [0, 1], in the order in which they were drawn.
        least: the level, such as a certified lower limit; at 0 nothing can be below it, and there is never evidence.

    Raises:
        ValueError: a value or the level is not between 0 and 1.
    """
    if not 0 <= least <= 1 or any(not 0 <= value <= 1 for value in values):
        raise ValueError("values and their least mean are numbers between 0 and 1")
    if least == 0:
        return [0.0] * len(values)
    least = min(least, 1 - 1e-9)  # at 1, the first value below it would be infinite evidence
    bets = np.array([0.0, *(_bet(least, fall) for fall in FALLS)])
    dealt = np.array([KEPT_BACK, *[(1 - KEPT_BACK) / len(FALLS)] * len(FALLS)])
    shares, total, found = dealt, 0.0, []
    for number, value in enumerate(values):
        shares = shares * (1 + bets * (least - value))
        gained = float(shares.sum())
        total += math.log(gained)
        again = 1 / (number + REMIXED_AFTER)
        shares = (1 - again) * shares / gained + again * dealt
        found.append(total)
    return found


def _bet(least: float, fall: float) -> float:
    """What to stake per unit of `least - value` if the mean is lower by the fall: never so much that all may be lost."""
    lower = max(least - fall, least / 20)
    return min((least - lower) / (least * (1 - least)), 0.95 / (1 - least))


def rows_to_notice(least: float, mean: float, alpha: float) -> int | None:
    """About how many rows it takes until the evidence reaches 1 / alpha, if values are 0 or 1 with this mean from the first on.

    From the growth of the best bet's capital, and what it costs to have others besides (Wald 1945); None where the mean is not
    below the level.
    """
    if not 0 < least < 1 or mean >= least:
        return None
    best = max(
        mean * math.log1p(bet * (least - 1)) + (1 - mean) * math.log1p(bet * least) for bet in (_bet(least, f) for f in FALLS)
    )
    return math.ceil((math.log(1 / alpha) + math.log(2 * len(FALLS))) / best) if best > 0 else None


def reaches(evidence: Sequence[float], alpha: float) -> int | None:
    """After how many values the evidence first reached 1 / alpha; None where it never did."""
    return next((place for place, total in enumerate(evidence, start=1) if total >= math.log(1 / alpha)), None)
