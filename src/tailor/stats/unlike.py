"""Whether two sets of rows score alike: a permutation test of two samples whose rows come in groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tailor.stats.clusters import Floats, by_cluster

DRAWS = 1_999
CHUNK = 2_000_000  # numbers in memory at a time


def unlike_p(
    first: ArrayLike, second: ArrayLike, groups: Sequence[str] = (), other_groups: Sequence[str] = (), seed: int = 0
) -> float:
    """The p-value, two-sided, of the hypothesis that both samples come from the same population.

    Whole groups are dealt again between the samples, each keeping its number of groups, and the difference of the means is looked
    at (Fisher 1935; with the observed deal counted among the draws, so that the level is kept: Phipson and Smyth 2010).

    Args:
        first: scores of the first sample's rows.
        second: scores of the second sample's rows.
        groups: name of each row's group in the first sample; empty where rows are independent.
        other_groups: likewise in the second sample.
        seed: for the draws.

    Returns:
        A number in (0, 1]; 1 where a sample is empty.
    """
    one, other = by_cluster(first, groups or None), by_cluster(second, other_groups or None)
    sums, sizes = np.concatenate([one.sums, other.sums]), np.concatenate([one.sizes, other.sizes])
    count, total = len(one.sizes), len(sizes)
    if not 0 < count < total:
        return 1.0

    def gaps(chosen: Floats) -> Floats:
        """Difference of the means for each deal; `chosen` has ones for the groups of the first sample, shape (deals, groups)."""
        size = chosen @ sizes
        return np.asarray(np.abs(chosen @ sums / size - (sums.sum() - chosen @ sums) / (sizes.sum() - size)))

    seen = gaps(np.where(np.arange(total) < count, 1.0, 0.0)[None])[0]
    rng, extreme, left = np.random.default_rng(seed), 0, DRAWS
    while left:
        deals = min(left, max(1, CHUNK // total))
        chosen = np.zeros((deals, total))
        chosen[:, :count] = 1.0
        extreme += int(np.count_nonzero(gaps(rng.permuted(chosen, axis=1)) >= seen - 1e-12))
        left -= deals
    return (1 + extreme) / (1 + DRAWS)
