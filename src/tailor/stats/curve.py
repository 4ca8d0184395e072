"""A learning curve: accuracy against labels, measured at several sizes, continued to sizes not yet there.

The error of a system trained on n labels is taken to fall as a power law towards a floor, c + a n**-b (Hestness et al. 2017,
arXiv:1712.00409; Viering and Loog 2021, arXiv:2103.10948, review what else is seen). Written from the largest size N measured:

    error(n) = e * (s + (1 - s) * (n / N)**-b),  e = error at N,  s = the share of it that no number of labels removes.

Three or six noisy points do not settle b and s, so nothing is read off a single best fit. b and s run over a grid that has their
prior's quantiles, e is integrated out exactly, and every prediction is the mixture over the grid, each point weighted by how likely
it makes what was measured. The noise around the curve has three parts:

- *Fits*. Another draw of n labels gives another system. Draws that are nested, or come from one pool, share a part of it.
- *Form*. No curve is exactly a power law. Its relative departure wanders by `FORM` per doubling of n, backwards and forwards
  from N: sizes far below N count for less, and the further a prediction reaches, the wider it gets.
- *Rows*. What holds on the rows tested holds for others only up to their number. It moves the curve as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

MAX_EXTRAPOLATION = 4.0
"""Nothing is predicted beyond this many times the largest size measured."""
FORM = 0.1
"""Standard deviation of the curve's relative departure from a power law per doubling of the labels (docs/log.md)."""
FITS, FITS_WEIGHT = 1.0, 1.5
"""Variance between fits as a share of the binomial one where only one nesting was measured, and how many more it counts for: what
single fits of the probe showed on 400 rows (docs/log.md)."""
EXPONENT, EXPONENT_SPREAD = 0.5, 0.6
"""Median of the exponent b, and the standard deviation of its logarithm: 80 % between 0.23 and 1.08."""
FLOOR = 2.0
"""The floor's share s has the density FLOOR * (1 - s)**(FLOOR - 1)."""
GRID = 24
"""Values of each of the two."""
STEPS = 200
"""Sizes at which the crossing of a target is looked for."""
STEP = 2.0**-30
"""Quantiles are exact to this."""


@dataclass(frozen=True)
class Forecast:
    """An accuracy: its median, and limits that hold with the probability `level`."""

    size: int
    median: float
    low: float
    high: float
    level: float


@dataclass(frozen=True)
class LabelsNeeded:
    """Labels with which a target is reached; None where that is beyond `cap`, the furthest that is predicted.

    Attributes:
        target: accuracy wanted.
        median: fewest labels with which reaching it is as likely as not.
        low: fewest with which the chance is (1 - level) / 2; the existing ones where it is at least that already.
        high: fewest with which the chance is (1 + level) / 2.
        cap: the most labels that the curve covers.
        level: of the interval from low to high.
    """

    target: float
    median: int | None
    low: int | None
    high: int | None
    cap: int
    level: float


@dataclass(frozen=True)
class CurveGrid:
    """Shapes of the curve and how likely each is after measuring; all of shape (points,), see the module.

    Attributes:
        exponents: b.
        floors: s.
        weights: probability of each.
        level: mean of e given the shape.
        spread: its variance.
    """

    exponents: Floats
    floors: Floats
    weights: Floats
    level: Floats
    spread: Floats


@dataclass(frozen=True)
class Curve:
    """What is known about the curve after measuring. Made by `fit_curve`.

    Attributes:
        sizes: labels, increasing.
        errors: share of errors at each, with half an error added on one row more, so that none is 0 or 1.
        rows: independent rows tested on.
        fits: variance between fits as a share of the binomial variance.
        inverse: inverse covariance of `errors` around the curve on these rows.
        grid: the shapes.
    """

    sizes: tuple[int, ...]
    errors: Floats
    rows: int
    fits: float
    inverse: Floats
    grid: CurveGrid

    @property
    def size(self) -> int:
        """The largest size measured."""
        return self.sizes[-1]

    @property
    def cap(self) -> int:
        """The largest size that the curve covers."""
        return int(MAX_EXTRAPOLATION * self.size)

    def predict(
        self, sizes: Sequence[int], level: float = 0.8, *, new_rows: int | None = None, same_rows: bool = False
    ) -> tuple[Forecast, ...]:
        """The accuracy at each size, the existing labels being among those learned from.

        Args:
            sizes: numbers of labels, at most `cap`.
            level: probability of each interval.
            new_rows: forecast what will be measured on so many other rows, instead of the true accuracy.
            same_rows: forecast what would be measured on the rows of the points, instead of the true accuracy.

        Raises:
            ValueError: a size is not between 1 and `cap`, or the level is not between 0 and 1.
        """
        tail = (1 - _checked(level)) / 2
        mean, variance = self._at(np.asarray(sizes, dtype=np.float64), new_rows, same_rows)
        high, median, low = (1 - _quantiles(mean, variance, self.grid.weights, q) for q in (tail, 0.5, 1 - tail))
        if measured_on := self.rows if same_rows else new_rows:
            # What is measured comes in steps of a row; the limits are rounded away from the median.
            low, high = np.floor(low * measured_on) / measured_on, np.ceil(high * measured_on) / measured_on
        columns = zip(sizes, median.tolist(), low.tolist(), high.tolist(), strict=True)
        return tuple(Forecast(int(size), middle, lower, upper, level) for size, middle, lower, upper in columns)

    def chance(self, target: float, sizes: Sequence[int]) -> Floats:
        """Probability that the true accuracy reaches `target`, at each size; arguments as in `predict`."""
        mean, variance = self._at(np.asarray(sizes, dtype=np.float64), None, False)
        chance: Floats = self.grid.weights @ _below(mean, variance, np.full(len(sizes), 1 - target))
        return chance

    def labels_for(self, target: float, start: int | None = None, level: float = 0.8) -> LabelsNeeded:
        """The labels that reach `target`: where its line crosses the median and the edges of the band of predictions.

        Args:
            target: accuracy wanted.
            start: the fewest that are looked at; the largest size measured if left out.
            level: of the interval.

        Raises:
            ValueError: the target or the level is not between 0 and 1.
        """
        tail = (1 - _checked(level)) / 2
        if not 0 < target <= 1:
            raise ValueError(f"target {target} is not between 0 and 1")
        sizes = np.unique(np.geomspace(min(start or self.size, self.cap), self.cap, STEPS).round().astype(int))
        chance = self.chance(target, sizes.tolist())
        found = [np.flatnonzero(chance >= q) for q in (0.5, tail, 1 - tail)]
        median, low, high = (int(sizes[places[0]]) if places.size else None for places in found)
        return LabelsNeeded(target, median, low, high, self.cap, level)

    def _at(self, sizes: Floats, new_rows: int | None, same_rows: bool) -> tuple[Floats, Floats]:
        """Mean and variance of the error at each size for each shape, both of shape (points, sizes).

        Universal kriging: the curve at its uncertain level, plus what the measured departures say about the one to come.
        """
        if np.any(sizes < 1) or np.any(sizes > self.cap):
            raise ValueError(f"a size of {sizes.tolist()} is not between 1 and {self.cap}")
        known, grid, least = np.array(self.sizes, dtype=np.float64), self.grid, 0.5 / (self.rows + 1)
        shape = _shape(sizes / self.size, grid.exponents, grid.floors)
        before = _shape(known / self.size, grid.exponents, grid.floors)
        curve = np.clip(shape * grid.level[:, None], least, 1 - least)
        typical = grid.weights @ curve  # for the covariances: those of single shapes differ too little to matter
        nested = np.sqrt(np.minimum.outer(known, sizes) / np.maximum.outer(known, sizes))
        cross = np.outer(_deviation(self.errors, self.fits, self.rows), _deviation(typical, self.fits, self.rows)) * nested
        cross += _form(known, self.errors, sizes, typical, self.size)
        weights = self.inverse @ cross  # of the departures at the known sizes, shape (known, sizes)
        left = shape - before @ weights
        mean = np.clip(left * grid.level[:, None] + self.errors @ weights, least, 1 - least)
        own = self.fits * _binomial(curve) / self.rows + FORM**2 * np.abs(np.log2(sizes / self.size)) * curve**2
        variance = np.maximum(own - np.sum(cross * weights, axis=0), 0.0) + left**2 * grid.spread[:, None]
        if not same_rows:
            variance += _binomial(curve) * (1 / self.rows + (1 / new_rows if new_rows else 0.0))
        return mean, variance


def fit_curve(sizes: Sequence[int], accuracies: ArrayLike, rows: int) -> Curve:
    """The curve through accuracies measured on the same rows, of systems that learned from nested subsets of one pool.

    Args:
        sizes: labels learned from, increasing; the last is the whole pool.
        accuracies: shape (nestings, sizes), or (sizes,) for one nesting; in [0, 1].
        rows: independent rows that each accuracy was measured on; rows that come in groups count once a group.

    Raises:
        ValueError: fewer than two sizes, sizes that do not increase, accuracies of another shape or outside [0, 1], or no rows.
    """
    measured = np.atleast_2d(np.asarray(accuracies, dtype=np.float64))
    known = np.asarray(sizes, dtype=np.float64)
    if len(known) < 2 or np.any(np.diff(known) <= 0) or known[0] < 1:
        raise ValueError(f"sizes {list(sizes)} are not at least two increasing numbers of labels")
    if measured.ndim != 2 or measured.shape[1] != len(known) or not np.all((measured >= 0) & (measured <= 1)):
        raise ValueError(f"the accuracies are not of shape (nestings, {len(known)}) with values between 0 and 1")
    if rows < 1:
        raise ValueError(f"{rows} rows are not at least one")
    errors = ((1 - measured.mean(axis=0)) * rows + 0.5) / (rows + 1)
    fits = _between_fits(measured, errors, known / known[-1], rows)
    deviation = _deviation(errors, fits, rows)
    # Shared by two subsets of one nesting, and by two of one pool averaged over all its nestings (projections of Hoeffding 1948).
    nested = np.sqrt(np.minimum.outer(known, known) / np.maximum.outer(known, known))
    pooled = np.sqrt(np.outer(known, known)) / known[-1]
    covariance = np.outer(deviation, deviation) * (pooled + (nested - pooled) / len(measured))
    covariance += _form(known, errors, known, errors, known[-1])
    inverse = np.linalg.inv(covariance)
    return Curve(tuple(int(n) for n in known), errors, rows, fits, inverse, _posterior(known, errors, inverse))


def _posterior(known: Floats, errors: Floats, inverse: Floats) -> CurveGrid:
    """Shapes at the middles of equal parts of their priors, weighted by their likelihood; any level is as likely beforehand."""
    from scipy.special import ndtri

    middle = (np.arange(GRID) + 0.5) / GRID
    b, s = np.meshgrid(EXPONENT * np.exp(EXPONENT_SPREAD * ndtri(middle)), 1 - (1 - middle) ** (1 / FLOOR), indexing="ij")
    exponents, floors = b.ravel(), s.ravel()
    shape = _shape(known / known[-1], exponents, floors)
    precision = np.sum((shape @ inverse) * shape, axis=1)
    level = shape @ inverse @ errors / precision
    unexplained = errors - shape * level[:, None]
    misfit = np.sum((unexplained @ inverse) * unexplained, axis=1)
    likelihood = -0.5 * (misfit + np.log(precision))
    weights = np.exp(likelihood - likelihood.max())
    return CurveGrid(exponents, floors, weights / weights.sum(), level, 1 / precision)


def _shape(ratio: Floats, exponents: Floats, floors: Floats) -> Floats:
    """The error as a multiple of that at the largest size measured, shape (points, sizes)."""
    multiple: Floats = floors[:, None] + (1 - floors[:, None]) * ratio[None, :] ** -exponents[:, None]
    return multiple


def _form(known: Floats, errors: Floats, sizes: Floats, others: Floats, largest: float) -> Floats:
    """Covariance of the departures from a power law: two random walks in log n, one down and one up from the largest size."""
    a, b = np.log2(known / largest)[:, None], np.log2(sizes / largest)[None, :]
    common = np.where(a * b > 0, np.minimum(np.abs(a), np.abs(b)), 0.0)
    covariance: Floats = FORM**2 * common * np.outer(errors, others)
    return covariance


def _between_fits(measured: Floats, errors: Floats, share: Floats, rows: int) -> float:
    """Variance between fits as a share of the binomial one; subsets that are a large share of the pool differ less by as much."""
    degrees, seen = len(measured) - 1, 0.0
    if degrees:
        expected = (1 - share[:-1]) * _binomial(errors[:-1]) / rows
        seen = float(np.mean(measured[:, :-1].var(axis=0, ddof=1) / expected))
    return (FITS * FITS_WEIGHT + seen * degrees) / (FITS_WEIGHT + degrees)


def _deviation(errors: Floats, fits: float, rows: int) -> Floats:
    deviation: Floats = np.sqrt(fits * _binomial(errors) / rows)
    return deviation


def _binomial(error: Floats) -> Floats:
    return error * (1 - error)


def _below(mean: Floats, variance: Floats, errors: Floats) -> Floats:
    """Probability of an error of at most `errors`: under the beta distributions of these moments, which stay between 0 and 1."""
    from scipy.special import betainc

    total = np.clip(_binomial(mean) / np.maximum(variance, 1e-12) - 1, 0.05, 1e8)
    return np.asarray(betainc(mean * total, (1 - mean) * total, errors[None, :]), dtype=np.float64)


def _quantiles(mean: Floats, variance: Floats, weights: Floats, q: float) -> Floats:
    """The q-quantile of the mixture in each column: the middle of the step of width `STEP` in which it lies.

    It is a whole step, however it is searched for, since the last digits of a search differ between machines.
    """
    from scipy.optimize.elementwise import find_root

    def excess(errors: Floats, column: NDArray[np.int64]) -> Floats:
        found: Floats = weights @ _below(mean[:, column], variance[:, column], errors) - q
        return found

    limits, columns = (np.zeros(mean.shape[1]), np.ones(mean.shape[1])), (np.arange(mean.shape[1]),)
    root = find_root(excess, limits, args=columns, tolerances={"xatol": STEP / 2**6, "xrtol": 0.0, "fatol": 0.0, "frtol": 0.0})
    found: Floats = (np.clip(np.floor(root.x / STEP), 0.0, 1 / STEP - 1) + 0.5) * STEP
    return found


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")
    return level
