"""Intervals: against independent implementations, published figures and simulated coverage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from tailor.stats.intervals import DRAWS, clopper_pearson, clopper_pearson_lower, gamma_draws, lower_bound, mean_interval, wilson

examples = settings(deadline=None, derandomize=True, max_examples=40)
counts = st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
shares = st.lists(st.sampled_from([0.0, 0.25, 0.4, 0.5, 1.0]), min_size=2, max_size=40)


def test_eight_of_ten_has_the_published_limits() -> None:
    assert clopper_pearson(8, 10) == pytest.approx((0.4439, 0.9748), abs=5e-5)
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=5e-5)


@examples
@given(counts.filter(lambda pair: pair[1] > 0), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_limits_of_rates_agree_with_statsmodels(pair: tuple[int, int], level: float) -> None:
    successes, n = pair
    assert clopper_pearson(successes, n, level) == pytest.approx(proportion_confint(successes, n, 1 - level, "beta"), abs=1e-9)
    assert wilson(successes, n, level) == pytest.approx(proportion_confint(successes, n, 1 - level, "wilson"), abs=1e-9)


def test_a_one_sided_limit_is_that_of_the_two_sided_interval_at_twice_the_error() -> None:
    assert clopper_pearson_lower(93, 100, 0.025) == pytest.approx(proportion_confint(93, 100, 0.05, "beta")[0])


def test_fifty_nine_right_of_fifty_nine_certify_95_per_cent_and_fifty_eight_do_not() -> None:
    assert clopper_pearson_lower(59, 59, 0.05) >= 0.95 > clopper_pearson_lower(58, 58, 0.05)


def test_no_rows_say_nothing() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert wilson(0, 0) == (0.0, 1.0)
    assert lower_bound([], 0.05) == 0.0


@pytest.mark.parametrize("values", [[], [1.0], [0.3]])
def test_fewer_than_two_values_have_no_limits_rather_than_a_width_of_zero(values: list[float]) -> None:
    interval = mean_interval(values)
    assert (interval.low, interval.high) == (None, None)
    assert interval.mean == (values[0] if values else 0.0)
    assert interval.n == len(values)
    assert "fewer than two" in interval.method


def test_rates_get_exact_limits_and_other_values_gaffke() -> None:
    rate = mean_interval([1.0] * 8 + [0.0] * 2, 0.9)
    assert (rate.low, rate.high) == pytest.approx(clopper_pearson(8, 10, 0.9))
    assert (rate.mean, rate.n, rate.level, rate.method) == (0.8, 10, 0.9, "Clopper-Pearson")
    assert mean_interval([0.5, 1.0]).method == "Gaffke"


def test_gaffke_is_clopper_pearson_when_values_are_all_but_0_and_1() -> None:
    nearly = [1 - 1e-9] * 45 + [1e-9] * 5
    low, high = clopper_pearson(45, 50)
    interval = mean_interval(nearly)
    assert interval.low == pytest.approx(low, abs=0.003)
    assert interval.high == pytest.approx(high, abs=0.003)
    assert lower_bound(nearly, 0.01) == pytest.approx(clopper_pearson_lower(45, 50, 0.01), abs=0.005)


def test_gaffke_approaches_the_normal_interval_on_many_values() -> None:
    values = np.random.default_rng(0).beta(2, 3, size=3000).round(2)
    half = 1.959964 * values.std() / np.sqrt(3000)
    interval = mean_interval(list(values))
    assert interval.low == pytest.approx(values.mean() - half, abs=0.08 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.08 * half)


@examples
@given(shares)
def test_limits_enclose_the_mean_and_are_never_of_zero_width(values: list[float]) -> None:
    interval = mean_interval(values)
    assert interval.low is not None and interval.high is not None
    assert 0 <= interval.low <= interval.mean + 1e-12
    assert interval.mean - 1e-12 <= interval.high <= 1
    assert interval.high - interval.low > 0.01


@examples
@given(shares, st.randoms(use_true_random=False))
def test_limits_do_not_depend_on_the_order_of_the_values(values: list[float], random: object) -> None:
    assert mean_interval(values) == mean_interval(sorted(values))


@examples
@given(shares)
def test_a_stricter_error_never_raises_the_lower_limit(values: list[float]) -> None:
    limits = [lower_bound(values, alpha) for alpha in (0.001, 0.01, 0.05, 0.2)]
    assert limits == sorted(limits)


def test_very_small_errors_get_more_draws_instead_of_an_optimistic_limit() -> None:
    values = [0.5] * 10 + [1.0] * 10
    assert 0 < lower_bound(values, 2 / DRAWS) < lower_bound(values, 0.001)
    assert lower_bound(values, 1e-9) == 0.0


def test_the_same_seed_gives_the_same_limits_and_another_seed_nearly_the_same() -> None:
    values = [0.2, 0.5, 0.5, 0.9, 1.0, 1.0]
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert lower_bound(values, 0.05, seed=1) == pytest.approx(lower_bound(values, 0.05, seed=2), abs=0.02)


def test_draws_come_in_chunks_that_add_up() -> None:
    chunks = gamma_draws(np.ones(1_500_000, dtype=np.int64), 3, seed=0)
    assert [len(chunk) for chunk in chunks] == [1, 1, 1]


def f1_like(random: np.random.Generator, n: int) -> list[float]:
    """Mostly 0 or 1, some in between, as token F1 comes; its mean is 0.8."""
    return list(random.choice([0.0, 0.4, 0.6, 1.0], p=[0.1, 0.1, 0.1, 0.7], size=n))


@pytest.mark.parametrize(
    ("draw", "true", "n"),
    [
        (f1_like, 0.8, 12),
        (f1_like, 0.8, 60),
        (lambda random, n: list(random.choice([0.5, 1.0], p=[0.04, 0.96], size=n)), 0.98, 30),
        (lambda random, n: list((random.random(n) < 0.9).astype(float)), 0.9, 30),
        (lambda random, n: list((random.random(n) < 0.98).astype(float)), 0.98, 30),
    ],
)
def test_limits_cover_the_truth_as_often_as_they_say(
    draw: Callable[[np.random.Generator, int], list[float]], true: float, n: int
) -> None:
    random = np.random.default_rng(7)
    intervals = [mean_interval(draw(random, n)) for _ in range(200)]
    covered = np.mean([i.low is not None and i.high is not None and i.low <= true <= i.high for i in intervals])
    # A percentile bootstrap or a normal interval covers about 0.7 in the third case.
    assert covered >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 200)
    assert covered >= 0.93


@pytest.mark.parametrize("alpha", [0.01, 0.1])
def test_a_lower_limit_exceeds_the_truth_as_rarely_as_it_says(alpha: float) -> None:
    random = np.random.default_rng(3)
    exceeded = np.mean([lower_bound(f1_like(random, 25), alpha) > 0.8 for _ in range(300)])
    assert exceeded <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / 300)


@pytest.mark.parametrize(
    "call",
    [
        lambda: clopper_pearson(3, 2),
        lambda: clopper_pearson(-1, 2),
        lambda: clopper_pearson(1, 2, 1.0),
        lambda: clopper_pearson_lower(1, 2, 0.0),
        lambda: wilson(3, 2),
        lambda: wilson(1, 2, 0.0),
        lambda: mean_interval([0.5, 1.2]),
        lambda: mean_interval([0.5, float("nan")]),
        lambda: mean_interval([0.5, 1.0], 1.5),
        lambda: lower_bound([0.5, 1.0], 1.0),
    ],
)
def test_numbers_out_of_range_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="not between"):
        call()
