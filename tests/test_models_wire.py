"""The OpenAI chat format: what is sent, and what is read from whatever comes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from endpoint import completion
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.content import TextPart
from tailor.models.base import Message, Request, message
from tailor.models.endpoint.dialect import Dialect, payload
from tailor.models.endpoint.faults import read_error, retry_after, told_wait
from tailor.models.wire import ErrorInside, Unreadable, estimate_tokens, read_reply

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REQUEST = Request((message("system", "Be brief."), message("user", "Capital of France?")), max_tokens=7)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "error", "code", "text", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def read(body: object) -> Any:
    return read_reply(json.dumps(body).encode(), REQUEST, 0.5)


def test_one_text_part_is_sent_as_a_plain_string_and_several_as_parts() -> None:
    several = Message("user", (TextPart("a"), TextPart("b\ud800")))
    body = payload(Request((message("system", "s"), several), max_tokens=7), "m", Dialect())
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b?"}]},
        ],
        "max_tokens": 7,
        "temperature": 0.0,
    }


def test_a_seed_goes_with_sampling_only() -> None:
    assert payload(Request(REQUEST.messages, temperature=0.7, seed=3), "m", Dialect())["seed"] == 3
    assert "seed" not in payload(Request(REQUEST.messages, seed=3), "m", Dialect())


def test_a_schema_and_stop_strings_are_sent_where_they_are_asked_for() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    body = payload(Request(REQUEST.messages, json_schema=json.dumps(schema), stop=("\n", "END")), "m", Dialect())
    assert body["stop"] == ["\n", "END"]
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    assert not {"stop", "response_format"} & payload(REQUEST, "m", Dialect()).keys()


def test_a_completion_becomes_a_reply() -> None:
    reply = read(completion(" Paris \n"))
    assert (reply.text, reply.tokens_in, reply.tokens_out, reply.finish, reply.seconds, reply.counted) == (
        "Paris",
        11,
        1,
        "stop",
        0.5,
        True,
    )


@pytest.mark.parametrize(
    ("body", "text", "finish"),
    [
        (completion("cut", "length"), "cut", "length"),
        (completion(None, "length"), "", "length"),
        (completion("", "stop"), "", "stop"),
        (completion(None, "content_filter"), "", "refused"),
        (completion(None, "stop", refusal="I cannot."), "I cannot.", "refused"),
        (completion("ok", None), "ok", "stop"),
        (completion("ok", "eos"), "ok", "stop"),
        (completion([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), "ab", "stop"),
    ],
)
def test_why_an_answer_ended_is_kept(body: object, text: str, finish: str) -> None:
    reply = read(body)
    assert (reply.text, reply.finish) == (text, finish)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "eleven"}, {"prompt_tokens": -1, "completion_tokens": True}, [1]])
def test_tokens_that_are_not_counted_are_estimated_and_said_to_be(usage: object) -> None:
    reply = read(completion("one two three four", usage=usage))
    assert not reply.counted and (reply.tokens_in, reply.tokens_out) == (estimate_tokens(REQUEST.messages), 5)


@pytest.mark.parametrize(
    ("usage", "read_", "written"),
    [
        ({"prompt_tokens": 50, "completion_tokens": 1, "total_tokens": 351}, 50, 301),  # billed, and hidden
        ({"prompt_tokens": 50, "completion_tokens": 301, "total_tokens": 351}, 50, 301),
        ({"prompt_tokens": 50, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 300}}, 50, 301),
        ({"prompt_tokens": 50, "completion_tokens": 3, "total_tokens": 2}, 50, 3),
        ({"prompt_tokens": 50, "completion_tokens": 0}, 50, 5),  # there is text: 0 is no count
    ],
)
def test_tokens_that_are_billed_are_counted(usage: dict[str, int], read_: int, written: int) -> None:
    reply = read(completion("one two three four", usage=usage))
    assert (reply.tokens_in, reply.tokens_out) == (read_, written)


def test_what_an_endpoint_tells_of_its_bill_and_of_itself_is_read() -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 7}, "prompt_tokens_details": {"cached_tokens": 4}}
    body = completion(usage={"prompt_tokens": 9, "completion_tokens": 8, "cost": 0.002, **details})
    reply = read(body | {"model": "m-2026", "system_fingerprint": "fp"})
    assert (reply.cached, reply.billed, reply.answered_by) == (4, 0.002, "m-2026@fp")


@pytest.mark.parametrize("cost", [0, -1, True, "free", float("nan"), 10**400, 1e30])
def test_a_bill_of_nothing_is_not_believed(cost: object) -> None:
    assert read(completion(usage={"prompt_tokens": 9, "completion_tokens": 8, "cost": cost})).billed is None


@pytest.mark.parametrize(
    ("message", "thought", "text"),
    [
        ({"content": "Paris", "reasoning_content": "Not Rome."}, "Not Rome.", "Paris"),
        ({"content": "Paris", "reasoning": "Not Rome.", "reasoning_content": None}, "Not Rome.", "Paris"),
        ({"content": "<think>Not Rome.</think>Paris"}, "Not Rome.", "Paris"),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Not Rome."}]},
                    {"type": "text", "text": "Paris"},
                ]
            },
            "Not Rome.",
            "Paris",
        ),
        ({"content": None, "reasoning_content": "Not Rome."}, "Not Rome.", ""),
        ({"content": None, "tool_calls": [{"id": "1"}]}, "", ""),
    ],
)
def test_a_thought_is_found_wherever_it_stands(message: dict[str, Any], thought: str, text: str) -> None:
    body = {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": "stop"}]}
    reply = read(body)
    assert (reply.thought, reply.text) == (thought, text)


BROKEN = ["error", "network_error", "insufficient_system_resource", "abort", "cancelled", "TIMEOUT", "engine_overloaded", "OTHER"]


@pytest.mark.parametrize("finish", [*BROKEN, {"type": "abort", "message": "x"}])
def test_text_in_front_of_an_error_is_no_answer(finish: Any) -> None:
    with pytest.raises(ErrorInside):
        read(completion("Par", finish))
    with pytest.raises(ErrorInside, match="overloaded"):
        read(completion("Par") | {"error": {"code": 502, "message": "overloaded"}})


@pytest.mark.parametrize(
    ("finish", "read_as"),
    [
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("SAFETY", "refused"),
        ("content-filter", "refused"),
        ("PROHIBITED_CONTENT", "refused"),
        ("sensitive", "refused"),
        ("ERROR_TOXIC", "refused"),
        ("content_moderation", "refused"),
        ("guardrails", "refused"),
        ("blocked", "refused"),
        ("model_context_window_exceeded", "length"),
        ("max_completion_tokens", "length"),
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("eos_token", "stop"),
        ("tool_calls", "stop"),
        ("", "stop"),
    ],
)
def test_providers_name_the_same_end_differently(finish: str, read_as: str) -> None:
    assert read(completion("Par", finish)).finish == read_as


@pytest.mark.parametrize(
    ("headers", "body", "reason", "seconds"),
    [
        ({}, {}, "Rate limit reached. Please try again in 12.3s.", 12.3),
        ({}, {}, "Please retry after 20 seconds", 20.0),
        ({}, {}, "try again in 1m30.5s", 90.5),
        ({}, {}, "retry in 250ms", 0.25),
        ({"retry-after": "2"}, {}, "try again in 12.3s", 2.0),
        ({}, {"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]}}, "", 34.5),
        ({}, {"error": {"retry_after": 3}}, "", 3.0),
        ({}, {}, "limit of 20 a minute", None),
        ({}, {"error": {"retry_after": 10**400}}, "", None),
        ({}, {}, f"try again in {'9' * 400}s", None),
    ],
)
def test_a_wait_is_read_from_headers_bodies_and_words(
    headers: dict[str, str], body: object, reason: str, seconds: float | None
) -> None:
    assert told_wait(headers, body, read_error(reason)) == seconds


def test_an_error_in_a_list_and_without_its_name_is_read() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
    words = "You exceeded your quota. " + "Read about it. " * 20 + "Please retry in 9s."
    error = {"code": 429, "message": words, "status": "RESOURCE_EXHAUSTED"}
    assert told_wait({}, [{"error": error | {"details": [info]}}], read_error([{"error": error}])) == 7.0
    said = read_error([{"error": error}])
    assert (said.status, said.wait, "resource_exhausted" in said.codes) == (429, 9.0, True)
    with pytest.raises(ErrorInside) as caught:
        read({"code": 429, "msg": "too many users", "data": None})
    assert (caught.value.said.status, caught.value.said.reason) == (429, "too many users")


@pytest.mark.parametrize(
    ("choice", "text", "finish"),
    [
        ({"text": " Paris"}, "Paris", "stop"),
        ({"message": {"content": ["Par", "is"]}}, "Paris", "stop"),
        ({"message": {"content": {"type": "text", "text": "Paris"}}}, "Paris", "stop"),
        ({"message": {"content": [{"type": "refusal", "refusal": "I cannot."}]}}, "I cannot.", "refused"),
        ({"message": {"role": "assistant"}}, "", "stop"),
    ],
)
def test_a_message_is_read_in_every_form(choice: dict[str, Any], text: str, finish: str) -> None:
    reply = read({"choices": [choice]})
    assert (reply.text, reply.finish) == (text, finish)


@pytest.mark.parametrize(
    "choice",
    [
        {"finish_reason": "stop"},
        {"message": None},
        {"message": "Paris"},
        {"delta": {"content": "Par"}},
        {"message": {"content": {"answer": 5}}},
        {"message": {"content": 5}},
        {"message": {"content": True}},
        {"message": {"content": [[]]}},
    ],
)
def test_what_holds_no_message_is_no_empty_answer(choice: dict[str, Any]) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 8}
    with pytest.raises(Unreadable) as caught:
        read({"choices": [choice], "usage": usage})
    assert caught.value.cost is not None and (caught.value.cost.tokens_in, caught.value.cost.tokens_out) == (9, 8)


@pytest.mark.parametrize(("read_", "written"), [(11.0, 1.0), ("11", "1"), (11, 1)])
def test_tokens_are_counted_however_they_are_written(read_: object, written: object) -> None:
    reply = read(completion(usage={"prompt_tokens": read_, "completion_tokens": written}))
    assert (reply.tokens_in, reply.tokens_out, reply.counted) == (11, 1, True)


@pytest.mark.parametrize("count", [10**400, 10**15, 1e300, 1.5, "1e999", -1])
def test_a_count_beyond_all_bounds_is_none(count: object) -> None:
    reply = read(completion(usage={"prompt_tokens": count, "completion_tokens": count, "total_tokens": count, "cost": -1}))
    assert not reply.counted and reply.tokens_in == estimate_tokens(REQUEST.messages)


def test_an_estimate_is_a_token_for_four_letters() -> None:
    assert estimate_tokens([message("user", "x" * 400)]) == 104


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON: it is empty"),
        (b"<html><body>Bad gateway</body></html>", "a web page instead of an answer"),
        (b"<!DOCTYPE html><p>x", "a web page"),
        (b'{"choices": [', "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"{}", "no choices"),
        (b'{"choices": []}', "no choices"),
        (b'{"choices": [3]}', "no choices"),
    ],
)
def test_what_is_no_completion_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_reply(body, REQUEST, 0.0)


@settings(deadline=None, derandomize=True)
@given(
    anything
    | st.fixed_dictionaries({"choices": st.lists(st.fixed_dictionaries({"message": anything}), max_size=2), "usage": anything})
)
def test_any_json_is_read_or_unreadable(body: object) -> None:
    try:
        reply = read(body)
    except (Unreadable, ErrorInside):
        return
    assert isinstance(reply.text, str) and reply.tokens_in >= 0 and reply.tokens_out >= 0


@settings(deadline=None, derandomize=True)
@given(anything)
def test_any_error_body_gives_one_short_line(body: object) -> None:
    said = read_error(body)
    assert len(said.reason) <= 200 and len(said.reason.splitlines()) <= 1 and all(isinstance(code, str) for code in said.codes)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=40), usegmt=True)}, 40.0),
        ({"retry-after": format_datetime(NOW - timedelta(seconds=40), usegmt=True)}, 0.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:05"}, 5.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": f"Mon, 01 Jan {10**20} 00:00:00 GMT"}, None),
    ],
)
def test_how_long_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_no_header_breaks_the_wait(value: str) -> None:
    seconds = retry_after({"retry-after": value}, NOW)
    assert seconds is None or seconds >= 0
