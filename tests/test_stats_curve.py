"""Learning curves: known curves are found again, the band holds, and an independent computation agrees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit
from scipy.stats import multivariate_normal, norm

from tailor.stats.curve import EXPONENT, EXPONENT_SPREAD, FLOOR, FORM, Curve, Floats, fit_curve

SIZES = (32, 48, 73, 111, 168, 256)


def power_law(n: Floats, floor: float, height: float, exponent: float) -> Floats:
    """Error with n labels; `height` is that part of it at 32 labels which goes."""
    error: Floats = floor + height * (n / 32) ** -exponent
    return error


# --- known curves


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.floats(0.01, 0.15), st.floats(0.15, 0.5), st.floats(0.3, 0.9))
def test_a_power_law_measured_without_noise_is_continued(floor: float, height: float, exponent: float) -> None:
    sizes = np.array(SIZES, dtype=np.float64)
    errors = power_law(sizes, floor, height, exponent)
    curve = fit_curve(SIZES, np.tile(1 - errors, (4, 1)), rows=1_000_000)
    fitted, _ = curve_fit(power_law, sizes, errors, p0=(0.05, 0.3, 0.5))
    for size, within in ((512, 0.015), (1024, 0.03)):
        found = curve.predict([size])[0]
        assert found.low <= 1 - power_law(np.array(size), *fitted) <= found.high
        assert found.median == pytest.approx(1 - float(power_law(np.array(size), *fitted)), abs=within)


def test_the_median_follows_the_least_squares_fit_of_scipy_through_noisy_points() -> None:
    noise = np.array([0.004, -0.006, 0.005, -0.003, 0.002, -0.001])
    errors = power_law(np.array(SIZES, dtype=np.float64), 0.05, 0.35, 0.6) + noise
    fitted, _ = curve_fit(power_law, np.array(SIZES), errors, p0=(0.05, 0.3, 0.5), sigma=errors, bounds=(0, [1, 1, 2]))
    found = fit_curve(SIZES, 1 - errors, rows=100_000).predict([512])[0]
    assert found.median == pytest.approx(1 - float(power_law(np.array(512.0), *fitted)), abs=0.01)


def test_a_flat_curve_is_continued_flat() -> None:
    found = fit_curve(SIZES, [0.8] * 6, rows=2_000).predict([1024])[0]
    assert 0.78 < found.low < 0.8 < found.median < 0.825 and found.high < 0.86


# --- an independent computation: draws from the prior, weighted by the normal likelihood


def test_the_prediction_is_that_of_drawing_from_the_prior() -> None:
    curve = fit_curve((64, 128, 256), [0.70, 0.78, 0.85], rows=300)
    median, low, high = weighted_draws(curve, 512)
    found = curve.predict([512], same_rows=True)[0]  # its limits are rounded outwards to whole rows of 300
    assert (found.median, found.low, found.high) == pytest.approx((median, low, high), abs=0.006)


def weighted_draws(curve: Curve, size: int) -> tuple[float, float, float]:
    """Median and 80 % limits of the accuracy on the same rows: b, s and e drawn, the future departure conditioned by scipy."""
    random = np.random.default_rng(0)
    draws = 200_000
    b = EXPONENT * np.exp(EXPONENT_SPREAD * random.standard_normal(draws))
    s = random.beta(1, FLOOR, draws)
    e = random.uniform(0.05, 0.30, draws)
    known = np.array([*curve.sizes, size], dtype=np.float64)
    errors = np.append(curve.errors, 0.11)  # the scale of the noise at the size to come
    fit_noise = np.sqrt(curve.fits * errors * (1 - errors) / curve.rows)
    ratio = np.sqrt(np.minimum.outer(known, known) / np.maximum.outer(known, known))
    steps = np.log2(known / curve.size)
    walk = np.where(np.sign(np.outer(steps, steps)) > 0, np.minimum.outer(abs(steps), abs(steps)), 0)
    covariance = np.outer(fit_noise, fit_noise) * ratio + FORM**2 * walk * np.outer(errors, errors)
    mean = (s + (1 - s) * (known[:, None] / curve.size) ** -b).T * e[:, None]
    weights = multivariate_normal(cov=covariance[:-1, :-1]).pdf(curve.errors - mean[:, :-1])
    pull = np.linalg.solve(covariance[:-1, :-1], covariance[:-1, -1])
    centre = mean[:, -1] + (curve.errors - mean[:, :-1]) @ pull
    spread = np.sqrt(covariance[-1, -1] - covariance[:-1, -1] @ pull)
    grid = np.linspace(0, 0.4, 801)
    kept = random.choice(draws, 10_000, p=weights / weights.sum())
    below = norm.cdf((grid[:, None] - centre[kept]) / spread).mean(axis=1)
    high, median, low = (1 - float(np.interp(q, below, grid)) for q in (0.1, 0.5, 0.9))
    return median, low, high


# --- coverage


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "nestings"), [(100, 4), (400, 1)])
def test_the_band_holds_about_as_often_as_it_says(rows: int, nestings: int) -> None:
    random = np.random.default_rng(rows)
    truths, found = [], []
    for _ in range(150):
        exponent, floor = EXPONENT * np.exp(EXPONENT_SPREAD * random.standard_normal()), random.beta(1, FLOOR)
        ratio = np.append(np.array(SIZES), 512) / SIZES[-1]
        steps = np.sqrt(np.abs(np.diff(np.log2(ratio)))) * random.standard_normal(6)
        bends = np.array([*-np.cumsum(steps[4::-1])[::-1], 0, steps[5]])  # from the largest size known, down and up
        errors = random.uniform(0.05, 0.4) * (floor + (1 - floor) * ratio**-exponent) * np.exp(FORM * bends)
        errors = np.minimum(errors, 0.95)
        # A row is hard or easy whatever the size: thresholds of one variable per row, blurred for every system again.
        hard = norm.ppf(errors[:-1])[:, None] - np.sqrt(0.7) * random.standard_normal(rows)
        wrong = random.random((nestings, 6, rows)) < norm.cdf(hard / np.sqrt(0.3))
        truths.append(1 - errors[-1])
        found.append(fit_curve(SIZES, 1 - wrong.mean(axis=2), rows).predict([512])[0])
    hits = np.mean([f.low <= truth <= f.high for f, truth in zip(found, truths, strict=True)])
    assert 0.72 <= hits <= 0.92


# --- the band


curves = st.builds(
    lambda accuracies, rows: fit_curve(SIZES, accuracies, rows),
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
    st.integers(1, 2_000),
)


@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=25)
@given(curves, st.floats(0.3, 0.95))
def test_limits_are_ordered_nested_and_between_0_and_1(curve: Curve, level: float) -> None:
    sizes = [16, 100, 256, 600, curve.cap]
    for inner, outer in zip(curve.predict(sizes, level / 2), curve.predict(sizes, level), strict=True):
        assert 0 <= outer.low <= inner.low <= inner.median <= inner.high <= outer.high <= 1


def test_other_rows_are_less_certain_than_the_same_and_few_of_them_least() -> None:
    curve = fit_curve(SIZES, [0.5, 0.57, 0.63, 0.69, 0.74, 0.78], rows=200)
    options = curve.predict([512], same_rows=True), curve.predict([512]), curve.predict([512], new_rows=50)
    widths = [found[0].high - found[0].low for found in options]
    assert widths == sorted(widths) and widths[0] < widths[1] < widths[2]


def test_further_sizes_are_less_certain() -> None:
    curve = fit_curve(SIZES, [0.5, 0.57, 0.63, 0.69, 0.74, 0.78], rows=10_000)
    widths = [found.high - found.low for found in curve.predict([256, 400, 600, 1024])]
    assert widths == sorted(widths)


def test_perfect_answers_leave_the_doubt_that_the_rows_leave() -> None:
    found = fit_curve(SIZES, [1.0] * 6, rows=50).predict([256])[0]
    assert found.high > 0.999 and 0.95 < found.low < 0.99  # Clopper-Pearson's one-sided 90 % limit is 0.955


# --- labels needed


def test_labels_needed_are_where_the_target_crosses_the_band() -> None:
    curve = fit_curve(SIZES, [0.5, 0.57, 0.63, 0.69, 0.74, 0.78], rows=2_000)
    needed = curve.labels_for(0.81)
    assert needed.low is not None and needed.median is not None and needed.high is not None
    assert 256 <= needed.low < needed.median < needed.high <= curve.cap == 1024
    at = curve.predict([needed.low, needed.median, needed.high])
    assert at[0].high == pytest.approx(0.81, abs=0.003)
    assert at[1].median == pytest.approx(0.81, abs=0.003)
    assert at[2].low == pytest.approx(0.81, abs=0.003)


def test_a_target_beyond_the_furthest_size_is_not_within_reach() -> None:
    needed = fit_curve(SIZES, [0.78, 0.79, 0.80, 0.80, 0.80, 0.80], rows=1_000).labels_for(0.95)
    assert (needed.low, needed.median, needed.high, needed.cap) == (None, None, None, 1024)


def test_a_target_far_below_is_reached_with_what_is_there() -> None:
    needed = fit_curve(SIZES, [0.7, 0.75, 0.8, 0.85, 0.88, 0.9], rows=1_000).labels_for(0.7, start=300)
    assert needed.low == needed.median == needed.high == 300


# --- what is refused


@pytest.mark.parametrize(
    ("sizes", "accuracies", "rows", "said"),
    [
        ((10,), [0.5], 10, "at least two"),
        ((20, 10), [0.5, 0.6], 10, "increasing"),
        ((10, 20), [0.5], 10, "of shape"),
        ((10, 20), [0.5, 1.5], 10, "between 0 and 1"),
        ((10, 20), [0.5, 0.6], 0, "not at least one"),
    ],
)
def test_measurements_that_are_none_are_refused(sizes: tuple[int, ...], accuracies: list[float], rows: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit_curve(sizes, accuracies, rows)


def test_sizes_levels_and_targets_outside_are_refused() -> None:
    curve = fit_curve((10, 20), [0.5, 0.6], 100)
    for wrong in (lambda: curve.predict([81]), lambda: curve.predict([20], 1.0), lambda: curve.labels_for(0.0)):
        with pytest.raises(ValueError, match="not between"):
            wrong()
