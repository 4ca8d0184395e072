"""A crew that asks an endpoint: what it does about every kind of fault, against endpoints made of functions."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tailor.errors import EndpointError
from tailor.models.base import Reply, Request, message
from tailor.models.endpoint.crew import SHORTEST_HANG, Crew
from tailor.models.endpoint.faults import Fault
from tailor.models.endpoint.pace import CallRate
from tailor.models.endpoint.rows import UNREADABLE_TRIES, Rules

Ask = Callable[[int], Reply]


def requests(count: int) -> list[Request]:
    return [Request((message("user", str(number)),)) for number in range(count)]


def crew(ask: Ask, **rules: float) -> Crew:
    given = {"places": 4, "attempts": 3, "backoff": 0.01, "patience": 5.0, "timeout": 30.0, **rules}
    return Crew(lambda request: ask(int(request.messages[0].text)), Rules(**given))  # type: ignore[arg-type]


def run(asked: Crew, count: int) -> dict[int, Reply]:
    replies: dict[int, Reply] = {}
    asked.run(requests(count), replies.update)
    return replies


def busy(wait: float | None = None) -> Fault:
    return Fault("busy", "h failed (429: slow down)", wait=wait, cause="429 slow down")


def down() -> Fault:
    return Fault("passing", "h failed (503)", cause="503")


def refusal(text: str = "no") -> Fault:
    return Fault("request", f"h refused the request (403: {text})", cause=f"403 {text}")


def test_every_place_is_kept_busy_and_a_slow_call_holds_nobody_up() -> None:
    def ask(number: int) -> Reply:
        time.sleep(0.6 if number % 16 == 0 else 0.02)
        return Reply(str(number))

    started = time.monotonic()
    replies = run(crew(ask), 48)
    assert [replies[number].text for number in range(48)] == [str(number) for number in range(48)]
    assert time.monotonic() - started < 1.5, "in blocks of four the three slow calls alone would take 1.8 seconds"


def test_a_row_that_alone_is_refused_is_refused_and_the_others_are_answered() -> None:
    def ask(number: int) -> Reply:
        if number in (0, 13, 29):
            raise refusal("moderated")
        return Reply("yes")

    replies = run(crew(ask), 30)
    assert Counter(reply.finish for reply in replies.values()) == {"stop": 27, "refused": 3}
    assert replies[29].error == "h refused the request (403: moderated)"


def spoilt() -> Fault:
    return Fault("unreadable", "h: the answer is not JSON: <html>", cause="the answer is not JSON")


@pytest.mark.parametrize("rows", [(0, 13), (29,)])
def test_a_row_that_alone_cannot_be_read_is_given_up_for_good_once_others_are_known_to_be_answered(rows: tuple[int, ...]) -> None:
    calls = Counter[int]()

    def ask(number: int) -> Reply:
        calls[number] += 1
        if number in rows:
            fault = spoilt()
            fault.cost = Reply("", tokens_in=11, tokens_out=3)
            raise fault
        return Reply("yes")

    replies = run(crew(ask), 30)
    assert {number: reply.finish for number, reply in replies.items() if reply.finish != "stop"} == dict.fromkeys(rows, "refused")
    assert all(replies[row].error.endswith("<html>") and replies[row].tokens_in == 11 for row in rows)
    assert sum(calls.values()) <= 30 + len(rows) * (UNREADABLE_TRIES - 1) + 1, "one more asks what was answered before"


def test_rows_that_cannot_be_read_since_nothing_can_any_more_are_no_refusals() -> None:
    calls = Counter[int]()

    def ask(number: int) -> Reply:
        calls[number] += 1
        if sum(calls.values()) > 28:
            raise spoilt()
        return Reply("yes")

    replies: dict[int, Reply] = {}
    with pytest.raises(EndpointError, match="2 of 30 calls failed: the answer is not JSON"):
        crew(ask, places=1).run(requests(30), replies.update)
    assert Counter(reply.finish for reply in replies.values()) == {"stop": 28}


@pytest.mark.parametrize("where", [range(10, 30), range(12)])
def test_many_rows_in_a_row_that_are_refused_are_told_from_an_endpoint_that_refuses_everything(where: range) -> None:
    """Rows that are too long, or of one kind, often lie next to one another."""
    calls = Counter[int]()

    def ask(number: int) -> Reply:
        calls[number] += 1
        if number in where:
            raise (
                Fault("moderated", "h will not answer this (400: flagged)", cause="400 flagged")
                if not where[0]
                else refusal("long")
            )
        return Reply("yes")

    asked = Crew(lambda request: ask(int(text) if (text := request.messages[0].text).isdecimal() else -1), Rules(4, backoff=0.001))
    replies = run(asked, 40)
    assert Counter(reply.finish for reply in replies.values()) == {"stop": 40 - len(where), "refused": len(where)}
    assert sum(count - 1 for number, count in calls.items() if number not in where) <= 8, "few are asked to find that out"


def test_a_slip_that_says_nothing_of_a_text_is_no_refusal_of_it() -> None:
    """One server of several that does not know the model yet, or the key."""
    calls = Counter[int]()

    def ask(number: int) -> Reply:
        calls[number] += 1
        if number % 9 == 4 and calls[number] <= 1 + number % 2:
            raise refusal("no such model here")
        return Reply("yes")

    assert Counter(reply.finish for reply in run(crew(ask), 100).values()) == {"stop": 100}


@pytest.mark.parametrize("last", [1, 4])
def test_the_last_rows_are_no_refusals_where_nothing_is_answered_any_more(last: int) -> None:
    answered: set[int] = set()

    def ask(number: int) -> Reply:
        if len(answered) >= 30 - last:
            raise refusal("the key is revoked")
        answered.add(number)
        return Reply("yes")

    replies: dict[int, Reply] = {}
    with pytest.raises(EndpointError, match="the key is revoked"):
        crew(ask, places=1).run(requests(30), replies.update)
    assert Counter(reply.finish for reply in replies.values()) == {"stop": 30 - last}


def test_answers_that_are_spoilt_now_and_then_are_asked_for_again() -> None:
    chance = random.Random(4)

    def ask(number: int) -> Reply:
        if chance.random() < 0.1:
            raise spoilt()
        return Reply("yes")

    assert {reply.text for reply in run(crew(ask), 200).values()} == {"yes"}


def test_an_endpoint_that_sends_nothing_else_any_more_stops_the_run_in_its_words() -> None:
    calls = Counter[int]()

    def ask(number: int) -> Reply:
        calls[number] += 1
        if sum(calls.values()) > 20:
            raise spoilt()
        return Reply("yes")

    with pytest.raises(EndpointError, match="the answer is not JSON"):
        run(crew(ask), 500)
    assert sum(calls.values()) < 200


@pytest.mark.parametrize("first", [0, 20])
def test_refusals_of_everything_stop_the_run_in_the_endpoints_words(first: int) -> None:
    calls = Counter[int]()

    def ask(number: int) -> Reply:
        calls[number] += 1
        if sum(calls.values()) > first:
            raise refusal("the key is revoked")
        return Reply("yes")

    with pytest.raises(EndpointError, match="the key is revoked") as caught:
        run(crew(ask), 500)
    assert caught.value.fatal and sum(calls.values()) < first + 20


def test_a_dead_key_stops_the_run_and_what_was_under_way_is_kept() -> None:
    def ask(number: int) -> Reply:
        if number == 5:
            raise Fault("fatal", "h refused the key")
        time.sleep(0.05)
        return Reply("yes")

    replies: dict[int, Reply] = {}
    with pytest.raises(EndpointError, match="refused the key"):
        crew(ask).run(requests(100), replies.update)
    assert set(range(5)) <= set(replies) and len(replies) < 12


@pytest.mark.slow
def test_an_outage_is_waited_out() -> None:
    began = time.monotonic()

    def ask(number: int) -> Reply:
        time.sleep(0.005)
        if 0.1 < time.monotonic() - began < 0.8:
            raise down()
        return Reply("yes")

    assert all(reply.text == "yes" for reply in run(crew(ask), 200).values())


def test_an_outage_longer_than_the_patience_ends_with_how_many_failed_and_why() -> None:
    def ask(number: int) -> Reply:
        if number >= 10:
            raise busy()
        return Reply("yes")

    replies: dict[int, Reply] = {}
    with pytest.raises(EndpointError, match=r"^\d+ of 24 calls failed: 429 slow down$") as caught:
        crew(ask, patience=0.5).run(requests(24), replies.update)
    assert caught.value.retryable and len(replies) == 10


def test_a_row_that_fails_while_others_succeed_is_given_up_as_failed() -> None:
    def ask(number: int) -> Reply:
        time.sleep(0.01)
        if number == 3:
            raise down()
        return Reply("yes")

    replies = run(crew(ask), 60)
    assert Counter(reply.finish for reply in replies.values()) == {"stop": 59, "error": 1} and replies[3].error == "h failed (503)"


@pytest.mark.slow
@pytest.mark.parametrize("wait", [None, 0.0, 0.02])
def test_refusals_at_random_are_waited_out(wait: float | None) -> None:
    chance = random.Random(4)

    def ask(number: int) -> Reply:
        if chance.random() < 0.5:
            raise busy(wait)
        return Reply("yes")

    assert len(run(crew(ask), 60)) == 60


def test_calls_that_are_refused_together_are_waited_out_once() -> None:
    pace = CallRate()
    assert [pace.refused(10.0 + 0.01 * n, None, 0.5) for n in range(4)] == pytest.approx([10.5, 10.51, 10.52, 10.53])
    assert pace.refused(10.6, None, 0.5) == pytest.approx(11.6), "refused again, it waits twice as long"
    pace.answered(11.7)
    assert pace.refused(11.8, None, 0.5) == pytest.approx(12.3)


def test_an_endpoint_that_refuses_at_random_is_not_asked_ever_more_slowly() -> None:
    pace, now = CallRate(rate=5.0), 0.0
    for _ in range(40):  # every question is refused once
        now = pace.refused(now, None, 0.5)
        for _ in range(4):
            now += pace.turn(now) + 0.01
            pace.answered(now)
    assert pace.rate is None and now < 40 * 1.5


def test_nobody_asks_earlier_than_told() -> None:
    told = [0.0]

    def ask(number: int) -> Reply:
        now = time.monotonic()
        early.append(now < told[0])
        if number % 10 == 7 and number not in refused:
            refused.add(number)
            time.sleep(0.2)  # what was under way with it has started by now
            told[0] = time.monotonic() + 0.25
            raise busy(0.3)
        time.sleep(0.005)
        return Reply("yes")

    early: list[bool] = []
    refused: set[int] = set()
    assert len(run(crew(ask, places=2), 20)) == 20
    assert not any(early) and len(refused) == 2


@pytest.mark.slow
def test_calls_that_hang_cost_no_more_than_a_quarter_of_the_time() -> None:
    hanging = threading.Event()

    def seconds_of(share: float) -> float:
        chance = random.Random(11)
        hang = {number for number in range(400) if chance.random() < share}

        def ask(number: int) -> Reply:
            if number in hang:
                hang.discard(number)
                hanging.wait(20)
            time.sleep(0.1)
            return Reply("yes")

        started = time.monotonic()
        assert len(run(crew(ask, places=16), 400)) == 400
        return time.monotonic() - started

    without, with_ = seconds_of(0.0), seconds_of(0.05)
    hanging.set()
    # A last call that hangs is only noticed after the shortest time that counts as hanging.
    assert with_ <= 1.25 * without + SHORTEST_HANG, (with_, without)


def test_the_pace_grows_slowly_where_nothing_is_refused() -> None:
    pace, now = CallRate(), 0.0
    for _ in range(20):
        now += 0.1
        assert pace.turn(now) == 0.0
        pace.answered(now)
    assert pace.rate is None
    pace.refused(now, 2.0, 1.0)
    assert pace.turn(now) == pytest.approx(2.0)
    now += 2.0
    pace.answered(now)
    found = pace.rate
    assert found == pytest.approx(0.96 * 20 / 3.9, rel=0.05)
    for _ in range(50):
        now += 1
        pace.answered(now)
    assert pace.rate is not None and found is not None and found < pace.rate < 1.04 * found
