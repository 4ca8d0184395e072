"""Comparisons on the same rows: against statsmodels, published figures and simulated joint coverage."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from tailor.stats.intervals import Floats
from tailor.stats.paired import holm, mcnemar_exact, paired_max_t

examples = settings(deadline=None, derandomize=True, max_examples=40)


def test_exact_mcnemar_gives_the_published_figures() -> None:
    assert mcnemar_exact(121, 59) == pytest.approx(4.434e-6, rel=1e-3)
    assert mcnemar_exact(15, 5) == pytest.approx(0.041389, abs=1e-6)


@examples
@given(st.integers(0, 60), st.integers(0, 60))
def test_exact_mcnemar_agrees_with_statsmodels(b: int, c: int) -> None:
    expected = mcnemar([[5, b], [c, 5]], exact=True).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(expected, rel=1e-9)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="not both at least 0"):
        mcnemar_exact(-1, 3)


def test_holm_gives_the_published_figures() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@pytest.mark.parametrize("tests", [1, 2, 5, 12])
def test_holm_agrees_with_statsmodels(tests: int) -> None:
    # Few examples: statsmodels collects garbage at every call, which takes long in a large process.
    p_values = (np.random.default_rng(tests).random(tests) ** 3).round(2).tolist()
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


def test_without_disagreement_the_limits_are_exact_and_not_of_zero_width() -> None:
    n, level = 59, 0.9
    difference = paired_max_t(np.ones((n, 2)), level)[0]
    assert difference.high == pytest.approx(1 - 0.05 ** (1 / n), rel=0.03)
    assert difference.low == pytest.approx(-(1 - 0.05 ** (1 / n)), rel=0.03)
    assert (difference.mean, difference.p_value) == (0.0, 1.0)


def test_pairs_come_in_the_order_of_their_columns_with_their_signs() -> None:
    matrix = np.array([[1, 0, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0]], dtype=float)
    found = paired_max_t(matrix)
    assert [(d.first, d.second) for d in found] == list(combinations(range(3), 2))
    assert [d.mean for d in found] == pytest.approx([0.75, 0.5, -0.25])
    assert found[0].p_value == pytest.approx(mcnemar_exact(3, 0))


@examples
@given(st.integers(0, 10_000), st.integers(2, 4), st.booleans())
def test_limits_enclose_the_mean_and_stay_within_reach(seed: int, systems: int, graded: bool) -> None:
    random = np.random.default_rng(seed)
    matrix = random.choice([0.0, 0.5, 1.0] if graded else [0.0, 1.0], size=(15, systems))
    for difference in paired_max_t(matrix, resamples=2000):
        assert difference.low is not None and difference.high is not None
        assert -1 <= difference.low < difference.mean < difference.high <= 1
        assert difference.high - difference.low > 0.05
        assert 0 < difference.p_value <= 1


def test_more_systems_never_make_the_limits_of_a_pair_much_narrower() -> None:
    matrix = (np.random.default_rng(0).random((200, 5)) < 0.8).astype(float)
    alone, among = paired_max_t(matrix[:, :2])[0], paired_max_t(matrix)[0]
    assert alone.low is not None and among.low is not None
    assert among.low < alone.low - 0.01


def test_the_same_seed_gives_the_same_limits_whatever_the_order_of_the_rows() -> None:
    matrix = (np.random.default_rng(0).random((80, 3)) < 0.8).astype(float)
    assert paired_max_t(matrix, seed=3) == paired_max_t(matrix[::-1], seed=3)


def test_a_small_error_is_read_off_more_resamples() -> None:
    matrix = np.stack([right := np.arange(300) % 3 > 0, right, right], axis=1).astype(float)
    assert all(d.high is not None and d.high < 0.05 for d in paired_max_t(matrix, 1 - 1e-3, resamples=500))


def test_an_error_too_small_for_the_resamples_shows_nothing() -> None:
    difference = paired_max_t(np.array([[1.0, 0.0]] * 50), 1 - 1e-6, resamples=500)[0]
    assert (difference.low, difference.high) == (-1.0, 1.0)


@pytest.mark.parametrize("rows", [0, 1])
def test_fewer_than_two_rows_have_no_limits(rows: int) -> None:
    difference = paired_max_t(np.ones((rows, 2)))[0]
    assert (difference.low, difference.high, difference.p_value) == (None, None, 1.0)


def test_one_system_has_no_pairs() -> None:
    assert paired_max_t(np.ones((5, 1))) == []


@pytest.mark.parametrize("matrix", [np.ones(3), np.full((3, 2), 1.5), np.full((3, 2), np.nan)])
def test_what_is_not_a_matrix_of_shares_is_refused(matrix: Floats) -> None:
    with pytest.raises(ValueError, match="matrix is not of shape"):
        paired_max_t(matrix)


def test_a_level_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="level 1 is not between"):
        paired_max_t(np.ones((3, 2)), 1)


def correlated_answers(random: np.random.Generator, rates: tuple[float, ...], n: int) -> Floats:
    """Right or wrong answers, shape (n, systems), correlated as those of systems on the same questions are."""
    hardness = 0.8 * random.normal(size=(n, 1)) + 0.6 * random.normal(size=(n, len(rates)))
    return (hardness < ndtri(np.array(rates))).astype(float)


@pytest.mark.parametrize(("rates", "n"), [((0.97, 0.97, 0.98, 0.99), 60), ((0.5, 0.6, 0.8), 60), ((0.9, 0.9, 0.93, 0.95), 150)])
def test_all_limits_hold_together_as_often_as_they_say(rates: tuple[float, ...], n: int) -> None:
    random, runs = np.random.default_rng(11), 150
    true = [rates[i] - rates[j] for i, j in combinations(range(len(rates)), 2)]
    held = 0
    for _ in range(runs):
        found = paired_max_t(correlated_answers(random, rates, n), 0.9, resamples=2000)
        held += all(d.low is not None and d.high is not None and d.low <= t <= d.high for d, t in zip(found, true, strict=True))
    # The studentised bootstrap of the rows alone holds in about 0.8 of the first case, unadjusted limits in 0.75 of the others.
    assert held / runs >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / runs)


def test_rare_disagreements_of_different_pairs_are_not_taken_for_one() -> None:
    random, runs, n, errors = np.random.default_rng(4), 100, 60, 0.05
    held = 0
    for _ in range(runs):
        matrix = (random.random((n, 5)) > errors).astype(float)
        matrix[:, 0] = 1.0
        limits = [(d.low, d.high, errors if d.first == 0 else 0.0) for d in paired_max_t(matrix, 0.9, resamples=2000)]
        held += all(low is not None and high is not None and low <= true <= high for low, high, true in limits)
    assert held / runs >= 0.9


def test_p_values_of_graded_scores_are_small_for_a_clear_gain_and_uniform_without_one() -> None:
    random = np.random.default_rng(5)
    base = random.choice([0.0, 0.4, 0.7, 1.0], size=150)
    gain = np.clip(base + random.choice([0.0, 0.3], size=150), 0, 1)
    assert paired_max_t(np.stack([gain, base], axis=1))[0].p_value < 0.001
    null = [paired_max_t(random.choice([0.0, 0.4, 1.0], size=(40, 2)), resamples=1000)[0].p_value for _ in range(200)]
    assert np.mean(np.array(null) < 0.1) <= 0.1 + 3 * np.sqrt(0.09 / 200)
