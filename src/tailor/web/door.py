"""The door of a page: it comes before every route, lets in whom it knows, and says nothing else to anybody.

What it does follows from what went wrong elsewhere: pages of other sites that ask on behalf of whoever looks at them (a browser
sends cookies along), names that point to this machine (DNS rebinding), files served as scripts, scripts in texts.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger(__name__)
BODY_BYTES = 1 << 20
"""Longest body of a request."""
TOKEN_HEADER = b"x-tailor-token"
SECRET_BYTES = 32
LONGEST_NAME = 80
"""Characters of a name that someone is let in by."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every response."""
AMBIGUOUS = "The request says in two ways how long it is."
READING = frozenset({"GET", "HEAD"})


class JSON(JSONResponse):
    """JSON in ASCII, so that half of a surrogate pair, which UTF-8 cannot hold, is sent as an escape like any other."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


class Refused(Exception):
    """A request that is not answered.

    Args:
        message: why, and what to do, in a sentence.
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.message, self.status = message, status


@dataclass(frozen=True)
class Keys:
    """The links of people: each holds a name and a token that follows from the name and a secret.

    Links stay good when a server is started again with the same secret, so that people go on where they were.

    Attributes:
        secret: 32 random bytes, kept in a file that only the owner can read.
    """

    secret: bytes

    def token(self, name: str) -> str:
        """The token of a person: 32 bytes in hexadecimal digits."""
        return self._digest("link", name)

    def ticket(self, name: str) -> str:
        """What a link and a cookie hold: the name and its token."""
        return f"{base64.urlsafe_b64encode(name.encode()).decode().rstrip('=')}.{self.token(name)}"

    def page_token(self, name: str) -> str:
        """What a page must send with everything that has an effect; a page of another site cannot know it."""
        return self._digest("page", name)

    def name(self, ticket: str) -> str | None:
        """The person whose ticket this is; None for a ticket that is not good."""
        written, _, token = ticket.partition(".")
        try:
            name = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4)).decode()
        except (binascii.Error, ValueError):
            return None
        good = 0 < len(name) <= LONGEST_NAME and token.isascii() and hmac.compare_digest(token, self.token(name))
        return name if good else None

    def _digest(self, purpose: str, name: str) -> str:
        return hmac.new(self.secret, f"{purpose}\0{name}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


class Door:
    """Refuses what must not come in. `scope["state"]["name"]` is the person who came in, for the routes behind it.

    Args:
        app: what is behind it.
        hosts: names by which the server may be called, with their ports, as they are in the Host header.
        keys: the links that are good.
        open_paths: what anybody may read who knows the address: a first page and what it is made of.
        entry: the one path that may be posted to without having come in: it exchanges a link for a cookie.
        body: longest body in bytes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        keys: Keys,
        open_paths: Collection[str],
        entry: str,
        body: int = BODY_BYTES,
    ) -> None:
        self._app, self._hosts, self._keys = app, frozenset(host.lower() for host in hosts), keys
        self._open, self._entry, self._body = frozenset(open_paths), entry, body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no page of ours asks for anything else
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                given = {name.lower() for name, _ in message["headers"]}
                extra = [(name.encode(), value.encode()) for name, value in SAFE.items() if name.encode() not in given]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        try:
            scope.setdefault("state", {})["name"] = self._checked(scope)
            await self._app(scope, limited(receive, self._body), sent)
        except Refused as refused:
            if begun:
                raise
            await _answer(refused, scope, sent)
        except asyncio.CancelledError:  # the server ends, and this request has not come in whole
            if begun:
                raise
            await _answer(Refused("This server ends.", 503), scope, sent)
        except Exception:
            if begun:
                raise  # the connection is cut, so that nobody takes half an answer for a whole one
            LOG.exception("%s %s could not be answered", scope["method"], scope["path"])
            await _answer(Refused("Something went wrong here. The terminal shows what.", 500), scope, sent)

    def _checked(self, scope: Scope) -> str:
        """The name of whoever comes in; empty at an open door.

        Raises:
            Refused: it must not come in.
        """
        headers: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value.decode("latin-1"))
        hosts = [host.lower() for host in headers.get(b"host", [])]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise Refused("This server is not called by that name.", 421)
        if is_ambiguous(headers):
            raise Refused(AMBIGUOUS, 400)
        if scope["method"] not in READING:
            self._check_writing(headers)
        if scope["path"] in self._open or scope["path"] == self._entry:
            return ""
        name = self._keys.name(_cookie(headers, cookie_name(scope)))
        if name is None:
            raise Refused("Open the link that `tailor` printed when it was started, or ask for one.", 401)
        if scope["method"] not in READING and not hmac.compare_digest(
            "".join(headers.get(TOKEN_HEADER, [])).encode(), self._keys.page_token(name).encode()
        ):
            raise Refused("The page is out of date. Load it again.", 403)
        return name

    def _check_writing(self, headers: Mapping[bytes, list[str]]) -> None:
        origins = [origin.lower() for origin in headers.get(b"origin", [])]
        if len(origins) != 1 or origins[0] not in {f"http://{host}" for host in self._hosts}:
            raise Refused("Requests from other pages are not answered.", 403)
        kind = "".join(headers.get(b"content-type", [])).partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused("JSON is accepted, with the header Content-Type: application/json.", 415)
        length = "".join(headers.get(b"content-length", ["0"]))
        if length.isdigit() and int(length) > self._body:
            raise too_long(self._body)


def cookie_name(scope: Scope) -> str:
    """What the cookie is called: a browser gives those of a host to all its ports, so each server needs a name of its own."""
    return f"tailor-{(scope.get('server') or ('', 0))[1]}"


def cookie(ticket: str, scope: Scope) -> str:
    """The header that keeps a ticket in the browser, where scripts cannot read it and other sites cannot use it."""
    return f"{cookie_name(scope)}={ticket}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"


def _cookie(headers: Mapping[bytes, list[str]], name: str) -> str:
    try:
        cookies = SimpleCookie("; ".join(headers.get(b"cookie", [])))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


def is_ambiguous(names: Collection[bytes]) -> bool:
    """Whether a request says in two ways how long it is: a proxy in front may have read it in the other way."""
    return b"content-length" in names and b"transfer-encoding" in names


def limited(receive: Receive, most: int) -> Receive:
    """What comes in, up to so many bytes; more is refused."""
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > most:
                raise too_long(most)
        return message

    return counted


def too_long(most: int) -> Refused:
    """The refusal of a body that is longer than so many bytes."""
    return Refused(f"The request is longer than {most:,} bytes.", 413)


async def _answer(refused: Refused, scope: Scope, send: Send) -> None:
    """Answer with the sentence: as JSON, or as plain text where someone opened an address."""
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    if b"text/html" in accepted:
        kind, body = b"text/plain; charset=utf-8", refused.message.encode()
    else:
        kind, body = b"application/json", json.dumps({"error": refused.message}).encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if is_ambiguous({name for name, _ in scope["headers"]}):
        headers.append((b"connection", b"close"))  # what follows is no request of its own
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
