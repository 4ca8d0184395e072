"""Whether two samples are from one population: p-values that are uniform where they are, and small where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor.stats.shift import counts_p, energy_distance, energy_p, level_p, share_p


def drawn(random: np.random.Generator, n: int, shift: float = 0.0) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return (random.normal(size=(n, 8)) + shift).astype(np.float32)


def test_p_values_of_samples_from_one_population_are_no_smaller_than_chance_makes_them() -> None:
    random = np.random.default_rng(0)
    small = sum(energy_p(drawn(random, 15), drawn(random, 25), least=0.05, seed=seed) <= 0.05 for seed in range(200))
    assert small <= 19  # 10 are expected; more than 19 come with a probability below 0.5 %


def test_a_small_p_value_is_told_as_far_down_as_the_level_asks() -> None:
    random = np.random.default_rng(1)
    assert energy_p(drawn(random, 60), drawn(random, 80, 0.8), least=0.0005) <= 0.0005
    assert 0.001 <= energy_p(drawn(random, 60), drawn(random, 80), least=0.0001) <= 1


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_the_distance_is_symmetric_and_never_negative_and_nothing_from_a_sample_to_itself(n: int, m: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = drawn(random, n), drawn(random, m)
    assert energy_distance(one, other) == pytest.approx(energy_distance(other, one), abs=1e-3)
    assert energy_distance(one, other) >= -1e-3
    assert energy_distance(one, one) == pytest.approx(0, abs=1e-3)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5), st.integers(0, 9))
def test_counts_give_a_p_value_in_either_order(table: list[tuple[int, int]], seed: int) -> None:
    ours, theirs = [a for a, _ in table], [b for _, b in table]
    one, other = counts_p(ours, theirs, least=0.5, seed=seed), counts_p(theirs, ours, least=0.5, seed=seed)
    assert 0 < one <= 1
    assert one == pytest.approx(other, abs=0.1)


def test_equal_samples_give_no_alarm_and_nothing_gives_none() -> None:
    assert share_p((3, 10), (30, 100)) == pytest.approx(1)
    assert share_p((0, 0), (3, 10)) == 1
    assert level_p([], [1.0]) == 1
    assert level_p([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 1
    assert counts_p([5, 0], [9, 0], least=0.05) == 1
    with pytest.raises(ValueError, match="both samples"):
        energy_p(np.zeros((0, 2), np.float32), np.zeros((3, 2), np.float32), least=0.05)
