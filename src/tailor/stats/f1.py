"""Micro- and macro-F1 with intervals, by the Bayesian bootstrap over rows (Rubin 1981).

Both are ratios of sums over rows, not means of values of rows, so that no exact limit is known for them: these intervals describe,
and nothing is certified by them. The figures equal scikit-learn's `f1_score` with `average` "micro" and "macro"; a label that is
neither given nor right anywhere has no F1, and the macro mean leaves it out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tailor.stats.clusters import by_cluster
from tailor.stats.intervals import Floats, Interval

DRAWS = 2000


def f1_intervals(
    given: ArrayLike, right: ArrayLike, level: float = 0.95, seed: int = 0, groups: Sequence[str] | None = None
) -> tuple[Interval, Interval] | None:
    """Micro- and macro-F1 of sets of labels; None where no label is given or right in any row.

    Args:
        given: which labels each row got, 0 or 1, shape (rows, labels).
        right: which labels each row has.
        level: probability of the intervals.
        seed: of the bootstrap.
        groups: rows of one non-empty group are drawn together.
    """
    said, wanted = np.asarray(given, dtype=np.float64), np.asarray(right, dtype=np.float64)
    counts = np.concatenate([said * wanted, said + wanted], axis=1)  # of each label: both; given and right together
    held = counts[:, said.shape[1] :].any(axis=0)
    if not held.any():
        return None
    kept = counts[:, np.concatenate([held, held])]
    sums = by_cluster(kept, groups).sums
    weights = np.random.default_rng(seed).standard_exponential((DRAWS, len(sums)))
    drawn = _f1s(weights @ sums)
    whole = _f1s(sums.sum(axis=0, keepdims=True))
    tails = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    micro, macro = (
        Interval(float(whole[0, i]), float(tails[0, i]), float(tails[1, i]), len(said), level, "Bayesian bootstrap") for i in (0, 1)
    )
    return micro, macro


def _f1s(counts: Floats) -> Floats:
    """Micro- and macro-F1 of each line of counts: both of every label, then given and right together of every label."""
    both, held = np.split(counts, 2, axis=1)
    found: Floats = np.stack([2 * both.sum(axis=1) / held.sum(axis=1), (2 * both / held).mean(axis=1)], axis=1)
    return found
