"""R21: people label on several pages, the network breaks, the server is killed: nothing is lost, nothing is kept twice.

python labelling_crowd.py --people 20 --labels 10000 --kills 20
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from data_helpers import sentence, write_yaml

from tailor.labelling.judgements import Judgements
from tailor.web.door import Keys
from tailor.web.listening import listen

SECRET = bytes(range(32))
LABELS = ("billing", "delivery", "returns")
LOST_BEFORE, LOST_AFTER = 0.02, 0.02
"""Shares of requests that never arrive, and of those whose answer never does."""
RETRY_SECONDS = 0.05
SERVER = """
import sys
from pathlib import Path
from tailor.labelling.judgements import Judgements
from tailor.project import load_project
from tailor.web.door import Keys
from tailor.web.listening import listen, serve
from tailor.workbench.app import Workbench
from tailor.workbench.desk import Desk
project = load_project(Path(sys.argv[1]))
listening = listen(port=int(sys.argv[2]))
with Judgements(project.store) as judgements:
    desk = Desk(project, judgements, overlap=int(sys.argv[3]))
    serve(Workbench(desk, Keys(bytes.fromhex(sys.argv[4]))).app(listening.hosts), listening)
"""


@dataclass
class Seen:
    """What the pages of all people saw.

    Attributes:
        acknowledged: keys of judgements that the server said it had kept.
        conflicts: keys of those with which it said that this person had labelled the row otherwise before.
        refused: what it said of judgements that it did not take.
        repeated: judgements that were sent again, since no answer came.
        over: set when the time is over.
    """

    acknowledged: list[str] = field(default_factory=list)
    conflicts: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    repeated: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)


class Page:
    """A page of someone's: what was not acknowledged stands in it, and is sent again under the same key."""

    def __init__(self, port: int, name: str, seen: Seen, cut: threading.Event, seed: int) -> None:
        self._port, self._seen, self._cut, self._random = port, seen, cut, random.Random(seed)
        self._page = uuid4().hex
        keys = Keys(SECRET)
        self._headers = {
            "Cookie": f"tailor-{port}={keys.ticket(name)}",
            "X-Tailor-Token": keys.page_token(name),
            "Origin": f"http://127.0.0.1:{port}",
            "Content-Type": "application/json",
        }
        self._connection: http.client.HTTPConnection | None = None
        self._knows: dict[str, str] = {}

    def work(self, most: int) -> None:
        """Label rows until none is left, or so many are labelled; an hour's clock may be wrong, since the server has its own."""
        done = idle = 0
        while done < most and idle < 3 and not self._seen.over.is_set():
            given = self._until_answered("/api/next", {"page": self._page, "most": 3})["items"]
            idle = 0 if given else idle + 1
            for item in given[: most - done]:
                self._label(item["row"])
                done += 1
            if not given:
                time.sleep(0.2)
        self._hang_up()

    def _label(self, row: str) -> None:
        key = str(uuid4())
        judgement = {"key": key, "row": row, "label": self._random.choice(LABELS), "seconds": self._random.random()}
        answer = self._until_answered("/api/judgements", judgement)
        with self._seen.lock:
            if "error" in answer:
                self._seen.refused.append(answer["error"])
                return
            self._seen.acknowledged.append(key)
            if answer["conflict"]:
                self._seen.conflicts.add(key)

    def _until_answered(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        while True:
            try:
                return self._ask(path, body)
            except (OSError, http.client.HTTPException):
                self._hang_up()
                with self._seen.lock:
                    self._seen.repeated += path == "/api/judgements"
                time.sleep(RETRY_SECONDS)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._cut.is_set() or self._random.random() < LOST_BEFORE:
            raise ConnectionError
        self._connection = self._connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        self._connection.request("POST", path, json.dumps(body), self._headers)
        response = self._connection.getresponse()
        text = response.read()
        if self._cut.is_set() or self._random.random() < LOST_AFTER:
            raise ConnectionError
        if response.status >= 500:
            raise ConnectionError
        answer: dict[str, Any] = json.loads(text)
        return answer


@dataclass(frozen=True)
class Outcome:
    """What a simulation found: counts, all of which but the first two and the last are 0 where all is well."""

    kept: int
    acknowledged: int
    lost: int
    twice: int
    unknown: int
    hidden: int
    refused: int
    kills: int
    repeated: int
    conflicts: int
    seconds: float


def write_rows(folder: Path, rows: int) -> None:
    """A project whose rows have no label yet."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"name": "crowd", "kind": "classify", "instruction": "Sort the message.", "input": "{{text}}", "output": "label"}
    write_yaml(folder, settings | {"labels": list(LABELS), "data": "data.csv", "model": "fake", "embedder": "fake"})
    lines = "\n".join(f"{sentence(number)}," for number in range(rows))
    (folder / "data.csv").write_text(f"text,label\n{lines}\n", encoding="utf-8")


def start(folder: Path, port: int, overlap: int) -> subprocess.Popen[bytes]:
    """Start the server and wait until it listens."""
    command = [sys.executable, "-c", SERVER, str(folder), str(port), str(overlap), SECRET.hex()]
    process = subprocess.Popen(command)
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start")


def simulate(
    folder: Path,
    *,
    people: int,
    labels: int,
    kills: int,
    overlap: int = 2,
    pages: int = 2,
    cut_seconds: float = 1.0,
    minutes: float = 60.0,
) -> Outcome:
    """Let people label until there are so many labels, and compare what is kept with what they were told."""
    write_rows(folder, labels // overlap)
    free = listen()
    port = free.port
    free.socket.close()
    began, seen, cut, done = time.monotonic(), Seen(), threading.Event(), 0
    server = start(folder, port, overlap)
    each = -(-labels // (people * pages))
    workers = [
        threading.Thread(target=Page(port, f"person {number % people}", seen, cut, number).work, args=(each,), daemon=True)
        for number in range(people * pages)
    ]
    for worker in workers:
        worker.start()
    chance = random.Random(7)
    marks = sorted(chance.uniform(0.02, 0.95) * labels for _ in range(kills))
    try:
        while any(worker.is_alive() for worker in workers):
            if time.monotonic() - began > 60 * minutes:
                seen.over.set()
            if done < len(marks) and len(seen.acknowledged) >= marks[done]:
                server.send_signal(signal.SIGKILL)
                server.wait()
                done += 1
                server = start(folder, port, overlap)
                if done == len(marks) // 2:
                    cut.set()
                    time.sleep(cut_seconds)
                    cut.clear()
            time.sleep(0.01)
    finally:
        server.terminate()
        server.wait(20)
    return compared(folder, seen, done, time.monotonic() - began)


def compared(folder: Path, seen: Seen, kills: int, seconds: float) -> Outcome:
    """What is kept, next to what people were told."""
    with Judgements(folder / ".tailor") as judgements:
        kept = judgements.all()
    counts = Counter(judgement.key for judgement in kept)
    told = set(seen.acknowledged)
    of_person: dict[tuple[str, str], list[tuple[str, Any]]] = defaultdict(list)
    for judgement in kept:
        of_person[judgement.row, judgement.annotator].append((judgement.key, judgement.label))
    hidden = sum(_hidden(said, seen.conflicts) for said in of_person.values())
    return Outcome(
        kept=len(kept),
        acknowledged=len(told),
        lost=len(told - set(counts)),
        twice=sum(count - 1 for count in counts.values()),
        unknown=len(set(counts) - told),
        hidden=hidden,
        refused=len(seen.refused),
        kills=kills,
        repeated=seen.repeated,
        conflicts=len(seen.conflicts),
        seconds=seconds,
    )


def _hidden(said: Sequence[tuple[str, Any]], conflicts: set[str]) -> int:
    """How often someone's page gave a row another label than before and was not told."""
    pairs = zip(said, said[1:], strict=False)
    return sum(before[1] != after[1] and after[0] not in conflicts for before, after in pairs)


def main() -> None:
    """Run the simulation at its full size and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("people", 20), ("labels", 10_000), ("kills", 20), ("minutes", 60)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TAILOR_STATE", f"{folder}/state")
        print(
            simulate(
                Path(folder) / "project",
                people=given.people,
                labels=given.labels,
                kills=given.kills,
                cut_seconds=10,
                minutes=given.minutes,
            )
        )


if __name__ == "__main__":
    main()
