"""Prediction-powered inference: people's ratings of a few answers correct a judge's verdicts on all of them.

A judge's verdicts are many and perhaps wrong, people's ratings few and right. The mean verdict on the rows that nobody rated, plus
the mean of rating minus verdict on the rated ones, is right on average whatever the judge does; a good judge makes it precise
(Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023, Science 382). How much the verdicts count, lambda, is tuned so that a bad
judge counts for nothing (PPI++: Angelopoulos, Duchi and Zrnic 2023, arXiv:2311.01453).

The limits are not the papers' normal ones. With 15 to 60 ratings, and scores or judges near 1, those lie above the truth in 10 to
50 of 100 samples instead of 2.5: a handful of ratings on which people and judge agree has a standard error of 0. Here each of the
two means gets the draws behind Gaffke's limits (`intervals`), with the worst possible row added to each, and their sums are the
draws of the whole. Joining two one-sided limits by their draws is melding (Fay, Proschan and Brittain 2015, Biometrics 71). Their
coverage is simulated in the tests. Where rows come in groups, groups are drawn instead of rows, and whole groups must have been
rated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from tailor.stats.clusters import by_cluster
from tailor.stats.intervals import DRAWS, MOST_DRAWS, Floats, Interval, gamma_draws
from tailor.stats.paired import PairedDifference, joint_limits, p_value_of

METHOD = "prediction-powered, Gaffke"


@dataclass(frozen=True)
class Rectified:
    """Scores of K systems on the same rows: verdicts of a judge on all rows, corrected by people's ratings of some.

    Attributes:
        rectifiers: rating - lambda x verdict on the n rated rows, shape (n, K).
        imputed: lambda x verdict on the N other rows, shape (N, K).
        lam: the weight of the verdicts, in [0, 1]; one for all systems, so that differences of scores are scores of differences.
        rated_groups: group of each rated row, "" for a row by itself; empty where rows do not come in groups.
        other_groups: group of each other row.
    """

    rectifiers: Floats
    imputed: Floats
    lam: float
    rated_groups: tuple[str, ...] = ()
    other_groups: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows, rated or not."""
        return len(self.rectifiers) + len(self.imputed)

    @property
    def clusters(self) -> int | None:
        """How many groups the rows are, rated or not; None where every row is by itself."""
        return by_cluster(np.ones(self.rows), (*self.rated_groups, *self.other_groups) or None).count

    @property
    def _too_few(self) -> bool:
        return len(_by_group(self.rectifiers, self.rated_groups)) < 2

    @property
    def means(self) -> Floats:
        """The corrected scores, shape (K,), not clipped to [0, 1]."""
        means: Floats = self.rectifiers.mean(axis=0) + (self.imputed.mean(axis=0) if len(self.imputed) else 0.0)
        return means

    @property
    def variances(self) -> Floats:
        """Variance of the scores per rated row, shape (K,): over n, the square of the papers' standard error."""
        ratio = len(self.rectifiers) / len(self.imputed) if len(self.imputed) else 0.0
        variances: Floats = self.rectifiers.var(axis=0) + ratio * (self.imputed.var(axis=0) if ratio else 0.0)
        return variances

    def variance_between(self, one: int, other: int) -> float:
        """Variance of the difference of two scores per rated row, as `variances`."""
        ratio = len(self.rectifiers) / len(self.imputed) if len(self.imputed) else 0.0
        rated, imputed = (values[:, one] - values[:, other] for values in (self.rectifiers, self.imputed))
        return float(rated.var() + (ratio * imputed.var() if ratio else 0.0))

    def interval(self, system: int, level: float = 0.95, seed: int = 0) -> Interval:
        """The score of one system with two-sided limits; they are None with fewer than two rated rows.

        Raises:
            ValueError: the level is not between 0 and 1.
        """
        mean, n = float(np.clip(self.means[system], 0.0, 1.0)), self.rows
        if self._too_few:
            return Interval(mean, None, None, n, level, "fewer than two ratings")
        alpha = (1 - level) / 2
        low, high = self.lower_bound(system, alpha, seed), self._upper_bound(system, alpha, seed)
        return Interval(mean, low, high, n, level, METHOD, self.clusters)

    def lower_bound(self, system: int, alpha: float, seed: int = 0) -> float:
        """One-sided lower limit of one system's score, above the truth with probability at most `alpha`; 0 without ratings.

        Raises:
            ValueError: alpha is not between 0 and 1.
        """
        if not 0 < alpha < 1:
            raise ValueError(f"alpha {alpha} is not between 0 and 1")
        if not len(self.rectifiers):
            return 0.0
        one = [system]
        resamples = min(max(DRAWS, math.ceil(20 / alpha)), MOST_DRAWS)
        rank = math.floor(alpha * (resamples + 1)) - 1
        if rank < 0:
            return 0.0
        rated = _draws(self.rectifiers[:, one], self.rated_groups, (-self.lam, 1.0), resamples, seed)
        imputed = _draws(self.imputed[:, one], self.other_groups, (0.0, self.lam), resamples, seed + 1)
        draws = (rated + imputed)[:, 0, 0]
        return float(np.clip(np.partition(draws, rank)[rank], 0.0, 1.0))

    def _upper_bound(self, system: int, alpha: float, seed: int) -> float:
        """By the mirror: ratings and verdicts of the opposite, 1 - rating and 1 - verdict."""
        opposite = replace(self, rectifiers=1 - self.lam - self.rectifiers, imputed=self.lam - self.imputed)
        return 1 - opposite.lower_bound(system, alpha, seed)

    def differences(self, level: float = 0.95, seed: int = 0, resamples: int = DRAWS) -> list[PairedDifference]:
        """Differences of all pairs of systems with limits that hold together, as `paired_max_t` gives them for plain scores.

        Raises:
            ValueError: the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"level {level} is not between 0 and 1")
        pairs = list(combinations(range(len(self.means)), 2))
        means = self.means
        if self._too_few or not pairs:
            return [PairedDifference(i, j, float(means[i] - means[j]), None, None, 1.0, 0, self.clusters) for i, j in pairs]
        first, second = (list(column) for column in zip(*pairs, strict=True))
        rated, imputed = (values[:, first] - values[:, second] for values in (self.rectifiers, self.imputed))
        draws = _draws(rated, self.rated_groups, (-1.0 - self.lam, 1.0 + self.lam), resamples, seed)
        draws = draws + _draws(imputed, self.other_groups, (-self.lam, self.lam), resamples, seed + 1)
        limits = joint_limits(draws, 1 - level)
        groups = (*self.rated_groups, *self.other_groups)
        differing = np.count_nonzero(_by_group(np.abs(np.concatenate([rated, imputed])), groups), axis=0)
        return [
            PairedDifference(
                *(i, j, float(means[i] - means[j]), float(low), float(high), p_value_of(draws[:, place])),
                *(int(differing[place]), self.clusters),
            )
            for place, ((i, j), (low, high)) in enumerate(zip(pairs, limits, strict=True))
        ]


def rectify(
    labels: ArrayLike,
    verdicts: ArrayLike,
    others: ArrayLike,
    lam: float | None = None,
    rated_groups: Sequence[str] = (),
    other_groups: Sequence[str] = (),
) -> Rectified:
    """Verdicts corrected by ratings.

    Args:
        labels: people's ratings in [0, 1] of the rated rows, shape (n, K); the rows are a random sample of all.
        verdicts: the judge's verdicts in [0, 1] on these, shape (n, K).
        others: its verdicts on the other rows, shape (N, K).
        lam: weight of the verdicts; None tunes it as PPI++ does.
        rated_groups: group of each rated row, where rows come in groups; "" for a row by itself.
        other_groups: group of each other row.

    Raises:
        ValueError: the shapes do not fit, or a value is not between 0 and 1.
    """
    y, f, rest = (np.asarray(values, dtype=np.float64) for values in (labels, verdicts, others))
    if y.ndim != 2 or y.shape != f.shape or rest.ndim != 2 or rest.shape[1] != y.shape[1] or not len(y):
        raise ValueError(f"shapes {y.shape}, {f.shape} and {rest.shape} are not (n, K), (n, K) and (N, K) with n at least 1")
    for values in (y, f, rest):
        if not np.all((values >= 0) & (values <= 1)):
            raise ValueError("a rating or verdict is not between 0 and 1")
    weight = power_tuning(y, f, rest) if lam is None else lam
    return Rectified(y - weight * f, weight * rest, weight, tuple(rated_groups), tuple(other_groups))


def power_tuning(labels: Floats, verdicts: Floats, others: Floats) -> float:
    """The lambda in [0, 1] with which the variance of the corrected scores, summed over the systems, is smallest (PPI++).

    cov(rating, verdict) / ((1 + n/N) var(verdict)); 0 where every verdict is the same, or nothing is left to impute.
    """
    spread = float(np.concatenate([verdicts, others]).var(axis=0, ddof=1).sum()) if len(verdicts) + len(others) > 1 else 0.0
    if not len(others) or not spread:
        return 0.0
    shared = float(((labels - labels.mean(axis=0)) * (verdicts - verdicts.mean(axis=0))).mean(axis=0).sum())
    return float(np.clip(shared / ((1 + len(labels) / len(others)) * spread), 0.0, 1.0))


def _draws(rows: Floats, groups: Sequence[str], worst: tuple[float, float], resamples: int, seed: int) -> Floats:
    """Resampled means of each column, shape (resamples, columns, 2): with the least possible value added, and with the greatest.

    In groups, what is added is a group of the largest size.
    """
    if not len(rows):
        return np.zeros((resamples, rows.shape[1], 2))
    # A group's sums, and in the last column its size.
    kinds, counts = np.unique(_by_group(np.column_stack([rows, np.ones(len(rows))]), groups), axis=0, return_counts=True)
    largest = kinds[:, -1].max()
    random = np.random.default_rng([seed, 1])
    chunks = []
    for weights in gamma_draws(counts, resamples, seed):
        sums = (weights @ kinds)[:, :, None]
        extra = largest * random.standard_exponential((len(weights), rows.shape[1], 2))
        chunks.append((sums[:, :-1] + extra * list(worst)) / (sums[:, -1:] + extra))
    return np.concatenate(chunks)


def _by_group(rows: Floats, groups: Sequence[str]) -> Floats:
    """The rows summed by group."""
    if not groups:
        return rows
    places: dict[str | int, int] = {}
    index = [places.setdefault(group or row, len(places)) for row, group in enumerate(groups)]
    sums = np.zeros((len(places), rows.shape[1]))
    np.add.at(sums, index, rows)
    return np.round(sums, 12)
