"""The door of the endpoint: who may come in, from where, and how much may be sent. It comes before every route.

Programs call it, not pages: they show a bearer token, have no cookies and send no origin (compare `tailor.web.door`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from tailor.serving.callers import Callers
from tailor.serving.refused import Refused
from tailor.web.door import AMBIGUOUS, BODY_BYTES, is_ambiguous, limited, too_long
from tailor.web.door import Refused as NotLetIn

OPEN = frozenset({"/healthz"})
"""Routes that need no token: they say nothing but that the process lives."""


class Guard:
    """Refuses what must not come in, in OpenAI's form of errors, and says nothing else to it.

    Args:
        app: what is behind it.
        hosts: names by which the server may be called, with their ports.
        callers: who may call, and how often.
        body: longest body in bytes.
        most: requests that may be inside at once; what needs no token is always let in.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        callers: Callers | None = None,
        body: int = BODY_BYTES,
        most: float = math.inf,
    ) -> None:
        self.app, self.hosts, self._callers, self.body = app, frozenset(hosts), callers or Callers(), body
        self._most, self._inside = most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._check(scope)
        except Refused as refused:
            await answer_refused(refused, send)
            return
        self._inside += 1
        try:
            await self.app(scope, limited(receive, self.body), send)
        except NotLetIn as refused:  # the body grew too long while it was read, so nothing was answered yet
            await answer_refused(Refused(refused.message, refused.status, code="request_too_large"), send)
        finally:
            self._inside -= 1

    def _check(self, scope: Scope) -> None:
        named: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            named.setdefault(name, []).append(value)
        hosts = named.get(b"host", [])
        if len(hosts) != 1 or hosts[0].decode("latin-1").lower() not in self.hosts:
            raise Refused("This server is not called by that name.", 421, code="misdirected_request")
        if is_ambiguous(named):
            raise Refused(AMBIGUOUS, 400, code="invalid_request", headers={"connection": "close"})
        # Only browsers send an origin. A page from elsewhere must not ask on behalf of whoever looks at it.
        for origin in named.get(b"origin", []):
            if origin.decode("latin-1").lower() not in {f"http://{host}" for host in self.hosts}:
                raise Refused("Requests from other pages are not answered.", 403, code="foreign_origin")
        if self._inside >= self._most and scope["path"] not in OPEN:
            full = f"{self._inside:,} requests are being answered already. Try again in 1 s."
            raise Refused(full, 503, kind="server_error", code="too_many_requests", headers={"retry-after": "1"})
        who = None if scope["path"] in OPEN else self._callers.who(named.get(b"authorization", []))
        if scope["method"] == "POST":
            kind = named.get(b"content-type", [b""])[0].partition(b";")[0].strip().lower()
            if kind != b"application/json":
                raise Refused("Send JSON, with the header `Content-Type: application/json`.", 415, code="unsupported_media_type")
            length = named.get(b"content-length", [b"0"])[0]
            if length.isdigit() and int(length) > self.body:
                told = too_long(self.body)
                raise Refused(told.message, told.status, code="request_too_large")
            if who is not None:
                self._callers.take(who)


async def answer_refused(refused: Refused, send: Send) -> None:
    """Send a refusal."""
    body = json.dumps(refused.body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **SAFE, **refused.headers}
    raw: list[tuple[bytes, bytes]] = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    start: dict[str, Any] = {"type": "http.response.start", "status": refused.status, "headers": raw}
    await send(start)
    await send({"type": "http.response.body", "body": body})


SAFE = {"x-content-type-options": "nosniff", "cache-control": "no-store", "referrer-policy": "no-referrer"}
"""Headers of every response."""
