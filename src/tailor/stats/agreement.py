"""How far several people agree beyond chance, each coefficient with an interval that holds with few rows.

Any number of people on any rows: Krippendorff's alpha, and Fleiss' kappa where all rows have as many. Answers of any form: how far
apart two of them are on the same row and on different ones. A judge and people: `tailor.stats.kappa`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tailor.stats.intervals import CHUNK, Floats, Interval, gamma_draws, mean_interval

ALPHA_DRAWS, APART_DRAWS = 2_000, 2_000
"""Resamples behind the limits of alpha and of distances."""
MOST_VALUES = 8
"""So many of the most common values may be those of the one more row that limits count with."""
MOST_PAIRS = 5_000
"""Pairs of rows that are compared at most to see what chance gives."""
Box = Sequence[float]
"""[x, y, width, height]."""


Distance = Literal["nominal", "ordinal", "interval", "ratio", "masi", "jaccard"]
"""How far apart two values are: not at all or wholly; by how many ratings lie between them; by their difference; by their
difference as a share of their sum; by how little two sets overlap, with a weight for one holding the other and without."""


@dataclass(frozen=True)
class Coefficient:
    """How far several people agree beyond chance, or why that cannot be said.

    Attributes:
        observed: share of pairs of people, on the same row, who said the same; None where no row has two.
        chance_corrected: 1 for full agreement, 0 for that of people who answer without looking, below 0 for less. With limits
            from the bootstrap over rows; None where it is not defined, and then `why_not` says why.
        why_not: empty, or why there is none.
        rows: rows that at least two people answered.
        ratings: their answers on these.
        limits: of `observed`; None with fewer than two rows.
    """

    observed: float | None
    chance_corrected: Interval | None
    why_not: str = ""
    rows: int = 0
    ratings: int = 0
    limits: tuple[float, float] | None = None


Unit = Sequence[Hashable]
"""What the people who answered one row said."""


def fleiss_kappa(counts: Floats) -> float | None:
    """Fleiss' kappa (1971) of counts of shape (rows, values), each row with as many ratings; None where one value alone was used.

    Raises:
        ValueError: rows have different numbers of ratings, or fewer than two.
    """
    each = counts.sum(axis=1)
    if not len(each) or each[0] < 2 or np.any(each != each[0]):
        raise ValueError("Fleiss' kappa needs rows with the same number of ratings, at least two; use Krippendorff's alpha")
    agreed = ((counts**2).sum(axis=1) - each) / (each * (each - 1))
    expected = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return None if expected == 1 else (float(agreed.mean()) - expected) / (1 - expected)


def krippendorff(units: Sequence[Unit], distance: Distance = "nominal", level: float = 0.95, seed: int = 0) -> Coefficient:
    """Krippendorff's alpha (2004, Content Analysis, ch. 11): one minus disagreement within rows over that of any two ratings.

    Any number of people per row; rows with fewer than two ratings say nothing. Limits are from the Bayesian bootstrap over rows
    with one more row, the worst for the lower and the best for the upper limit, so that they never shrink to a point.

    Args:
        units: of each row the ratings. Numbers for "ordinal", "interval" and "ratio", sets for "masi" and "jaccard".
        distance: between two ratings.
        level: of the limits.
        seed: of the resamples.
    """
    paired = [unit for unit in units if len(unit) > 1]
    ratings = sum(map(len, paired))
    if not paired:
        return Coefficient(None, None, "no row was answered by two people")
    values = sorted({value for unit in paired for value in unit}, key=_order)
    counts = _counts(paired, values)
    each = counts.sum(axis=1)
    same = (counts * (counts - 1)).sum(axis=1) / (each - 1)
    observed = float(same.sum() / each.sum())
    limits = _limits(same / each, each, level, seed)
    if len(values) == 1:
        shown = f"only one value was used ({_shown(values[0])}), so nothing tells agreement from chance"
        return Coefficient(observed, None, shown, len(paired), ratings, limits)
    alpha, low, high = _alpha_and_limits(counts, values, distance, level, seed)
    if len(paired) < 2:
        interval = Interval(alpha, None, None, len(paired), level, "fewer than two rows")
    else:
        interval = Interval(alpha, min(low, alpha), max(high, alpha), len(paired), level, "Bayesian bootstrap")
    return Coefficient(observed, interval, "", len(paired), ratings, limits)


def apart(units: Sequence[Sequence[Any]], distance: Callable[[Any, Any], float], level: float = 0.95, seed: int = 0) -> Coefficient:
    """Agreement on answers of any form, by how far apart two of them are: 1 - within / between.

    `within` is the mean distance of two people's answers to the same row, `between` that of answers to different rows: what people
    would be apart who answer without looking (after Braylan, Alonso and Lease 2022, arXiv:2212.09503).

    Args:
        units: of each row the answers.
        distance: of two answers, in [0, 1].
        level: of the limits.
        seed: of the resamples, and of the pairs of rows where there are more than `MOST_PAIRS`.
    """
    paired = [unit for unit in units if len(unit) > 1]
    ratings = sum(map(len, paired))
    if not paired:
        return Coefficient(None, None, "no row was answered by two people")
    within = np.array([np.mean([distance(a, b) for a, b in combinations(unit, 2)]) for unit in paired])
    observed = float(1 - within.mean())
    if len(paired) < 2:
        return Coefficient(observed, None, "one row alone says nothing of what chance would give", len(paired), ratings)
    limits = _limits(1 - within, np.ones(len(paired)), level, seed)
    pairs = _pairs_of_rows(len(paired), seed)
    between = np.array([np.mean([distance(a, b) for a in paired[i] for b in paired[j]]) for i, j in pairs])
    if not between.any():
        return Coefficient(
            observed,
            None,
            "everybody gave the same answer to every row, so nothing tells agreement from chance",
            len(paired),
            ratings,
            limits,
        )
    sigma = 1 - float(within.mean() / between.mean())
    random, lows, highs = np.random.default_rng([seed, 1]), list[Floats](), list[Floats]()
    drawn = np.concatenate(list(gamma_draws(np.ones(len(paired), dtype=np.int64), APART_DRAWS, seed)))
    for draws in np.array_split(drawn, -(-len(drawn) * len(pairs) // CHUNK)):
        together = draws[:, pairs[:, 0]] * draws[:, pairs[:, 1]]
        chance = (together @ between) / together.sum(axis=1)
        extra = random.standard_exponential(len(draws))
        total = draws.sum(axis=1) + extra
        with np.errstate(divide="ignore", invalid="ignore"):
            lows.append(1 - (draws @ within + extra) / total / chance)
            highs.append(1 - (draws @ within) / total / chance)
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(lows), tail), np.quantile(np.concatenate(highs), 1 - tail)
    return Coefficient(
        observed,
        Interval(sigma, float(min(low, sigma)), float(max(high, sigma)), len(paired), level, "Bayesian bootstrap"),
        "",
        len(paired),
        ratings,
        limits,
    )


def box_iou(first: Box, second: Box) -> float:
    """Overlap of two boxes [x, y, width, height] as a share of what they cover together."""
    (x, y, w, h), (u, v, s, t) = first, second
    common = max(0.0, min(x + w, u + s) - max(x, u)) * max(0.0, min(y + h, v + t) - max(y, v))
    covered = w * h + s * t - common
    return common / covered if covered > 0 else 0.0


def boxes_apart(first: Sequence[tuple[str, Box]], second: Sequence[tuple[str, Box]]) -> float:
    """Distance of two people's boxes with labels on one image: one minus the overlap of the boxes that are matched, as a share of
    the larger number of boxes. Boxes of different labels have no overlap; nothing against nothing is 0, against something 1.
    """
    from scipy.optimize import linear_sum_assignment

    if not first or not second:
        return float(bool(first) != bool(second))
    overlaps = np.array([[box_iou(a, b) if name == other else 0.0 for other, b in second] for name, a in first])
    rows, columns = linear_sum_assignment(-overlaps)
    return 1 - float(overlaps[rows, columns].sum()) / max(len(first), len(second))


def spans_apart(first: Collection[Hashable], second: Collection[Hashable]) -> float:
    """One minus the F1 of two people's spans, each with its start, end and label; nothing against nothing is 0."""
    total = len(set(first)) + len(set(second))
    return 1 - 2 * len(set(first) & set(second)) / total if total else 0.0


def _limits(shares: Floats, ratings: Floats, level: float, seed: int) -> tuple[float, float] | None:
    """Limits of the mean of what rows agree, each by its ratings."""
    each, within = ratings.astype(np.int64), np.clip(shares, 0, 1)
    if each.max() == each.min():  # a row counts as one value then, and whole agreement has exact limits
        found = mean_interval(within.tolist(), level, seed)
    else:
        rows = [f"{row}" for row, many in enumerate(each) for _ in range(many)]
        found = mean_interval(np.repeat(within, each).tolist(), level, seed, rows)
    return None if found.low is None or found.high is None else (found.low, found.high)


def _counts(units: Sequence[Unit], values: Sequence[Hashable]) -> Floats:
    place = {value: number for number, value in enumerate(values)}
    counts = np.zeros((len(units), len(values)))
    for row, unit in zip(counts, units, strict=True):
        for value in unit:
            row[place[value]] += 1
    return counts


def _alpha_and_limits(
    counts: Floats, values: Sequence[Any], distance: Distance, level: float, seed: int
) -> tuple[float, float, float]:
    """Alpha with its limits, of counts of shape (rows, values)."""
    kinds, times = np.unique(counts, axis=0, return_counts=True)
    measured = _Ordinal(kinds) if distance == "ordinal" else _Fixed(kinds, _spread(values, distance))
    (alpha,) = measured.alphas(times[None, :].astype(np.float64))
    common = np.argsort(-counts.sum(axis=0), kind="stable")[:MOST_VALUES]
    lows, highs = [], []
    random = np.random.default_rng([seed, 1])
    for weights in gamma_draws(times, ALPHA_DRAWS, seed):
        extra = random.standard_exponential(len(weights))
        # Of all draws, as many ratings count as there are, so that what alpha takes off for few of them stays the same.
        scale = (len(counts) + 1) / (weights.sum(axis=1) + extra)
        drawn = measured.drawn(weights * scale[:, None], extra * scale)
        found: dict[bool, list[Floats]] = {True: [], False: []}
        for a in common:
            for b in common[common >= a]:
                found[bool(a == b)].append(drawn(int(a), int(b)))
        lows.append(np.min(found[False], axis=0))
        highs.append(np.max(found[True], axis=0))
    tail = (1 - level) / 2
    return float(alpha), float(np.quantile(np.concatenate(lows), tail)), float(np.quantile(np.concatenate(highs), 1 - tail))


def _alpha(total: Floats, within: Floats, between: Floats) -> Floats:
    """Alpha of disagreement within rows and between any two ratings; 1 where nothing differs."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 1 - (total - 1) * within / between
    return np.asarray(np.where(between > 0, found, 1.0), dtype=np.float64)


Spread = Callable[[Floats], Floats]
"""From weights of the values, shape (some, values), to the sum of each value's distances to all of them, by their weights."""
Drawn = Callable[[int, int], Floats]
"""Alphas of draws with one more row in which two people gave these two values."""


@dataclass(frozen=True)
class _Fixed:
    """Alphas where the distance of two values does not depend on how often they were given; `kinds` are rows as counts."""

    kinds: Floats
    spread: Spread

    def alphas(self, weights: Floats) -> Floats:
        named, within, spread = self._sums(weights)
        return _alpha(named.sum(axis=1), within, (named * spread).sum(axis=1))

    def drawn(self, weights: Floats, extra: Floats) -> Drawn:
        named, within, spread = self._sums(weights)
        total, between = named.sum(axis=1) + 2 * extra, (named * spread).sum(axis=1)

        def with_one_more(a: int, b: int) -> Floats:
            apart = self.spread(np.eye(1, named.shape[1], a))[0, b]
            more = between + 2 * extra * (spread[:, a] + spread[:, b]) + 2 * extra**2 * apart
            return _alpha(total, within + 2 * extra * apart, more)

        return with_one_more

    def _sums(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        pairs = self.kinds / (self.kinds.sum(axis=1, keepdims=True) - 1)
        named = weights @ self.kinds
        return named, weights @ (self.spread(pairs) * self.kinds).sum(axis=1), self.spread(named)


@dataclass(frozen=True)
class _Ordinal:
    """Alphas where two values are as far apart as there are ratings between them."""

    kinds: Floats

    def alphas(self, weights: Floats) -> Floats:
        return self._of(weights @ self.kinds, self._pairs(weights))

    def drawn(self, weights: Floats, extra: Floats) -> Drawn:
        named, pairs = weights @ self.kinds, self._pairs(weights)

        def with_one_more(a: int, b: int) -> Floats:
            more, together = named.copy(), pairs.copy()
            for one, other in ((a, b), (b, a)):
                more[:, one] += extra
                together[:, one, other] += extra
            return self._of(more, together)

        return with_one_more

    def _pairs(self, weights: Floats) -> Floats:
        """How often two values meet in a row, shape (draws, values, values)."""
        each = self.kinds.sum(axis=1) - 1
        met = (self.kinds[:, :, None] * self.kinds[:, None, :]) / each[:, None, None]
        return np.asarray((weights @ met.reshape(len(met), -1)).reshape(len(weights), *met.shape[1:]), dtype=np.float64)

    def _of(self, named: Floats, pairs: Floats) -> Floats:
        before = np.cumsum(named, axis=1) - named / 2
        apart = (before[:, :, None] - before[:, None, :]) ** 2
        within, between = (pairs * apart).sum(axis=(1, 2)), np.einsum("dv,dw,dvw->d", named, named, apart, optimize=True)
        return _alpha(named.sum(axis=1), within, between)


def _spread(values: Sequence[Any], distance: Distance) -> Spread:
    """Without a table of all distances where there is a shorter way: people may have given thousands of different values."""
    if distance == "nominal":
        return lambda weights: weights.sum(axis=1, keepdims=True) - weights
    if distance in ("masi", "jaccard"):
        table = sets_apart(values, distance)
        return lambda weights: weights @ table
    numbers = np.array(values, dtype=np.float64)
    if distance == "interval":
        numbers = numbers - numbers.mean()
        squares = numbers**2
        return lambda weights: (
            (weights @ squares)[:, None] + weights.sum(axis=1, keepdims=True) * squares - 2 * (weights @ numbers)[:, None] * numbers
        )
    difference, total = numbers[:, None] - numbers[None, :], numbers[:, None] + numbers[None, :]
    ratio = np.divide(difference, total, out=np.zeros_like(difference), where=total != 0) ** 2
    return lambda weights: weights @ ratio


def sets_apart(values: Sequence[frozenset[str]], distance: Distance) -> Floats:
    """Distances of all sets, shape (sets, sets): "jaccard" is 1 - J, with J their overlap, and "masi" (Passonneau 2006) 1 - J M.

    M is 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap. Two empty sets are equal.
    """
    members = sorted(frozenset[str]().union(*values))
    held = np.array([[member in value for member in members] for value in values], dtype=np.float64).reshape(len(values), -1)
    common, sizes = held @ held.T, held.sum(axis=1)
    union = sizes[:, None] + sizes[None, :] - common
    overlap = np.divide(common, union, out=np.ones_like(common), where=union > 0)
    if distance == "jaccard":
        return np.asarray(1 - overlap, dtype=np.float64)
    inside = common == np.minimum(sizes[:, None], sizes[None, :])
    weight = np.where(overlap == 1, 1.0, np.where(inside, 2 / 3, 1 / 3))
    return np.asarray(1 - overlap * weight, dtype=np.float64)


def _pairs_of_rows(rows: int, seed: int) -> NDArray[np.int64]:
    """Pairs of different rows: all of them, or so many drawn by chance."""
    if rows * (rows - 1) // 2 <= MOST_PAIRS:
        return np.array(list(combinations(range(rows), 2)), dtype=np.int64)
    random = np.random.default_rng([seed, 2])
    first = random.integers(rows, size=MOST_PAIRS)
    return np.stack([first, (first + random.integers(1, rows, size=MOST_PAIRS)) % rows], axis=1)


def _order(value: Any) -> tuple[int, Any]:
    """Numbers by size, everything else by how it is written: the same order whatever came first."""
    return (0, value) if isinstance(value, int | float) else (1, repr(sorted(value) if isinstance(value, frozenset) else value))


def _shown(value: Any) -> str:
    return f'"{", ".join(sorted(value)) if isinstance(value, frozenset) else value}"'
