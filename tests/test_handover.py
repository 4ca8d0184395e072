"""Answer, or hand over to a person: a threshold fixed on dev, and limits on the test set that hold whatever confidence means."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_helpers import write_yaml
from decide_helpers import make_run, make_system, make_task
from flow import DESK, climb, tailor, write_desk
from golden_text import Golden

from tailor.data.doubt import Doubt
from tailor.decide.cost import cost_of
from tailor.decide.decision import Candidate, decide
from tailor.decide.handover import Threshold, choose_threshold, claims_of, hand_over, looks_of, thresholds_of, with_handover
from tailor.decide.types import Decision, Rates
from tailor.evaluate.run import Run
from tailor.report.html import render_report
from tailor.saved import load_study
from tailor.score.confidence import confidence
from tailor.score.types import Answer
from tailor.stats.intervals import clopper_pearson_lower
from tailor.stats.spending import of_target
from tailor.task import Task

RATES = Rates(1.0, 2.0, 4.0, "a price list")
SURE = [0.99 - 0.01 * i for i in range(40)]
RIGHT = [True] * 20 + [i % 2 == 0 for i in range(20)]


def priced(error: float = 10.0, handover: float | None = 2.0, **settings: object) -> Task:
    return make_task(prices={"error": error, "handover": handover}, **settings)


def sure_run(sure: Sequence[float | None], right: Sequence[bool], name: str = "a") -> Run:
    """A Run whose answers have these confidences among two labels."""
    run = make_run(make_system(name), [float(is_right) for is_right in right])
    scores = [() if p is None else (math.log(p), math.log(max(1 - p, 1e-12))) for p in sure]
    return replace(run, answers=tuple(replace(answer, scores=s) for answer, s in zip(run.answers, scores, strict=True)))


@pytest.mark.parametrize(("scores", "sure"), [((math.log(0.8), math.log(0.2)), 0.8), ((-3.0, -3.0, -3.0), 1 / 3), ((), None)])
def test_confidence_is_the_share_of_the_likeliest_label(scores: tuple[float, ...], sure: float | None) -> None:
    found = confidence(Answer("1", "y", scores), several=False)
    assert found == (None if sure is None else pytest.approx(sure))
    assert confidence(Answer("1", "", scores, error="flagged"), several=False) is None


@pytest.mark.parametrize(
    ("error", "handover", "answered"),
    [(10.0, 2.0, 21), (10.0, 11.0, 40), (10.0, 9.0, 39), (100.0, 1.0, 21)],
    ids=["worth it", "too expensive", "only the last", "cheap"],
)
def test_the_threshold_is_the_cheapest_on_dev(error: float, handover: float, answered: int) -> None:
    found = choose_threshold(priced(error, handover), sure_run(SURE, RIGHT))
    if answered == 40:
        assert found == Threshold(None, "does best on dev by answering everything itself")
    else:
        assert found.value is not None and sum(sure >= found.value for sure in SURE) == answered


def test_without_a_price_of_errors_the_target_decides(golden: Golden) -> None:
    task = priced(0.0, 2.0, target=0.9)
    found = choose_threshold(task, sure_run(SURE, RIGHT))
    assert found.value is not None
    answered = sum(sure >= found.value for sure in SURE)
    right = sum(RIGHT[:answered])
    assert clopper_pearson_lower(right, answered, 0.2) >= 0.9 > clopper_pearson_lower(right, answered + 1, 0.2)
    none = choose_threshold(task, sure_run(SURE, [False] * 40))
    assert none.value is None
    golden(none.why_not)


def test_rows_that_are_equally_sure_go_the_same_way_and_silent_systems_hand_nothing_over(golden: Golden) -> None:
    tied = choose_threshold(priced(), sure_run([0.9] * 20 + [0.6] * 20, RIGHT))
    assert tied.value == pytest.approx(0.75)
    silent = choose_threshold(priced(), sure_run([None] * 40, RIGHT))
    assert silent.value is None
    golden(silent.why_not)
    some = choose_threshold(priced(), sure_run([*SURE[:30], *[None] * 10], RIGHT))
    assert some.value is not None


def test_limits_are_those_of_clopper_and_pearson_and_the_price_is_counted_out() -> None:
    task = priced(volume={"answers_per_month": 1000, "months": 10})
    run = sure_run(SURE, RIGHT)
    cost = cost_of(task, run, RATES, 0, 0)
    found = hand_over(task, run, cost, 0.745, 0.01)
    assert (found.n_answered, found.n, found.answered) == (25, 40, 0.625)
    wrong = sum(not right for right in RIGHT[:25])
    assert found.error == pytest.approx(wrong / 25)
    assert found.error_at_most == pytest.approx(1 - clopper_pearson_lower(25 - wrong, 25, 0.01))
    assert found.answered_at_least == pytest.approx(clopper_pearson_lower(25, 40, 0.01))
    assert cost.per_1000 is not None
    assert found.total == pytest.approx(10_000 * (cost.per_1000 / 1000 + wrong / 40 * 10 + 15 / 40 * 2))
    nothing = hand_over(task, run, cost, 1.0, 0.01)
    assert nothing.error is None and nothing.error_at_most == 1 and nothing.answered_at_least == 0


def test_of_several_labels_the_same_rows_are_answered_on_the_test_set_as_on_dev() -> None:
    run = sure_run(SURE, RIGHT)
    decoding = run.system.decoding.model_copy(update={"several": True})
    # Two labels, of which the second is left out for certain: an answer is as sure as the first is.
    answers = tuple(replace(answer, scores=(*answer.scores, -40.0, 0.0)) for answer in run.answers)
    run = replace(run, system=run.system.with_(decoding=decoding), answers=answers)
    threshold = choose_threshold(priced(), run)
    assert threshold.value is not None
    found = hand_over(priced(), run, cost_of(priced(), run, RATES, 0, 0), threshold.value, 0.01)
    assert found.n_answered == sum(sure >= threshold.value for sure in SURE) == 21


def test_rows_in_doubt_count_as_answered_wrong_and_as_handed_over() -> None:
    task, run = priced(), sure_run([0.9] * 40, [True] * 40)
    cost = cost_of(task, run, RATES, 0, 0)
    found = hand_over(task, run, cost, 0.5, 0.01, Doubt(changed=frozenset({3}), gone=2))
    assert found.error_at_most == pytest.approx(1 - clopper_pearson_lower(39, 42, 0.01))
    assert found.answered_at_least == pytest.approx(clopper_pearson_lower(39, 42, 0.01))


def decided(task: Task, *pairs: tuple[Run, Run]) -> Decision:
    """The decision over systems, each by its Runs on dev and test."""
    candidates = [Candidate(dev.system.name, test, dev, cost_of(task, test, RATES, 0, 0)) for dev, test in pairs]
    thresholds = thresholds_of(task, [dev for dev, _ in pairs])
    return with_handover(task, decide(task, candidates, 1), candidates, thresholds)


def test_the_decision_says_what_handing_over_comes_to(golden: Golden) -> None:
    dev, test = sure_run(SURE, RIGHT), sure_run(SURE * 4, RIGHT * 4)
    task = priced()
    found = decided(task, (dev, test))
    handing = found.winner_handover
    assert handing is not None and handing.n_answered == 84
    assert handing.total is not None and found.finalists[0].cost.total is not None
    assert handing.total < found.finalists[0].cost.total
    told = found.reasons[-1]
    golden(told)
    assert decided(priced(handover=None), (dev, test)).handover == ()
    silent = decided(task, (sure_run([None] * 40, RIGHT), test))
    golden(silent.reasons[-1])


def test_handing_over_takes_its_share_of_the_error_and_is_looked_at() -> None:
    task = priced()
    thresholds = thresholds_of(task, [sure_run(SURE, RIGHT, "a"), sure_run([None] * 40, RIGHT, "b")])
    assert claims_of(thresholds) == 4 and of_target(1, 4) == pytest.approx(0.025 / 2 / 4)
    (first, handing), (_, silent) = thresholds.items()
    assert looks_of(thresholds) == [f"{first} hands over below {handing.value!r}"] and silent.value is None
    assert thresholds_of(priced(handover=None), [sure_run(SURE, RIGHT)]) == {}


@pytest.mark.parametrize("calibrated", [True, False])
def test_the_limits_hold_whatever_confidence_means(calibrated: bool) -> None:
    """Both limits of 300 studies, at an error of 5 % each, so that their coverage can be told from more than they promise."""
    rng, task, held = np.random.default_rng(7), priced(20.0, 2.0), 0
    chance = rng.beta(4, 1.2, size=4000)
    right = rng.random(4000) < chance
    sure = np.clip(chance if calibrated else 0.5 + 0.49 * rng.random(4000) * (2 - right), 0.01, 0.99)
    for _ in range(300):
        picked, sealed = rng.integers(0, 4000, 60), rng.integers(0, 4000, 80)
        threshold = choose_threshold(task, sure_run(sure[picked].tolist(), right[picked].tolist())).value or 0.0
        run = sure_run(sure[sealed].tolist(), right[sealed].tolist())
        found = hand_over(task, run, cost_of(task, run, RATES, 0, 0), threshold, 0.05)
        let = sure >= threshold
        held += found.error_at_most >= 1 - right[let].mean() and found.answered_at_least <= let.mean()
    assert held >= 0.9 * 300


@pytest.fixture(scope="module")
def handing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was run without, and then with prices at which handing over pays."""
    folder = write_desk(tmp_path_factory.mktemp("handing"), allow_classifier=True)
    first = climb(folder)
    assert first.decision is not None and first.decision.opening == 1 and first.decision.handover == ()
    write_yaml(folder, DESK | {"allow_classifier": True, "prices": {"error": 10.0, "handover": 1.0}})
    climb(folder)
    return folder


@pytest.mark.slow
def test_a_study_shows_it_everywhere(handing: Path) -> None:
    study = load_study(handing)
    decision = study.decision
    assert decision is not None and decision.handover
    assert decision.opening == 2, "a threshold on rows that had been seen is another look at them"
    shown = json.loads(tailor("show", handing, "--json").output)["decision"]
    assert [row["system"] for row in shown["handover"]] == [found.system for found in decision.handover]
    for found in decision.handover:
        test = study.test_run(found.system)
        assert test is not None and found.n == len(test.answers)
        assert found.n_answered == sum((confidence(answer, several=False) or 0.0) >= found.threshold for answer in test.answers)
    page = render_report(study)
    assert "Handing over to a person</h2>" in page and f">{decision.handover[0].system}</span>" in page
    assert decision.reasons[-1] in shown["reasons"]


@pytest.mark.slow
def test_try_says_when_a_person_should_answer(handing: Path) -> None:
    study = load_study(handing)
    decision = study.decision
    assert decision is not None
    found, test = decision.winner_handover, study.test_run(decision.chosen)
    assert found is not None and test is not None
    asked = {
        (confidence(answer, several=False) or 0.0) >= found.threshold: example.fields["text"]
        for example, answer in zip(test.examples, test.answers, strict=True)
    }
    assert "Hand over to a person: " in tailor("try", handing, asked[False]).output
    assert "Hand over to a person: " not in tailor("try", handing, asked[True]).output
