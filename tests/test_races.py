"""The replays of races: recorded outcomes are read as they were written, and the rivals follow their papers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

from benchmarks.outcomes import Outcomes, load_outcomes
from benchmarks.races import RECORDED, Replay, betting, paired_t, recorded, successive_rejects, synthetic, tailor


def replay(right: object) -> Replay:
    bits = np.array(right, dtype=bool)
    return Replay(bits, (1.0,) * len(bits), ("",) * bits.shape[1])


def test_outcomes_are_read_as_they_were_written(tmp_path: Path) -> None:
    right = np.random.default_rng(0).random((3, 21)) < 0.4
    made = Outcomes("x", right, (5.5, 6.0, 7.0), ("a", "b", "c"), tuple(range(21)), ("g",) * 21, {"model": "m"})
    made.save(tmp_path)
    found = load_outcomes("x", tmp_path)
    np.testing.assert_array_equal(found.right, right)
    assert (found.tokens, found.variants, found.rows, found.groups, found.how) == (
        made.tokens,
        made.variants,
        made.rows,
        made.groups,
        made.how,
    )


@pytest.mark.parametrize("world", RECORDED)
def test_what_was_recorded_is_large_enough_and_whole(world: str) -> None:
    found = load_outcomes(RECORDED[world][0])
    variants, rows = found.right.shape
    assert variants >= 24 and rows >= 400 and len(set(found.variants)) == variants and len(set(found.rows)) == rows
    assert 0 < found.right.mean() < 1 and set(found.how) == {"model", "precision", "settings", "recorded"}
    first, second = recorded(world, 2)
    assert len(first.right) == variants - (2 if world == "banking77_close" else 0)
    np.testing.assert_allclose(first.accuracy, second.accuracy)
    assert not np.array_equal(first.right, second.right)


def test_a_synthetic_world_is_as_described() -> None:
    worlds = synthetic("synthetic_a", 30)
    means = np.concatenate([world.accuracy for world in worlds])
    assert 0.48 < means.min() and means.max() < 0.92
    pairs = np.triu_indices(24, 1)
    correlation = np.mean([np.corrcoef(world.right.astype(float))[pairs].mean() for world in worlds])
    assert correlation == pytest.approx(0.26, abs=0.02)


def test_successive_rejects_lets_one_go_after_each_phase_within_its_budget() -> None:
    right = np.zeros((4, 400), dtype=bool)
    for arm, share in enumerate((0.2, 0.4, 0.9, 0.6)):
        right[arm, np.random.default_rng(arm).permutation(400)[: int(400 * share)]] = True
    pick, calls = successive_rejects(replay(right), 0.5)
    # By hand, for n = 800 and K = 4: log_bar = 0.5 + 1/2 + 1/3 + 1/4, phases at 126, 168 and 252 rows, so 4, 3 and 2 arms answer
    # 126, 42 and 84 rows more.
    assert pick == 2 and calls * 1600 == 4 * 126 + 3 * 42 + 2 * 84


def test_the_paired_t_race_agrees_with_scipy() -> None:
    random = np.random.default_rng(3)
    for _ in range(40):
        right = random.random((2, 30)) < random.uniform(0.3, 0.7, (2, 1))
        loser = int(right.sum(axis=1).argmin())
        p = ttest_rel(right[1 - loser].astype(float), right[loser].astype(float), alternative="greater").pvalue
        # A second block that turns every result around shows whether the loser was still there to win it.
        both = np.concatenate([right, ~right, ~right], axis=1)
        pick, calls = paired_t(replay(both), alpha=0.2)
        assert (calls < 0.5) == (p <= 0.2)
        assert p > 0.2 or pick == 1 - loser


def test_a_bet_between_equals_is_seldom_lost() -> None:
    random = np.random.default_rng(4)
    ended = sum(betting(replay(random.random((2, 400)) < 0.7), alpha=0.1)[1] < 1 for _ in range(300))
    # Each side is shown to be worse with a probability of at most 0.1.
    assert ended / 300 <= 0.2
    assert all(betting(replay(random.random((2, 400)) < [[0.5], [0.8]]))[0] == 1 for _ in range(20))


def test_tailor_replays_the_race_of_the_ladder() -> None:
    right = np.zeros((6, 64), dtype=bool)
    for arm in range(6):
        right[arm, : 64 - 8 * arm] = True
    pick, calls = tailor(replay(right[:, ::-1]))
    assert pick == 0 and calls == pytest.approx(17 / 24)
