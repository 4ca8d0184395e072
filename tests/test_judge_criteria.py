"""A rubric of several criteria: each judged by itself, or all in one call in an order of its own for each row."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_helpers import make_task
from flow import Watcher
from judge_helpers import answering, between, chance, judging, sheet, write_codes
from pydantic import ValidationError

from tailor.evaluate.judge import in_order
from tailor.experiment import run
from tailor.models.base import Capabilities, Request
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.report.figures import make_figures
from tailor.results import Study
from tailor.task import Task

CRITERIA = {"names the code": "It names the code.", "is a sentence": "It is a sentence.", "is short": "It is short."}


def study(folder: Path, judge: FakeModel, **changes: object) -> Study:
    settings: dict[str, Any] = {"rubric": CRITERIA, "model": "fake:judge"}
    write_codes(folder, judge=settings | changes)
    return run(load_project(folder), Watcher(), model=answering(), judge=judge)


def verdicts(request: Request) -> dict[str, bool]:
    """What a careful judge says of each criterion."""
    text = request.messages[-1].text
    said = between(text, "answer")
    return {"It names the code.": between(text, "reference") in said, "It is a sentence.": True, "It is short.": chance(said) < 80}


def one_by_one(request: Request) -> str:
    return "Yes." if next(met for says, met in verdicts(request).items() if says in request.messages[0].text) else "No."


def all_in_one(request: Request) -> str:
    met = verdicts(request)
    lines = re.findall(r"^(\d)\. (.*)$", request.messages[-1].text.split("Criteria:")[1], re.MULTILINE)
    return "\n".join(f"{number}. {'Yes' if met[says] else 'No'}" for number, says in lines)


def judge_that(says: Callable[[Request], str]) -> FakeModel:
    model = FakeModel(says, name="fake:judge")
    model.capabilities = Capabilities()
    return model


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Study]:
    """The study with a call for each criterion, and that with one for all."""
    folder = tmp_path_factory.mktemp("criteria")
    each = study(folder / "each", judge_that(one_by_one))
    return each, study(folder / "together", judge_that(all_in_one), together=True)


@pytest.mark.slow
def test_an_answer_is_right_when_every_criterion_is_met(both: tuple[Study, Study]) -> None:
    for found in both:
        for test in found.tests:
            for score in test.scores:
                met = [score.details[f"rubric: {name}"] for name in CRITERIA]
                assert score.value == float(all(met)) and score.details["unjudged"] == 0
            assert test.detail("rubric: is a sentence") == (1.0, 240)
            assert 0 < (test.detail("rubric: is short") or (0, 0))[0] < 1


@pytest.mark.slow
def test_together_or_one_by_one_a_judge_without_favourites_says_the_same(both: tuple[Study, Study]) -> None:
    each, together = both
    assert [test.values for test in each.tests] == [test.values for test in together.tests]


def test_criteria_stand_in_an_order_that_follows_from_the_row() -> None:
    judge = Task.model_validate(
        make_task(kind="write").model_dump(exclude_unset=True) | {"judge": {"rubric": CRITERIA, "model": "fake", "together": True}}
    ).judge
    assert judge is not None
    orders = [tuple(in_order(judge, f"r{case}")) for case in range(600)]
    assert orders == [tuple(in_order(judge, f"r{case}")) for case in range(600)]
    assert all(70 < sum(order == other for other in orders) < 140 for order in set(orders)) and len(set(orders)) == 6


def test_a_judge_that_prefers_the_first_criterion_favours_none_of_them(tmp_path: Path) -> None:
    found = study(tmp_path, judge_that(lambda request: "1. yes\n2. no\n3. no"), together=True)
    (first, *_) = found.tests
    met = [(first.detail(f"rubric: {name}") or (0, 0))[0] for name in CRITERIA]
    assert all(0.15 < share < 0.55 for share in met) and sum(met) == pytest.approx(1)
    assert first.mean == 0


@pytest.mark.slow
def test_verdicts_that_are_missing_or_differ_are_none(tmp_path: Path) -> None:
    found = study(tmp_path, judge_that(lambda request: "1. yes\n2. yes"), together=True)
    assert all(score.outcome == "unjudged" for test in found.tests for score in test.scores)
    found = study(tmp_path, judge_that(lambda request: "1. yes\n2. yes\n3. yes\n1. no"), together=True)
    assert all(score.outcome == "unjudged" for test in found.tests for score in test.scores)


@pytest.mark.slow
def test_people_read_all_criteria_and_the_report_shows_each(both: tuple[Study, Study], tmp_path: Path) -> None:
    found = study(tmp_path, judging(lambda reference, answer: "Yes."))
    assert sheet(tmp_path / "judge.csv")[0]["rubric"] == "\n".join(f"{name}: {says}" for name, says in CRITERIA.items())
    (table,) = make_figures(found).details
    assert (table.title, [row.name for row in table.rows]) == ("Criteria of the rubric", list(CRITERIA))


@pytest.mark.parametrize(
    ("judge", "why"),
    [
        ({"rubric": {}}, "criteria by name"),
        ({"rubric": {True: "It is true."}}, "need quotes"),
        ({"rubric": {"kind": " "}}, "write a text"),
        ({"rubric": {"a": "As {{x}}."}}, "plain text"),
        ({"rubric": "One.", "together": True}, "several criteria"),
    ],
)
def test_rubrics_that_cannot_be_meant_are_refused(judge: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        make_task(kind="write", judge={"model": "fake"} | judge)
