"""The first screen in words: what is said follows from the numbers, and no more is said than they show."""

from __future__ import annotations

from dataclasses import replace

import pytest
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


def test_how_sure_is_told_in_counts_and_with_the_error_that_the_claim_may_have() -> None:
    study = classify_study()
    right, rows, low, high = chosen_score(study)
    sure = screen(study).sure
    assert sure[0] == (
        f"{right} of {rows} unseen examples were right. Of the next 100 inputs like them, expect {low} to {high} right on average."
    )
    assert sure[1] == ("That it reaches 85 % is shown: at least 87.2 %. Such a statement is wrong in at most 1 of 40 studies.")
    assert len(sure) == 2  # a first opening needs no word


def test_a_best_guess_is_called_one_and_a_test_set_that_was_opened_before_is_said_to_be_worn() -> None:
    sure = screen(not_shown_study()).sure
    assert "best guess, not a finding" in sure[1] and "shown" not in sure[1]
    assert sure[2].startswith("This test set was opened 2 times")


def test_an_overlap_in_words_is_not_told_as_a_count_of_right_answers() -> None:
    study = answer_study()
    told = screen(replace(study, task=study.task.model_copy(update={"metric": "f1"}))).sure[0]
    assert "were right" not in told and "19 times in 20" in told


def test_costs_name_what_is_paid_once_what_errors_cost_and_the_total() -> None:
    once, errors, total = screen(classify_study()).costs
    assert once == "55.51 USD once, for labels and training."
    assert errors == "18.02 USD for the wrong ones among 1,000, at 0.40 USD each."
    assert total == "2,218 USD in all, with 10,000 answers a month for 12 months."


def test_a_price_that_is_not_known_or_not_given_is_said_to_be_so() -> None:
    study = classify_study()
    assert study.decision is not None
    unknown = Cost(None, 0.0, 0.0, None)
    finalists = tuple(replace(f, cost=unknown) for f in study.decision.finalists)
    free = study.task.model_copy(update={"prices": study.task.prices.model_copy(update={"error": 0.0})})
    costs = first_screen(free, replace(study.decision, finalists=finalists)).costs
    assert costs[0] == "Nothing to pay once: no labels, no training."
    assert "set `prices.error`" in costs[1] and "set `prices.input_per_million`" in costs[2] and len(costs) == 3


@pytest.mark.parametrize("count", range(8))
def test_no_sentence_is_lost_and_few_are_read_at_once(count: int) -> None:
    study = classify_study()
    assert study.decision is not None
    reasons = tuple(f"Reason {i}." for i in range(count))
    why = first_screen(study.task, replace(study.decision, reasons=reasons)).why
    assert why.shown + why.more == reasons
    assert len(why.shown) <= SHOWN + 1 and len(why.more) != 1


def test_a_score_that_a_judge_gave_is_never_told_as_a_count_of_right_answers() -> None:
    corrected, whole, alone = (screen(study) for study in (judged_study(), judged_study(all_rows=True), unrated_study()))
    assert corrected.sure[0].startswith("The judge's verdicts, corrected by people's ratings of 60 answers. Of the next 100")
    assert corrected.sure[2].startswith("People and the judge agree on 93 %")
    assert whole.sure[0].startswith("People rated the answers to all test examples. Of the next 100") and len(whole.sure) == 2
    assert "is what the judge alone says of" in alone.sure[0] and "not been compared with people" in alone.sure[0]
    assert alone.changes.shown[0] == "Rate the 60 answers in judge.csv (about 20 minutes) and run again."


def test_how_steady_the_system_is_stands_there_where_it_must_be_right_every_time() -> None:
    study = classify_study()
    assert study.decision is not None
    assert first_screen(study.task, study.decision, "lora wavers.").sure[2] == "lora wavers."
