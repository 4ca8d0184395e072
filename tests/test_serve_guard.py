"""Who may come in: names, origins, tokens and sizes, asked of the guard as a server would."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from tailor.errors import ConfigError
from tailor.serving.callers import Callers
from tailor.serving.guard import Guard
from tailor.serving.refused import Refused
from tailor.serving.server import check_token
from tailor.web.door import BODY_BYTES, Door, Keys
from tailor.web.listening import listen

HOST = "127.0.0.1:8321"
TOKEN = "t" * 32
JSON = ("content-type", "application/json")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def asked(
    guard: Guard | Door,
    *headers: tuple[str, str],
    method: str = "GET",
    path: str = "/v1/models",
    chunks: tuple[bytes, ...] = (b"",),
) -> tuple[int, Any]:
    """Status and body of what comes back."""
    sent: list[Message] = []
    waiting = list(chunks)

    async def receive() -> Message:
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": "http", "method": method, "path": path, "headers": raw}
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.fixture
def here() -> Guard:
    return Guard(echo, hosts={HOST, "localhost:8321", "[::1]:8321"})


@pytest.fixture
def away() -> Guard:
    return Guard(echo, hosts={"models.example.org"}, callers=Callers([TOKEN]))


@pytest.mark.parametrize("host", [HOST, "localhost:8321", "LOCALHOST:8321", "[::1]:8321"])
def test_this_machine_is_let_in_without_a_token(here: Guard, host: str) -> None:
    assert asked(here, ("host", host))[0] == 200


@pytest.mark.parametrize(
    "hosts",
    [[], ["evil.example"], ["127.0.0.1"], [f"{HOST}/x"], [f"{HOST}?x="], ["127.0.0.1:8321@evil.example"], [HOST, HOST], ["\xff"]],
)
def test_a_server_that_is_called_by_another_name_does_not_answer(here: Guard, hosts: list[str]) -> None:
    status, body = asked(here, *[("host", host) for host in hosts])
    assert (status, body["error"]["code"]) == (421, "misdirected_request")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:9999", f"http://{HOST}.evil.example"])
def test_pages_from_elsewhere_cannot_ask(here: Guard, origin: str) -> None:
    status, body = asked(here, ("host", HOST), ("origin", origin), JSON, method="POST")
    assert (status, body["error"]["code"]) == (403, "foreign_origin")
    assert asked(here, ("host", HOST), ("origin", f"http://{HOST}"), JSON, method="POST")[0] == 200


def test_a_request_that_says_in_two_ways_how_long_it_is_is_refused_by_both_doors(here: Guard) -> None:
    # A proxy in front may have read it in the other way, and taken what follows for another request.
    door = Door(echo, hosts={HOST}, keys=Keys(bytes(32)), open_paths=["/"], entry="/session")
    for guard in (here, door):
        said = ("host", HOST), JSON, ("content-length", "5"), ("transfer-encoding", "chunked")
        assert asked(guard, *said, method="POST")[0] == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_plain_form_can_send_is_no_request(here: Guard, kind: str) -> None:
    assert asked(here, ("host", HOST), ("content-type", kind), method="POST")[0] == 415


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
)
@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/readyz", "/answer"])
def test_without_the_token_nothing_is_told(away: Guard, given: str | None, path: str) -> None:
    headers = [("host", "models.example.org"), *([] if given is None else [("authorization", given)])]
    status, body = asked(away, *headers, path=path)
    assert (status, body["error"]["type"]) == (401, "authentication_error")
    assert TOKEN[:-1] not in json.dumps(body)


def test_with_the_token_everything_is(away: Guard) -> None:
    named = ("host", "models.example.org")
    assert asked(away, named, ("authorization", f"Bearer {TOKEN}"))[0] == 200
    assert asked(away, named, path="/healthz")[0] == 200
    assert asked(away, named, ("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}"))[0] == 401


def test_each_caller_has_a_share_of_its_own_that_fills_up_again() -> None:
    ours, theirs = ("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {'u' * 32}")
    guard = Guard(echo, hosts={HOST}, callers=Callers([TOKEN, "u" * 32], per_minute=3))
    said = [asked(guard, ("host", HOST), ours, JSON, method="POST", path="/answer") for _ in range(4)]
    assert [status for status, _ in said] == [200, 200, 200, 429]
    assert said[3][1]["error"]["code"] == "rate_limit_exceeded"
    assert asked(guard, ("host", HOST), theirs, JSON, method="POST", path="/answer")[0] == 200
    assert asked(guard, ("host", HOST), ours)[0] == 200  # looking costs nothing
    seconds = [0.0]
    callers = Callers((), per_minute=60, now=lambda: seconds[0])
    for _ in range(60):
        callers.take(0)
    with pytest.raises(Refused, match="Try again in 1 s") as raised:
        callers.take(0)
    assert raised.value.headers["retry-after"] == "1"
    seconds[0] += 2.5
    callers.take(0)
    callers.take(0)
    with pytest.raises(Refused):
        callers.take(0)


def test_one_request_too_many_is_told_when_to_try_again() -> None:
    inside: list[int] = []

    async def asks_again(scope: Scope, receive: Receive, send: Send) -> None:
        if not inside:
            inside.append(await asyncio.to_thread(lambda: asked(guard, ("host", HOST))[0]))
            inside.append(await asyncio.to_thread(lambda: asked(guard, ("host", HOST), path="/healthz")[0]))
        await echo(scope, receive, send)

    guard = Guard(asks_again, hosts={HOST}, most=1)
    assert asked(guard, ("host", HOST))[0] == 200
    assert inside == [503, 200]
    assert asked(guard, ("host", HOST))[0] == 200


def test_a_long_body_is_refused_before_it_is_read_and_while_it_is(here: Guard) -> None:
    said = asked(here, ("host", HOST), JSON, ("content-length", str(BODY_BYTES + 1)), method="POST")
    assert (said[0], said[1]["error"]["code"]) == (413, "request_too_large")
    half = b"x" * (BODY_BYTES // 2)
    assert asked(here, ("host", HOST), JSON, method="POST", chunks=(half, half))[0] == 200
    assert asked(here, ("host", HOST), JSON, method="POST", chunks=(half, half, b"x", b"never read"))[0] == 413


@pytest.mark.parametrize(
    ("host", "token", "says"),
    [("0.0.0.0", "", "token"), ("::", "", "token"), ("127.0.0.1", "short", "characters"), ("::", f"{TOKEN} short", "of 5")],
)
def test_other_machines_need_a_token_that_cannot_be_guessed(host: str, token: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_token(host, token)
    check_token(host, TOKEN)
    check_token("127.0.0.1", "")


def test_other_machines_need_a_name() -> None:
    with pytest.raises(ConfigError, match="no name"):
        listen("0.0.0.0")
