"""Testing by betting: evidence that a mean has fallen below a level, valid however often it is looked at.

A gambler starts with 1 and bets on each value before it is known. While the mean is at least the level, no bet gains on average,
so the capital is a nonnegative supermartingale, and by Ville's inequality (1939) it ever reaches 1 / alpha with probability at most
alpha: there is no number of rows to fix beforehand, and looking costs nothing. See Waudby-Smith and Ramdas (2024), "Estimating
means of bounded random variables by betting", JRSS B 86, and Ramdas et al. (2023), "Game-theoretic statistics and safe
anytime-valid inference", Statistical Science 38.

A fall may come at any time, and a gambler who bets from the first value on has lost nearly everything by then. So only a part of
the capital is bet at once, and the rest is dealt out little by little: a mixture over the times at which a fall may begin, as in an
e-detector (Shin, Ramdas and Rinaldo 2023, "E-detectors: a nonparametric framework for sequential change detection", New England
Journal of Statistics in Data Science). A mixture of gamblers is a gambler.

All that counts is whether the capital ever reaches the limit, and what lies beyond is of no use. So no more is staked than takes
the capital there (Dubins and Savage 1965, "How to Gamble If You Must"; Fischer and Ramdas 2024, "Improving Wald's sequential
probability ratio test by avoiding overshoot").
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

FALLS = {0.03: 0.1, 0.08: 0.9}
"""Falls that are bet on, by the bets that gain most if one has happened, were values 0 or 1 (Kelly 1956), each with its part of the
capital. The larger one finds falls of 5 and of 10 points about as soon as bets on either do; the smaller one finds those of 2."""
AT_ONCE = 0.2
"""Part of the capital that is bet from the first value on, where a fall may come at any time."""
LEAST = 1e-300
"""What is left of a capital that is all but lost, so that it has a logarithm."""
ROUNDING = 1e-9
"""By how much sums of what is dealt out, and logarithms of a capital that is exactly at the limit, may be off."""


def evidence_of_fall(values: Sequence[float], least: float, *, alpha: float, dealt: Sequence[float] | None = None) -> list[float]:
    """Logarithm of the evidence (an e-process) against "the mean is at least `least`", after each value.

    The mean is that of each value given those before it. The evidence reaches log(1 / alpha) at any time with probability at most
    alpha while that holds, and stays there once it has.

    Args:
        values: in [0, 1], in the order in which they were drawn.
        least: the level, such as a certified lower limit; at 0 nothing can be below it, and there is never evidence.
        alpha: the error that is allowed; no bet aims beyond its limit.
        dealt: part of the capital that is dealt out for bets before each value, by what is known then (`dealt_over`), together no
            more than 1; all of it before the first one unless given.

    Raises:
        ValueError: a value, the level or the error is not between 0 and 1, or more is dealt out than there is.
    """
    if not 0 <= least <= 1 or not 0 < alpha < 1 or any(not 0 <= value <= 1 for value in values):
        raise ValueError("values, their least mean and the error are numbers between 0 and 1")
    parts = [1.0, *[0.0] * (len(values) - 1)][: len(values)] if dealt is None else list(dealt)
    if len(parts) != len(values) or any(part < 0 for part in parts) or math.fsum(parts) > 1 + ROUNDING:
        raise ValueError("what is dealt out is one number for each value, none below 0, and together no more than 1")
    if least == 0:
        return [0.0] * len(values)
    least = min(least, 1 - 1e-9)  # at 1, the first value below it would be infinite evidence
    bets, limit = [(_bet(least, fall), share) for fall, share in FALLS.items()], 1 / alpha
    held, kept, found = [0.0] * len(bets), 1.0, list[float]()
    for value, part in zip(values, parts, strict=True):
        held, kept = [own + part * share for own, (_, share) in zip(held, bets, strict=True)], max(0.0, kept - part)
        stakes = [own * bet for own, (bet, _) in zip(held, bets, strict=True)]
        most = max(0.0, limit - sum(held) - kept) / least  # at the value 0, a stake gains `least` times itself
        less = min(1.0, most / max(LEAST, sum(stakes)))
        held = [own + less * stake * (least - value) for own, stake in zip(held, stakes, strict=True)]
        found.append(math.log(max(LEAST, sum(held) + kept)))
    return found


def dealt_over(passed: Sequence[float]) -> list[float]:
    """What to deal out before each value where a fall may come at any time: `AT_ONCE`, and the rest evenly over the time.

    Args:
        passed: part of the time that has passed when each value is drawn, in [0, 1], never less than the one before.
    """
    shares = np.diff(np.minimum(passed, 1), prepend=0.0) * (1 - AT_ONCE)
    if len(shares):
        shares[0] += AT_ONCE
    return [float(share) for share in shares]


def _bet(least: float, fall: float) -> float:
    """What to stake per unit of `least - value` if the mean is lower by the fall: never so much that all may be lost."""
    lower = max(least - fall, least / 20)
    return min((least - lower) / (least * (1 - least)), 0.95 / (1 - least))


def rows_to_notice(least: float, mean: float, alpha: float) -> int | None:
    """About how many rows it takes until the evidence reaches 1 / alpha, if values are 0 or 1 with this mean from the first on.

    From the growth of each bet's capital, where all is dealt out at once (Wald 1945); None where none of them grows.
    """
    if not 0 < least < 1 or mean >= least:
        return None
    rows = []
    for fall, share in FALLS.items():
        bet = _bet(least, fall)
        growth = mean * math.log1p(bet * (least - 1)) + (1 - mean) * math.log1p(bet * least)
        if growth > 0:
            rows.append(math.ceil(-math.log(alpha * share) / growth))
    return min(rows, default=None)


def reaches(evidence: Sequence[float], alpha: float) -> int | None:
    """After how many values the evidence first reached 1 / alpha; None where it never did."""
    return next((place for place, total in enumerate(evidence, start=1) if total >= math.log(1 / alpha) - ROUNDING), None)
