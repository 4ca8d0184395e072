"""How far people agree with a judge, or two raters with each other: observed agreement and Cohen's kappa, with their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailor.stats.intervals import DRAWS, Floats, Interval, gamma_draws, mean_interval


@dataclass(frozen=True)
class Agreement:
    """Agreement of people with a judge, or of two people.

    Attributes:
        observed: share of items on which they agree; with one rating per item the limits are exact (Clopper-Pearson).
        kappa: agreement beyond what their habits alone would give (Cohen 1960), in [-1, 1]; None where both gave every item
            the same single rating, since nothing could then be told apart by chance.
    """

    observed: Interval
    kappa: Interval | None


def agreement(people: Sequence[Sequence[str]], judge: Sequence[str], level: float = 0.95, seed: int = 0) -> Agreement:
    """Agreement of people's ratings with a judge's, item by item.

    Every item counts once: where several people rated it, they share its weight, so that the result is the agreement with one of
    them picked at random.

    Args:
        people: for each item the ratings of one or more people.
        judge: for each item the judge's rating; two people are compared by giving the second one's ratings here.
        level: of the intervals.
        seed: of the resamples behind kappa's limits.

    Raises:
        ValueError: the two are not of equal length, an item has no rating, or the level is not between 0 and 1.
    """
    if len(people) != len(judge) or not all(people):
        raise ValueError("every item needs at least one person's rating and one of the judge")
    shares = [sum(rating == verdict for rating in ratings) / len(ratings) for ratings, verdict in zip(people, judge, strict=True)]
    return Agreement(mean_interval(shares, level, seed), _kappa(people, judge, level, seed))


def cohen_kappa(table: Floats) -> Floats:
    """Cohen's kappa of square tables of counts or weights, shape (..., k, k); nan where one rating was always given by both."""
    total = table.sum(axis=(-2, -1))
    observed = np.trace(table, axis1=-2, axis2=-1) / total
    expected = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa: Floats = (observed - expected) / (1 - expected)
    return kappa


def _kappa(people: Sequence[Sequence[str]], judge: Sequence[str], level: float, seed: int) -> Interval | None:
    """Kappa with limits from the Bayesian bootstrap over items, with the worst possible item added for the lower limit and the best
    for the upper one, as for means (`intervals`).

    The usual limits, kappa +- z standard errors (Fleiss, Cohen and Everitt 1969), shrink to a point where all agree: with 60 items
    and a kappa near 0.9 they lie above the truth in 10 to 40 of 100 samples. These do so in at most about 3 (tests).
    """
    names = sorted({*judge, *(rating for ratings in people for rating in ratings)})
    place = {name: number for number, name in enumerate(names)}
    items = np.zeros((len(judge), len(names), len(names)))
    for item, ratings, verdict in zip(items, people, judge, strict=True):
        for rating in ratings:
            item[place[rating], place[verdict]] += 1 / len(ratings)
    if len(names) < 2:
        return None
    kappa = float(cohen_kappa(items.sum(axis=0)))
    if len(judge) < 2:
        return Interval(kappa, None, None, len(judge), level, "fewer than two items")
    kinds, counts = np.unique(items, axis=0, return_counts=True)
    lows, highs = [], []
    random = np.random.default_rng([seed, 1])
    for weights in gamma_draws(counts, DRAWS, seed):
        tables = np.einsum("dk,kij->dij", weights, kinds)
        extra = random.standard_exponential(len(tables))
        lows.append(np.min(_with_one_more(tables, extra, agreeing=False), axis=0))
        highs.append(np.max(_with_one_more(tables, extra, agreeing=True), axis=0))
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(lows), tail), np.quantile(np.concatenate(highs), 1 - tail)
    return Interval(kappa, float(low), float(high), len(judge), level, "Bayesian bootstrap")


def _with_one_more(tables: Floats, extra: Floats, *, agreeing: bool) -> Floats:
    """Kappas with one more item in each cell in turn, on the diagonal or off it, shape (cells, draws)."""
    size = tables.shape[-1]
    found = []
    for row, column in np.ndindex(size, size):
        if (row == column) == agreeing:
            more = tables.copy()
            more[:, row, column] += extra
            found.append(np.nan_to_num(cohen_kappa(more), nan=float(agreeing)))
    return np.array(found)
