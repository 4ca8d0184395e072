"""Under load and when something breaks: a full queue answers at once, a caller who leaves frees its place, a swap loses nothing."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from data_helpers import make_examples, make_task
from endpoint import Answer, Endpoint, completion, refusal
from serving_helpers import Answered, Client, certify, serve_measured, serving_these, wait_until
from tiny import make_engine

from tailor.approaches.approach import starting_system
from tailor.models.base import Model
from tailor.models.fake import FakeModel
from tailor.models.remote import RemoteModel
from tailor.serving.certified import Certified
from tailor.serving.load import FIRST, KEPT_BATCHES, LEAST_SHARE, Load, Timing
from tailor.serving.served import Served
from tailor.settings import ModelSettings

ROWS = make_examples(20)


class Held(FakeModel):
    """A fake model that answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()
        self.sizes: list[int] = []

    def reply(self, requests: Any, tuned: Path | None = None) -> Any:
        self.sizes.append(len(requests))
        self.go.wait(20)
        return super().reply(requests, tuned)


def found(model: Model, store: Path) -> Certified:
    task = make_task(labels=("red", "green"))
    engine = make_engine(model, store)
    try:
        return certify(task, starting_system(task, ROWS, model), ROWS, engine)
    finally:
        engine.ledger.close()


@contextmanager
def held(tmp_path: Path, *, waiting: int = 8) -> Iterator[tuple[Client, Held]]:
    model, store = Held(), tmp_path / ".tailor"
    served = serve_measured(found(model, store), model, store)
    with serving_these(served, waiting=waiting) as client:
        model.sizes.clear()
        for count in (1, 2, 4, 8, 16) * KEPT_BATCHES:  # more take no longer than one
            client.endpoint.current.timing.note(count, 1.0)
        yield client, model
        model.go.set()


def test_requests_that_arrive_together_are_one_batch(tmp_path: Path) -> None:
    with held(tmp_path) as (client, model), ThreadPoolExecutor(9) as pool:
        model.go.clear()
        asked = [pool.submit(client.chat, "is it red or green")]
        wait_until(lambda: model.sizes == [1])
        asked += [pool.submit(client.chat, f"is number {n} red or green") for n in range(8)]
        wait_until(lambda: client.endpoint.worker.waiting == 8)
        model.go.set()
        assert {one.result().status for one in asked} == {200}
        assert model.sizes == [1, 8]


def test_a_full_queue_says_so_at_once(tmp_path: Path) -> None:
    with held(tmp_path, waiting=4) as (client, model), ThreadPoolExecutor(5) as pool:
        model.go.clear()
        asked = [pool.submit(client.chat, "is it red")]
        wait_until(lambda: model.sizes == [1])
        asked += [pool.submit(client.chat, f"number {n}") for n in range(4)]
        wait_until(lambda: client.endpoint.worker.waiting == 4)
        refused = client.chat("one too many")
        assert (refused.status, refused.error["type"], refused.error["code"]) == (429, "rate_limit_error", "queue_full")
        assert int(refused.headers["retry-after"]) >= 1
        model.go.set()
        assert {one.result().status for one in asked} == {200}
        assert client.chat("one more").status == 200


def test_nobody_is_let_in_to_wait_for_more_than_a_minute(tmp_path: Path) -> None:
    with held(tmp_path) as (client, model), ThreadPoolExecutor(5) as pool:
        for count in (1, 2, 4, 8, 16) * KEPT_BATCHES:
            client.endpoint.current.timing.note(count, 20.0 * count)
        model.go.clear()
        asked = [pool.submit(client.chat, "is it red")]
        wait_until(lambda: model.sizes == [1])
        asked += [pool.submit(client.chat, f"number {n}") for n in range(3)]
        wait_until(lambda: client.endpoint.worker.waiting == 3)
        assert client.chat("one too many").error["code"] == "queue_full"
        model.go.set()
        assert asked[0].result().status == 200


def test_once_the_queue_was_full_no_more_may_wait_than_the_next_batch_needs(tmp_path: Path) -> None:
    with held(tmp_path, waiting=4) as (client, model), ThreadPoolExecutor(5) as pool:
        model.block = 1
        model.go.clear()
        asked = [pool.submit(client.chat, "is it red")]
        wait_until(lambda: model.sizes == [1])
        for number in range(4):
            asked.append(pool.submit(client.chat, f"number {number}"))
            wait_until(lambda number=number: client.endpoint.worker.waiting == number + 1)  # type: ignore[misc]
        for one in (client.chat("one too many"), *(asked[place].result() for place in (2, 3, 4))):
            assert (one.status, one.error["code"]) == (429, "queue_full")
            assert int(one.headers["retry-after"]) >= 1
        assert client.endpoint.worker.waiting == 1
        assert "tailor_overloaded 1" in client.get("/metrics").raw.decode()
        model.go.set()
        assert [asked[place].result().status for place in (0, 1)] == [200, 200]
        assert client.chat("there is room again").status == 200


@pytest.mark.parametrize("pause", [0.0, 0.5])
def test_clients_that_wait_for_their_answers_are_no_overload(pause: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, load, random = [0.0], Load(), Random(3)
    monkeypatch.setattr("tailor.serving.load.time.monotonic", lambda: clock[0])
    comes = [random.uniform(0, 0.25) for _ in range(63)]  # they begin together; the first one is answered by itself
    waiting, taken = 0, 1
    for _ in range(200):
        ends = clock[0] + 0.2 + 0.2 * taken
        for clock[0] in sorted(at for at in comes if at <= ends):
            assert not load.grows(waiting, batch=8, last=taken)
            waiting += 1
        clock[0] = ends
        comes = [at for at in comes if at > ends] + [ends + random.uniform(0, pause) for _ in range(taken)]
        taken = min(8, waiting)
        waiting -= taken


def test_ten_times_what_can_be_answered_shows_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, load = [0.0], Load()
    monkeypatch.setattr("tailor.serving.load.time.monotonic", lambda: clock[0])
    for number in range(45):
        clock[0] = number / 45
        taken = 8 if clock[0] > 0.4 else 0  # after the first answer eight are taken, for longer than a second
        if load.grows(number - taken, batch=8, last=taken or 1):
            return
    pytest.fail("it does not show")


def test_a_queue_that_goes_on_growing_is_an_overload_long_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailor.serving.load.BURST_SECONDS", 0.02)
    with held(tmp_path, waiting=64) as (client, model), ThreadPoolExecutor(16) as pool:
        worker, timing = client.endpoint.worker, client.endpoint.current.timing
        model.block = 1
        model.go.clear()
        first = pool.submit(client.chat, "is it red")
        wait_until(lambda: model.sizes == [1])
        asked = list[Future[Answered]]()
        while not worker.load.is_over:
            asked.append(pool.submit(client.chat, f"number {len(asked)}"))
            wait_until(lambda: worker.waiting == len(asked) or worker.load.is_over)
            assert len(asked) < 16
        wait_until(lambda: worker.busy_seconds > 0.05)
        # The first answer takes a second by all that is known: who comes now would wait for nearly all of it.
        assert {one.result().status for one in asked} == {429}
        assert client.chat("too early").error["code"] == "queue_full"
        assert worker.waiting == 0
        for _ in range(KEPT_BATCHES):
            timing.note(1, 0.001)
        late = pool.submit(client.chat, "it will be done soon")
        wait_until(lambda: worker.waiting == 1)
        assert client.chat("one more than the next batch needs").status == 429
        model.go.set()
        assert first.result().status == late.result().status == 200


def test_under_overload_others_are_let_in_as_late_as_the_next_batch_can_still_be_filled() -> None:
    load = Load()
    at_first = load.opens(1.0)
    load.ended(0, batch=4)
    assert load.opens(1.0) == at_first  # nobody has to be let in where all are
    load.refused()
    for _ in range(100):
        load.ended(4, batch=4)
    assert load.opens(2.0) == pytest.approx(2.0 * (1 - LEAST_SHARE))
    load.ended(3, batch=4)
    assert load.opens(2.0) < 2.0 * (1 - LEAST_SHARE)
    for _ in range(100):
        load.ended(0, batch=4)
    assert load.opens(2.0) == 0


def test_a_batch_is_the_smallest_that_keeps_most_of_the_best_rate_and_grows_while_that_pays() -> None:
    timing, most = Timing(), 64
    assert timing.batch(most) == FIRST
    assert timing.batch(4) == 4
    assert timing.seconds(3) == 0
    for count in (1, 2):  # a tenth of a second for each, and as much for the batch
        timing.note(count, 0.1 + 0.1 * count)
    assert timing.batch(most) == 4  # two were a third quicker than one
    timing.note(4, 0.1 + 0.1 * 4)
    assert timing.batch(most) == 4  # four a fifth quicker than two: a larger one is not tried
    for count in (8, 16):
        timing.note(count, 0.1 + 0.1 * count)
    assert timing.batch(most) == 8  # 16 would be 6 % quicker for each, and take nearly twice as long
    assert timing.batch(5) == 5
    assert timing.batch(most, soon=True) == 4  # three quarters of the best rate, in half the time
    assert timing.seconds(7) == pytest.approx(7 * 0.9 / 8)
    assert timing.seconds(60) == pytest.approx(60 * 1.7 / 16)


def test_one_batch_that_was_held_up_changes_nothing() -> None:
    timing = Timing()
    for count in (1, 2, 4, 8) * 3:
        timing.note(count, 0.2 * count)
    assert timing.batch(64) == 1
    timing.note(1, 10.0)
    assert timing.batch(64) == 1
    for _ in range(KEPT_BATCHES):
        timing.note(1, 10.0)
    assert timing.batch(64) == 2


def test_where_a_batch_takes_no_longer_than_one_it_becomes_as_large_as_it_may() -> None:
    timing = Timing()
    for count in (2, 4, 8):
        timing.note(count, 1.0)
    while (size := timing.batch(50)) < 50:
        timing.note(size, 1.0)
    assert size == 50


def test_a_caller_who_leaves_frees_the_place(tmp_path: Path) -> None:
    with held(tmp_path, waiting=2) as (client, model), ThreadPoolExecutor(3) as pool:
        model.go.clear()
        first = pool.submit(client.chat, "is it red")
        wait_until(lambda: model.sizes == [1])
        stays = pool.submit(client.chat, "who stays")
        wait_until(lambda: client.endpoint.worker.waiting == 1)
        body = json.dumps({"model": "sample", "messages": [{"role": "user", "content": "who leaves"}], "stream": True})
        leaves = socket.create_connection(("127.0.0.1", client.port))
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{client.port}\r\ncontent-type: application/json\r\n"
        leaves.sendall(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
        wait_until(lambda: client.endpoint.worker.waiting == 2)
        leaves.close()
        wait_until(lambda: client.endpoint.worker.waiting == 1)
        model.go.set()
        assert first.result().status == stays.result().status == 200
        said = [request.messages[-1].text for request in model.requests]
        assert "who stays" in said
        assert "who leaves" not in said


def test_a_swap_under_load_loses_no_request_and_each_answer_names_its_configuration(tmp_path: Path) -> None:
    model, store = FakeModel(), tmp_path / ".tailor"
    one = found(model, store)
    two = replace(one, system=one.system.with_(prompt={"instruction": "Say which colour it is."}))
    again = make_engine(model, store)
    two = certify(one.task, two.system, ROWS, again)
    again.ledger.close()
    served = [serve_measured(each, model, store) for each in (one, two)]
    ids = {each.id for each in served}
    assert len(ids) == 2
    with serving_these(*served) as client:
        done, statuses, seen = threading.Event(), list[int](), list[str]()

        def load() -> None:
            while not done.is_set():
                answered = client.chat("is it red or green")
                statuses.append(answered.status)
                seen.append(answered.headers.get("x-tailor-config", ""))

        threads = [threading.Thread(target=load) for _ in range(4)]
        client.server.start()
        for thread in threads:
            thread.start()
        for number in range(1, 6):
            client.server.reload()
            wait_until(lambda number=number: client.endpoint.swaps == number)  # type: ignore[misc]
        assert client.endpoint.roll_back()
        done.set()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200}
        assert set(seen) == ids


def test_a_configuration_that_does_not_hold_never_answers(tmp_path: Path) -> None:
    model, store = FakeModel(), tmp_path / ".tailor"
    one = found(model, store)
    other = one.system.with_(prompt={"instruction": "Name the colour that you like."})
    wrong = serve_measured(one, model, store, system=other)
    told: list[str] = []
    with serving_these(serve_measured(one, model, store), wrong) as client:
        client.server.say = told.append
        client.server.start()
        client.server.reload()
        wait_until(lambda: any("Not changed" in sentence for sentence in told))
        assert client.endpoint.swaps == 0
        assert any(sentence.startswith("row ") for sentence in told)
        assert client.chat("is it red").headers["x-tailor-config"] == client.endpoint.current.id


# --- behind an endpoint


def remote(upstream: Endpoint, **settings: object) -> RemoteModel:
    given = {"name": "far", "base_url": upstream.url, "patience_minutes": 0.2, "timeout_seconds": 2.0, **settings}
    return RemoteModel(ModelSettings.model_validate(given), backoff_seconds=0.05)


def served_from(upstream: Endpoint, tmp_path: Path) -> Served:
    model, store = remote(upstream), tmp_path / ".tailor"
    return serve_measured(found(model, store), model, store)


@pytest.mark.parametrize("stream", [False, True])
def test_an_endpoint_that_breaks_off_is_asked_again_before_anything_is_sent_and_is_never_cut(stream: bool, tmp_path: Path) -> None:
    with Endpoint(lambda payload: Answer(completion("red"))) as upstream:
        served = served_from(upstream, tmp_path)
        with serving_these(served, gate=False) as client:
            broken = iter([Answer(b'{"choices": [{"message": {"content": "re'), refusal(503, "busy")])
            upstream._answers = lambda payload: next(broken, Answer(completion("red")))
            answered = client.chat("is it red", stream=stream)
            assert answered.status == 200
            assert b"red" in answered.raw
            assert answered.raw.endswith(b"data: [DONE]\n\n") or not stream
            upstream._answers = lambda payload: Answer("<html>not what was asked</html>", headers={"content-type": "text/html"})
            failed = client.chat("is it red", stream=stream)
            assert (failed.status, failed.error["type"]) == (502, "server_error")


def test_calls_to_an_endpoint_wait_next_to_each_other(tmp_path: Path) -> None:
    with Endpoint(lambda payload: Answer(completion("red"))) as upstream:
        served = served_from(upstream, tmp_path)
        upstream._answers = lambda payload: Answer(completion("red"), pause=0.3)
        upstream.most_at_once = 0
        with serving_these(served, gate=False) as client, ThreadPoolExecutor(4) as pool:
            assert {one.status for one in pool.map(client.chat, ["one", "two", "three", "four"])} == {200}
        assert upstream.most_at_once >= 3


# --- readiness


@pytest.mark.slow
def test_an_endpoint_that_is_gone_or_hangs_makes_the_server_not_ready(tmp_path: Path) -> None:
    with Endpoint(lambda payload: Answer(completion("red"))) as upstream:
        served = served_from(upstream, tmp_path)
    with serving_these(served, gate=False) as client:
        client.server.health.look()
        told = client.get("/readyz")
        assert told.status == 503
        assert "cannot be asked" in told.body["why"]
        assert client.get("/healthz").status == 200
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        model = RemoteModel(ModelSettings(name="far", base_url=f"http://127.0.0.1:{hangs.getsockname()[1]}/v1"))
        assert "2 s" in model.unreachable()


def test_an_index_or_adapter_that_changes_on_the_disk_is_looked_at_again(tmp_path: Path) -> None:
    model, store = FakeModel(), tmp_path / ".tailor"
    one = found(model, store)
    tuned = store / "tuned"
    tuned.mkdir()
    (tuned / "adapter.safetensors").write_bytes(b"weights")
    served = serve_measured(one, model, store, system=one.system.with_(weights={"tuned": "tuned"}))
    with serving_these(served, gate=False) as client:
        client.server.health.watch(served)
        client.server.health.look()
        assert client.get("/readyz").status == 200
        shutil.rmtree(tuned)
        client.server.health.look()
        told = client.get("/readyz")
        assert (told.status, told.body["why"]) == (503, "adapter.safetensors is gone from the disk")
