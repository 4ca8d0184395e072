"""Two small projects for the public fake model, and what a run of them leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from data_helpers import sentence, write_csv, write_yaml
from typer.testing import CliRunner, Result

from tailor.cli import app
from tailor.experiment import run
from tailor.models.base import Model
from tailor.project import load_project
from tailor.results import Step, Study
from tailor.saved import STUDY
from tailor.store.spending import Spent

LABELS = ("billing", "delivery", "returns")
PAGES = ("travel", "leave", "tools")
TIMES = {"seconds", "setup_seconds", "started", "finished"}

DESK: dict[str, Any] = {
    "name": "desk",
    "kind": "classify",
    "instruction": "Sort the message.",
    "input": "{{text}}",
    "output": "label",
    "data": "data.csv",
    "model": "fake",
    "embedder": "fake",
    "target": 0.99,
}
ROOMS: dict[str, Any] = {
    "name": "rooms",
    "kind": "answer",
    "instruction": "Answer briefly.",
    "input": "{{question}}",
    "output": "answer",
    "data": "data.csv",
    "documents": "pages",
    "model": "fake",
    "embedder": "fake",
    "target": 0.99,
}


def write_desk(folder: Path, **changes: object) -> Path:
    """A classify project of 90 messages, three in four of which name their label; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    messages = [(f"{sentence(i)} {LABELS[i % 3] if i % 4 else 'help'}", LABELS[i % 3]) for i in range(90)]
    write_csv(folder / "data.csv", messages)
    write_yaml(folder, DESK | changes)
    return folder


def write_rooms(folder: Path, *, remarks: int = 350, **changes: object) -> Path:
    """An answer project of 60 questions about three pages, ten of which the pages do not answer; returns its folder.

    So many remarks make each page long: with the 350 it gets if nothing else is said, all pages together do not fit the fake.
    """
    (folder / "pages").mkdir(parents=True, exist_ok=True)
    facts: dict[str, list[str]] = {page: [f"# About {page}"] for page in PAGES}
    questions = []
    for i in range(60):
        *names, code = sentence(i).split()
        room = " ".join(names[:3])
        if i % 6 == 5:
            questions.append((f"Who painted the {room} hall in winter?", ""))
        else:
            facts[PAGES[i % 3]].append(f"The code of the {room} room is {code}.")
            questions.append((f"What is the code of the {room} room?", code))
    for page, lines in facts.items():
        lines += [f"Remark {n}: please keep all windows shut after seven, thank you." for n in range(remarks)]
        (folder / "pages" / f"{page}.md").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    write_csv(folder / "data.csv", questions, "question,answer")
    write_yaml(folder, ROOMS | changes)
    return folder


class Watcher:
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.steps: list[Step] = []
        self.sentences: list[str] = []
        self.fullest = 0.0
        self.spent: Callable[[], Spent] = Spent

    def began(self, rung: str, system: str) -> None:
        self.names.append(system)

    def progress(self, done: int, total: int) -> None:
        self.fullest = max(self.fullest, done / total)

    def ended(self, step: Step) -> None:
        self.steps.append(step)

    def pays(self, spent: Callable[[], Spent]) -> None:
        self.spent = spent

    def message(self, text: str) -> None:
        self.sentences.append(text)


@contextmanager
def as_another_user(folder: Path) -> Iterator[None]:
    """Inside, openings of test sets are shared with the projects of a user whose state lies in this folder, and with no others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAILOR_STATE", str(folder))
        yield


def climb(folder: Path, model: Model | None = None, *, everything: bool = False, max_minutes: float | None = None) -> Study:
    """A run of the project in a folder, watched by nobody."""
    return run(load_project(folder), Watcher(), everything=everything, max_minutes=max_minutes, model=model)


def statuses(study: Study) -> dict[str, str]:
    """Name of each system -> what became of it."""
    return {step.system: step.status for step in study.steps}


def timeless(study: Study) -> Any:
    """Everything in a study, every answer included, except how long it took and when."""
    return _without_times(STUDY.dump_python(study, mode="json"))


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(inner) for key, inner in value.items() if key not in TIMES}
    return [_without_times(inner) for inner in value] if isinstance(value, list) else value


def tailor(*words: str | Path) -> Result:
    """The command line, asked as a user would, on a screen 200 wide."""
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})


def contents(folder: Path) -> dict[str, bytes]:
    """The user's files in a folder, byte by byte; what Tailor keeps for itself is left out."""
    paths = (path for path in folder.rglob("*") if path.is_file() and ".tailor" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
