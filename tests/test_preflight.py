"""Before anything is spent: what an endpoint shows when it is asked twice, and what a study is expected to cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from biller import Biller, climbed, quiz
from endpoint import Answer, Endpoint, completion, refusal
from estimates import studies
from flow import tailor

from tailor.approaches.approach import starting_system
from tailor.data.split import load_splits
from tailor.errors import TailorError
from tailor.ledger import Ledger
from tailor.open_engine import open_engine
from tailor.project import load_project


def test_check_asks_nothing_and_tells_what_a_run_would_cost(tmp_path: Path) -> None:
    with Endpoint(Biller()) as endpoint:
        folder = quiz(tmp_path, endpoint.url)
        said = tailor("check", folder)
        assert endpoint.calls == 0 and "Nothing was sent to a model." in said.output
        assert "The whole study is expected to take 1" in said.output and "USD" in said.output
        record = json.loads(tailor("check", folder, "--json").output)
    assert record["endpoint"] == [] and record["expected"]["calls"]["low"] < record["expected"]["calls"]["high"]


def test_check_asks_an_endpoint_when_told_to_and_shows_what_it_found(tmp_path: Path) -> None:
    def answers(payload: dict[str, object]) -> Answer:
        if "temperature" in payload:
            return refusal(400, "temperature is not supported with this model")
        if "system" in str(payload["messages"]):
            return refusal(400, "System role not supported")
        return Answer(completion("x", usage=None) | {"model": "m-1-0601"})

    with Endpoint(answers) as endpoint:  # type: ignore[arg-type]
        folder = quiz(tmp_path, endpoint.url)
        said = tailor("check", folder, "--endpoint").output
        assert "max_tokens, without temperature" in said and "is not accepted: its text goes into the first turn" in said
        assert "answers as m-1-0601" in said and "are estimated, since the endpoint does not count them" in said
        assert "1 USD for a million tokens read, 10 USD written (as given in `prices`)" in said
        calls = endpoint.calls
        record = json.loads(tailor("check", folder, "--endpoint", "--json").output)
        assert endpoint.calls > calls, "it is asked again"
    assert record["endpoint"][0]["checks"]["thought"] == "none was seen"


def test_empty_answers_are_told_before_others_are_paid_for(tmp_path: Path) -> None:
    with Endpoint([Answer(completion(""))]) as endpoint:
        said = tailor("check", quiz(tmp_path, endpoint.url), "--endpoint").output
    assert "2 of 2 were empty" in " ".join(said.split())


def test_check_says_that_there_is_no_endpoint_to_ask(tmp_path: Path) -> None:
    said = tailor("check", quiz(tmp_path, "", model="fake"), "--endpoint")
    assert said.exit_code == 2 and "asks no endpoint" in said.output


def test_a_run_tells_both_first_and_asks_nothing_for_it_that_it_does_not_use(tmp_path: Path) -> None:
    with Endpoint(Biller()) as endpoint:
        study, said = climbed(quiz(tmp_path, endpoint.url))
        asked = [str(payload["messages"]) for payload in endpoint.payloads]
    first, second, *_ = said.split("\n")
    assert first.startswith("Model m-1 answers: key none is sent; parameters max_tokens; system role is accepted; ")
    assert second.startswith("The whole study is expected to take ")
    assert study.spent is not None and study.spent.calls == len(asked)
    again = sum(found.calls for found in study.consistency)
    assert len(asked) - len(set(asked)) <= again, "only asking again repeats a question"


@pytest.mark.parametrize("judged", [False, True])
def test_a_fault_stops_a_run_with_the_words_of_the_endpoint(tmp_path: Path, judged: bool) -> None:
    biller = Biller()

    def answers(payload: dict[str, object]) -> Answer:
        if judged and payload["model"] == "m-1":
            return biller(payload)
        return refusal(401, "Incorrect API key provided", "invalid_api_key")

    with Endpoint(answers) as endpoint:  # type: ignore[arg-type]
        judge = {"rubric": "It is right.", "model": {"name": "j-1", "base_url": endpoint.url}}
        folder = quiz(tmp_path, endpoint.url, **({"metric": "judged", "judge": judge} if judged else {}))
        with pytest.raises(TailorError, match="Incorrect API key provided"):
            climbed(folder)
        assert endpoint.calls <= 4


@pytest.mark.slow
def test_a_first_row_that_alone_is_refused_does_not_stop_a_run(tmp_path: Path) -> None:
    biller = Biller()
    refused: list[str] = []

    def answers(payload: dict[str, object]) -> Answer:
        question = str(payload["messages"][-1]["content"])  # type: ignore[index]
        if not refused:
            refused.append(question)
        return refusal(403, "not this one") if question == refused[0] else biller(payload)

    with Endpoint(answers) as endpoint:  # type: ignore[arg-type]
        study, _ = climbed(quiz(tmp_path, endpoint.url))
    baseline = study.dev_run("zero-shot")
    assert baseline is not None and baseline.count("refused") == 1


def test_what_a_study_takes_lies_in_the_range_that_was_told() -> None:
    found = studies(1, seed=3)
    assert (found["calls"], found["read"], found["written"], found["money"], found["over"]) == (1, 1, 1, 1, 0)


@pytest.mark.parametrize("thinks", [True, False], ids=["thinks", "talks"])
def test_room_for_a_thought_is_looked_for_once_in_a_project(tmp_path: Path, thinks: bool) -> None:
    def answer(payload: Mapping[str, Any]) -> Answer:
        limit = payload["max_tokens"]
        if thinks and limit > 2000:
            return Answer(completion("<think>Which one? This.</think>yes"))
        return Answer(completion("<think>Which one could" if thinks else " ".join(["word"] * limit), "length"))

    with Endpoint(answer) as endpoint:
        project = load_project(quiz(tmp_path, endpoint.url))
        splits = load_splits(project)

        def room_asked_for(first: int, end: int) -> list[int]:
            before = endpoint.calls
            with Ledger(project.store) as ledger:
                engine = open_engine(project, ledger)
                system = starting_system(project.task, splits.train, engine.model)
                engine.answer(system, splits.dev[first:end])
            limits = [payload["max_tokens"] for payload in endpoint.payloads[before:]]
            return sorted(limit - system.decoding.max_tokens for limit in limits)

        once = room_asked_for(0, 1)
        assert once == ([0, 1024, 4096] if thinks else [0, 1024])
        assert room_asked_for(1, 4) == ([4096] * 3 if thinks else [0] * 3)
