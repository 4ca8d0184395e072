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

from tailor.models.base import Message, Request, TextPart, message
from tailor.models.wire import Dialect, Unreadable, adapt, estimate_tokens, payload, read_reply, refusal_reason, retry_after

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


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
            Dialect(limit="max_completion_tokens"),
        ),
        ("Unsupported value: 'temperature' does not support 0.0 with this model.", Dialect(temperature=False)),
        ("[{'type': 'extra_forbidden', 'loc': ['body', 'seed']}]", Dialect(seed=False)),
        ("'max_tokens' or 'max_completion_tokens' is too large: 9000", None),
        ("maximum context length is 8192 tokens", None),
    ],
)
def test_only_a_parameter_refused_by_name_is_left_out(refusal: str, expected: Dialect | None) -> None:
    assert adapt(Dialect(), refusal) == expected
    assert expected is None or adapt(expected, refusal) is None


def test_a_completion_becomes_a_reply() -> None:
    reply, counted = read(completion(" Paris \n"))
    assert (reply.text, reply.tokens_in, reply.tokens_out, reply.finish, reply.seconds, counted) == (
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
    reply, _ = read(body)
    assert (reply.text, reply.finish) == (text, finish)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "11"}, {"prompt_tokens": -1, "completion_tokens": True}, [1]])
def test_tokens_that_are_not_counted_are_estimated_and_said_to_be(usage: object) -> None:
    reply, counted = read(completion("one two three four", usage=usage))
    assert not counted and (reply.tokens_in, reply.tokens_out) == (estimate_tokens(REQUEST.messages), 5)


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
        (b'{"error": {"message": "upstream is down"}}', "no choices: upstream is down"),
        (json.dumps(completion(None)).encode(), "no content"),
        (json.dumps(completion(7)).encode(), "no content"),
        (b'{"choices": [{"message": null}]}', "no content"),
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
        reply, _ = read(body)
    except Unreadable:
        return
    assert isinstance(reply.text, str) and reply.tokens_in >= 0 and reply.tokens_out >= 0


@settings(deadline=None, derandomize=True)
@given(anything)
def test_any_error_body_gives_one_short_line(body: object) -> None:
    line, code = refusal_reason(body)
    assert len(line) <= 200 and len(line.splitlines()) <= 1 and isinstance(code, str)


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
    ],
)
def test_how_long_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_no_header_breaks_the_wait(value: str) -> None:
    seconds = retry_after({"retry-after": value}, NOW)
    assert seconds is None or seconds >= 0
