"""Searching by a question that the model writes out of a conversation: a candidate of its own, whose further call counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from data_helpers import make_task
from tiny import DOCUMENTS

from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.named import approach_named
from tailor.approaches.retrieval import Retrieve
from tailor.conversation import Turn, written
from tailor.data.example import Example
from tailor.decide.rungs import ladder
from tailor.engine import Engine
from tailor.errors import CallsFailed
from tailor.models.base import Capabilities, Request
from tailor.models.fake import FakeModel
from tailor.rewritten import INSTRUCTION
from tailor.system import System

MakeEngine = Callable[..., Engine]
TASK = make_task(kind="answer", instruction="Answer.", input="{{messages}}", output="output")
BEFORE = (Turn("user", "What may a night in a hotel cost?"), Turn("assistant", "120 pounds."))
ROWS = (
    Example("1", {"messages": written([*BEFORE, Turn("user", "And how many days off has everyone?")])}, ("30 days",)),
    Example("2", {"messages": written([Turn("system", "Be brief."), Turn("user", "When are wages paid?")])}, ("25th",)),
)


def rewrites(request: Request) -> str:
    if request.messages[0].text == INSTRUCTION:
        assert request.messages[1].text.startswith("user: What may a night in a hotel cost?")
        return "How many days of leave?"
    return "30 days"


def fitted(tmp_path: Path, engine_for: MakeEngine, model: FakeModel, approach: Retrieve) -> tuple[Engine, System]:
    engine = engine_for(model, tmp_path, DOCUMENTS)
    start = starting_system(TASK, ROWS, model)
    return engine, approach.fit(start, TrainingData(TASK, ROWS, ()), engine)


def test_the_question_is_written_once_and_its_call_counts(tmp_path: Path, engine_for: MakeEngine) -> None:
    model = FakeModel(rewrites)
    engine, plain = fitted(tmp_path, engine_for, model, Retrieve("bm25"))
    _, system = fitted(tmp_path / "b", engine_for, model, Retrieve("bm25", rewrites=True))
    assert system.name == "rag-bm25-rewritten" and system.fingerprint != plain.fingerprint
    assert engine.searching.searched(plain, ROWS) == ["And how many days off has everyone?", "When are wages paid?"]
    assert engine.searching.searched(system, ROWS) == ["How many days of leave?", "When are wages paid?"]
    before, after = engine.answer(plain, ROWS), engine.answer(system, ROWS)
    assert after[0].passages[0].document == "leave.md"
    assert after[0].tokens_in > before[0].tokens_in and after[0].tokens_out == before[0].tokens_out + 5
    assert after[1].tokens_in == before[1].tokens_in, "nothing was said before it"
    asked = len(model.requests)
    assert engine.answer(system, ROWS) == after and len(model.requests) == asked


def test_a_call_that_fails_is_no_question(tmp_path: Path, engine_for: MakeEngine) -> None:
    model = FakeModel(fail=lambda request: "down" if request.messages[0].text == INSTRUCTION else "")
    engine, system = fitted(tmp_path, engine_for, model, Retrieve("bm25", rewrites=True))
    with pytest.raises(CallsFailed, match="1 of 1 calls for a question to search by failed, such as: down"):
        engine.answer(system, ROWS)


def test_both_ways_to_ask_race_where_rows_end_conversations() -> None:
    def names(talks: bool) -> list[str]:
        retrieve = next(rung for rung in ladder(TASK, True, Capabilities(), talks=talks) if rung.name == "retrieve")
        start = starting_system(TASK, ROWS, FakeModel())
        return [proposal.name for proposal in retrieve.candidates(start, [])]

    assert {"rag-hybrid", "rag-hybrid-rewritten"} <= set(names(True)) and "rag-hybrid-rewritten" not in names(False)
    assert approach_named("rag-hybrid-rewritten") == Retrieve(rewrites=True)
