"""The first screen in words: what is said follows from the numbers, and no more is said than they show."""

from __future__ import annotations

from dataclasses import replace

import pytest
from golden_text import Golden
from studies import answer_study, classify_study, not_shown_study
from whole_studies import judged_study, unrated_study

from tailor.decide.types import Cost
from tailor.report.first import SHOWN, First, first_screen
from tailor.results import Study


def screen(study: Study) -> First:
    assert study.decision is not None
    return first_screen(study.task, study.decision)


def chosen_score(study: Study) -> tuple[int, int, int, int]:
    """Right answers, rows, and both limits in per cent."""
    assert study.decision is not None
    score = next(f for f in study.decision.finalists if f.name == study.decision.chosen).score
    assert score.low is not None and score.high is not None
    return round(score.mean * score.n), score.n, round(100 * score.low), round(100 * score.high)


def test_how_sure_is_told_in_counts_and_with_the_error_that_the_claim_may_have(golden: Golden) -> None:
    study = classify_study()
    right, rows, low, high = chosen_score(study)
    sure = screen(study).sure
    assert sure[0] == (
        f"{right} of {rows} unseen examples were right. Of the next 100 inputs like them, expect {low} to {high} right on average."
    )
    golden(sure[1])
    assert len(sure) == 2  # a first opening needs no word


def test_a_best_guess_is_called_one_and_a_test_set_that_was_opened_before_is_said_to_be_worn(golden: Golden) -> None:
    sure = screen(not_shown_study()).sure
    assert "best guess, not a finding" in sure[1] and "shown" not in sure[1]
    golden(sure[2])


def test_an_overlap_in_words_is_not_told_as_a_count_of_right_answers() -> None:
    study = answer_study()
    told = screen(replace(study, task=study.task.model_copy(update={"metric": "f1"}))).sure[0]
    assert "were right" not in told and "19 times in 20" in told


def test_costs_name_what_is_paid_once_what_errors_cost_and_the_total(golden: Golden) -> None:
    once, errors, total = screen(classify_study()).costs
    golden(once)
    golden(errors)
    golden(total)


def test_a_price_that_is_not_known_or_not_given_is_said_to_be_so(golden: Golden) -> None:
    study = classify_study()
    assert study.decision is not None
    unknown = Cost(None, 0.0, 0.0, None)
    finalists = tuple(replace(f, cost=unknown) for f in study.decision.finalists)
    free = study.task.model_copy(update={"prices": study.task.prices.model_copy(update={"error": 0.0})})
    costs = first_screen(free, replace(study.decision, finalists=finalists)).costs
    golden(costs[0])
    assert "set `prices.error`" in costs[1] and len(costs) == 3
    golden(costs[2])


@pytest.mark.parametrize("count", range(8))
def test_no_sentence_is_lost_and_few_are_read_at_once(count: int) -> None:
    study = classify_study()
    assert study.decision is not None
    reasons = tuple(f"Reason {i}." for i in range(count))
    why = first_screen(study.task, replace(study.decision, reasons=reasons)).why
    assert why.shown + why.more == reasons
    assert len(why.shown) <= SHOWN + 1 and len(why.more) != 1


def test_a_score_that_a_judge_gave_is_never_told_as_a_count_of_right_answers(golden: Golden) -> None:
    corrected, whole, alone = (screen(study) for study in (judged_study(), judged_study(all_rows=True), unrated_study()))
    golden(corrected.sure[0])
    golden(corrected.sure[2])
    assert len(whole.sure) == 2
    golden(whole.sure[0])
    golden(alone.sure[0])
    golden(alone.changes.shown[0])


def test_how_steady_the_system_is_stands_there_where_it_must_be_right_every_time() -> None:
    study = classify_study()
    assert study.decision is not None
    assert first_screen(study.task, study.decision, "lora wavers.").sure[2] == "lora wavers."
