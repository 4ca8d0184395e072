"""A served system whose model writes word by word, and waits before the last one until it is let."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_helpers import make_examples, make_task
from serving_helpers import Client, certify, serve_measured, serving_these
from tiny import make_engine

from tailor.approaches.approach import starting_system
from tailor.errors import ModelError
from tailor.models.base import Listener, Reply, Request
from tailor.models.fake import FakeModel
from tailor.system import System
from tailor.task import Task

ROWS = make_examples(4)
TEXT = "Wir grüßen Sie aus der Mill Lane."


class Writer(FakeModel):
    """A fake model that writes word by word, and waits before the last one until it is let; what breaks it is raised there."""

    def __init__(self) -> None:
        super().__init__(lambda request: TEXT)
        self.go = threading.Event()
        self.breaks: ModelError | None = None
        self.says, self.pause = TEXT, 0.0

    def told(self, requests: Sequence[Request], tuned: Path | None, listeners: Mapping[int, Listener]) -> list[Reply]:
        replies = self.reply(requests, tuned)
        for place, listen in listeners.items():
            words = replies[place].text.split(" ")
            for n in range(1, len(words)):
                listen(f"{' '.join(words[:n])} \ufffd")
        self.go.wait(20)
        time.sleep(self.pause)
        if self.breaks is not None:
            raise self.breaks
        return [replace(reply, text=self.says) for reply in replies]


@contextmanager
def writing(tmp_path: Path, **task: Any) -> Iterator[tuple[Client, Writer]]:
    model, store = Writer(), tmp_path / ".tailor"
    told = make_task(kind="answer", labels=(), metric="f1", **task) if not task else make_task(**task)
    served = serve_measured(found(told, model, store), model, store)
    with serving_these(served) as client:
        yield client, model
        model.go.set()


def found(task: Task, model: Writer, store: Path) -> Any:
    engine = make_engine(model, store)
    try:
        system = starting_system(task, ROWS, model)
        writes: System = system.with_(decoding={"method": "generate"})
        return certify(task, writes, ROWS, engine)
    finally:
        engine.ledger.close()
