"""Where a page is served: the socket, the names that it may be called by, and running until it is told to stop."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from tailor.errors import ConfigError, quoted

LOOPBACK = ("127.0.0.1", "localhost", "::1")
GRACE_SECONDS = 5
"""Seconds that requests have to end when a server is told to."""


@dataclass(frozen=True)
class Listening:
    """A socket that is listened on.

    Attributes:
        socket: bound, so that nobody else can take its port.
        host: the interface, as it was given.
        names: further names that it may be called by.
    """

    socket: socket.socket
    host: str
    names: Sequence[str] = ()

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.socket.getsockname()[1])

    @property
    def hosts(self) -> tuple[str, ...]:
        """What the Host header of a request may say."""
        own = ("127.0.0.1", "localhost", "[::1]")
        return tuple(f"{name}:{self.port}" for name in dict.fromkeys((*own, *self.names)))

    @property
    def address(self) -> str:
        """The address of its first page."""
        name = self.names[0] if self.names else "[::1]" if self.host == "::1" else "127.0.0.1"
        return f"http://{name}:{self.port}"


def listen(host: str = "127.0.0.1", port: int = 0, names: Sequence[str] = ()) -> Listening:
    """Bind a socket, and listen on it.

    Args:
        host: the interface; others than this machine's own need `names`.
        port: 0 for one that is free.
        names: what others call this machine, such as `desk7.example.org`; a request to any other name is refused.

    Raises:
        ConfigError: others could reach it and no name is given, or the port is taken.
    """
    if host not in LOOPBACK and not names:
        raise ConfigError(
            f"with --host {host} other machines can reach the page, and no name for it is given",
            "Say by which name people open it, as in --name desk7.example.org; or leave out --host.",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns off Nagle's algorithm, which holds back the end of an answer, only where it is.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()  # whoever opens the address before it is served waits, and is not sent away
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"{quoted(host)} port {port} cannot be listened on: {error.strerror}", "Give another --port, or leave it out."
        ) from error
    return Listening(bound, host, tuple(names))


def serve(app: ASGIApp, listening: Listening) -> None:
    """Serve until Ctrl-C or SIGTERM; what is being answered is answered first."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=1 << 16,
    )
    with suppress(KeyboardInterrupt), listening.socket:
        uvicorn.Server(config).run(sockets=[listening.socket])
