"""Prediction-powered inference, against the authors' package, limits without a judge, and simulation."""

from __future__ import annotations

import math
import warnings
from types import ModuleType

import numpy as np
import pytest
from scipy.special import ndtri

from tailor.stats.intervals import Floats, clopper_pearson_lower
from tailor.stats.paired import paired_max_t
from tailor.stats.ppi import Rectified, rectify


def world(random: np.random.Generator, rows: int, rate: float, right_yes: float, right_no: float) -> tuple[Floats, Floats]:
    """Ratings and verdicts of one system, shape (rows, 1): the judge is right on so many good and bad answers."""
    good = random.random((rows, 1)) < rate
    yes = np.where(good, random.random((rows, 1)) < right_yes, random.random((rows, 1)) >= right_no)
    return good.astype(float), yes.astype(float)


def authors() -> ModuleType:
    """The package of the papers' authors; importing it silences all warnings, which is undone here."""
    pytest.importorskip("numba", reason="ppi-python is not installed", exc_type=ImportError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("ppi_py", reason="ppi-python is not installed", exc_type=ImportError)  # type: ignore[no-any-return]


def normal_limits(found: Rectified, level: float) -> tuple[Floats, Floats]:
    """The papers' limits."""
    half = -float(ndtri((1 - level) / 2)) * np.sqrt(found.variances / len(found.rectifiers))
    return found.means - half, found.means + half


def width(found: Rectified) -> float:
    interval = found.interval(0)
    assert interval.low is not None and interval.high is not None
    return interval.high - interval.low


# --- against the papers


@pytest.mark.parametrize("lam", [None, 0.0, 0.6, 1.0])
@pytest.mark.parametrize("systems", [1, 3])
def test_scores_and_normal_limits_are_those_of_the_authors_package(lam: float | None, systems: int) -> None:
    package, random = authors(), np.random.default_rng(3)
    pairs = [world(random, 460, rate, 0.9, 0.8) for rate in (0.6, 0.7, 0.9)[:systems]]
    y, f = (np.column_stack(part) for part in zip(*pairs, strict=True))
    found = rectify(y[:60], f[:60], f[60:], lam)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        means = package.ppi_mean_pointestimate(y[:60], f[:60], f[60:], lam=lam)
        low, high = package.ppi_mean_ci(y[:60], f[:60], f[60:], alpha=0.1, lam=lam)
    assert found.means == pytest.approx(np.ravel(means))
    ours = normal_limits(found, 0.9)
    assert ours[0] == pytest.approx(np.ravel(low)) and ours[1] == pytest.approx(np.ravel(high))


def test_a_judge_that_is_right_on_85_of_100_makes_the_papers_limits_a_quarter_narrower() -> None:
    # 200 ratings and 2,000 further verdicts; the figures are those of ppi-python 0.2.3.
    y = np.repeat([1.0, 0.0], [127, 73])[:, None]
    f = np.repeat([1.0, 0.0, 1.0, 0.0], [108, 19, 11, 62])[:, None]
    others = np.repeat([1.0, 0.0], [1189, 811])[:, None]
    assert rectify(y, f, others).means[0] == pytest.approx(0.63469434, abs=5e-9)
    for lam, half in ((None, 0.05045865), (1.0, 0.05756207), (0.0, 0.06672159)):
        low, high = normal_limits(rectify(y, f, others, lam), 0.95)
        assert (high[0] - low[0]) / 2 == pytest.approx(half, abs=5e-9)


# --- against limits without a judge


def test_with_every_row_rated_the_judge_counts_for_nothing() -> None:
    random = np.random.default_rng(4)
    y, f = (np.column_stack(part) for part in zip(*(world(random, 80, rate, 0.5, 0.5) for rate in (0.5, 0.8, 0.9)), strict=True))
    found = rectify(y, f, f[:0])
    assert found.lam == 0 and found.means == pytest.approx(y.mean(axis=0))
    plain = paired_max_t(y, 0.975)
    assert [(p.low, p.high) for p in found.differences(0.975)] == [(p.low, p.high) for p in plain]
    exact = clopper_pearson_lower(int(y[:, 0].sum()), 80, 0.025)
    assert found.lower_bound(0, 0.025) == pytest.approx(exact, abs=0.004)


def test_ratings_that_all_agree_still_leave_room_for_what_was_not_seen() -> None:
    ones = np.ones((30, 1))
    found = rectify(ones, ones, np.ones((300, 1)))
    assert found.interval(0).mean == 1 and found.interval(0).high == 1
    assert found.lower_bound(0, 0.05) == pytest.approx(0.05 ** (1 / 30), abs=0.004)


def test_a_generous_judge_is_corrected() -> None:
    random = np.random.default_rng(6)
    y, f = world(random, 1000, 0.6, 1.0, 0.62)  # it says yes to about 75 of 100
    found = rectify(y[:150], f[:150], f[150:])
    interval = found.interval(0)
    assert interval.low is not None and interval.high is not None
    assert interval.low < 0.6 < interval.high < f.mean()


def test_a_good_judge_makes_limits_narrower_and_one_that_guesses_does_no_harm() -> None:
    random = np.random.default_rng(7)
    y, f = world(random, 600, 0.5, 0.95, 0.95)
    people = width(rectify(y[:100], f[:100], f[100:], 0.0))
    assert width(rectify(y[:100], f[:100], f[100:])) < 0.8 * people
    guessed = (random.random((600, 1)) < 0.5).astype(float)
    assert width(rectify(y[:100], guessed[:100], guessed[100:])) == pytest.approx(people, rel=0.05)


# --- simulation


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rated", "rate", "right_yes", "right_no"),
    [(15, 0.95, 0.95, 0.85), (15, 0.8, 0.85, 0.6), (60, 0.95, 0.85, 0.6), (60, 0.5, 0.95, 0.85)],
)
def test_limits_hold_with_few_ratings_where_normal_ones_do_not(rated: int, rate: float, right_yes: float, right_no: float) -> None:
    random, runs, nominal = np.random.default_rng(8), 150, 0.025
    missed = {"low": 0, "high": 0, "normal": 0}
    for _ in range(runs):
        y, f = world(random, rated + 200, rate, right_yes, right_no)
        found = rectify(y[:rated], f[:rated], f[rated:])
        interval = found.interval(0)
        assert interval.low is not None and interval.high is not None
        missed["low"] += interval.low > rate
        missed["high"] += interval.high < rate
        missed["normal"] += bool(normal_limits(found, 0.95)[0][0] > rate)
    allowed = runs * (nominal + 3 * math.sqrt(nominal * (1 - nominal) / runs))
    assert missed["low"] <= allowed and missed["high"] <= allowed
    if rate > 0.5:
        assert missed["normal"] > allowed


def test_all_limits_of_differences_hold_together() -> None:
    random, runs, wrong = np.random.default_rng(9), 100, 0
    rates = (0.6, 0.8, 0.8)
    for _ in range(runs):
        parts = [world(random, 240, rate, 0.9, 0.7) for rate in rates]
        y, f = (np.column_stack(part) for part in zip(*parts, strict=True))
        pairs = rectify(y[:40], f[:40], f[40:]).differences(0.95, resamples=2000)
        wrong += any(not (p.low or 0) <= rates[p.first] - rates[p.second] <= (p.high or 0) for p in pairs)
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow
def test_rows_in_groups_are_no_independent_rows() -> None:
    random, runs, by_row, by_group = np.random.default_rng(10), 150, 0, 0
    names = [str(group) for group in range(40) for _ in range(6)]
    for _ in range(runs):
        y, f = (np.repeat(part, 6, axis=0) for part in world(random, 40, 0.7, 0.9, 0.7))
        rated = rectify(y[:72], f[:72], f[72:], rated_groups=names[:72], other_groups=names[72:])
        by_group += rated.lower_bound(0, 0.05) > 0.7
        by_row += rectify(y[:72], f[:72], f[72:]).lower_bound(0, 0.05) > 0.7
    assert by_group / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs) < by_row / runs


# --- edges


def test_one_rating_gives_no_limits_and_none_is_refused() -> None:
    one = np.ones((1, 2))
    found = rectify(one, one, np.ones((5, 2)))
    assert found.interval(0).low is None and found.differences()[0].low is None
    with pytest.raises(ValueError, match="n at least 1"):
        rectify(one[:0], one[:0], one)


@pytest.mark.parametrize("bad", [[[1.0], [0.0]], [[1.5, 0.0]]])
def test_what_does_not_fit_is_refused(bad: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"shapes|between 0 and 1"):
        rectify(bad, [[1.0, 0.0]], [[1.0, 0.0]])


def test_levels_outside_are_refused() -> None:
    found = rectify([[1.0]], [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="alpha"):
        found.lower_bound(0, 1.0)
    with pytest.raises(ValueError, match="level"):
        found.differences(1.0)
