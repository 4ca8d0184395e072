"""Evidence that quality has fallen: never too often by chance, whenever it is looked at, and soon where it is true."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor.stats.betting import AT_ONCE, dealt_over, evidence_of_fall, reaches, rows_to_notice

LEVEL = st.floats(0.05, 0.99)
YEAR = 5 * 365


def over_a_year(rows: int, first: int = 0) -> list[float]:
    """What is dealt out before so many values, five a day."""
    return dealt_over([(first + place) / YEAR for place in range(rows)])


@given(LEVEL, st.lists(st.floats(0, 1), max_size=6), st.booleans())
def test_no_bet_gains_on_average_while_the_mean_is_at_the_level(least: float, seen: list[float], at_once: bool) -> None:
    def capital(values: list[float]) -> float:
        dealt = None if at_once else dealt_over([0.2 * n for n in range(len(values))])
        return math.exp(evidence_of_fall(values, least, alpha=0.2, dealt=dealt)[-1])  # the limit is often near

    before = capital(seen) if seen else 1.0
    right, wrong = (capital([*seen, value]) / before for value in (1.0, 0.0))
    assert least * right + (1 - least) * wrong == pytest.approx(1)
    better = min(1.0, least + 0.05)
    assert better * right + (1 - better) * wrong <= 1 + 1e-9


@given(LEVEL, st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_a_worse_value_is_never_less_evidence(least: float, seen: list[float]) -> None:
    worse = [*seen[:-1], seen[-1] / 2]
    assert evidence_of_fall(worse, least, alpha=0.2)[-1] >= evidence_of_fall(seen, least, alpha=0.2)[-1] - 1e-12


def test_what_comes_later_does_not_change_what_was_seen_before() -> None:
    values = [1.0, 0.0, 1.0, 1.0, 0.0]
    assert evidence_of_fall(values, 0.9, alpha=0.05)[:3] == evidence_of_fall(values[:3], 0.9, alpha=0.05)
    assert evidence_of_fall([], 0.9, alpha=0.05) == []


def test_no_bet_aims_beyond_the_limit_and_none_is_made_once_it_is_reached() -> None:
    found = evidence_of_fall([*[0.0] * 9, 1.0, 0.0, 1.0], 0.9, alpha=0.05)
    reached = reaches(found, 0.05)
    assert reached is not None
    assert reached < 9
    assert found[reached - 2] < found[reached - 1]
    assert found[reached - 1 :] == pytest.approx([math.log(20)] * (13 - reached))


def test_it_is_the_capital_of_gamblers_who_begin_one_after_the_other() -> None:
    values, dealt = [1.0, 0.0, 0.5, 0.0], [0.3, 0.0, 0.2, 0.1]
    whole = [math.exp(one) for one in evidence_of_fall(values, 0.9, alpha=0.01, dealt=dealt)]
    for n, found in enumerate(whole, start=1):
        bets = sum(part * math.exp(evidence_of_fall(values[place:n], 0.9, alpha=0.01)[-1]) for place, part in enumerate(dealt[:n]))
        assert found == pytest.approx(bets + 1 - sum(dealt[:n]))


def test_what_is_dealt_out_over_a_time_is_a_part_at_once_and_the_rest_evenly() -> None:
    assert dealt_over([]) == []
    assert dealt_over([0.0, 0.5, 0.5, 1.0]) == pytest.approx([AT_ONCE, (1 - AT_ONCE) / 2, 0, (1 - AT_ONCE) / 2])
    assert sum(dealt_over([0.25, 0.75])) == pytest.approx(AT_ONCE + 0.75 * (1 - AT_ONCE))
    with pytest.raises(ValueError, match="together no more than 1"):
        evidence_of_fall([1.0, 1.0], 0.9, alpha=0.05, dealt=[0.8, 0.3])


def test_it_errs_no_more_often_than_it_says_over_two_thousand_rows() -> None:
    random, alarms = np.random.default_rng(0), 0
    for _ in range(150):
        values = (random.random(2000) < 0.9).astype(float).tolist()
        alarms += reaches(evidence_of_fall(values, 0.9, alpha=0.05, dealt=over_a_year(2000)), 0.05) is not None
    assert alarms <= 14  # at most 7.5 are expected; more than 14 come with a probability below 1 %


@pytest.mark.parametrize(
    ("fall", "healthy", "rows"), [(0.1, 0, 100), (0.05, 0, 400), (0.1, 300, 165), (0.05, 300, 430), (0.1, 1000, 165)]
)
def test_a_fall_is_found_within_the_rows_that_it_may_take(fall: float, healthy: int, rows: int) -> None:
    random, found = np.random.default_rng(1), []
    for _ in range(100):
        before, after = random.random(healthy) < 0.94, random.random(3000) < 0.9 - fall
        values = np.concatenate([before, after]).astype(float).tolist()
        evidence = evidence_of_fall(values, 0.9, alpha=0.04, dealt=over_a_year(len(values)))
        found.append((reaches(evidence, 0.04) or 4000) - healthy)
    assert np.median(found) <= rows


@pytest.mark.parametrize("fall", [0.1, 0.05])
def test_how_many_rows_a_fall_takes_is_foretold(fall: float) -> None:
    random, found = np.random.default_rng(1), []
    for _ in range(60):
        values = (random.random(3000) < 0.9 - fall).astype(float).tolist()
        found.append(reaches(evidence_of_fall(values, 0.9, alpha=0.05), 0.05) or 3000)
    forecast = rows_to_notice(0.9, 0.9 - fall, 0.05)
    assert forecast is not None
    assert np.median(found) / 2 <= forecast <= np.median(found) * 2


def test_a_level_of_nothing_is_never_fallen_below_and_a_level_of_all_at_once() -> None:
    assert reaches(evidence_of_fall([0.0] * 100, 0.0, alpha=0.05), 0.05) is None
    assert reaches(evidence_of_fall([1.0, 1.0, 0.0], 1.0, alpha=0.05), 0.05) == 3
    assert rows_to_notice(0.9, 0.9, 0.05) is None


@pytest.mark.parametrize(("values", "least"), [([0.5, 1.1], 0.9), ([1.0], -0.1)])
def test_what_is_no_share_is_refused(values: list[float], least: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        evidence_of_fall(values, least, alpha=0.05)
