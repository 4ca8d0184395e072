"""Rows needed: published figures, and simulation of what they promise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tailor.stats.intervals import clopper_pearson_lower
from tailor.stats.power import rows_to_certify, rows_to_separate


def test_all_right_certifies_95_per_cent_with_59_rows() -> None:
    assert rows_to_certify(1.0, 0.95) == 59


@pytest.mark.parametrize(("rate", "published"), [(0.97, 625), (0.98, 235), (0.99, 125)])
def test_certifying_95_per_cent_takes_about_the_published_rows(rate: float, published: int) -> None:
    # Published to the next five; for 97 % a first lucky 601 precedes a stable run that begins with 624.
    assert rows_to_certify(rate, 0.95, 0.05, 0.8) == pytest.approx(published, rel=0.04)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.floats(0.01, 0.99), st.floats(0.05, 0.9), st.floats(1e-6, 0.2), st.floats(0.5, 0.99))
def test_the_search_begins_below_the_fewest_rows(target: float, share: float, alpha: float, power: float) -> None:
    rate = target + share * (1 - target)
    rows = rows_to_certify(rate, target, alpha, power)
    assert rows is not None
    fewer = np.arange(1, min(rows, 5000))
    assert not np.any(binom.sf(binom.isf(alpha, fewer, target), fewer, rate) >= power)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.sampled_from([0.6, 0.8, 0.9]), st.sampled_from([0.04, 0.07, 0.1]), st.sampled_from([0.001, 0.0125, 0.05]))
def test_the_rows_are_the_fewest_with_the_power_asked_for(target: float, above: float, alpha: float) -> None:
    rows = rows_to_certify(target + above, target, alpha)
    assert rows is not None
    for n in (rows - 1, rows):
        enough = [k for k in range(n + 1) if clopper_pearson_lower(k, n, alpha) >= target]
        power = float(binom.sf(min(enough, default=n + 1) - 1, n, target + above))
        assert (power >= 0.8) == (n == rows)


@pytest.mark.parametrize("rate", [0.95, 0.9])
def test_no_number_of_rows_certifies_what_is_not_above_the_target(rate: float) -> None:
    assert rows_to_certify(rate, 0.95) is None


def test_beyond_five_thousand_rows_the_normal_approximation_goes_on_smoothly() -> None:
    exact, approximate = rows_to_certify(0.913, 0.9, 0.05), rows_to_certify(0.91, 0.9, 0.05)
    assert exact is not None and approximate is not None
    assert exact < 5_000 < approximate
    assert approximate == pytest.approx(exact * (0.013 / 0.01) ** 2, rel=0.05)


@pytest.mark.parametrize(
    ("gap", "disagreement", "rows"),
    [(0.03, 0.1, 864), (0.03, 0.2, 1736), (0.03, 0.3, 2608), (0.05, 0.1, 306), (0.05, 0.2, 620), (0.05, 0.3, 934)],
)
def test_seeing_a_difference_takes_the_published_rows(gap: float, disagreement: float, rows: int) -> None:
    assert rows_to_separate(gap, disagreement - gap**2) == pytest.approx(rows, abs=1)


def test_millers_example_takes_969_rows() -> None:
    assert rows_to_separate(0.03, 1 / 9) == 969


def test_without_any_disagreement_the_rule_of_three_remains() -> None:
    assert rows_to_separate(0.05, 0.0, alpha=0.05) == 59
    assert rows_to_separate(1.0, 0.0, alpha=0.05) == 1


def test_without_a_gap_no_number_of_rows_separates() -> None:
    assert rows_to_separate(0.0, 0.1) is None


def test_the_promised_power_is_kept_in_simulation() -> None:
    rows = rows_to_separate(0.08, 0.2 - 0.08**2)
    assert rows is not None
    draws = np.random.default_rng(0).choice([-1, 0, 1], p=[0.06, 0.8, 0.14], size=(2000, rows))
    low = draws.mean(axis=1) - 1.959964 * draws.std(axis=1) / np.sqrt(rows)
    assert np.mean(low > 0) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rows_to_certify(1.1, 0.9),
        lambda: rows_to_certify(0.9, 0.0),
        lambda: rows_to_certify(0.9, 0.8, alpha=0.0),
        lambda: rows_to_separate(0.1, 0.1, power=1.0),
        lambda: rows_to_separate(0.1, -0.1),
    ],
)
def test_numbers_out_of_range_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"not between|not at least"):
        call()
