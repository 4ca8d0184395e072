"""Inputs and independent figures for the statistics of judges and of learning curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailor.stats.clusters import Floats
from tailor.stats.curve import fit_curve
from tailor.stats.kappa import agreement, cohen_kappa
from tailor.stats.ppi import rectify

TABLES = ([[20, 5], [10, 15]], [[18, 4, 1], [3, 22, 6], [0, 5, 9]])
SIZES = (32, 48, 73, 111, 168, 256)
TOY = "200 ratings, 2,000 further verdicts"
"""127 of 200 answers are right; the judge calls 108 of these and 11 of the others right, and 1,189 of 2,000 that nobody rated."""


def kappa(table: Sequence[Sequence[int]]) -> Sequence[float]:
    """Cohen's kappa of a table."""
    return [float(cohen_kappa(np.array(table, dtype=float)))]


def statsmodels_kappa(table: Sequence[Sequence[int]]) -> Sequence[float]:
    from statsmodels.stats.inter_rater import cohens_kappa

    return [float(cohens_kappa(np.array(table), return_results=False))]


def kappa_limits(table: Sequence[Sequence[int]]) -> Sequence[float | None]:
    """95 % limits of kappa for a table of two raters, yes and no."""
    cells = [("yn"[i], "yn"[j]) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    found = agreement([(first,) for first, _ in cells], [second for _, second in cells]).kappa
    return [None, None] if found is None else [found.low, found.high]


def statsmodels_kappa_limits(table: Sequence[Sequence[int]]) -> Sequence[float]:
    from statsmodels.stats.inter_rater import cohens_kappa

    found = cohens_kappa(np.array(table))
    return [float(found.kappa_low), float(found.kappa_upp)]


def toy() -> tuple[Floats, Floats, Floats]:
    """Ratings, verdicts on the rated rows, verdicts on the others."""
    rated = np.repeat([1.0, 0.0], [127, 73])[:, None]
    verdicts = np.repeat([1.0, 0.0, 1.0, 0.0], [108, 19, 11, 62])[:, None]
    return rated, verdicts, np.repeat([1.0, 0.0], [1189, 811])[:, None]


def ppi_mean() -> Sequence[float]:
    """The corrected mean."""
    return [float(rectify(*toy()).means[0])]


def ppi_errors() -> Sequence[float]:
    """Standard errors of the corrected mean: the weight of the verdicts tuned, 1, and 0."""
    return [float(np.sqrt(found.variances[0] / 200)) for found in (rectify(*toy(), lam) for lam in (None, 1.0, 0.0))]


def curve_ahead() -> Sequence[float]:
    """Accuracy forecast at twice the largest of six sizes, from errors 0.05 + 0.35 (n / 32)^-0.6."""
    errors = 0.05 + 0.35 * (np.array(SIZES) / 32.0) ** -0.6
    return [fit_curve(SIZES, np.tile(1 - errors, (4, 1)), rows=1_000_000).predict([512])[0].median]
