"""The door of Tailor's pages: requests that must not come in, on a real socket; and files that must not get out."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from web_server import running, send

from tailor.errors import ConfigError
from tailor.web.door import Door, Keys, Refused, cookie
from tailor.web.listening import listen
from tailor.web.media import file_response, media_type, project_file

KEYS = Keys(bytes(range(32)))
TICKET, PAGE_TOKEN = KEYS.ticket("Ada"), KEYS.page_token("Ada")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


async def secret(request: Request) -> PlainTextResponse:
    await request.body()
    return PlainTextResponse(f"secret of {request.state.name}")


async def broken(_: Request) -> PlainTextResponse:
    raise RuntimeError("a secret in /home/ada")


async def half(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"so far", "more_body": True})
    raise RuntimeError("a secret in /home/ada")


def guarded(hosts: tuple[str, ...]) -> ASGIApp:
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    routes = Router([Route(path, secret, methods=methods) for path in ("/", "/docs", "/enter", "/open")], redirect_slashes=False)
    routes.routes.append(Route("/broken", broken))
    routes.routes.append(Mount("/half", half))
    return Door(routes, hosts=hosts, keys=KEYS, open_paths=["/open"], entry="/enter", body=1000)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running(guarded) as port:
        yield port


def known(port: int) -> list[tuple[str, str]]:
    """Headers of a page that someone opened with a good link."""
    return [
        ("Host", f"127.0.0.1:{port}"),
        ("Origin", f"http://127.0.0.1:{port}"),
        ("Cookie", f"tailor-{port}={TICKET}"),
        ("X-Tailor-Token", PAGE_TOKEN),
        ("Content-Type", "application/json"),
    ]


def without(headers: list[tuple[str, str]], name: str, *instead: str) -> list[tuple[str, str]]:
    return [*(pair for pair in headers if pair[0] != name), *((name, value) for value in instead)]


def test_a_page_that_was_opened_with_a_good_link_reads_and_writes(port: int) -> None:
    for method, body in (("GET", b""), ("POST", b"{}"), ("DELETE", b"{}")):
        assert send(port, method, "/", known(port), body).body == b"secret of Ada"
    for name in ("localhost", "[::1]"):
        named = without(without(known(port), "Host", f"{name}:{port}"), "Origin", f"http://{name}:{port}")
        assert send(port, "POST", "/", named, b"{}").status == 200


HOSTS = (
    *(
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        "localhost:{port}.evil.example",
        "0.0.0.0:{port}",
    ),
    *("127.0.0.1:{port}/docs?", "a/?x=", "127.0.0.1:{port}@evil.example", "evil.example, 127.0.0.1:{port}", "127.1:{port}"),
    *("[::ffff:127.0.0.1]:{port}", "2130706433:{port}", "localhost.:{port}", "127.0.0.1:{port}#", "x127.0.0.1:{port}", "[::1]"),
)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("host", HOSTS)
def test_a_server_that_is_called_by_another_name_says_nothing(port: int, host: str, method: str) -> None:
    reply = send(port, method, "/", without(known(port), "Host", host.format(port=port)), b"{}" if method == "POST" else b"")
    assert reply.status in (400, 421) and b"secret" not in reply.body


def test_two_names_none_and_a_whole_address_as_target_are_refused(port: int) -> None:
    for hosts in ((), (f"127.0.0.1:{port}", "evil.example"), ("evil.example", f"127.0.0.1:{port}")):
        assert send(port, "GET", "/", without(known(port), "Host", *hosts)).status in (400, 421)
    for target in ("http://evil.example/", f"http://127.0.0.1:{port}/", "//evil.example/", "*"):
        reply = send(port, "GET", target, known(port))
        assert reply.status in (400, 404, 421) and b"secret" not in reply.body


ORIGINS = (
    *("null", "http://evil.example", "https://127.0.0.1:{port}.evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "file://"),
    *("http://127.0.0.1:{port}/", "http://127.0.0.1:{port}, http://evil.example", "", "127.0.0.1:{port}", "chrome-extension://abc"),
)


@pytest.mark.parametrize("origin", [None, *ORIGINS])
def test_what_has_an_effect_comes_from_a_page_of_this_server(port: int, origin: str | None) -> None:
    origins = () if origin is None else (origin.format(port=port),)
    for path in ("/", "/enter"):
        reply = send(port, "POST", path, without(known(port), "Origin", *origins), b"{}")
        assert reply.status == 403 and b"secret" not in reply.body
    assert send(port, "GET", "/", without(known(port), "Origin")).status == 200  # browsers send none when a page is read


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("token", [None, "", "0" * 64, KEYS.token("Ada"), KEYS.page_token("Bob"), PAGE_TOKEN + "0"])
def test_what_has_an_effect_needs_the_token_of_a_page(port: int, method: str, token: str | None) -> None:
    reply = send(port, method, "/", without(known(port), "X-Tailor-Token", *(() if token is None else (token,))), b"{}")
    assert reply.status == 403 and b"secret" not in reply.body


@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; application/json"],
)
def test_a_form_that_any_page_can_send_is_refused(port: int, kind: str | None) -> None:
    reply = send(port, "POST", "/", without(known(port), "Content-Type", *(() if kind is None else (kind,))), b'{"a": 1}')
    assert reply.status == 415


@pytest.mark.parametrize(
    "ticket",
    [
        None,
        "",
        "." * 3,
        TICKET[:-1],
        TICKET + "0",
        KEYS.ticket("Bob").partition(".")[0] + "." + KEYS.token("Ada"),
        Keys(bytes(32)).ticket("Ada"),
        TICKET.partition(".")[0] + "." + KEYS.page_token("Ada"),
        KEYS.ticket(""),
        KEYS.ticket("A" * 500),
        "é.ü",
    ],
)
def test_nobody_comes_in_without_a_good_ticket(port: int, ticket: str | None) -> None:
    cookies = () if ticket is None else (f"tailor-{port}={ticket}",)
    for path in ("/", "/docs", "/open/../docs", "/%6fpen/../"):
        reply = send(port, "GET", path, without(known(port), "Cookie", *cookies))
        assert reply.status == 401 and b"secret" not in reply.body
    assert send(port, "GET", "/open", without(known(port), "Cookie", *cookies)).status == 200


def test_a_body_has_a_longest_length_whatever_it_says_of_itself(port: int) -> None:
    assert send(port, "POST", "/", known(port), b" " * 1000).status == 200
    assert send(port, "POST", "/", known(port), b" " * 1001).status == 413
    chunk = b"3e9\r\n" + b" " * 1001 + b"\r\n0\r\n\r\n"
    chunked = [*known(port), ("Transfer-Encoding", "chunked")]
    assert send(port, "POST", "/", chunked, chunk, counted=False).status == 413


def test_every_answer_says_what_a_browser_may_do_with_it(port: int) -> None:
    for headers, path in ((known(port), "/"), (known(port), "/none"), ([("Host", f"127.0.0.1:{port}")], "/")):
        reply = send(port, "GET", path, headers)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff" and reply.headers["referrer-policy"] == "no-referrer"
        assert not any(name.startswith("access-control") for name in reply.headers) and "server" not in reply.headers
    given = cookie(TICKET, {"server": ("127.0.0.1", port)})
    assert given.startswith(f"tailor-{port}={TICKET};") and "HttpOnly" in given and "SameSite=Strict" in given


def test_a_cookie_of_another_server_on_this_machine_lets_nobody_in(port: int) -> None:
    assert send(port, "GET", "/", without(known(port), "Cookie", f"tailor-{port + 1}={TICKET}")).status == 401


def test_what_is_broken_behind_the_door_says_nothing(port: int) -> None:
    reply = send(port, "GET", "/broken", known(port))
    assert reply.status == 500 and b"secret" not in reply.body and b"Traceback" not in reply.body
    assert reply.headers["x-content-type-options"] == "nosniff"
    begun = send(port, "GET", "/half/", known(port))
    assert begun.status == 200 and b"secret" not in begun.body


def test_someone_who_opens_a_closed_page_reads_a_sentence(port: int) -> None:
    reply = send(port, "GET", "/", [("Host", f"127.0.0.1:{port}"), ("Accept", "text/html,*/*")])
    assert (
        reply.status == 401 and reply.headers["content-type"].startswith("text/plain") and reply.body.startswith(b"Open the link")
    )


def test_others_can_reach_a_page_only_by_a_name_that_was_given() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(ConfigError, match="other machines can reach"):
            listen(host)


# --- files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    for path in ("images", ".tailor"):
        (project / path).mkdir(parents=True)
    (tmp_path / "outside.png").write_bytes(PNG)
    (tmp_path / "project-2").mkdir()
    (tmp_path / "project-2" / "near.png").write_bytes(PNG)
    (project / ".tailor" / "labels.db").write_bytes(PNG)
    (project / "images" / "a.png").write_bytes(PNG)
    (project / "images" / "link.png").symlink_to(tmp_path / "outside.png")
    (project / "images" / "store.png").symlink_to(project / ".tailor" / "labels.db")
    (project / "images" / "loop.png").symlink_to(project / "images" / "loop.png")
    (project / "images" / "inner.png").symlink_to(project / "images" / "a.png")
    os.mkfifo(project / "images" / "pipe.png")
    return project


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../outside.png",
            "images/../../outside.png",
            "../project-2/near.png",
            "/etc/passwd",
            "images/link.png",
            "images/loop.png",
        ),
        *("images/none.png", "images", "", ".", "..", ".tailor/labels.db", "images/../.tailor/labels.db", "images/store.png"),
        *("images\\a.png", "..\\outside.png", "C:\\a.png", "C:a.png", "images/%2e%2e/%2e%2e/outside.png", "images/a.png\0.html"),
        *("file:///etc/passwd", "http://127.0.0.1/a.png", "images/pipe.png", "a" * 5000, "//etc/passwd"),
    ],
)
def test_no_file_gets_out_that_lies_elsewhere_or_is_hidden(folder: Path, name: str) -> None:
    with pytest.raises(Refused) as refused:
        file_response(folder, name)
    assert (refused.value.status, refused.value.message) == (404, "There is no such file in this project.")


def test_a_link_inside_the_project_is_followed_and_an_absolute_name_is_none(folder: Path) -> None:
    assert project_file(folder, "images/inner.png") == folder / "images" / "a.png"
    with pytest.raises(Refused):
        project_file(folder, str(folder / "images" / "a.png"))


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.html", PNG, "image/png"),
        ("a.png", b"<html><script>alert(1)</script></html>", ""),
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', ""),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(40), "image/jpeg"),
        ("a.xml", b"<?xml version='1.0'?><x/>", ""),
        ("a.mp4", b"\0\0\0\x18ftypisom" + bytes(40), "video/mp4"),
        ("a.webm", b"\x1aE\xdf\xa3" + bytes(40), "video/webm"),
        ("a.pdf", b"%PDF-1.7", ""),
        ("a.png", b"", ""),
        ("a\r\nX: y.png", PNG, "image/png"),
    ],
)
def test_a_file_is_sent_as_what_its_bytes_are_and_a_page_is_never_opened(tmp_path: Path, name: str, data: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(data)
    reply = file_response(tmp_path, name)
    assert media_type(data) == kind
    assert reply.headers["content-type"] == (kind or "application/octet-stream")
    assert reply.headers["content-disposition"].startswith("inline" if kind else "attachment")
    assert not any("\n" in value or "\r" in value for value in reply.headers.values())


def test_answers_are_not_held_back_for_more_to_send() -> None:
    with listen().socket as bound:
        assert bound.proto == socket.IPPROTO_TCP  # by this, asyncio turns off Nagle's algorithm: 45 ms an answer became 3


def test_a_request_that_the_end_of_the_server_cuts_is_told_so() -> None:
    sent: list[Message] = []

    async def never() -> Message:
        await asyncio.sleep(60)
        raise AssertionError("it was cut before")

    async def keep(message: Message) -> None:
        sent.append(message)

    async def cut() -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in known(80)]
        scope: Scope = {"type": "http", "method": "POST", "path": "/enter", "headers": headers}
        asked = asyncio.ensure_future(guarded(("127.0.0.1:80",))(scope, never, keep))
        await asyncio.sleep(0.05)
        asked.cancel()
        await asked

    asyncio.run(cut())
    assert sent[0]["status"] == 503
