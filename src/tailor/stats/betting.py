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
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

FALLS = (0.05, 0.10)
"""Falls that are bet on, each by the bets that gain most if it has happened, were values 0 or 1 (Kelly 1956)."""
AT_ONCE = 0.3
"""Part of the capital that is bet from the first value on, where a fall may come at any time."""


def evidence_of_fall(values: Sequence[float], least: float, dealt: Sequence[float] | None = None) -> list[float]:
    """Logarithm of the evidence (an e-process) against "the mean is at least `least`", after each value.

    The mean is that of each value given those before it. The evidence passes log(1 / alpha) at any time with probability at most
    alpha while that holds.

    Args:
        values: in [0, 1], in the order in which they were drawn.
        least: the level, such as a certified lower limit; at 0 nothing can be below it, and there is never evidence.
        dealt: part of the capital that is dealt out for bets before each value, by what is known then (`dealt_over`), together no
            more than 1; all of it before the first one unless given.

    Raises:
        ValueError: a value or the level is not between 0 and 1, or more is dealt out than there is.
    """
    if not 0 <= least <= 1 or any(not 0 <= value <= 1 for value in values):
        raise ValueError("values and their least mean are numbers between 0 and 1")
    parts = [1.0, *[0.0] * (len(values) - 1)][: len(values)] if dealt is None else list(dealt)
    if len(parts) != len(values) or any(part < 0 for part in parts) or math.fsum(parts) > 1 + 1e-9:
        raise ValueError("what is dealt out is one number for each value, none below 0, and together no more than 1")
    if least == 0:
        return [0.0] * len(values)
    least = min(least, 1 - 1e-9)  # at 1, the first value below it would be infinite evidence
    bets = np.array([_bet(least, fall) for fall in FALLS])
    gains = np.log1p((least - np.array(values).reshape(-1, 1)) * bets)  # (values, bets)
    total = np.cumsum(gains, axis=0)
    with np.errstate(divide="ignore"):  # nothing is dealt out before some values, and nothing is kept at the end
        dealt_out, kept = np.log(np.array(parts) / len(FALLS)), np.log(np.maximum(0, 1 - np.cumsum(parts)))
    # What is dealt out before a value has grown since by all gains from that one on.
    held = total + np.logaddexp.accumulate(dealt_out[:, None] - (total - gains), axis=0)
    found: list[float] = np.logaddexp(np.logaddexp.reduce(held, axis=1), kept).tolist()
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

    From the growth of the best bet's capital, where all is dealt out at once, and what it costs to have others besides (Wald 1945);
    None where the mean is not below the level.
    """
    if not 0 < least < 1 or mean >= least:
        return None
    best = max(
        mean * math.log1p(bet * (least - 1)) + (1 - mean) * math.log1p(bet * least) for bet in (_bet(least, f) for f in FALLS)
    )
    return math.ceil((math.log(1 / alpha) + math.log(len(FALLS))) / best) if best > 0 else None


def reaches(evidence: Sequence[float], alpha: float) -> int | None:
    """After how many values the evidence first reached 1 / alpha; None where it never did."""
    return next((place for place, total in enumerate(evidence, start=1) if total >= math.log(1 / alpha)), None)
