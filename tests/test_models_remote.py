"""A remote model against an endpoint on this machine: counted, retried, given up, interrupted."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from endpoint import Answer, Endpoint, completion, echo, refusal
from interrupt import hear_ctrl_c

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
    named: dict[str, Any] = {"name": "m", "base_url": url, "context_tokens": None, "timeout_seconds": 5}
    named["patience_minutes"] = 0.02
    given = ModelSettings(**named | settings)
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
    assert [reply.text for reply in replies] == ["good", "", "fine"]
    assert replies[1].finish == "error" and replies[1].error == f"{endpoint.url} failed (500: broken inside)"


def test_the_wait_that_the_endpoint_asks_for_is_kept() -> None:
    with Endpoint([refusal(429, "slow down", retry_after_ms="300"), Answer(completion())]) as endpoint:
        started = time.monotonic()
        assert one(remote(endpoint.url)).text == "Paris"
    assert 0.3 <= time.monotonic() - started < 3


def test_an_endpoint_that_asks_for_too_long_a_wait_is_given_up() -> None:
    with Endpoint([refusal(429, "come back tomorrow", retry_after="3600")]) as endpoint:
        with pytest.raises(EndpointError, match="come back tomorrow.*asks to wait 3,600 s") as caught:
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
    came: dict[int, Reply] = {}
    with Endpoint([Answer(completion("paid")), refusal(401, "expired"), refusal(401, "expired")]) as endpoint:
        with pytest.raises(EndpointError, match="401"):
            remote(endpoint.url, concurrency=1).stream([ask("a"), ask("b"), ask("c")], came.update)
        assert endpoint.calls == 2
    assert {place: reply.text for place, reply in came.items()} == {0: "paid"}


def test_a_prompt_that_is_too_long_is_refused_and_the_others_are_answered() -> None:
    with Endpoint() as endpoint:
        model = remote(endpoint.url)
        assert one(model).text
        asked = endpoint.calls
        long, *short = model.reply([ask("word " * 8192), *(ask(f"short {i}") for i in range(6))])
        assert endpoint.calls == asked + 7, "what is too long once is too long for good"
    assert long.finish == "refused" and "maximum context length" in long.error
    assert [reply.text for reply in short] == [f"short {i}" for i in range(6)]


@pytest.mark.parametrize(
    "answer", [Answer(b"<html>Login</html>", headers={"content-type": "text/html"}), Answer(b"{"), Answer({}), Answer(b"")]
)
def test_what_is_no_completion_is_asked_for_once_more(answer: Answer) -> None:
    with Endpoint([answer, Answer(completion())]) as endpoint:
        assert one(remote(endpoint.url)).text == "Paris"
    with Endpoint([answer]) as endpoint:
        with pytest.raises(EndpointError, match=f"^{endpoint.url}: the answer "):
            one(remote(endpoint.url))
        assert endpoint.calls == 2


@pytest.mark.parametrize("content", [None, "", " "])
def test_an_empty_answer_is_asked_for_once_more_and_then_taken(content: str | None) -> None:
    with Endpoint([Answer(completion(content)), Answer(completion())]) as endpoint:
        assert one(remote(endpoint.url)).text == "Paris"
    with Endpoint([Answer(completion(content))]) as endpoint:
        reply = one(remote(endpoint.url))
        assert endpoint.calls == 2
    assert (reply.text, reply.finish, reply.error) == ("", "stop", "")


def without(*names: str, words: str = "no such thing: {name} (request 8f31{call})") -> Callable[[Mapping[str, Any]], Answer]:
    """An endpoint that refuses parameters, in words of its own."""
    calls = itertools.count()

    def answer(payload: Mapping[str, Any]) -> Answer:
        sent = {*payload, *(f"role {message['role']}" for message in payload["messages"])}
        refused = next((name for name in names if name in sent), None)
        return Answer(completion()) if refused is None else refusal(400, words.format(name=refused, call=next(calls)))

    return answer


@pytest.mark.parametrize("words", ["no such thing: {name} (request 8f31{call})", "bad request {call}", "ungültig"])
@pytest.mark.parametrize(
    "names", [("max_tokens",), ("temperature",), ("role system",), ("stop",), ("response_format",), ("max_tokens", "temperature")]
)
def test_what_an_endpoint_does_not_take_is_found_out_by_trying(names: tuple[str, ...], words: str) -> None:
    question = ask(stop=("END",), json_schema='{"type": "object"}')
    with Endpoint(without(*names, words=words)) as endpoint:
        model = remote(endpoint.url)
        assert [reply.text for reply in model.reply([question] * 6)] == ["Paris"] * 6
        known = endpoint.calls
        model.reply([question] * 4)
        assert endpoint.calls == known + 4, "what was found out is remembered"
    sent = endpoint.payloads[-1]
    kept = {"model", "messages", "temperature", "stop", "response_format", "max_tokens"} - {*names}
    assert kept - {"max_tokens"} <= sent.keys() and ("max_tokens" in names) == ("max_completion_tokens" in sent)
    assert any("Be brief." in str(message["content"]) for message in sent["messages"])


def test_a_model_that_thinks_is_given_room_and_the_thought_is_kept_apart() -> None:
    def thinking(payload: Mapping[str, Any]) -> Answer:
        if payload["max_tokens"] < 300:
            return Answer(completion("<think>Is it London? No,", "length"))
        return Answer(completion("<think>Is it London? No, Paris.</think>\n\nParis"))

    with Endpoint(thinking) as endpoint:
        model = remote(endpoint.url)
        replies = model.reply([ask(max_tokens=12)] * 6)
        assert endpoint.payloads[-1]["max_tokens"] == 12 + 1024
    assert {(reply.text, reply.thought) for reply in replies} == {("Paris", "Is it London? No, Paris.")}


def test_an_answer_that_is_only_long_is_cut_and_gets_no_more_room() -> None:
    with Endpoint(lambda payload: Answer(completion(" ".join(["word"] * payload["max_tokens"]), "length"))) as endpoint:
        replies = remote(endpoint.url, concurrency=1).reply([ask(max_tokens=3)] * 3)
        assert [payload["max_tokens"] for payload in endpoint.payloads] == [3, 1027, 3, 3]
    assert {(reply.text, reply.finish) for reply in replies} == {("word word word", "length")}


def test_what_the_user_wants_goes_with_every_call() -> None:
    wanted: dict[str, Any] = {
        "max_tokens": 900,
        "temperature": "default",
        "reasoning_effort": "low",
        "extra_body": {"top_k": 1},
        "extra_headers": {"x-team": "blue"},
    }
    with Endpoint([Answer(completion())]) as endpoint:
        one(remote(endpoint.url, **wanted), max_tokens=5)
    (sent,) = endpoint.payloads
    assert (sent["max_tokens"], sent["reasoning_effort"], sent["top_k"]) == (900, "low", 1) and "temperature" not in sent
    assert endpoint.headers[0]["x-team"] == "blue"


def test_other_refusals_end_in_the_words_of_the_endpoint() -> None:
    with Endpoint([refusal(400, "Budget has been exceeded! Max budget: 10.0", "budget")]) as endpoint:
        with pytest.raises(EndpointError, match="refused the request .*Budget has been exceeded"):
            remote(endpoint.url).reply([ask(str(i)) for i in range(40)])
        assert endpoint.calls < 20


@pytest.mark.parametrize(
    "answer",
    [
        refusal(400, "The response was filtered due to the prompt triggering our content management policy.", "content_filter"),
        refusal(403, "Your input was flagged for self-harm"),
        Answer(completion("", "content_filter")),
        Answer(completion("I think", "SAFETY")),
        Answer(completion(None, refusal="I cannot help with that.")),
    ],
)
def test_what_is_moderated_is_refused_even_if_it_is_the_only_question(answer: Answer) -> None:
    with Endpoint([answer, Answer(completion("yes"))]) as endpoint:
        assert one(remote(endpoint.url)).finish == "refused"
        assert endpoint.calls == (1 if answer.status == 200 else 2), "a harmless question shows that others are answered"


@pytest.mark.parametrize("first", [0, 12])
def test_an_account_that_is_blocked_in_the_words_of_a_filter_is_no_refusal_of_texts(first: int) -> None:
    blocked = refusal(403, "Your account was flagged for a violation of our usage policies")
    with Endpoint([Answer(completion("yes"))] * first + [blocked]) as endpoint:
        replies: dict[int, Reply] = {}
        with pytest.raises(EndpointError, match="account was flagged"):
            remote(endpoint.url).stream([ask(str(i)) for i in range(60)], replies.update)
        assert len(replies) == first and {reply.finish for reply in replies.values()} <= {"stop"}
        assert endpoint.calls < first + 20


def test_tokens_the_endpoint_does_not_count_are_estimated_and_flagged() -> None:
    with Endpoint([Answer(completion("one two three four", usage=None))]) as endpoint:
        model = remote(endpoint.url)
        reply = one(model)
    assert not reply.counted
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
        with pytest.raises(EndpointError, match=f"^{endpoint.url} did not answer within 0.2 s$"):
            one(remote(endpoint.url, timeout_seconds=0.2))
        assert endpoint.calls == 2


@pytest.mark.parametrize("endless", [b"HTTP/1.1 200 OK\r\nx-header: ", b"HTTP/1.1 102 Processing\r\n\r\n"])
def test_an_endpoint_that_drips_is_given_up_in_time(endless: bytes) -> None:
    """A byte of a header, or one interim answer, every now and then: each read is quick."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def drip() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(endless)
                    for _ in range(100):
                        time.sleep(0.05)
                        connection.sendall(b"a" if endless.endswith(b" ") else endless)

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(EndpointError, match="did not answer within 0.3 s"):
            one(remote(f"http://127.0.0.1:{server.getsockname()[1]}/v1", timeout_seconds=0.3))
        assert time.monotonic() - began < 4


@pytest.mark.parametrize("status", [200, 201, 202, 203])
def test_an_answer_is_one_whatever_good_status_it_comes_with(status: int) -> None:
    with Endpoint([Answer(completion("Paris"), status)]) as endpoint:
        assert one(remote(endpoint.url)).text == "Paris" and endpoint.calls == 1


def test_an_allowance_of_a_day_that_is_used_up_holds_nobody_back_before_a_refusal() -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "23h59m"}
    with Endpoint([Answer(completion("Paris"), headers=headers)]) as endpoint:
        replies = remote(endpoint.url).reply([ask(str(number)) for number in range(12)])
    assert [reply.text for reply in replies] == ["Paris"] * 12


def test_a_connection_that_breaks_off_is_tried_again() -> None:
    with Endpoint([Answer(b"{", headers={"content-length": "1000"}), Answer(completion())]) as endpoint:
        assert one(remote(endpoint.url)).text == "Paris"


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.models.endpoint.transport.LARGEST_BODY", 1000)
    with Endpoint([Answer(completion("x" * 5000))]) as endpoint, pytest.raises(EndpointError, match="more than 1,000 bytes"):
        one(remote(endpoint.url))


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


@pytest.mark.parametrize("spelling", ["http://h/v1", "https://h/v1/", "https://H/v1", "https://h:443/v1"])
def test_an_endpoint_is_not_its_spelling(spelling: str) -> None:
    assert remote(spelling).digest == remote("https://h/v1").digest
    assert remote("http://127.0.0.1:8000/v1").digest == remote("http://localhost:8000/v1/").digest
    assert remote("http://gateway:4000/v1", same_as=spelling).digest == remote("https://h/v1").digest
    assert remote(spelling, extra_body={"top_k": 1}).digest != remote(spelling).digest


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
came = []
print("ready", flush=True)
try:
    model.stream([Request((message("user", "x"),))] * 8, came.extend)
except KeyboardInterrupt as stopped:
    print(len(came), stopped.number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("signals", "pause", "came"), [(1, 1.0, 4), (2, 20.0, 0)])
def test_a_signal_lets_what_is_under_way_come_in_and_a_second_one_does_not(
    number: signal.Signals, signals: int, pause: float, came: int
) -> None:
    with Endpoint([Answer(completion(), pause=pause)]) as endpoint:
        command = [sys.executable, "-c", INTERRUPTED, endpoint.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            while endpoint.calls < 4:
                time.sleep(0.02)
            started = time.monotonic()
            for _ in range(signals):
                process.send_signal(number)
                time.sleep(0.2)
            assert process.stdout.readline() == f"{came} {int(number)}\n"
            assert process.wait(10) == 0 and time.monotonic() - started < pause + 2
    assert endpoint.calls == 4


def test_a_schema_that_is_ignored_without_a_word_is_put_into_the_prompt() -> None:
    def ignoring(payload: Mapping[str, Any]) -> Answer:
        told = "fits this schema" in str(payload["messages"][-1]["content"])
        return Answer(completion('{"city": "Paris"}' if told else "It is Paris."))

    with Endpoint(ignoring) as endpoint:
        model = remote(endpoint.url)
        assert [one(model, json_schema='{"type": "object"}').text for _ in range(3)] == ['{"city": "Paris"}'] * 3
    assert [("response_format" in payload) for payload in endpoint.payloads] == [True, False, False, False]


def test_a_model_that_writes_no_json_at_all_is_asked_otherwise_once() -> None:
    with Endpoint([Answer(completion("It is Paris."))]) as endpoint:
        model = remote(endpoint.url)
        assert [one(model, json_schema='{"type": "object"}').text for _ in range(3)] == ["It is Paris."] * 3
    assert endpoint.calls == 4
