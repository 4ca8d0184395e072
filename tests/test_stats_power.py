"""Rows needed: published figures, and simulation of what they promise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tailor.stats.intervals import clopper_pearson_lower
from tailor.stats.power import chance_to_certify, prospects, rows_to_certify, rows_to_separate


def power_of(rows: int, rate: float, target: float, alpha: float) -> float:
    """Probability that the exact limit reaches the target, by summing over all counts that do."""
    enough = [k for k in range(rows + 1) if clopper_pearson_lower(k, rows, alpha) >= target]
    return float(binom.sf(min(enough, default=rows + 1) - 1, rows, rate))


def test_all_right_certifies_95_per_cent_with_59_rows() -> None:
    assert rows_to_certify(1.0, 0.95) == 59


@pytest.mark.parametrize(("rate", "exact", "published"), [(0.97, 624, 625), (0.98, 234, 235), (0.99, 124, 125)])
def test_certifying_95_per_cent_takes_the_published_rows(rate: float, exact: int, published: int) -> None:
    assert rows_to_certify(rate, 0.95, 0.05, 0.8) == exact
    assert -(-exact // 5) * 5 == published  # published to the next five


def test_a_lucky_number_of_rows_that_one_more_undoes_is_passed_over() -> None:
    assert power_of(601, 0.97, 0.95, 0.05) >= 0.8 > power_of(602, 0.97, 0.95, 0.05)
    assert min(power_of(rows, 0.97, 0.95, 0.05) for rows in (624, 625)) >= 0.8


@pytest.mark.parametrize(("rate", "n"), [(0.97, 400), (0.99, 60), (1.0, 59), (0.9, 100)])
def test_the_chance_to_certify_is_that_of_the_exact_limit(rate: float, n: int) -> None:
    assert chance_to_certify(rate, 0.95, n) == pytest.approx(power_of(n, rate, 0.95, 0.05))


def test_a_target_of_one_and_no_rows_show_nothing() -> None:
    assert chance_to_certify(1.0, 1.0, 10_000) == chance_to_certify(1.0, 0.9, 0) == 0.0
    assert prospects(400, 1.0, 0.05) == ()


def test_prospects_go_from_the_target_to_all_right() -> None:
    found = prospects(400, 0.95, 0.05)
    assert [p.rate for p in found] == pytest.approx([0.96, 0.97, 0.98, 0.99, 1.0])
    assert [p.rows for p in found[1:]] == [624, 234, 124, 59]
    assert [p.chance for p in found] == sorted(p.chance for p in found)
    assert found[-1].chance == 1.0


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.floats(0.01, 0.99), st.floats(0.05, 0.9), st.floats(1e-6, 0.2), st.floats(0.5, 0.99))
def test_the_search_begins_below_the_fewest_rows(target: float, share: float, alpha: float, power: float) -> None:
    rate = target + share * (1 - target)
    rows = rows_to_certify(rate, target, alpha, power)
    assert rows is not None
    fewer = np.arange(1, min(rows, 5000) + 1)
    enough = np.asarray(binom.sf(binom.isf(alpha, fewer, target), fewer, rate)) >= power
    assert not np.any(enough[:-1] & enough[1:])


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.sampled_from([0.6, 0.8, 0.9]), st.sampled_from([0.04, 0.07, 0.1]), st.sampled_from([0.001, 0.0125, 0.05]))
def test_the_rows_are_the_fewest_with_the_power_asked_for(target: float, above: float, alpha: float) -> None:
    rows = rows_to_certify(target + above, target, alpha)
    assert rows is not None
    reached = [power_of(n, target + above, target, alpha) >= 0.8 for n in (rows - 1, rows, rows + 1)]
    assert reached == [False, True, True]


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
        lambda: chance_to_certify(0.9, 0.8, -1),
        lambda: rows_to_separate(0.1, 0.1, power=1.0),
        lambda: rows_to_separate(0.1, -0.1),
    ],
)
def test_numbers_out_of_range_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"not between|not at least"):
        call()
