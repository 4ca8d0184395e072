"""Answers from batches: half the price, each asked and paid for once, whatever happens to the run."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from batch_endpoint import WRITTEN, BatchEndpoint, word
from batch_project import ORDINARY, SHARE, asked, project
from biller import climbed
from endpoint import completion

from tailor.approaches.approach import starting_system
from tailor.batches import FEWEST
from tailor.data.split import load_splits
from tailor.decide.meter import Meter
from tailor.errors import ConfigError, EndpointError, OverBudget
from tailor.ledger import Ledger
from tailor.models.endpoint.desk import Desk
from tailor.open_engine import open_engine
from tailor.project import Project, load_project
from tailor.score.types import Answer
from tailor.store.spending import Spending


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.batches.FIRST_PAUSE", 0.005)
    monkeypatch.setattr("tailor.models.endpoint.desk.LOOKS", (0.0, 0.02, 0.02))


def noted(opened: Project) -> int:
    with Ledger(opened.store) as ledger:
        return len(ledger.batches())


def once(endpoint: BatchEndpoint, answers: list[Answer], count: int) -> None:
    """Every question has its answer, and was billed once."""
    assert all(answer.raw.startswith("word") for answer in answers) and len(answers) == count
    assert sorted(endpoint.answered.values()) == [1] * count


def test_rows_are_asked_in_one_batch_at_its_price_but_for_the_first_of_a_kind(tmp_path: Path) -> None:
    with BatchEndpoint() as endpoint:
        opened = project(tmp_path, endpoint)
        answers, spent, said = asked(opened)
        once(endpoint, answers, 20)
        assert len(endpoint.at_once) == 1 and [batch["request_counts"]["total"] for batch in endpoint.batches] == [19]
        assert spent.paid == pytest.approx(ORDINARY * (1 + 19 * SHARE)) and spent.calls == 20 and not spent.maybe_paid
        assert "A batch of 19 answers is at the endpoint (batch-0)" in said[0]
        assert asked(opened)[0] == answers and len(endpoint.batches) == 1 and noted(opened) == 0
        asked(opened, FEWEST - 1, first=20)
        assert len(endpoint.batches) == 1, "so few are asked at once"


def test_systems_of_a_rung_wait_together(tmp_path: Path) -> None:
    with BatchEndpoint() as endpoint:
        opened = project(tmp_path, endpoint)
        splits = load_splits(opened)
        with Ledger(opened.store) as ledger:
            engine = open_engine(opened, ledger)
            plain = starting_system(opened.task, splits.train, engine.model)
            other = plain.then("other", prompt={"instruction": "Say the last word."})
            engine.batches.ahead([(plain, splits.dev[:9]), (other, splits.dev[:9])])
            assert len(endpoint.batches) == 1 and sum(endpoint.answered.values()) == 18
            for system in (plain, other):
                engine.answer(system, splits.dev[:9])
        assert len(endpoint.batches) == 1 and sum(endpoint.answered.values()) == 18


SPOILT: dict[str, dict[str, Any]] = {
    "server": {"response": {"status_code": 500, "body": {"error": {"message": "oops"}}}},
    "refused": {"response": {"status_code": 400, "body": {"error": {"message": "no", "code": "content_filter"}}}},
    "expired": {"error": {"code": "batch_expired", "message": "too late"}},
    "odd": {"response": {"status_code": 200, "body": "?"}},
}


@pytest.mark.parametrize("how", SPOILT)
def test_rows_that_a_batch_leaves_open_are_asked_at_once(tmp_path: Path, how: str) -> None:
    with BatchEndpoint() as endpoint:
        endpoint.spoils = {2: SPOILT[how], 5: SPOILT[how]}
        answers, spent, _ = asked(project(tmp_path, endpoint))
        once(endpoint, answers, 20)
        assert len(endpoint.at_once) == 1 + 2
        assert spent.paid == pytest.approx(ORDINARY * (17 * SHARE + len(endpoint.at_once)))


def test_rows_that_were_not_reached_in_time_go_into_one_more_batch(tmp_path: Path) -> None:
    with BatchEndpoint(end="expired") as endpoint:
        endpoint.spoils = {number: SPOILT["expired"] for number in range(10)}
        answers, spent, _ = asked(project(tmp_path, endpoint))
        once(endpoint, answers, 20)
        assert [batch["request_counts"]["total"] for batch in endpoint.batches] == [19, 10] and len(endpoint.at_once) == 11
        assert spent.paid == pytest.approx(ORDINARY * (9 * SHARE + 11))


def test_an_answer_that_a_thought_ate_gets_its_room_at_once(tmp_path: Path) -> None:
    def thinking(payload: Mapping[str, Any]) -> dict[str, Any]:
        hard = "word7" in str(payload["messages"][-1]["content"])
        return completion("<think>Hm", "length") if hard and payload["max_tokens"] < 500 else word(payload)

    with BatchEndpoint(thinking) as endpoint:
        answers, spent, _ = asked(project(tmp_path, endpoint), 66)
        assert all(answer.raw.startswith("word") for answer in answers) and len(endpoint.batches) == 1
        assert spent.calls == sum(endpoint.answered.values()), "what came back cut was paid for, too"


@pytest.mark.parametrize(("end", "told"), [("failed", "the queue is full"), ("cancelled", "was called off at the endpoint; 17")])
def test_a_batch_that_is_not_taken_or_called_off_ends_the_run_in_words(tmp_path: Path, end: str, told: str) -> None:
    with BatchEndpoint(end=end) as endpoint:
        opened = project(tmp_path, endpoint)
        endpoint.spoils = {0: SPOILT["expired"], 1: SPOILT["expired"]}
        with pytest.raises(EndpointError, match=told):
            asked(opened)
        assert noted(opened) == 0
        endpoint.end, endpoint.spoils = "completed", {}
        answers, spent, _ = asked(opened)
        once(endpoint, answers, 20)
        assert not spent.maybe_paid


@pytest.mark.parametrize("hides", [0, 1])
def test_a_batch_whose_name_got_lost_on_the_way_is_found_and_not_handed_in_again(tmp_path: Path, hides: int) -> None:
    with BatchEndpoint() as endpoint:
        endpoint.loses, endpoint.hides = 1, hides
        answers, spent, _ = asked(project(tmp_path, endpoint))
        once(endpoint, answers, 20)
        assert len(endpoint.batches) == 1 and not spent.maybe_paid


def test_a_batch_holds_no_more_than_the_budget_has_room_for(tmp_path: Path) -> None:
    with BatchEndpoint() as endpoint:
        opened = project(tmp_path, endpoint)
        budget = 0.0035
        try:
            answers, spent, _ = asked(opened, 60, budget=budget)
        except OverBudget:
            _, spent, _ = asked(opened, 0, budget=budget)
        assert spent.paid + spent.maybe <= budget and len(endpoint.batches) > 1
        assert set(endpoint.answered.values()) == {1}


# --- killed, and stopped

STEPS: dict[str, tuple[type, str, str, int]] = {
    "before the intent": (Ledger, "note_batch", "before", 1),
    "with the intent": (Ledger, "note_batch", "after", 1),
    "with the money": (Meter, "reserve_batch", "after", 1),
    "with the file sent": (Desk, "upload", "after", 1),
    "with the file's name": (Ledger, "note_batch", "after", 2),
    "with the batch at the endpoint": (Desk, "start", "after", 1),
    "with the batch's name": (Ledger, "note_batch", "after", 3),
    "while it waits": (Desk, "look", "after", 1),
    "with the answers fetched": (Ledger, "save_answers", "before", 2),
    "with the answers saved": (Ledger, "save_answers", "after", 2),
    "before the money is settled": (Spending, "save", "before", 1),
    "with the money settled": (Meter, "settle_batch", "after", 1),
    "without the intent": (Ledger, "note_batch", "after", 4),
}


def killing(kind: type, name: str, when: str, number: int) -> None:
    """Let this process be killed at the n-th call of a method."""
    method: Callable[..., Any] = getattr(kind, name)
    count = 0

    def killed(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = method(*args, **kwargs)
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(kind, name, killed)


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_is_killed_at_any_step_pays_for_every_answer_once(tmp_path: Path, step: str) -> None:
    with BatchEndpoint() as endpoint:
        opened = project(tmp_path, endpoint)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the server's threads stay behind in the parent, where they belong
            child = os.fork()
        if not child:  # pragma: no cover
            try:
                killing(*STEPS[step])
                asked(opened)
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        if step == "with the batch at the endpoint":
            assert len(endpoint.batches) == 1 and noted(opened) == 1
        answers, spent, _ = asked(opened)
        once(endpoint, answers, 20)
        assert len(endpoint.batches) == 1 and noted(opened) == 0
        unsure = len(spent.maybe_paid)  # the first row's call of its own, where nothing was noted down after it came back
        assert unsure <= (step in ("before the intent", "with the intent")) and not any(call.batch for call in spent.maybe_paid)
        once_each = len(endpoint.at_once)  # a new process asks a first row of its own, to find out how to ask
        assert once_each <= 2 and spent.calls == 20 - unsure
        assert spent.paid == pytest.approx(ORDINARY * (once_each - unsure + (20 - once_each) * SHARE))


def test_ctrl_c_leaves_the_batch_running_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[str]()
    with BatchEndpoint(looks=3) as endpoint:
        opened = project(tmp_path, endpoint)

        def interrupted(seconds: float) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(time, "sleep", interrupted)
            splits = load_splits(opened)
            with Ledger(opened.store) as ledger, suppress(KeyboardInterrupt):
                engine = open_engine(opened, ledger)
                engine.say = said.append
                engine.answer(starting_system(opened.task, splits.train, engine.model), splits.dev[:20])
        assert (
            "goes on at the endpoint; the next run fetches its answers" in said[-1] and endpoint.batches[0]["status"] != "completed"
        )
        with Ledger(opened.store) as ledger:
            engine = open_engine(opened, ledger)
            engine.say = said.append
            assert engine.spending is not None and engine.spending.spent.maybe_paid[0].calls == 19
            engine.batches.gather([engine.model])
            assert "A batch of 19 answers is still at the endpoint" in said[-1]
        answers, spent, _ = asked(opened)
        once(endpoint, answers, 20)
        assert not spent.maybe_paid


def test_a_batch_is_fetched_also_when_nobody_asks_in_batches_any_more(tmp_path: Path) -> None:
    with BatchEndpoint(looks=10**6) as endpoint:
        opened = project(tmp_path, endpoint)
        with pytest.MonkeyPatch.context() as patch, suppress(KeyboardInterrupt):
            patch.setattr(Desk, "look", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            asked(opened)
        endpoint.looks = 3  # it is still under way when the next run begins
        answers, _, _ = asked(project(tmp_path, endpoint, batch=False))
        once(endpoint, answers, 20)
        assert len(endpoint.at_once) == 1


def test_whoever_asks_beside_a_run_does_not_wait_for_its_batches(tmp_path: Path) -> None:
    with BatchEndpoint(looks=10**6) as endpoint:
        opened = project(tmp_path, endpoint)
        with pytest.MonkeyPatch.context() as patch, suppress(KeyboardInterrupt):
            patch.setattr(Desk, "look", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            asked(opened)
        splits = load_splits(opened)
        with Ledger(opened.store, shared=True) as ledger:
            engine = open_engine(opened, ledger)
            (answer,) = engine.answer(starting_system(opened.task, splits.train, engine.model), splits.dev[5:6])
        assert answer.raw.startswith("word") and len(endpoint.at_once) == 2 and noted(opened) == 1


@pytest.mark.slow
def test_a_study_in_batches_says_what_waits_and_finds_what_one_without_finds(tmp_path: Path) -> None:
    def counting(payload: Mapping[str, Any]) -> dict[str, Any]:
        read = sum(len(message["content"]) for message in payload["messages"]) // 4
        return word(payload) | {"usage": {"prompt_tokens": read, "completion_tokens": WRITTEN, "total_tokens": read + WRITTEN}}

    with BatchEndpoint(counting) as endpoint:
        study, said = climbed(project(tmp_path / "batches", endpoint).folder)
        assert "asked in batches, at 50 % of the price" in said and len(endpoint.batches) >= 3
        paid = study.spent.paid if study.spent else 0.0
        plain, _ = climbed(project(tmp_path / "plain", endpoint, batch=False).folder)
        assert plain.decision is not None and study.decision is not None
        assert study.decision.chosen == plain.decision.chosen
        assert [step.run and step.run.values for step in study.steps] == [step.run and step.run.values for step in plain.steps]
        assert study.expected is not None and study.expected.money is not None and plain.spent is not None
        assert study.expected.money.low <= paid <= study.expected.money.high and paid < 0.7 * plain.spent.paid
        with pytest.raises(ConfigError, match="a time limit cannot be kept"):
            from tailor.experiment import run

            run(load_project(tmp_path / "batches"), _Quiet(), max_minutes=1.0)


class _Quiet:
    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None
