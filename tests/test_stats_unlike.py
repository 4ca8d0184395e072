"""Whether dev and test score alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tailor.stats.unlike import unlike_p


def test_it_agrees_with_fishers_exact_test_on_rates() -> None:
    for a, b, n, m in [(9, 40, 20, 40), (12, 30, 40, 60), (18, 50, 30, 60)]:
        exact = stats.fisher_exact(np.array([[a, n - a], [b, m - b]])).pvalue
        assert unlike_p([1.0] * a + [0.0] * (n - a), [1.0] * b + [0.0] * (m - b)) == pytest.approx(exact, abs=0.06)


def test_samples_of_one_population_are_called_unlike_as_seldom_as_it_says() -> None:
    rng = np.random.default_rng(3)
    found = [unlike_p((rng.random(36) < 0.7).astype(float), (rng.random(60) < 0.7).astype(float)) for _ in range(200)]
    assert sum(p < 0.05 for p in found) <= 0.05 * 200 + 3 * np.sqrt(200 * 0.05 * 0.95)


def test_groups_and_not_rows_are_dealt() -> None:
    rng = np.random.default_rng(4)
    rows, groups = [], []
    for sample in range(2):
        rows.append(np.repeat((rng.random(12) < 0.5).astype(float), 10))
        groups.append([f"{sample}-{i // 10}" for i in range(120)])
    rows[0][:], rows[1][:40] = 0.0, 0.0
    assert unlike_p(rows[0], rows[1]) < unlike_p(rows[0], rows[1], groups[0], groups[1])


def test_a_leak_is_seen_and_nothing_is_said_of_nothing() -> None:
    assert unlike_p([1.0] * 16 + [0.0] * 20, [1.0] * 60) < 0.001
    assert unlike_p([], [1.0]) == unlike_p([1.0], []) == 1.0
    assert unlike_p([1.0] * 5, [1.0] * 5) == 1.0
