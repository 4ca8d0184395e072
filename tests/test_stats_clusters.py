"""Rows in groups: limits, differences and p-values count groups, and are what they were where every row is by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from tailor.stats.clusters import Floats, by_cluster, design_effect
from tailor.stats.intervals import clopper_pearson, lower_bound, mean_interval
from tailor.stats.paired import mcnemar_exact, paired_max_t, sign_flip

examples = settings(deadline=None, derandomize=True, max_examples=40)
shares = st.lists(st.sampled_from([0.0, 0.4, 1.0]), min_size=4, max_size=40)


def names(sizes: Sequence[int]) -> list[str]:
    """Groups of these sizes, one after the other."""
    return [f"group {i}" for i, size in enumerate(sizes) for _ in range(size)]


def test_rows_are_summed_by_group_and_those_without_one_are_by_themselves() -> None:
    clusters = by_cluster([1, 0, 1, 1, 0.5], ["a", "", "b", "a", ""])
    assert (clusters.sums.tolist(), clusters.sizes.tolist()) == ([2, 0, 1, 0.5], [2, 1, 1, 1])
    assert (clusters.count, clusters.usual_size, clusters.alone) == (4, 7 / 5, False)
    assert by_cluster([1.0, 0.0], ["", "x"]).count is None


def test_sums_keep_the_systems_apart() -> None:
    assert by_cluster(np.array([[1, 0], [1, 1]]), ["a", "a"]).sums.tolist() == [[2, 1]]


def test_groups_that_do_not_fit_the_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="1 groups do not fit 2 rows"):
        mean_interval([1.0, 0.0], groups=["a"])


@examples
@given(shares)
def test_groups_of_one_row_give_the_limits_without_groups(values: list[float]) -> None:
    alone = [str(row) for row in range(len(values))]
    assert mean_interval(values, groups=alone) == mean_interval(values, groups=[""] * len(values)) == mean_interval(values)
    assert lower_bound(values, 0.01, groups=alone) == lower_bound(values, 0.01)
    matrix = np.array([values, values[::-1]]).T
    assert paired_max_t(matrix, groups=alone, resamples=500) == paired_max_t(matrix, resamples=500)


@examples
@given(shares, st.randoms(use_true_random=False))
def test_limits_do_not_depend_on_the_order_of_the_rows(values: list[float], random: object) -> None:
    rows = list(zip(values, names([3] * (len(values) // 3) + [len(values) % 3]), strict=True))
    turned = rows[1:] + rows[:1]
    first, second = (mean_interval([v for v, _ in part], groups=[g for _, g in part]) for part in (rows, turned))
    assert (first.low, first.high) == (second.low, second.high)


@examples
@given(shares)
def test_limits_over_groups_enclose_the_mean_and_are_never_of_zero_width(values: list[float]) -> None:
    sizes = [3, 1] * (len(values) // 4) + [len(values) % 4]
    interval = mean_interval(values, groups=names(sizes))
    if len([size for size in sizes if size]) < 2:
        assert (interval.low, interval.high, interval.method) == (None, None, "fewer than two groups")
        return
    assert interval.low is not None and interval.high is not None
    assert 0 <= interval.low <= interval.mean + 1e-9 <= interval.high + 2e-9 <= 1 + 2e-9
    assert interval.high - interval.low > 0.01


def test_upper_limits_are_lower_limits_of_what_is_missing() -> None:
    values, groups = [1.0] * 30 + [0.0] * 10, names([5] * 8)
    low, high = (mean_interval(part, groups=groups, draws=200_000) for part in (values, [1 - v for v in values]))
    assert low.low is not None and high.high is not None
    assert low.low == pytest.approx(1 - high.high, abs=0.003)


def test_rows_that_are_always_alike_count_as_one() -> None:
    values, groups = [1.0] * 90 + [0.0] * 10, names([10] * 10)
    interval = mean_interval(values, groups=groups)
    assert (interval.low, interval.high) == pytest.approx(clopper_pearson(9, 10), abs=0.005)
    assert (interval.n, interval.clusters, interval.method) == (100, 10, "Gaffke over groups")


def test_all_right_in_few_groups_shows_little() -> None:
    assert lower_bound([1.0] * 400, 0.05, groups=names([100] * 4)) == pytest.approx(0.05**0.25, abs=0.01)
    assert lower_bound([1.0] * 400, 0.05, groups=["one"] * 400) == pytest.approx(0.05, abs=0.01)


def test_a_large_group_among_small_ones_widens_the_limits() -> None:
    equal, unequal = (lower_bound([1.0] * 100, 0.05, groups=names(sizes)) for sizes in ([5] * 20, [43] + [3] * 19))
    assert unequal < equal - 0.2


@pytest.mark.parametrize(
    ("values", "groups", "events", "event"),
    [
        ([1.0] * 8 + [0.0] * 2, None, 2, "wrong"),
        ([0.0] * 9 + [0.5], None, 1, "right"),
        ([1.0] * 7 + [0.0] * 3, names([5, 5]), 1, "wrong"),
        ([1.0] * 7 + [0.0] * 3, names([2] * 5), 2, "wrong"),
    ],
)
def test_events_count_the_rarer_of_wrong_and_right_in_rows_or_groups(
    values: list[float], groups: list[str] | None, events: int, event: str
) -> None:
    interval = mean_interval(values, groups=groups)
    assert (interval.events, interval.event, interval.rests_on_few) == (events, event, True)
    assert not mean_interval(values * 10).rests_on_few


def alike(random: np.random.Generator, sizes: Sequence[int], rates: Sequence[float]) -> Floats:
    """Right or wrong answers, shape (rows, systems): what a system gets right it mostly gets right in the whole group."""
    from scipy.special import ndtri

    index = np.repeat(np.arange(len(sizes)), sizes)
    hard = random.normal(size=len(sizes))[index]
    own = random.normal(size=(len(sizes), len(rates)))[index]
    score = 0.6 * hard[:, None] + 0.7 * own + np.sqrt(1 - 0.85) * random.normal(size=(len(index), len(rates)))
    right: Floats = (score < ndtri(np.array(rates))).astype(float)
    return right


def test_limits_over_groups_hold_as_often_as_they_say_where_limits_over_rows_do_not() -> None:
    random, sizes, runs = np.random.default_rng(2), [1, 2, 3, 4, 6, 9] * 4, 200
    held = {"groups": 0, "rows": 0}
    for _ in range(runs):
        values = [float(x) for x in alike(random, sizes, [0.8])[:, 0]]
        for name, groups in (("groups", names(sizes)), ("rows", None)):
            interval = mean_interval(values, groups=groups, draws=1000)
            held[name] += interval.low is not None and interval.high is not None and interval.low <= 0.8 <= interval.high
    assert held["groups"] / runs >= 0.95
    assert held["rows"] / runs < 0.8


def test_differences_over_groups_hold_together_as_often_as_they_say() -> None:
    random, sizes, runs, rates = np.random.default_rng(3), [1, 2, 3, 4] * 5, 150, (0.7, 0.8, 0.8)
    held = {"groups": 0, "rows": 0}
    for _ in range(runs):
        matrix = alike(random, sizes, rates)
        for name, groups in (("groups", names(sizes)), ("rows", None)):
            found = paired_max_t(matrix, 0.9, resamples=1000, groups=groups)
            held[name] += all(
                d.low is not None and d.high is not None and d.low <= rates[d.first] - rates[d.second] <= d.high for d in found
            )
    assert held["groups"] / runs >= 0.9
    assert held["rows"] / runs < 0.85


def test_differences_of_a_single_group_have_no_limits() -> None:
    (difference,) = paired_max_t(np.array([[1.0, 0.0], [1.0, 1.0]]), groups=["a", "a"])
    assert (difference.low, difference.high, difference.p_value, difference.mean) == (None, None, 1.0, 0.5)
    assert (difference.events, difference.clusters) == (1, 1)


@examples
@given(st.integers(0, 30), st.integers(0, 30))
def test_sign_flip_of_single_rows_is_mcnemar(b: int, c: int) -> None:
    assert sign_flip([1] * b + [-1] * c + [0] * 5) == pytest.approx(mcnemar_exact(b, c), rel=1e-9)


@examples
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=9))
def test_sign_flip_agrees_with_scipys_permutation_test(differences: list[int]) -> None:
    pair = (np.array(differences, dtype=float), np.zeros(len(differences)))
    expected = permutation_test(pair, lambda x, y, axis: np.sum(x - y, axis=axis), permutation_type="samples", n_resamples=10**6)
    assert sign_flip(differences) == pytest.approx(float(expected.pvalue), abs=1e-9)


def test_a_true_null_is_rejected_rarely_over_groups_and_often_over_rows() -> None:
    random, runs, sizes = np.random.default_rng(4), 300, [10] * 50
    rejected = {"groups": 0, "rows": 0}
    for _ in range(runs):
        matrix = alike(random, sizes, (0.7, 0.7))
        for name, groups in (("groups", names(sizes)), ("rows", None)):
            rejected[name] += paired_max_t(matrix, resamples=50, groups=groups)[0].p_value < 0.05
    assert rejected["groups"] / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert rejected["rows"] / runs > 0.3


def test_the_design_effect_is_one_for_rows_and_the_size_of_groups_that_are_alike() -> None:
    values = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    assert design_effect(values) == design_effect(values, [""] * 6) == 1.0
    assert design_effect([v for v in values for _ in range(4)], names([4] * 6)) == pytest.approx(4.0)
    assert design_effect([1.0] * 12, names([2, 4, 6])) == pytest.approx((4 + 16 + 36) / 12)
    assert design_effect([1.0, 0.0], ["a", "a"]) == 2.0


def test_the_design_effect_of_groups_that_mean_nothing_is_about_one() -> None:
    values = (np.random.default_rng(0).random(2000) < 0.8).astype(float)
    assert design_effect(values, names([4] * 500)) == pytest.approx(1.0, abs=0.2)
