"""Streams: a text is sent as it is written where that is the answer; a label is not, and what breaks off says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from serving_helpers import Client
from tiny import open_tiny
from writer import TEXT, writing

from tailor.errors import ModelError
from tailor.models.base import Request, message


@contextmanager
def asked(client: Client) -> Iterator[HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", client.port, timeout=20)
    body = {"model": "sample", "messages": [{"role": "user", "content": "who"}], "stream": True}
    usage = {"stream_options": {"include_usage": True}}
    connection.request("POST", "/v1/chat/completions", json.dumps(body | usage), {"content-type": "application/json"})
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def next_event(response: HTTPResponse) -> Any:
    """The next event; None at the end of the stream."""
    while line := response.readline().decode():
        if line.startswith("data: "):
            said = line.removeprefix("data: ").strip()
            return said if said == "[DONE]" else json.loads(said)
    return None


def piece_of(event: Any) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in event["choices"])


def test_a_text_is_sent_as_it_is_written(tmp_path: Path) -> None:
    with writing(tmp_path) as (client, model), asked(client) as response:
        assert response.getheader("x-tailor-config") == client.endpoint.current.id
        assert next_event(response)["choices"][0]["delta"]["role"] == "assistant"
        words = TEXT.split(" ")
        begun = [piece_of(next_event(response)) for _ in words[:-1]]
        assert "".join(begun) == " ".join(words[:-1])  # before the model has ended
        model.go.set()
        assert piece_of(next_event(response)) == f" {words[-1]}"
        end = next_event(response)
        assert end["choices"][0]["finish_reason"] == "stop"
        assert end["tailor"]["price"].endswith(" USD")
        assert end["tailor"]["hand-over"] == "no"
        usage = next_event(response)["usage"]
        assert usage["prompt_tokens"] == int(end["tailor"]["prompt-tokens"]) > 0
        assert next_event(response) == "[DONE]"
        assert client.chat("who").body["choices"][0]["message"]["content"] == TEXT


@pytest.mark.parametrize("breaks", [True, False])
def test_a_text_that_breaks_off_or_turns_out_another_ends_with_an_error(tmp_path: Path, breaks: bool) -> None:
    with writing(tmp_path) as (client, model), asked(client) as response:
        assert next_event(response)["choices"]
        assert piece_of(next_event(response)) == "Wir"
        model.breaks, model.says = (ModelError("it fell over") if breaks else None), "Something else."
        model.go.set()
        events = list(iter(lambda: next_event(response), None))
        assert events[-1]["error"]["type"] == "server_error"
        assert "[DONE]" not in events


def test_what_fails_before_its_first_word_is_refused_as_ever(tmp_path: Path) -> None:
    with writing(tmp_path) as (client, model):
        model.told = lambda *given: (_ for _ in ()).throw(ModelError("it fell over"))  # type: ignore[method-assign]
        assert client.chat("who", stream=True).status == 502


def test_a_label_is_read_out_of_the_whole_text_and_comes_in_one_piece(tmp_path: Path) -> None:
    with writing(tmp_path, labels=("grüßen", "red")) as (client, model), asked(client) as response:
        assert not client.endpoint.current.tells
        model.go.set()
        events = list(iter(lambda: next_event(response), None))
        assert [piece_of(event) for event in events[:-1] if piece_of(event)] == ["grüßen"]


def test_the_local_engine_tells_what_it_has_written_so_far(tiny_folder: Path) -> None:
    model = open_tiny(tiny_folder)
    requests = [Request((message("user", f"amber {n}"),), max_tokens=8) for n in range(3)]
    seen: list[str] = []
    told = model.told(requests, None, {1: seen.append})
    model.release()
    assert [reply.text for reply in told] == [reply.text for reply in model.reply(requests)]
    assert len(seen) == told[1].tokens_out > 1
    assert seen[-1].strip() == told[1].text
    assert all(after.startswith(before.rstrip("\ufffd")) for before, after in zip(seen, seen[1:], strict=False))
