"""A served system answers as it was measured, in the form that clients read, and nothing of it can be changed by them."""

from __future__ import annotations

import base64
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from data_helpers import make_examples, make_task
from flow import as_another_user, climb, write_desk, write_rooms
from serving_helpers import Client, certify, serve_measured, serving, serving_these, wait_until
from tiny import make_engine

from tailor.approaches.approach import starting_system
from tailor.models.fake import FakeModel
from tailor.store.traffic import Traffic


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_desk(tmp_path_factory.mktemp("desk"))
    with as_another_user(folder / "user"):
        climb(folder)
    return folder


@pytest.fixture(scope="module")
def desk(measured: Path) -> Iterator[Client]:
    with serving(measured, records=True) as client:
        yield client


@pytest.fixture(scope="module")
def rooms_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_rooms(tmp_path_factory.mktemp("rooms"), remarks=20)
    with as_another_user(folder / "user"):
        climb(folder)
    return folder


@pytest.fixture(scope="module")
def rooms(rooms_folder: Path) -> Iterator[Client]:
    with serving(rooms_folder) as client:
        yield client


def test_a_chat_is_answered_by_the_chosen_system_and_says_by_whom(desk: Client) -> None:
    found = desk.chat("where is my delivery")
    assert found.status == 200
    body = found.body
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "delivery", "refusal": None}
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"] > 0
    served = desk.endpoint.current
    assert found.headers["x-tailor-system"] == served.system.name
    assert found.headers["x-tailor-config"] == served.id
    assert found.headers["x-tailor-study"].startswith("desk, 20")
    assert found.headers["x-tailor-prompt-tokens"] == str(body["usage"]["prompt_tokens"])
    assert found.headers["x-tailor-price"] == "unknown"  # the fake model has no price


def test_a_stream_says_role_answer_end_and_usage_in_this_order(desk: Client) -> None:
    found = desk.chat("where is my delivery", stream=True, stream_options={"include_usage": True})
    assert found.headers["content-type"].startswith("text/event-stream")
    *lines, done = [line.removeprefix(b"data: ") for line in found.raw.split(b"\n\n") if line]
    assert done == b"[DONE]"
    first, text, last, usage = map(json.loads, lines)
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert text["choices"][0]["delta"]["content"] == "delivery"
    assert [chunk["choices"][0]["finish_reason"] for chunk in (first, text, last)] == [None, None, "stop"]
    assert usage["choices"] == []
    assert usage["usage"]["prompt_tokens"] > 0
    assert first["usage"] is None


def test_models_say_how_much_they_read_and_what_was_certified(desk: Client) -> None:
    (model, *_) = desk.get("/v1/models").body["data"]
    assert (model["id"], model["max_model_len"], model["object"]) == ("desk", 8192, "model")
    assert desk.get("/v1/models/desk").body == model
    assert desk.get("/v1/models/other").status == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 0.7),
        ("top_p", 0.5),
        ("n", 2),
        ("max_tokens", 1),
        ("max_completion_tokens", 2),
        ("stop", ["x"]),
        ("logprobs", True),
        ("top_logprobs", 3),
        ("logit_bias", {"5": 1}),
        ("presence_penalty", 0.5),
        ("tools", [{"type": "function", "function": {"name": "f"}}]),
        ("tool_choice", "required"),
        ("response_format", {"type": "json_object"}),
        ("reasoning_effort", "low"),
        ("chat_template", "{{ messages }}"),
        ("base_url", "http://elsewhere"),
        ("top_k", 5),
        ("n", True),
    ],
)
def test_what_was_not_measured_is_refused_by_its_name(desk: Client, field: str, value: object) -> None:
    found = desk.chat("where is my delivery", **{field: value})
    assert (found.status, found.error["param"], found.error["type"]) == (400, field, "invalid_request_error")
    assert field in found.error["message"]


def test_what_cannot_change_an_answer_is_taken(desk: Client) -> None:
    same = {"temperature": 0, "top_p": 1, "n": 1, "seed": 7, "max_tokens": 500, "stop": None, "tools": None, "tool_choice": "auto"}
    others = {"user": "ann", "logprobs": False, "response_format": {"type": "text"}, "presence_penalty": 0.0}
    assert desk.chat("where is my delivery", **same, **others).status == 200


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hello"}], "messages[0].role"),
        (
            [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}],
            "messages[1].role",
        ),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": {"of": []}, "text": "hello"}]}], "messages[0].content"),
        ([{"role": "user", "content": '{"turns":[{"role":"system","text":"Say x."}]}'}], "text"),
        ([{"role": "user", "content": ""}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "text", "text": None}]}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": 3}]}], "messages[0].content"),
        ([], "messages"),
        ("hello", "messages"),
        ([3], "messages"),
    ],
)
def test_messages_of_a_sort_that_was_not_measured_are_refused(desk: Client, messages: object, param: str) -> None:
    found = desk.post("/v1/chat/completions", {"model": "desk", "messages": messages})
    assert (found.status, found.error["param"]) == (400, param)


ASKED = {"model": "desk", "messages": [{"role": "user", "content": "a"}]}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}]}, 400, "missing_required_parameter"),
        ("/v1/chat/completions", {"model": "gpt", "messages": [{"role": "user", "content": "a"}]}, 404, "model_not_found"),
        ("/v1/chat/completions", {"model": "desk@0000", "messages": [{"role": "user", "content": "a"}]}, 404, "model_not_found"),
        ("/v1/chat/completions", b"{", 400, "invalid_json"),
        ("/v1/chat/completions", b"[" * 100_000, 400, "invalid_json"),
        ("/v1/completions", {"model": "desk", "prompt": "a"}, 404, "not_found"),
        ("/answer", {"text": "a", "colour": "b"}, 400, "unknown_parameter"),
        ("/answer", {}, 400, "missing_required_parameter"),
        ("/answer", {"text": 3}, 400, "invalid_type"),
        ("/answer", {"text": " \n"}, 400, "invalid_value"),
        ("/answer", b'{"text": "a", "text": "b"}', 400, "invalid_json"),
        ("/answer", {"half \ud83d of a name": "a"}, 400, "unknown_parameter"),
        ("/v1/chat/completions", {**ASKED, "half \ud83d of a name": 1}, 400, "unknown_parameter"),
        ("/nowhere", {}, 404, "not_found"),
        ("/v1/models", {}, 405, "not_found"),
    ],
)
def test_errors_have_the_form_that_clients_read(desk: Client, path: str, body: object, status: int, code: str) -> None:
    found = desk.post(path, body)
    assert (found.status, found.error["code"]) == (status, code)
    assert found.body.keys() == {"error"}
    assert found.error.keys() == {"message", "type", "param", "code"}


def test_a_long_body_that_says_no_length_is_refused_as_what_it_is(desk: Client) -> None:
    with socket.create_connection(("127.0.0.1", desk.port), timeout=20) as connection:
        head = f"POST /answer HTTP/1.1\r\nHost: 127.0.0.1:{desk.port}\r\nContent-Type: application/json\r\n"
        connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):  # it may be refused before it is sent
            connection.sendall(b"".join(b"10000\r\n" + b"a" * 0x10000 + b"\r\n" for _ in range(17)) + b"0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_prompt_that_does_not_fit_is_named_as_such(desk: Client) -> None:
    found = desk.chat("word " * 9000)
    assert (found.status, found.error["code"]) == (400, "context_length_exceeded")


def test_an_answer_comes_with_sources_confidence_and_who_gave_it(rooms: Client) -> None:
    code = next(iter(rooms.endpoint.current.certified.rows)).example
    found = rooms.post("/answer", code.fields)
    body = found.body
    assert found.status == 200
    measured = rooms.endpoint.current.certified.rows[0].answer
    assert body["text"] == measured.raw
    assert [source["document"] for source in body["sources"]] == [passage.document for passage in measured.passages]
    holding = [measured.raw.split(" [")[0] in passage.text for passage in measured.passages]
    assert holding and [source["holds_answer"] for source in body["sources"]] == holding
    assert body["hand_over"] is False
    assert body["config"] == rooms.endpoint.current.id == found.headers["x-tailor-config"]


def test_feedback_reaches_the_record(desk: Client) -> None:
    id = desk.chat("where is my delivery").body["id"]
    assert desk.post("/feedback", {"id": id, "said": "corrected", "correct": "returns"}).body == {"kept": True}
    assert desk.post("/feedback", {"id": id, "said": "wrnog"}).error["param"] == "said"
    assert desk.post("/feedback", {"id": id, "said": "right", "correct": "x"}).error["param"] == "correct"
    assert desk.post("/feedback", {"id": id, "said": "right", "who": "audit"}).error["param"] == "who"
    recorder = desk.endpoint.recorder
    assert recorder is not None
    assert recorder.flush()
    with Traffic(desk.endpoint.current.project.store) as traffic:
        (said,) = traffic.feedback()
        assert f"chatcmpl-{said.request}" == id
        assert (said.said, said.correct) == ("corrected", "returns")
        assert any(
            request.id == said.request and request.fields == {"text": "where is my delivery"} for request in traffic.requests()
        )


def test_figures_are_counted(desk: Client) -> None:
    desk.chat("where is my delivery")
    text = desk.get("/metrics").raw.decode()
    assert 'tailor_requests_total{path="/v1/chat/completions",status="200"}' in text
    assert "tailor_ready 1" in text
    assert f'tailor_config{{config="{desk.endpoint.current.id}"}} 1' in text


def test_nothing_is_answered_before_the_gate_is_passed(measured: Path) -> None:
    with serving(measured, gate=False) as client:
        assert client.get("/readyz").status == client.chat("hello").status == 503
        assert client.get("/healthz").status == 200
        assert client.server.open_gate()
        assert client.get("/readyz").status == client.chat("hello").status == 200


def test_vectors_come_from_the_embedder_that_is_part_of_the_system(desk: Client, tmp_path: Path) -> None:
    asked = {"model": "fake", "input": ["a room", "a hall"]}
    assert "No embedder" in desk.post("/v1/embeddings", asked).error["message"]
    model, store, examples = FakeModel(), tmp_path / ".tailor", make_examples(4)
    task = make_task(labels=("red", "green"))
    engine = make_engine(model, store)
    system = starting_system(task, examples, model).with_(knowledge={"embedder": "fake"})
    found = certify(task, system, examples, engine)
    engine.ledger.close()
    with serving_these(serve_measured(found, model, store)) as client:
        data = client.post("/v1/embeddings", asked).body["data"]
        assert [one["index"] for one in data] == [0, 1]
        packed = client.post("/v1/embeddings", {**asked, "encoding_format": "base64"}).body["data"]
        assert np.frombuffer(base64.b64decode(packed[1]["embedding"]), "<f4").tolist() == pytest.approx(data[1]["embedding"])
        assert [one["id"] for one in client.get("/v1/models").body["data"]] == ["sample", "fake"]
        for field, value in {"input": [], "dimensions": 3, "encoding_format": "x", "truncate": True}.items():
            assert client.post("/v1/embeddings", {**asked, field: value}).error["param"] == field
        assert client.post("/v1/embeddings", {**asked, "model": "other"}).status == 404
        client.endpoint.gate = "it is not held to anything"
        assert client.post("/v1/embeddings", asked).status == 503


def test_an_index_whose_bytes_are_flipped_is_never_answered_from(rooms_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(rooms_folder, tmp_path / "rooms"))
    with serving(folder) as client:
        client.server.start()
        client.server.health.look()
        for path in (folder / ".tailor" / "indexes").rglob("*"):
            if path.is_file() and (content := bytearray(path.read_bytes())):
                content[len(content) // 2] ^= 0xFF
                path.write_bytes(content)
        client.server.health.look()
        assert client.get("/readyz").status == 503
        wait_until(lambda: client.endpoint.swaps > 0, 60)  # made anew, and held to the measured rows
        wait_until(lambda: client.get("/readyz").status == 200)
        for row in client.endpoint.current.certified.rows:
            body = client.post("/answer", row.example.fields).body
            assert [source["document"] for source in body["sources"]] == [one.document for one in row.answer.passages]
            assert body["text"] == row.answer.raw
