"""Decisions on examples that come in groups, and on too few errors to say more than the limits do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from decide_helpers import make_candidate, make_task, right
from golden_text import Golden

from tailor.data.example import Example
from tailor.decide.decision import Candidate, decide
from tailor.stats.intervals import lower_bound, mean_interval
from tailor.stats.paired import holm, sign_flip
from tailor.stats.spending import MOST_FINALISTS, of_differences, of_opening, of_target

N = 160


def in_groups(candidate: Candidate, groups: Sequence[str]) -> Candidate:
    """The candidate on the same examples, in these groups."""
    examples = tuple(
        Example(e.id, e.fields, e.answers, unit=group) for e, group in zip(candidate.run.examples, groups, strict=True)
    )
    return replace(candidate, run=replace(candidate.run, examples=examples))


def of_size(size: int, n: int = N) -> list[str]:
    return [f"group {row // size}" for row in range(n)]


def two(groups: Sequence[str]) -> list[Candidate]:
    """A cheap system and a better, more expensive one."""
    task = make_task()
    pair = [make_candidate(task, "cheap", right(120, N)), make_candidate(task, "dear", right(144, N), tokens=900)]
    return [in_groups(candidate, groups) for candidate in pair]


def test_certified_limits_and_scores_are_over_groups() -> None:
    task = make_task()
    groups = of_size(4)
    decision = decide(task, [in_groups(make_candidate(task, "a", right(150, N)), groups)], 1)
    (finalist,) = decision.finalists
    assert finalist.certified == lower_bound(right(150, N), of_target(1, 1), groups=groups)
    assert finalist.score == mean_interval(right(150, N), groups=groups)
    assert (finalist.score.clusters, finalist.score.n, decision.n_test) == (40, N, N)


def test_what_rows_show_groups_may_not() -> None:
    task = make_task()
    candidate = make_candidate(task, "a", right(150, N))
    assert decide(task, [candidate], 1).verdict == "target met"
    grouped = decide(task, [in_groups(candidate, of_size(10))], 1)
    assert grouped.verdict == "not shown"
    assert grouped.rows_to_settle is not None and grouped.rows_to_settle > N
    assert any(reason.startswith("The 160 test examples come in 16 groups: near-duplicates ") for reason in grouped.reasons)


def test_differences_and_their_p_values_are_over_groups() -> None:
    decision = decide(make_task(), two(of_size(4)), 1)
    (difference,) = decision.differences
    assert (difference.estimate.method, difference.estimate.clusters) == ("balanced max-T over groups", 40)
    gains = np.array(right(144, N)) - np.array(right(120, N))
    sums = [round(total) for total in gains.reshape(40, 4).sum(axis=1)]
    assert difference.p_value == pytest.approx(holm([sign_flip(sums)])[0])
    assert difference.estimate.events == sum(total != 0 for total in sums) == 6


def test_rows_to_settle_grow_by_as_much_as_groups_enlarge_the_variance() -> None:
    task = make_task(target=0.85)
    spread = [float(value) for value in np.random.default_rng(1).permutation(right(142, N))]
    alone = decide(task, [make_candidate(task, "a", spread)], 1).rows_to_settle
    alike = decide(task, [in_groups(make_candidate(task, "a", right(142, N)), of_size(2))], 1).rows_to_settle
    assert alone is not None and alike is not None
    assert 1.9 * alone <= alike <= 2.1 * alone


def test_groups_of_one_row_decide_as_rows_do() -> None:
    alone, single = (decide(make_task(), two(groups), 1) for groups in ([""] * N, [str(row) for row in range(N)]))
    assert single == alone
    assert not any("groups" in reason for reason in alone.reasons)


@pytest.mark.parametrize(
    ("n_right", "sentence"),
    [
        (158, "Only 2 of the 160 answers of a are wrong: with fewer than 5, the share of wrong answers is known only roughly, "),
        (159, "Only 1 of the 160 answers of a is wrong: "),
        (160, "None of the 160 answers of a is wrong: "),
        (3, "Only 3 of the 160 answers of a are right: "),
        (155, ""),
    ],
)
def test_too_few_errors_for_more_than_a_rough_estimate_are_told(n_right: int, sentence: str) -> None:
    reasons = decide(make_task(), [make_candidate(make_task(), "a", right(n_right, N))], 1).reasons
    told = [reason for reason in reasons if "known only roughly" in reason]
    assert len(told) == bool(sentence)
    assert not told or told[0].startswith(sentence)


def test_the_rough_estimate_names_the_limits_of_the_error_rate() -> None:
    reasons = decide(make_task(), [make_candidate(make_task(), "a", right(158, N))], 1).reasons
    assert any(reason.endswith("is known only roughly, somewhere between 0.2 % and 4 %.") for reason in reasons)


def test_too_few_groups_with_an_error_are_told() -> None:
    task = make_task()
    reasons = decide(task, [in_groups(make_candidate(task, "a", right(150, N)), of_size(5))], 1).reasons
    assert any(reason.startswith("Only 2 of the 32 groups have a wrong answer of a: ") for reason in reasons)


def test_too_few_groups_are_told(golden: Golden) -> None:
    task = make_task()
    decision = decide(task, [in_groups(make_candidate(task, "a", right(150, N)), of_size(40))], 1)
    golden(decision.reasons)


def test_too_few_examples_on_which_systems_differ_are_told(golden: Golden) -> None:
    task = make_task()
    pair = [make_candidate(task, "a", right(140, N)), make_candidate(task, "b", right(142, N), tokens=900)]
    reasons = decide(task, pair, 1).reasons
    golden(reasons)
    far = [pair[0], make_candidate(task, "b", right(120, N), tokens=900)]
    assert not any("too few to say which" in reason for reason in decide(task, far, 1).reasons)


def test_the_error_of_all_openings_stays_below_five_per_cent() -> None:
    assert sum(of_opening(k) for k in range(1, 60)) == pytest.approx(0.05)
    assert of_target(1_000, MOST_FINALISTS) > 0 and 1 - of_differences(1_000) < 1, "no number of openings ends in an error"
    with pytest.raises(ValueError, match="opening 0 is not at least 1"):
        of_opening(0)
