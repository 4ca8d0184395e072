"""One call over HTTP: within a time and up to a size, to the named address and nowhere else."""

from __future__ import annotations

import json
import logging
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tailor.models.endpoint.faults import Fault

LARGEST_BODY = 16 << 20  # bytes; a hundred times the longest answer
CONNECT_SECONDS = 15.0
AGENT = "tailor"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        """Whether it is an answer: some gateways say "created" or "accepted" where others say "OK"."""
        return 200 <= self.status < 300


class Transport:
    """A connection to an endpoint, shared by threads.

    Args:
        base_url: the address before /chat/completions; a query stays behind the path.
        shown: the address as it may be shown.
        headers: sent with every call.
        timeout: longest wait for a whole answer, in seconds.
        is_here: whether it is on this machine, which no proxy reaches.
        scrub: takes secrets out of what is shown.
    """

    def __init__(self, base_url: str, shown: str, *, headers: Mapping[str, str], timeout: float, is_here: bool, scrub: Any) -> None:
        import httpx2

        from tailor.models.endpoint.deadline import Deadline, hold_to

        # For debugging, the library logs all headers that come back, and an endpoint may repeat the key in them.
        logging.getLogger("httpcore2").setLevel(logging.INFO)
        parts = urlsplit(base_url)
        self._base = parts._replace(path=parts.path.rstrip("/"), fragment="")
        self._shown, self._timeout, self._scrub = shown, timeout, scrub
        # A redirect would carry the data to an address that nobody named; a proxy set for the world cannot reach this machine.
        self._client = httpx2.Client(
            follow_redirects=False,
            timeout=httpx2.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS), pool=None),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=128),
            trust_env=not is_here,
            headers={"content-type": "application/json", "user-agent": AGENT, **headers},
        )
        self._deadline = Deadline()
        hold_to(self._deadline, self._client)
        weakref.finalize(self, self._client.close)  # connections are closed when nobody can use them any more

    def post(self, body: Mapping[str, Any], path: str = "chat/completions") -> HttpAnswer:
        """The answer to a body sent to a path below the address.

        Raises:
            Fault: there was none: it cannot be reached, nothing came in time, or the connection broke off.
        """
        return self.send("POST", path, json.dumps(body).encode())

    def send(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        largest: int | None = None,
    ) -> HttpAnswer:
        """The answer to a call of any kind.

        Args:
            method: of HTTP.
            path: below the address; may hold a query.
            content: what is sent.
            headers: stand in for the usual ones.
            timeout: stands in for the usual one, in seconds.
            largest: bytes that may come back; those of one answer where it is not said.

        Raises:
            Fault: there was none: it cannot be reached, nothing came in time, or the connection broke off.
        """
        import httpx2

        timeout = self._timeout if timeout is None else timeout
        late = Fault("late", f"{self._shown} did not answer within {timeout:g} s", "Raise `timeout_seconds`.")
        late.cause = f"no answer within {timeout:g} s"
        self._deadline.at = time.monotonic() + timeout
        read = bytearray()
        path, _, query = path.partition("?")
        queries = "&".join(filter(None, (self._base.query, query)))
        url = urlunsplit(self._base._replace(path=f"{self._base.path}/{path}", query=queries))
        waits = httpx2.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS), pool=None)
        try:
            with self._client.stream(method, url, content=content or None, headers=headers, timeout=waits) as response:
                for chunk in response.iter_bytes():
                    read += chunk
                    if time.monotonic() > self._deadline.at:
                        raise late
                    if len(read) > (most := largest or LARGEST_BODY):
                        raise Fault("unreadable", f"{self._shown} sent more than {most:,} bytes for one answer")
                return HttpAnswer(response.status_code, response.headers, bytes(read))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol, httpx2.ProxyError) as error:
            raise self._unreachable(error) from error
        except httpx2.TimeoutException as error:
            raise late from error
        except httpx2.DecodingError as error:
            raise Fault("unreadable", f"{self._shown}: the answer cannot be unpacked") from error
        except httpx2.HTTPError as error:
            raise Fault("passing", f"{self._shown} broke the connection off", cause="connection broken off") from error

    def _unreachable(self, cause: BaseException) -> Fault:
        reason = self._scrub(" ".join(str(cause).split())) or type(cause).__name__
        if "CERTIFICATE" in reason.upper() or "SSL" in reason.upper():
            hint = "Its TLS certificate is not trusted here: name the authority's file in SSL_CERT_FILE, or check `base_url`."
            if "CERTIFICATE" not in reason.upper():
                hint = (
                    "The server does not speak TLS there: check the port in `base_url`, and whether it begins with http or https."
                )
            return Fault("fatal", f"{self._shown} cannot be reached safely: {reason}", hint, cause=f"TLS: {reason}")
        if "Proxy" in type(cause).__name__:
            reason, hint = f"the proxy refuses: {reason}", "Check HTTPS_PROXY and NO_PROXY."
        else:
            hint = "Check `base_url` and that the server runs."
        return Fault("unreachable", f"{self._shown} cannot be reached: {reason}", hint, cause=f"cannot be reached: {reason}")
