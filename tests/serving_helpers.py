"""A served project of the fake model, asked over a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import uvicorn

from tailor.models.base import Model
from tailor.serving.app import make_app
from tailor.serving.endpoint import Endpoint
from tailor.serving.guard import Guard
from tailor.serving.server import Address, Server, listen
from tailor.serving.source import ProjectSource
from tailor.serving.worker import Worker


@dataclass
class Answered:
    """What came back."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def error(self) -> Any:
        return self.body["error"]


@dataclass
class Client:
    """Asks a server on this machine."""

    port: int
    server: Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> Endpoint:
        return self.server.endpoint

    def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Answered:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        kind = {"content-type": "application/json"} if content is not None else {}
        connection.request(method, path, content, kind | (headers or {}))
        response = connection.getresponse()
        found = Answered(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        connection.close()
        return found

    def get(self, path: str, **headers: str) -> Answered:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: object, **headers: str) -> Answered:
        return self.ask("POST", path, body, headers)

    def chat(self, text: str, **fields: object) -> Answered:
        name = self.endpoint.current.certified.task.name
        return self.post("/v1/chat/completions", {"model": name, "messages": [{"role": "user", "content": text}], **fields})


@contextmanager
def serving(
    folder: Path,
    *,
    model: Model | None = None,
    waiting: int = 64,
    rows: int = 64,
    agreement: float = 1.0,
    token: str = "",
    say: Callable[[str], None] = lambda sentence: None,
    gate: bool = True,
    records: bool = False,
) -> Iterator[Client]:
    """The last study of a project, served on a free port; with `gate`, once it is ready."""
    source = ProjectSource(folder, rows=rows, model=model)
    served = source.opened()
    endpoint = Endpoint(served, Worker(waiting), source.recorder(served) if records else None)
    server = Server(endpoint, source, rows=rows, agreement=agreement, say=say)
    with http(server, Address(port=0, token=token)) as client:
        if gate:
            server.open_gate()
        yield client


@contextmanager
def http(server: Server, address: Address) -> Iterator[Client]:
    """A server behind its guard, in a thread of its own."""
    held = listen(address)
    port = held.getsockname()[1]
    app = Guard(make_app(server.endpoint), hosts=address.hosts(port), token=address.token)
    running = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="critical", lifespan="off", ws="none"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [held]}, daemon=True)
    thread.start()
    try:
        yield Client(port, server)
    finally:
        running.should_exit = True
        thread.join(20)
        held.close()
        server.close()
