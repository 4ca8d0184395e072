"""Controls: answers without sense, scored on the test rows, shown, and reported where they come near."""

from __future__ import annotations

from dataclasses import replace

import pytest
from golden_text import Golden
from studies import answer_study, classify_study

from tailor.data.example import Example, Splits
from tailor.decide.controls import Control, controls, with_warnings
from tailor.report.record import to_json
from tailor.report.summary import summary_text
from tailor.results import Study
from tailor.saved import STUDY
from tailor.task import Task


def rows(name: str, *answers: str, text: str = "Is it allowed, yes or no?") -> tuple[Example, ...]:
    return tuple(Example(f"{name}{n}", {"q": f"{text} ({n})"}, (answer,)) for n, answer in enumerate(answers))


def task(kind: str, **settings: object) -> Task:
    return Task.model_validate(
        {"name": "t", "kind": kind, "instruction": "i", "input": "{{q}}", "output": "a", "data": "a.csv"} | settings
    )


def scores(found: tuple[Control, ...]) -> dict[str, float]:
    return {control.name: round(control.score.mean, 4) for control in found}


def test_the_commonest_label_scores_its_share_and_an_echo_what_the_texts_give_away() -> None:
    splits = Splits(rows("a", *"xxxy"), rows("d", *"xy"), rows("t", *"xxxxy", text="This says x"))
    found = controls(task("classify"), splits, ("y", "x"))
    assert scores(found) == {"echo": 0.8, "constant": 0.2, "commonest answer": 0.8}
    assert [control.dev for control in found] == [0.0, 0.5, 0.5]


def test_an_echo_of_questions_that_name_the_answers_is_not_right() -> None:
    splits = Splits(rows("a", "yes", "no", "yes"), rows("d", "yes"), rows("t", "yes", "no", "no", "no"))
    assert scores(controls(task("answer"), splits, ())) == {"echo": 0.0, "constant": 0.0, "commonest answer": 0.25}


def study_with(study: Study, mean: float) -> Study:
    assert study.decision is not None
    control = Control("commonest answer", "always says 'x'", replace(study.decision.finalists[0].score, mean=mean), mean)
    return replace(study, controls=(control,), decision=with_warnings(study.decision, (control,), study.tests))


def test_a_control_that_reaches_the_target_is_told_in_the_headline_and_one_far_below_is_not(golden: Golden) -> None:
    study = classify_study()
    near, far = study_with(study, 0.99), study_with(study, 0.02)
    assert study.decision is not None and near.decision is not None and far.decision is not None
    golden(near.decision.headline)
    assert near.decision.headline.endswith(study.decision.reference)
    assert far.decision.headline == study.decision.headline


def test_a_reference_that_is_named_first_is_not_named_again_behind_a_control() -> None:
    study = classify_study()
    assert study.decision is not None and study.decision.reference
    first = replace(study.decision, headline=f"{study.decision.reference} Not shown.")
    led = study_with(replace(study, decision=first), 0.99).decision
    assert led is not None and led.headline.count(study.decision.reference) == 1
    assert led.headline.startswith(f"{study.decision.reference} Not shown. Beware: a control")


def test_controls_are_shown_and_kept_with_the_study_and_a_study_without_them_is_read() -> None:
    study = study_with(classify_study(), 0.5)
    record = STUDY.dump_python(study, mode="json")
    assert STUDY.validate_python(record) == study
    del record["controls"]
    assert STUDY.validate_python(record).controls == ()
    assert "commonest answer  always says 'x'" in summary_text(study)
    assert [control["name"] for control in to_json(study)["controls"]] == ["commonest answer"]


@pytest.mark.parametrize(("exact", "wide"), [(0.2, True), (0.9, False)])
def test_right_exact_and_overlapping_answers_are_set_side_by_side_and_a_gap_is_told(exact: float, wide: bool) -> None:
    study = answer_study()
    assert study.decision is not None
    measured = {"correct": 0.9, "exact": exact, "f1": 0.6}
    tests = tuple(replace(run, scores=tuple(replace(score, details=measured) for score in run.scores)) for run in study.tests)
    reason = with_warnings(study.decision, study_with(study, 0.02).controls, tests).reasons[-1]
    assert f"90 % are right and {100 * exact:.0f} % are the accepted answer and nothing more" in reason
    assert ("many right answers say more" in reason) is wide
