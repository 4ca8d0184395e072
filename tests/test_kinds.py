"""Kinds of task: each keeps its promises, is found by its name, and is asked by nobody for it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from data_helpers import make_example, make_task, sentence

from tailor.data.example import Example
from tailor.errors import ConfigError
from tailor.kinds.base import Kind, Metric, kind_of, score
from tailor.kinds.classify import Classify
from tailor.plugins import KINDS, METRICS
from tailor.retrieval.passage import Passage
from tailor.score.types import Answer, Score
from tailor.system import Decoding, Prompt, System, Weights
from tailor.task import Task
from tailor.testing import check_kind

ROWS = [make_example(number, "red" if number % 2 else "green") for number in range(6)]
ANSWERS = [make_example(number, "" if number == 3 else f"{number} days", source="pay.md") for number in range(6)]
TEXTS = [make_example(number, "so " * (9 * (number % 2)) + sentence(number)) for number in range(6)]


def answer_task(**changes: object) -> Task:
    return make_task(kind="answer", **changes)


@pytest.mark.parametrize(
    ("task", "rows"),
    [
        (make_task(), ROWS),
        (make_task(labels=["red", "green"]), ROWS),
        (answer_task(), ANSWERS),
        (answer_task(metric="squad_f1"), ANSWERS),
        (make_task(kind="write", requirements={"words": {"at_most": 20}, "contains": ["{{text}}"]}), TEXTS),
    ],
)
def test_every_kind_keeps_its_promises(task: Task, rows: Sequence[Example]) -> None:
    check_kind(kind_of(task), task, rows)


class Shouting(Classify):
    """Teaches what it does not take for right."""

    def target_text(self, system: System, example: Example, passages: Sequence[Passage]) -> str:
        return "everything"


class Generous(Classify):
    """Gives marks outside [0, 1]."""

    def score(self, task: Task, system: System, example: Example, answer: Answer) -> Score:
        return Score("right", 2.0, answer.raw)


class Nameless(Classify):
    """Goes by another name than the one it is found by."""

    name = "sort"


@pytest.mark.parametrize(
    ("broken", "promise"), [(Shouting(), "is right for"), (Generous(), r"in \[0, 1\]"), (Nameless(), "found by its name")]
)
def test_a_kind_that_breaks_a_promise_is_told_which(broken: Kind, promise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if broken.name in KINDS:
        monkeypatch.setitem(KINDS._loaded, broken.name, broken)
    with pytest.raises(AssertionError, match=promise):
        check_kind(broken, make_task(), ROWS)


def test_a_name_that_nothing_has_is_told_with_the_nearest_that_something_has() -> None:
    with pytest.raises(ConfigError, match="`clasify` is not a kind of task; did you mean `classify`") as caught:
        KINDS.load("clasify")
    assert caught.value.hint == "There are classify, tags, answer, write, extract."


def test_a_metric_may_come_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(text: str, example: Example) -> float:
        return 1.0 if text in example.answers else 0.5

    added = Metric("kindly", "the mean of marks that are never nothing", "marks", graded=True, value=half, kinds=("classify",))
    monkeypatch.setattr(METRICS, "own", {"kindly": "anywhere:KINDLY"})
    monkeypatch.setitem(METRICS._loaded, "kindly", added)
    task = make_task(metric="kindly", labels=["red", "green"])
    system = System(
        steps=("a",), weights=Weights(model="m"), prompt=Prompt(instruction="a", input="b"), decoding=Decoding(labels=task.labels)
    )
    found = [score(task, system, ROWS[1], Answer("1", said)) for said in ("red", "green", "blue")]
    assert [(one.outcome, one.value) for one in found] == [("right", 1.0), ("wrong", 0.5), ("unparsed", 0.0)]
    with pytest.raises(ValueError, match="metric 'kindly' does not fit kind 'answer'"):
        answer_task(metric="kindly")
    with pytest.raises(ValueError, match="did you mean `kindly`"):
        make_task(metric="kindle")
