"""Starting and stopping: the socket, the gate before anything is answered, signals, and the look at what an answer needs."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from tailor.errors import ConfigError, TailorError, quoted
from tailor.limits import IMAGE_BYTES
from tailor.serving.app import make_app
from tailor.serving.callers import Callers
from tailor.serving.endpoint import Endpoint
from tailor.serving.guard import Guard
from tailor.serving.health import Health
from tailor.serving.parity import hold
from tailor.serving.served import Served
from tailor.serving.source import Source
from tailor.web.door import BODY_BYTES
from tailor.web.listening import LOOPBACK, Listening

PORT = 8321
TOKEN = "TAILOR_SERVE_TOKEN"
"""Variable that holds the tokens which callers must show, with blanks between them."""
SHORTEST_TOKEN = 16
GRACE_SECONDS = 30
"""Seconds that requests have to be answered when the server is told to end."""
KEEP_SECONDS = 75
"""Seconds that an idle connection is kept: longer than clients keep theirs, or a request may meet its end."""
CONNECTIONS = 1024
"""Connections at most; one more is turned away by uvicorn, which says no more than that."""
REQUESTS = 960
"""Requests at most that are inside at once: below the connections, so that whoever comes next is told when to try again."""


def check_token(host: str, token: str) -> None:
    """Refuse to be open to other machines without a token, or with one that can be guessed.

    Raises:
        ConfigError: it would be.
    """
    if short := [one for one in token.split() if len(one) < SHORTEST_TOKEN]:
        has = f"has {len(short[0])} characters" if token == short[0] else f"holds a token of {len(short[0])} characters"
        raise ConfigError(f"{TOKEN} {has}, fewer than {SHORTEST_TOKEN}", f"{TOKEN}=$(openssl rand -hex 32)")
    if host not in LOOPBACK and not token.split():
        raise ConfigError(
            f"{quoted(host)} is open to other machines, so callers must show a token",
            f"Set it first: export {TOKEN}=$(openssl rand -hex 32)",
        )


def guarded(endpoint: Endpoint, listening: Listening, token: str = "", per_minute: int = 0) -> Guard:
    """The application behind its guard. Further names are known with the port and without: a proxy in front may leave it out."""
    callers = Callers(token.split(), per_minute)
    images = len(endpoint.current.certified.task.data.images)
    body = BODY_BYTES + images * (4 * IMAGE_BYTES // 3 + 1024)  # three bytes are four letters in base64
    return Guard(make_app(endpoint), hosts={*listening.hosts, *listening.names}, callers=callers, body=body, most=REQUESTS)


class Server:
    """Serves until it is told to end.

    Args:
        endpoint: what answers.
        source: where configurations come from.
        rows: measured rows that a configuration is held to.
        agreement: share of their answers that must be equal.
        say: told what happens.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        source: Source,
        *,
        rows: int,
        agreement: float,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.endpoint, self._source, self.rows, self.agreement, self.say = endpoint, source, rows, agreement, say
        self.refused = False
        self.on_refused: Callable[[], None] = lambda: None
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self.health = Health(endpoint, self.reload)
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._keep, self._look)]

    def open_gate(self) -> bool:
        """Hold the first configuration to what was measured; where that holds, answers are given from then on."""
        served = self.endpoint.current
        self.endpoint.gate = self._held(served)
        self.refused = bool(self.endpoint.gate)
        if not self.refused:
            self.health.watch(served)
            self.say(f"Configuration {served.id} answers now.")
        return not self.refused

    def reload(self) -> None:
        """Look at the disk again: the last study, its system and the documents. It answers once it is held to what was measured."""
        self._wanted.set()

    def roll_back(self) -> None:
        """Let the configuration before answer again."""
        done = self.endpoint.roll_back()
        if done:
            self.health.watch(self.endpoint.current)
        self.say(f"Back to configuration {self.endpoint.current.id}." if done else "There is no configuration to go back to.")

    def start(self) -> None:
        """Hold what answers to what was measured, unless that is done, and look after it from then on."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Answer what waits, and end."""
        self._ended.set()
        self._wanted.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self.endpoint.close()

    def _keep(self) -> None:
        if self.endpoint.gate and not self.open_gate():
            self.on_refused()
            return
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._ended.is_set():
                return
            self._change()

    def _look(self) -> None:
        while not self._ended.wait(Health.SECONDS):
            self.health.look()

    def _change(self) -> None:
        """Make the configuration that the disk holds now, and let it answer if it may."""
        try:
            served = self._source.opened(self.endpoint.current.model)
        except TailorError as error:
            self.say(f"Not changed: {error}.")
            self.health.refused(str(error))
            return
        if why := self._held(served):
            self.health.refused(why)
            self.say(f"Not changed: configuration {self.endpoint.current.id} goes on.")
            self.endpoint.worker.background(served.close)
            return
        self.endpoint.swap(served)
        self.health.watch(served)
        self.say(f"Configuration {served.id} answers now.")

    def _held(self, served: Served) -> str:
        """Why a configuration may not answer; empty where it may."""
        try:
            found = hold(served, self.endpoint.worker, rows=self.rows, agreement=self.agreement)
        except TailorError as error:
            self.say(f"Refused: {error}.")
            return str(error)
        for sentence in found.sentences():
            self.say(sentence)
        return found.why


def run(server: Server, listening: Listening, token: str = "", per_minute: int = 0) -> bool:
    """Serve until the process is told to end, or the gate refuses what would be served; gives whether it did not.

    Args:
        server: what answers.
        listening: where.
        token: what callers must show, a token for each; empty for none.
        per_minute: requests that each of them may make a minute; 0 for any number.
    """
    config = uvicorn.Config(
        guarded(server.endpoint, listening, token, per_minute),
        access_log=False,  # it would hold what is asked in its paths, and says nothing that the metrics do not
        log_level="warning",
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEEP_SECONDS,
        ws="none",
    )
    http = uvicorn.Server(config)

    def end() -> None:
        http.should_exit = True

    server.on_refused = end
    try:
        with _signals(server), listening.socket:
            listening.socket.listen(CONNECTIONS)  # callers that are early wait, and are not sent away
            server.start()
            http.run(sockets=[listening.socket])
    finally:
        server.close()
    return not server.refused


@contextmanager
def _signals(server: Server) -> Iterator[None]:
    """Let SIGHUP look at the disk again, and SIGUSR1 go back; only who owns the process can send them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def reload(number: int, frame: FrameType | None) -> None:
        server.reload()

    def back(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=server.roll_back, daemon=True).start()

    before = {number: signal.signal(number, call) for number, call in ((signal.SIGHUP, reload), (signal.SIGUSR1, back))}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def token_given() -> str:
    """The tokens that callers must show, from the environment, with blanks between them."""
    return os.environ.get(TOKEN, "")
