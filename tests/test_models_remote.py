"""A remote model against an endpoint on this machine: counted, retried, given up, interrupted."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest
from endpoint import Answer, Endpoint, completion, echo, refusal

from tailor.errors import EndpointError, ModelError
from tailor.models.base import Reply, Request, message
from tailor.models.remote import RemoteModel
from tailor.task import ModelSettings

KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-elsewhere")
    monkeypatch.setenv("TEST_KEY", KEY)


def remote(url: str, attempts: int = 4, **settings: Any) -> RemoteModel:
    given = ModelSettings(**{"name": "m", "base_url": url, "context_tokens": None, "timeout_seconds": 5, **settings})
    return RemoteModel(given, attempts=attempts, backoff_seconds=0.001)


def ask(text: str = "Capital of France?", **options: Any) -> Request:
    return Request((message("system", "Be brief."), message("user", text)), **options)


def one(model: RemoteModel, **options: Any) -> Reply:
    (reply,) = model.reply([ask(**options)])
    return reply


def test_replies_come_in_the_order_of_the_requests_and_several_at_once() -> None:
    def slow_first(payload: Mapping[str, Any]) -> Answer:
        text = payload["messages"][-1]["content"]
        return Answer(completion(f"to {text}"), pause=0.1 if text in "0 1" else 0.02)

    with Endpoint(slow_first) as endpoint:
        replies = remote(endpoint.url, concurrency=3).reply([ask(str(i)) for i in range(9)])
    assert [reply.text for reply in replies] == [f"to {i}" for i in range(9)]
    assert endpoint.most_at_once == 3 and endpoint.calls == 9
    assert all(0.01 < reply.seconds < 5 and reply.tokens_in == 11 for reply in replies)


def test_what_is_sent_is_the_whole_request_and_nothing_else() -> None:
    with Endpoint() as endpoint:
        one(remote(endpoint.url, api_key_env="TEST_KEY"), max_tokens=5)
    (sent,) = endpoint.payloads
    assert sent == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Capital of France?"}],
        "max_tokens": 5,
        "temperature": 0.0,
    }
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_server_on_this_machine_gets_neither_the_key_for_elsewhere_nor_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Endpoint() as endpoint:
        one(remote(endpoint.url))
    assert endpoint.headers[0]["authorization"] == "Bearer none"


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_a_passing_failure_is_tried_again(status: int) -> None:
    with Endpoint([refusal(status, "busy"), refusal(status, "busy"), Answer(completion())]) as endpoint:
        assert one(remote(endpoint.url)).text == "Paris"
    assert endpoint.calls == 3


def test_a_failure_that_stays_is_the_error_of_that_request_alone() -> None:
    def failing(payload: Mapping[str, Any]) -> Answer:
        return refusal(500, "broken\ninside") if payload["messages"][-1]["content"] == "bad" else echo(payload)

    with Endpoint(failing) as endpoint:
        replies = remote(endpoint.url, attempts=3).reply([ask("good"), ask("bad"), ask("fine")])
        assert endpoint.calls == 5
    assert [reply.text for reply in replies] == ["good", "", "fine"]
    assert replies[1].finish == "error" and replies[1].error == f"{endpoint.url} failed (500: broken inside)"


def test_the_wait_that_the_endpoint_asks_for_is_kept() -> None:
    with Endpoint([refusal(429, "slow down", retry_after_ms="300"), Answer(completion())]) as endpoint:
        started = time.monotonic()
        assert one(remote(endpoint.url)).text == "Paris"
    assert 0.3 <= time.monotonic() - started < 3


def test_an_endpoint_that_asks_for_too_long_a_wait_is_given_up() -> None:
    with Endpoint([refusal(429, "come back tomorrow", retry_after="3600")]) as endpoint:
        with pytest.raises(EndpointError, match="asks to wait 3,600 s .*come back tomorrow") as caught:
            one(remote(endpoint.url))
    assert caught.value.fatal and endpoint.calls == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            refusal(401, f"Incorrect API key provided: {KEY}"),
            r"refused the key in TEST_KEY \(401: Incorrect API key provided: \[key\]\)",
        ),
        (refusal(403, "no"), r"refused the key in TEST_KEY \(403: no\)"),
        (refusal(402, "pay"), "no money left"),
        (refusal(429, "You exceeded your quota", "insufficient_quota"), "no money left .*429"),
        (refusal(404, "The model m does not exist", "model_not_found"), "does not serve a model named `m`"),
        (refusal(400, "no m here", "model_not_found"), "does not serve a model named `m`"),
        (Answer(b"<html>Not found</html>", 404, {"content-type": "text/html"}), "404: a web page instead of an answer"),
        (
            Answer(b"", 307, {"location": "http://elsewhere.example/v1"}),
            "redirects to http://elsewhere.example/v1, which is not followed",
        ),
    ],
)
def test_what_would_meet_every_request_is_raised_at_once(answer: Answer, sentence: str) -> None:
    with Endpoint([answer]) as endpoint, pytest.raises(EndpointError, match=sentence) as caught:
        one(remote(endpoint.url, api_key_env="TEST_KEY"))
    assert caught.value.fatal and endpoint.calls == 1
    assert KEY not in f"{caught.value} {caught.value.hint}" and str(caught.value).startswith(endpoint.url) and caught.value.hint


def test_a_missing_key_is_named_when_it_is_refused() -> None:
    with (
        Endpoint([refusal(401, "who are you")]) as endpoint,
        pytest.raises(EndpointError, match="a call without a key; NO_KEY is not set"),
    ):
        one(remote(endpoint.url, api_key_env="NO_KEY"))


def test_a_key_that_no_header_can_carry_is_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in ("sk-a\nb", "sk-ü"):
        monkeypatch.setenv("TEST_KEY", bad)
        with pytest.raises(EndpointError, match="TEST_KEY does not hold a key") as caught:
            remote("http://localhost:1/v1", api_key_env="TEST_KEY")
        assert bad not in str(caught.value)


def test_answers_that_came_before_a_fatal_failure_are_not_lost() -> None:
    with Endpoint([Answer(completion("paid")), refusal(401, "expired"), refusal(401, "expired")]) as endpoint:
        with pytest.raises(EndpointError, match="401") as caught:
            remote(endpoint.url, concurrency=1).reply([ask("a"), ask("b"), ask("c")])
        assert endpoint.calls == 2
    first, *rest = caught.value.replies
    assert isinstance(first, Reply) and first.text == "paid" and rest == [None, None]


def test_a_prompt_that_is_too_long_is_the_error_of_that_request() -> None:
    with Endpoint() as endpoint:
        long, short = remote(endpoint.url).reply([ask("word " * 8192), ask("short")])
        assert endpoint.calls == 2
    assert "maximum context length" in long.error and short.text == "short"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>Login</html>", headers={"content-type": "text/html"}),
        Answer(b"{"),
        Answer({}),
        Answer(completion(None)),
        Answer(b""),
    ],
)
def test_an_answer_that_cannot_be_read_is_asked_for_once_more(answer: Answer) -> None:
    with Endpoint([answer, Answer(completion())]) as endpoint:
        assert one(remote(endpoint.url)).text == "Paris"
    with Endpoint([answer]) as endpoint:
        reply = one(remote(endpoint.url))
        assert endpoint.calls == 2
    assert reply.finish == "error" and reply.error.startswith(f"{endpoint.url}: the answer ")


def test_a_parameter_that_the_model_does_not_take_is_left_out_from_then_on() -> None:
    def strict(payload: Mapping[str, Any]) -> Answer:
        if "max_tokens" in payload:
            return refusal(
                400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "unsupported_parameter"
            )
        if "temperature" in payload:
            return refusal(400, "Unsupported value: 'temperature' does not support 0.0.", "unsupported_value")
        return Answer(completion())

    with Endpoint(strict) as endpoint:
        model = remote(endpoint.url)
        assert [one(model).text, one(model).text] == ["Paris", "Paris"]
    assert endpoint.calls == 4 and "max_completion_tokens" in endpoint.payloads[-1]


def test_other_refusals_are_not_tried_again() -> None:
    with Endpoint([refusal(400, "seed 7 is unlucky")]) as endpoint:
        assert "400: seed 7 is unlucky" in one(remote(endpoint.url)).error
    assert endpoint.calls == 1


def test_tokens_the_endpoint_does_not_count_are_estimated_and_flagged() -> None:
    with Endpoint([Answer(completion("one two three four", usage=None))]) as endpoint:
        model = remote(endpoint.url)
        assert model.counts_tokens
        reply = one(model)
    assert not model.counts_tokens
    assert reply.tokens_in == model.count_tokens(ask().messages) > 0 and reply.tokens_out == 5


def test_an_endpoint_that_is_not_there_is_named_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(EndpointError, match=f"^http://127.0.0.1:{port}/v1 cannot be reached: .*refused") as caught:
        remote(f"http://127.0.0.1:{port}/v1").reply([ask(), ask()])
    assert caught.value.fatal and "\n" not in str(caught.value) and "base_url" in caught.value.hint


@pytest.mark.parametrize("answer", [Answer(completion(), pause=0.4), Answer(completion("x" * 100), pieces=10)])
def test_an_answer_that_takes_too_long_is_given_up(answer: Answer) -> None:
    with Endpoint([answer]) as endpoint:
        reply = one(remote(endpoint.url, attempts=2, timeout_seconds=0.2))
        assert endpoint.calls == 2
    assert reply.error == f"{endpoint.url} did not answer within 0.2 s"


def test_a_connection_that_breaks_off_is_tried_again() -> None:
    with Endpoint([Answer(b"{", headers={"content-length": "1000"}), Answer(completion())]) as endpoint:
        assert one(remote(endpoint.url)).text == "Paris"


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.models.remote.LARGEST_BODY", 1000)
    with Endpoint([Answer(completion("x" * 5000))]) as endpoint:
        assert "more than 1,000 bytes" in one(remote(endpoint.url)).error


def test_scoring_and_tuning_are_refused_before_any_call(tmp_path: Any) -> None:
    with Endpoint() as endpoint:
        model = remote(endpoint.url)
        with pytest.raises(ModelError, match="cannot score choices"):
            model.reply([ask(choices=("a", "b"))])
        with pytest.raises(ModelError, match="cannot be held to a pattern"):
            model.reply([ask(pattern="a|b")])
        with pytest.raises(ModelError, match="tuned weights"):
            model.reply([ask()], tuned=tmp_path)
    assert endpoint.calls == 0


def test_the_digest_names_address_and_model() -> None:
    models = [remote("http://h/v1"), remote("http://h/v2"), remote("http://h/v1", name="n"), remote("http://h/v1", concurrency=9)]
    assert len({model.digest for model in models}) == 3 and models[0].digest == models[3].digest
    assert [model.block for model in models] == [4, 4, 4, 9] and remote("http://h/v1", context_tokens=99).context_tokens == 99


INTERRUPTED = """
import sys
from tailor.models.base import Request, message
from tailor.models.remote import RemoteModel
from tailor.task import ModelSettings
model = RemoteModel(ModelSettings(name="m", base_url=sys.argv[1], context_tokens=None))
print("ready", flush=True)
try:
    model.reply([Request((message("user", "x"),))] * 8)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def test_ctrl_c_does_not_wait_for_answers_under_way() -> None:
    with Endpoint([Answer(completion(), pause=20)]) as endpoint:
        command = [sys.executable, "-c", INTERRUPTED, endpoint.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            while endpoint.calls < 4:
                time.sleep(0.02)
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "stopped\n"
            assert process.wait(10) == 0 and time.monotonic() - started < 3
    assert endpoint.calls == 4
