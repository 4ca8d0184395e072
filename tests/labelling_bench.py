"""A workbench for tests: a small project with rows to label, served on a free port, and people who come in by their links."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_helpers import write_yaml
from web_server import Reply, running, send

from tailor.labelling.judgements import Judgements
from tailor.project import load_project
from tailor.web.door import Keys
from tailor.workbench.app import Workbench
from tailor.workbench.desk import Desk

KEYS = Keys(bytes(range(32)))
LABELS = ("billing", "delivery", "returns")


def write_rows(folder: Path, texts: Sequence[str], *, file: str = "data.csv", **settings: object) -> Path:
    """A project of rows without a label."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / file).open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["text", "label"])
        rows.writerows([text, ""] for text in texts)
    usual: dict[str, Any] = {"name": "desk", "kind": "classify", "instruction": "Sort the message.", "input": "{{text}}"}
    usual |= {"output": "label", "data": file, "labels": list(LABELS), "model": "fake", **settings}
    write_yaml(folder, {name: value for name, value in usual.items() if value is not None})
    return folder


@dataclass(frozen=True)
class Bench:
    """A served workbench."""

    port: int
    desk: Desk
    judgements: Judgements

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def link(self, name: str) -> str:
        return f"{self.address}/#{KEYS.ticket(name)}"

    def headers(self, name: str) -> list[tuple[str, str]]:
        """What the browser of someone sends who opened their link."""
        return [
            ("Host", f"127.0.0.1:{self.port}"),
            ("Origin", self.address),
            ("Cookie", f"tailor-{self.port}={KEYS.ticket(name)}"),
            ("X-Tailor-Token", KEYS.page_token(name)),
            ("Content-Type", "application/json"),
        ]

    def get(self, name: str, path: str) -> Reply:
        return send(self.port, "GET", path, self.headers(name))

    def post(self, name: str, path: str, /, **body: object) -> Reply:
        return send(self.port, "POST", path, self.headers(name), json.dumps(body).encode())

    def next(self, name: str, most: int = 1, page: str = "first") -> list[str]:
        """The names of the next rows for someone."""
        found: Any = json.loads(self.post(name, "/api/next", page=page, most=most).body)
        return [item["row"] for item in found["items"]]


@contextmanager
def served(folder: Path, *, guideline: str = "", settles: str = "", overlap: int = 1) -> Iterator[Bench]:
    """The workbench of a project."""
    if guideline:
        (folder / "guideline.md").write_text(guideline, encoding="utf-8")
    project = load_project(folder)
    with Judgements(project.store) as judgements:
        desk = Desk(project, judgements, overlap=overlap)
        with running(Workbench(desk, KEYS, settles=settles).app) as port:
            yield Bench(port, desk, judgements)
