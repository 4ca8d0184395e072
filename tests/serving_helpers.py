"""A served project of the fake model, asked over a real socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import uvicorn

from tailor.data.example import Example
from tailor.decide.prices import machine_rates
from tailor.documents.reading import Document
from tailor.engine import Engine
from tailor.kinds.base import score_run
from tailor.models.base import Model
from tailor.models.fake import FakeEmbedder
from tailor.project import Project
from tailor.serving.certified import Certified, Measured, turns_of
from tailor.serving.endpoint import Endpoint
from tailor.serving.served import PassingLedger, Served
from tailor.serving.server import Server, guarded
from tailor.serving.source import ProjectSource
from tailor.serving.worker import Worker
from tailor.stats.intervals import mean_interval
from tailor.system import System
from tailor.task import Task
from tailor.web.listening import listen


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
    with http(server, token) as client:
        if gate:
            server.open_gate()
        yield client


@contextmanager
def http(server: Server, token: str = "") -> Iterator[Client]:
    """A server behind its guard, in a thread of its own."""
    listening = listen()
    listening.socket.listen()  # callers that are early wait
    app = guarded(server.endpoint, listening, token)
    running = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="critical", lifespan="off", ws="none"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening.socket]}, daemon=True)
    thread.start()
    try:
        yield Client(listening.port, server)
    finally:
        running.should_exit = True
        thread.join(20)
        listening.socket.close()
        server.close()


class Stays:
    """A source that always gives the same configuration, or the next of several."""

    def __init__(self, *served: Served) -> None:
        self._served, self._next = served, 0

    def recorder(self, served: Served) -> None:
        return None

    def opened(self, model: Model | None = None) -> Served:
        self._next += 1
        return self._served[self._next % len(self._served)]


def certify(task: Task, system: System, examples: Sequence[Example], engine: Engine, rows: int = 64) -> Certified:
    """A system measured on these rows, as its study would certify it."""
    answers = engine.answer(system, examples)
    scores = score_run(task, system, examples, answers)
    score = mean_interval([one.value for one in scores])
    measured = tuple(map(Measured, examples, answers, scores))
    lower = score.low or 0.0
    return Certified(
        task,
        system,
        "sample, 2026-11-28T12:00:00+00:00",
        "target met",
        "It is.",
        score,
        lower,
        len(examples),
        None,
        measured[:rows],
        turns_of(examples),
    )


def serve_measured(
    found: Certified, model: Model, store: Path, documents: Sequence[Document] = (), system: System | None = None
) -> Served:
    """What was certified with an engine of its own, as another process would serve it; `system` plants a fault."""
    ledger = PassingLedger(store)
    engine = Engine(model, lambda name: FakeEmbedder(), ledger, store, documents, keeps=False)
    rates = machine_rates(found.task.prices, 1_000_000)
    return Served(found, Project(store.parent, found.task), engine, ledger, system or engine.refreshed(found.system), rates, model)


@contextmanager
def serving_these(*served: Served, waiting: int = 64, gate: bool = True) -> Iterator[Client]:
    """These configurations, the first of which answers, on a free port."""
    server = Server(Endpoint(served[0], Worker(waiting)), Stays(*served), rows=64, agreement=1.0)
    with http(server) as client:
        if gate:
            assert server.open_gate()
        else:
            server.endpoint.gate = ""
        yield client


def wait_until(held: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
