"""A served app for tests: on a free port, in a thread, and raw requests to it that no well-behaved client would send."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from tailor.web.listening import listen


@dataclass(frozen=True)
class Reply:
    """What a server said, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.body)
        return found


@contextmanager
def running(make: Callable[[tuple[str, ...]], ASGIApp]) -> Iterator[int]:
    """The port on which an app is served, which is made of the names that it may be called by."""
    listening = listen()
    config = uvicorn.Config(
        make(listening.hosts), log_config=None, access_log=False, server_header=False, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening.socket]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listening.port
    finally:
        server.should_exit = True
        thread.join(10)
        listening.socket.close()


def send(
    port: int, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes = b"", *, counted: bool = True
) -> Reply:
    """Send a request exactly as it is written here; a body's length is added where it is `counted`."""
    length = [("Content-Length", str(len(body)))] if body and counted else []
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in [*headers, *length, ("Connection", "close")])]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body)
        data = b""
        while piece := connection.recv(65536):
            data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *others = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in others)
    return Reply(int(first.split()[1]), {name.lower(): value for name, value in pairs}, rest)
