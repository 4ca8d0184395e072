"""Agreement of raters, against statsmodels, a published example, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from tailor.stats.intervals import clopper_pearson
from tailor.stats.kappa import agreement, cohen_kappa


def raters(table: list[list[int]], names: str = "ynz") -> tuple[list[tuple[str]], list[str]]:
    """Ratings of people and of a judge that make this table, people in its rows."""
    cells = [(names[i], names[j]) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [(first,) for first, _ in cells], [second for _, second in cells]


def test_kappa_of_a_published_example() -> None:
    # Two readers of fifty grant proposals: 20 both yes, 15 both no, 5 and 10 apart; they agree on 0.7 where chance gives 0.5.
    found = agreement(*raters([[20, 5], [10, 15]]))
    assert found.kappa is not None and found.kappa.mean == pytest.approx(0.4)
    assert found.observed.mean == pytest.approx(0.7)
    assert (found.observed.low, found.observed.high) == clopper_pearson(35, 50)


@given(st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=3))
@settings(max_examples=60, deadline=None)
def test_kappa_is_that_of_statsmodels(table: list[list[int]]) -> None:
    counts = np.array(table, dtype=float)
    used = (counts.sum(axis=0) + counts.sum(axis=1)) > 0
    if used.sum() < 2:
        return
    ours = cohen_kappa(counts)
    assert float(ours) == pytest.approx(cohens_kappa(counts, return_results=False), abs=1e-12)


def test_with_many_items_the_limits_are_those_of_statsmodels() -> None:
    table = [[1200, 300], [400, 1100]]
    found = agreement(*raters(table)).kappa
    theirs = cohens_kappa(table)
    assert found is not None and found.low is not None and found.high is not None
    assert found.low == pytest.approx(theirs.kappa_low, abs=0.003)
    assert found.high == pytest.approx(theirs.kappa_upp, abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize(("prevalence", "sensitivity", "specificity"), [(0.8, 0.95, 0.9), (0.8, 0.99, 0.97), (0.95, 0.95, 0.9)])
def test_the_limits_of_kappa_hold_with_sixty_items_where_the_usual_ones_do_not(
    prevalence: float, sensitivity: float, specificity: float
) -> None:
    random = np.random.default_rng(5)
    shares = np.array(
        [
            [prevalence * sensitivity, prevalence * (1 - sensitivity)],
            [(1 - prevalence) * (1 - specificity), (1 - prevalence) * specificity],
        ]
    )
    true, ours, usual = float(cohen_kappa(shares)), 0, 0
    for _ in range(120):
        table = random.multinomial(60, shares.ravel()).reshape(2, 2)
        if np.count_nonzero(table) == 1:
            continue
        found = agreement(*raters(table.tolist())).kappa
        assert found is not None and found.low is not None and found.high is not None
        ours += not found.low <= true <= found.high
        with np.errstate(invalid="ignore"):  # its variance may come out just below 0
            theirs = cohens_kappa(table)
        usual += not theirs.kappa_low <= true <= theirs.kappa_upp
    assert ours / 120 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 120)
    assert usual > ours


def test_where_all_agree_the_limits_are_no_point() -> None:
    found = agreement(*raters([[20, 0], [0, 10]])).kappa
    assert found is not None and found.mean == 1 and found.high == 1
    assert found.low is not None and 0.6 < found.low < 0.95


def test_one_and_the_same_rating_throughout_has_no_kappa() -> None:
    found = agreement(*raters([[30]]))
    assert found.kappa is None and found.observed.mean == 1
    assert found.observed.low == pytest.approx(0.025 ** (1 / 30))


def test_one_item_has_no_limits() -> None:
    found = agreement([("y",)], ["n"])
    assert found.kappa is not None and found.kappa.low is None and found.observed.low is None


def test_two_people_share_the_weight_of_an_item() -> None:
    found = agreement([("y", "n"), ("y", "y"), ("n", "n"), ("n",)], ["y", "y", "n", "n"])
    assert found.observed.mean == pytest.approx(3.5 / 4)
    both = cohens_kappa([[1.5, 0], [0.5, 2]], return_results=False)
    assert found.kappa is not None and found.kappa.mean == pytest.approx(both)


def test_the_same_ratings_give_the_same_limits() -> None:
    table = raters([[20, 5], [10, 15]])
    assert agreement(*table) == agreement(*table)


@pytest.mark.parametrize(("people", "judge"), [([("y",)], ["y", "n"]), ([()], ["y"])])
def test_what_does_not_fit_is_refused(people: list[tuple[str, ...]], judge: list[str]) -> None:
    with pytest.raises(ValueError, match="every item needs"):
        agreement(people, judge)
