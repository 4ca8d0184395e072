"""Several trainings at once, each in a process of its own with its share of the cores.

A small model's training keeps one core busy, but not two: much of a step is too small to be divided. So two trainings, a core
each, end sooner than one after the other on both cores, if they are long enough to outweigh the start of a process (docs/log.md).
A GPU is filled by one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tailor.confined import start_python
from tailor.errors import TailorError
from tailor.models.base import Model
from tailor.models.local import LocalModel, as_local, device
from tailor.models.training import TrainingRow
from tailor.models.tune import Recipe, Tuned, read_tuned, recipe_key, tune

BYTES_PER_WEIGHT = {"lora": 8, "full": 20}
"""Memory that a training takes for each weight of the model: the weights, twice while they load; in full, what Adam keeps."""
BYTES_BESIDES = 2 << 30
"""What Python, its libraries and the rows of a step take."""
LEAST_WORK = 4e12
"""Tokens read times weights of the model, from which a training is long enough: about a minute on a core."""
WAIT_SECONDS = 0.2


@dataclass(frozen=True)
class Training:
    """What `tune` is called with."""

    model: Model
    rows: Sequence[TrainingRow]
    dev: Sequence[TrainingRow]
    recipe: Recipe
    folder: Path

    def run(self, on_progress: Callable[[int, int], None] | None = None) -> Tuned:
        """Its tuned weights, trained unless they are there already; raises what `tune` raises."""
        return tune(self.model, self.rows, self.dev, self.recipe, self.folder, on_progress)

    @property
    def is_done(self) -> bool:
        """Whether its weights are there."""
        return read_tuned(self.folder, recipe_key(self.model.digest, self.rows, self.dev, self.recipe)) is not None

    @property
    def work(self) -> float:
        """Tokens read in all epochs, times the weights of the model."""
        tokens = sum(len(row.prompt) + len(row.answer) for row in self.rows)
        return float(tokens * self.recipe.epochs * (self.model.capabilities.parameters or 0))

    @property
    def rows_read(self) -> int:
        """Rows read in all epochs: what it takes, in proportion."""
        return len(self.rows) * self.recipe.epochs


def train_together(trainings: Sequence[Training], on_progress: Callable[[int, int], None] | None = None) -> dict[Path, float]:
    """Train these side by side, in their order; `side_by_side` says which are worth it.

    A training that fails here is left to whoever runs it afterwards, and fails there with its reason.

    Args:
        trainings: of different folders, none of them done.
        on_progress: called with (rows read, rows in all); an exception of its ends all trainings.

    Returns:
        The folders trained, with the seconds that each took.
    """
    for training in trainings:
        as_local(training.model, "tuned").release()
    at_once = _places(trainings)
    crew = _Crew(list(trainings), max(1, (os.cpu_count() or 1) // at_once), on_progress)
    try:
        return crew.work(at_once)
    finally:
        for worker in crew.at_work:
            worker.end()


def side_by_side(trainings: Iterable[Training]) -> list[Training]:
    """Those that are trained sooner side by side, each once, the longest first: long ones, on a CPU, if memory suffices.

    None where fewer than two can be. What is trained already is left out.
    """
    found = {training.folder: training for training in trainings if training.work >= LEAST_WORK and not training.is_done}
    local = [training for training in found.values() if isinstance(training.model, LocalModel)]
    chosen = sorted(local, key=lambda training: -training.work)
    return chosen if _places(chosen) > 1 else []


def _places(trainings: Sequence[Training]) -> int:
    """How many can be trained at once."""
    if len(trainings) < 2 or device() != "cpu":
        return 1
    import psutil

    largest = max(BYTES_PER_WEIGHT[each.recipe.method] * (each.model.capabilities.parameters or 0) for each in trainings)
    free = psutil.virtual_memory().available // (largest + BYTES_BESIDES)
    return max(1, min(len(trainings), os.cpu_count() or 1, int(free)))


class _Worker:
    """A training in a process of its own, which ends when this process does.

    Attributes:
        training: what it trains.
        share: how much of it is done.
    """

    def __init__(self, training: Training, threads: int) -> None:
        self.training, self.share, self._started = training, 0.0, time.monotonic()
        self._process = start_python("tailor.models.together", OMP_NUM_THREADS=str(threads))
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()

    @property
    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self._started

    def ended(self, wait: float) -> bool | None:
        """Whether it succeeded, once it has ended within so many seconds; None while it is at work."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(wait) == 0
        return None

    def end(self) -> None:
        """End the process, if it has not ended."""
        self._process.kill()
        self._process.wait()
        self._follower.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                pipe and pipe.close()

    def _follow(self) -> None:
        """Hand the job over, and note how far it is; its standard input stays open, so that it notices when this process ends."""
        training, model = self.training, as_local(self.training.model, "tuned")
        job = {
            "model": [str(model.folder), model.name, model.digest, model.dtype],
            "rows": [[row.prompt, row.answer, row.earlier] for row in training.rows],
            "dev": [[row.prompt, row.answer, row.earlier] for row in training.dev],
            "recipe": asdict(training.recipe),
            "folder": str(training.folder),
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            done, total = map(int, line.split())
            self.share = done / total


@dataclass
class _Crew:
    """The trainings at work and those that wait."""

    waiting: list[Training]
    threads: int
    on_progress: Callable[[int, int], None] | None
    at_work: list[_Worker] = field(default_factory=list)

    def work(self, at_once: int) -> dict[Path, float]:
        """Keep so many at work until nothing waits; folders and seconds of those that succeeded."""
        total, ended, told = sum(training.rows_read for training in self.waiting), 0, -1
        seconds: dict[Path, float] = {}
        while self.waiting or self.at_work:
            while self.waiting and len(self.at_work) < at_once:
                self.at_work.append(_Worker(self.waiting.pop(0), self.threads))
            for worker in list(self.at_work):
                succeeded = worker.ended(WAIT_SECONDS / len(self.at_work))
                if succeeded is not None:
                    self.at_work.remove(worker)
                    worker.end()
                    ended += worker.training.rows_read
                if succeeded:
                    seconds[worker.training.folder] = worker.seconds
            read = ended + sum(round(worker.share * worker.training.rows_read) for worker in self.at_work)
            if self.on_progress is not None and read > told:
                told = read
                self.on_progress(read, total)
        return seconds


def _train(job: Mapping[str, Any]) -> None:
    folder, name, digest, dtype = job["model"]
    rows, dev = (list(map(_row, job[part])) for part in ("rows", "dev"))
    model = LocalModel(Path(folder), name, digest, "", dtype)
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no progress

    def progress(done: int, total: int) -> None:
        lines.write(f"{done} {total}\n")
        lines.flush()

    tune(model, rows, dev, Recipe(**job["recipe"]), Path(job["folder"]), progress)


def _row(parts: Sequence[Any]) -> TrainingRow:
    prompt, answer, earlier = parts
    return TrainingRow(tuple(prompt), tuple(answer), tuple((start, stop) for start, stop in earlier))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _train(given)
    except TailorError:
        sys.exit(1)
