"""Decisions on a judge's verdicts: held back, corrected, and never more sure than the ratings allow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from decide_helpers import make_task
from golden_text import Golden
from judge_helpers import JUDGE, judged_candidate, judged_task, people, verdicts_of

from tailor.decide.decision import Candidate
from tailor.decide.judged import check_judge, decide_judged
from tailor.decide.types import Decision
from tailor.evaluate.judge import NO, YES
from tailor.evaluate.ratings import Ratings, rating_sample
from tailor.score.types import Score
from tailor.stats.intervals import lower_bound
from tailor.task import Task

N = 200


def some(rate: float, n: int = N) -> list[bool]:
    return [bool(int((i + 1) * rate) > int(i * rate)) for i in range(n)]


def two(task: Task, right_yes: float = 0.95, right_no: float = 0.9) -> list[Candidate]:
    """A cheap and poor, and a dear and good candidate."""
    random = np.random.default_rng(1)
    made = []
    for name, rate, tokens in (("cheap", 0.5, 100), ("dear", 0.9, 900)):
        good = some(rate)
        made.append(judged_candidate(task, name, good, verdicts_of(random, good, right_yes, right_no), tokens=tokens))
    return made


def decided(task: Task, candidates: list[Candidate], share: float = 1.0) -> Decision:
    return decide_judged(task, candidates, 1, people(task, candidates, share))


# --- held back


def test_without_ratings_nothing_is_shown_and_the_headline_says_what_to_do(golden: Golden) -> None:
    task = judged_task()
    decision = decide_judged(task, two(task), 1, Ratings())
    assert decision.verdict == "not shown" and decision.chosen == "dear"
    golden(decision.headline)
    assert all(f.score.low is None and f.certified == 0 and not f.meets_target for f in decision.finalists)
    assert all(difference.estimate.low is None for difference in decision.differences)
    assert decision.changes == () and decision.rows_to_settle is None
    assert not any("or more is shown" in reason for reason in decision.reasons)
    assert decision.judge is not None and (decision.judge.wanted, decision.judge.rated, decision.judge.passed) == (60, 0, False)


def test_half_the_ratings_are_not_enough_and_the_rest_is_asked_for(golden: Golden) -> None:
    task = judged_task()
    decision = decided(task, two(task), 0.5)
    golden(decision.headline)
    assert any(reason.startswith("People and the judge agree on ") for reason in decision.reasons)


def test_a_judge_below_the_gate_never_decides_however_good_the_answers(golden: Golden) -> None:
    task = judged_task(target=0.3)
    candidates = two(task, right_yes=0.6, right_no=0.5)
    decision = decided(task, candidates)
    assert decision.verdict == "not shown" and decision.judge is not None and not decision.judge.passed
    assert decision.judge.agreement is not None and decision.judge.agreement.kappa is not None
    assert decision.judge.agreement.kappa.mean < 0.6
    assert "0.6 is asked for" in decision.headline
    golden(decision.headline)
    # The same ratings and a gate that it passes: now it may, and the limits know how bad it is.
    lenient = judged_task(target=0.3, judge=JUDGE | {"gate": 0.0})
    open_gate = decide_judged(lenient, candidates, 1, people(lenient, candidates))
    assert open_gate.judge is not None and open_gate.judge.passed and open_gate.verdict == "target met"


def test_one_rating_throughout_is_no_agreement(golden: Golden) -> None:
    task = judged_task()
    candidates = [judged_candidate(task, "a", [True] * N, [True] * N)]
    decision = decided(task, candidates)
    assert decision.verdict == "not shown"
    golden(decision.headline)
    assert "Raise `judge.sample`" in decision.headline


def test_no_answer_that_could_be_judged_is_said(golden: Golden) -> None:
    task = judged_task()
    candidate = judged_candidate(task, "a", [False] * N, [False] * N)
    lost = replace(candidate, run=replace(candidate.run, scores=(Score("failed", 0.0, ""),) * N))
    decision = decide_judged(task, [lost], 1, Ratings())
    golden(decision.headline)


# --- corrected


def test_a_good_judge_with_ratings_decides() -> None:
    task = judged_task(target=0.4, smallest_effect=0.2, judge=JUDGE | {"sample": 200})
    decision = decided(task, two(task))
    assert (decision.verdict, decision.chosen) == ("target met", "dear")
    assert decision.judge is not None and decision.judge.passed
    score = next(f.score for f in decision.finalists if f.name == "dear")
    assert score.method.startswith("prediction-powered") and score.low is not None and score.high is not None
    assert score.low < 0.9 < score.high
    assert any(reason.startswith("The ratings correct the judge: it gave dear ") for reason in decision.reasons)
    assert any(reason.endswith("0.6 is asked for.") for reason in decision.reasons)


def test_a_judge_too_generous_by_fifteen_points_is_corrected_where_its_own_mean_is_wrong() -> None:
    task = judged_task(target=0.58, judge=JUDGE | {"sample": 300})
    random, good = np.random.default_rng(2), some(0.5, 800)
    candidate = judged_candidate(task, "a", good, verdicts_of(random, good, 1.0, 0.7))
    assert candidate.run.mean == pytest.approx(0.65, abs=0.02)
    decision = decided(task, [candidate])
    (finalist,) = decision.finalists
    assert decision.judge is not None and decision.judge.passed and decision.verdict == "not shown"
    assert finalist.score.low is not None and finalist.score.high is not None
    assert finalist.score.low < 0.5 < finalist.score.high < candidate.run.mean
    # Uncorrected, the same verdicts would show the target.
    assert lower_bound(candidate.run.values, decision.alpha / 2) > task.target


def test_the_price_of_errors_follows_the_corrected_rate() -> None:
    task = judged_task(prices={"error": 1.0}, judge=JUDGE | {"sample": 300})
    random, good = np.random.default_rng(2), some(0.5, 800)
    candidate = judged_candidate(task, "a", good, verdicts_of(random, good, 1.0, 0.7))
    (finalist,) = decided(task, [candidate]).finalists
    assert finalist.cost.errors_per_1000 == pytest.approx(1000 * (1 - finalist.score.mean))
    assert candidate.cost.errors_per_1000 < finalist.cost.errors_per_1000
    assert finalist.cost.total is not None and candidate.cost.total is not None
    answers = task.volume.months * task.volume.answers_per_month
    gained = (finalist.cost.errors_per_1000 - candidate.cost.errors_per_1000) / 1000
    assert finalist.cost.total - candidate.cost.total == pytest.approx(answers * gained)


def test_with_every_answer_rated_people_decide_whatever_the_judge_says() -> None:
    task = judged_task(target=0.4, judge=JUDGE | {"sample": 5000})
    candidates = two(task, right_yes=0.5, right_no=0.5)
    decision = decided(task, candidates)
    assert decision.judge is not None and decision.judge.all_rows and decision.judge.passed
    assert decision.verdict == "target met"
    means = {finalist.name: finalist.score.mean for finalist in decision.finalists}
    assert means == pytest.approx({"cheap": 0.5, "dear": 0.9})
    assert any(reason.startswith("People rated all answers, so the judge decides nothing") for reason in decision.reasons)


def test_too_few_ratings_for_the_target_are_said_with_how_many_would_do() -> None:
    task = judged_task(target=0.88)
    random, good = np.random.default_rng(3), some(0.95, 2000)
    candidate = judged_candidate(task, "a", good, verdicts_of(random, good, 0.99, 0.9))
    decision = decided(task, [candidate])
    assert decision.verdict == "not shown" and decision.judge is not None and decision.judge.passed
    (said,) = [reason for reason in decision.reasons if "`judge.sample: " in reason]
    more = int(said.split("`judge.sample: ")[1].split("`")[0])
    assert 60 < more < 2000
    enough = judged_task(target=0.88, judge=JUDGE | {"sample": 3 * more})
    assert decided(enough, [candidate]).verdict == "target met"


def test_ratings_that_would_show_a_cheaper_finalist_to_be_as_good_are_said() -> None:
    task = judged_task(target=0.99, smallest_effect=0.1, judge=JUDGE | {"sample": 100})
    random, candidates = np.random.default_rng(8), []
    for name, tokens in (("cheap", 100), ("expensive", 900)):
        good = [bool(fine) for fine in random.random(2000) < 0.8]
        candidates.append(judged_candidate(task, name, good, verdicts_of(random, good, 0.9, 0.85), tokens=tokens))
    decision = decided(task, candidates)
    assert decision.verdict == "not shown" and decision.judge is not None and decision.judge.passed
    (said,) = [reason for reason in decision.reasons if "`judge.sample: " in reason]
    assert "would probably show that a cheaper finalist is as good as every more expensive one" in said
    more = int(said.split("`judge.sample: ")[1].split("`")[0])
    enough = judged_task(target=0.99, smallest_effect=0.1, judge=JUDGE | {"sample": 2 * more})
    assert 100 < more < 4000 and decided(enough, candidates).verdict == "cheapest within the smallest effect"


def test_failed_judgements_count_as_no_and_are_said() -> None:
    task = judged_task()
    good = some(0.8)
    candidate = judged_candidate(task, "a", good, [None if i % 50 == 0 else fine for i, fine in enumerate(good)])
    decision = decided(task, [candidate])
    assert decision.judge is not None and decision.judge.failed == 4
    assert any(r == "4 of 200 judgements were refused or could not be read; they count as no." for r in decision.reasons)


def test_two_people_are_compared_with_each_other_and_share_each_answer() -> None:
    task = judged_task()
    candidates = two(task)
    one = people(task, candidates)
    both = {case: {**given, "B": NO if place % 10 == 0 else given[""]} for place, (case, given) in enumerate(one.by_case.items())}
    check = check_judge(task, [candidate.run for candidate in candidates], Ratings(both))
    assert check.people is not None and check.people.observed.mean > 0.9
    assert check.agreement is not None and check.agreement.observed.n == 60


def test_rows_in_groups_are_rated_in_groups() -> None:
    task = judged_task()
    good = some(0.8)
    groups = [str(i // 5) for i in range(N)]
    candidate = judged_candidate(task, "a", good, list(good), groups=groups)
    sample = rating_sample(task, [candidate.run])
    drawn = [groups[row] for row in sample.rows]
    assert len(sample.rows) == 60 and all(drawn.count(group) == 5 for group in drawn)
    grouped = decided(task, [candidate]).finalists[0].certified
    alone = judged_candidate(task, "a", good, list(good))
    assert grouped < decided(task, [alone]).finalists[0].certified


# --- promises


def test_the_same_runs_and_ratings_give_the_same_decision_in_any_order() -> None:
    task = judged_task()
    candidates = two(task)
    first = decided(task, candidates)
    assert decided(task, candidates) == first and decided(task, candidates[::-1]) == first


def test_ratings_of_other_answers_change_nothing_but_are_counted() -> None:
    task = judged_task()
    candidates = two(task)
    ratings = people(task, candidates)
    more = Ratings({**ratings.by_case, "r0": {"": YES}})
    first, second = (decide_judged(task, candidates, 1, given) for given in (ratings, more))
    assert first.judge is not None and second.judge is not None
    assert (first.judge.unused, second.judge.unused) == (0, 1)
    assert first.finalists == second.finalists


def test_another_rubric_needs_ratings_of_its_own() -> None:
    task = judged_task()
    candidates = two(task)
    other = judged_task(judge={"rubric": "Something else.", "model": "fake:judge"})
    check = check_judge(other, [candidate.run for candidate in candidates], people(task, candidates))
    assert (check.rated, check.unused) == (0, 60)


@pytest.mark.slow
def test_false_claims_on_a_generous_judge_stay_below_five_per_cent() -> None:
    random, worlds, claims = np.random.default_rng(4), 60, 0
    task = judged_task(target=0.7, judge=JUDGE | {"gate": 0.0})
    for _ in range(worlds):
        candidates = []
        for name, rate in (("a", 0.68), ("b", 0.69)):
            good = [bool(fine) for fine in random.random(N) < rate]
            candidates.append(judged_candidate(task, name, good, verdicts_of(random, good, 0.97, 0.5)))
        claims += decided(task, candidates).verdict == "target met"
    # By the judge alone both score about 82 % of 200, and the target would be claimed in most of these worlds.
    assert claims / worlds <= 0.05


def test_a_task_without_a_judge_cannot_be_decided_so() -> None:
    task = judged_task()
    with pytest.raises(ValueError, match="no judge"):
        check_judge(make_task(), [candidate.run for candidate in two(task)], Ratings())
