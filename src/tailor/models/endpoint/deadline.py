"""A limit on the time of a whole call.

The HTTP library limits each read by itself, so an endpoint that sends a byte of a header now and then, or one interim answer after
the other, would never meet it.
"""

from __future__ import annotations

import math
import ssl
import threading
import time
from typing import Any

import httpcore2
import httpx2


class Deadline(threading.local):
    """When the call must be over that this thread makes, by the monotonic clock."""

    at = math.inf

    def left(self, timeout: float | None) -> float | None:
        """The longest time for the next step; 0 or less where there is none left."""
        if self.at == math.inf:
            return timeout
        left = self.at - time.monotonic()
        return left if timeout is None else min(timeout, left)


class Stream(httpcore2.NetworkStream):
    """A connection whose reads and writes end at the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What comes next."""
        left = self._deadline.left(timeout)
        if left is not None and left <= 0:
            raise httpcore2.ReadTimeout("the call takes too long")
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send."""
        left = self._deadline.left(timeout)
        if left is not None and left <= 0:
            raise httpcore2.WriteTimeout("the call takes too long")
        self._stream.write(buffer, left)

    def close(self) -> None:
        """Close."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same over TLS."""
        return Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """What the connection tells of itself."""
        return self._stream.get_extra_info(info)


class Network(httpcore2.SyncBackend):
    """Makes such connections."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore2.NetworkStream:
        """A connection to a host."""
        return Stream(super().connect_tcp(*args, **kwargs), self._deadline)


def hold_to(deadline: Deadline, client: httpx2.Client) -> None:
    """Let every call of a client, through a proxy too, end at the deadline of the thread that makes it.

    The library has no public place for this; a test tells when this one is gone.
    """
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx2.HTTPTransport):
            transport._pool._network_backend = Network(deadline)
