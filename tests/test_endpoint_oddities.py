"""What endpoints send besides chat completions, and errors that mean something else than their status says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from endpoint import Answer, Endpoint, completion, refusal

from tailor.models.base import Request, message
from tailor.models.endpoint.faults import retry_after
from tailor.models.endpoint.pieces import read_stream
from tailor.models.remote import RemoteModel
from tailor.models.wire import LONGEST_TEXT, ErrorInside, Unreadable, read_reply
from tailor.task import ModelSettings

REQUEST = Request((message("system", "Be brief."), message("user", "Capital of France?")), max_tokens=7)


def remote(url: str) -> RemoteModel:
    return RemoteModel(ModelSettings(name="m", base_url=url, context_tokens=4096), backoff_seconds=0.001)


def events(*deltas: Mapping[str, Any], end: str = "data: [DONE]\n\n") -> bytes:
    pieces = [
        *({"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 2}},
    ]
    return (": keep-alive\n\n" + "".join(f"data: {json.dumps(piece)}\r\n\r\n" for piece in pieces) + end).encode()


def test_a_stream_that_nobody_asked_for_is_put_together() -> None:
    deltas = (
        {"role": "assistant"},
        {"reasoning_content": "Fr"},
        {"reasoning_content": "ance."},
        {"content": "Pa"},
        {"content": "ris"},
    )
    reply = read_reply(events(*deltas), REQUEST, 0.5)
    assert (reply.text, reply.thought, reply.finish, reply.tokens_in, reply.tokens_out) == ("Paris", "France.", "stop", 11, 2)


def test_a_stream_that_is_cut_off_is_no_answer() -> None:
    whole = events({"content": "Pa"}, {"content": "ris"})
    for cut in range(0, whole.rindex(b"finish_reason"), 7):
        with pytest.raises(Unreadable):
            read_reply(whole[:cut], REQUEST, 0.5)
    assert read_stream(b"data: {broken\n\n") is None and read_stream(b'data: ["x"]\n\n') is None and read_stream(b"Paris") is None


def test_an_error_in_a_stream_is_one() -> None:
    body = b'data: {"choices": [{"delta": {"content": "Pa"}}]}\n\ndata: {"error": {"code": 502, "message": "gone"}}\n\n'
    with pytest.raises(ErrorInside, match="gone"):
        read_reply(body, REQUEST, 0.5)


def test_json_in_a_western_encoding_is_read() -> None:
    assert read_reply(json.dumps(completion("Köln"), ensure_ascii=False).encode("latin-1"), REQUEST, 0.5).text == "Köln"


@pytest.mark.parametrize("error", [{"code": 0, "message": "ok"}, {"code": "200", "message": "success"}, {}, None, ""])
def test_an_error_that_says_there_is_none_is_none(error: object) -> None:
    assert read_reply(json.dumps({**completion(), "error": error}).encode(), REQUEST, 0.5).text == "Paris"


def test_a_text_inside_a_text_part_is_read() -> None:
    part = {"type": "text", "text": {"value": "Paris", "annotations": []}}
    assert read_reply(json.dumps(completion([part])).encode(), REQUEST, 0.5).text == "Paris"


def test_of_an_answer_without_end_the_beginning_and_the_end_are_looked_at() -> None:
    reply = read_reply(json.dumps(completion("Paris\n" + "x" * 5_000_000 + "\nAnswer: Paris")).encode(), REQUEST, 0.5)
    assert len(reply.text) <= LONGEST_TEXT + 1 and reply.text.startswith("Paris\n") and reply.text.endswith("Answer: Paris")


@pytest.mark.parametrize("seconds", ["1e99", "inf", "NaN", "99999999999"])
def test_a_wait_beyond_all_bounds_is_none(seconds: str) -> None:
    assert retry_after({"retry-after": seconds}, datetime.now(UTC)) is None


def test_a_limit_on_calls_is_one_whatever_its_status() -> None:
    answers = [refusal(403, "Rate limit exceeded", "rate_limit_exceeded", retry_after="0"), Answer(completion())]
    with Endpoint(answers) as endpoint:
        assert remote(endpoint.url).reply([REQUEST])[0].text == "Paris"


@pytest.mark.parametrize(
    "words", ["Only user and assistant roles are supported!", "Error rendering chat template", "Conversation roles must alternate"]
)
def test_a_server_that_breaks_on_a_role_is_asked_without_it(words: str) -> None:
    def answer(payload: Mapping[str, Any]) -> Answer:
        system = any(turn["role"] == "system" for turn in payload["messages"])
        return refusal(500, words) if system else Answer(completion())

    with Endpoint(answer) as endpoint:
        model = remote(endpoint.url)
        assert [reply.text for reply in model.reply([REQUEST] * 3)] == ["Paris"] * 3
        assert "Be brief." in endpoint.payloads[-1]["messages"][0]["content"]
