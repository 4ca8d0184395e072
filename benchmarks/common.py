"""What benchmarks share: the data folder, and a project's engine outside any project."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tailor.data.example import Example, SplitName
from tailor.documents.reading import Document
from tailor.engine import Engine
from tailor.evaluate.measure import measure
from tailor.evaluate.run import Run
from tailor.ledger import Ledger
from tailor.models.catalogue import open_embedder, open_model
from tailor.stats.intervals import mean_interval
from tailor.system import System
from tailor.task import Task

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def data_file(name: str) -> Path:
    """A file of the public data sets next to the checkout.

    Raises:
        FileNotFoundError: it is not there.
    """
    path = DATA / name
    if not path.exists():
        raise FileNotFoundError(f"{name} is not beside this checkout, in {DATA.parent.name}/{DATA.name}")
    return path


@contextmanager
def engine_for(task: Task, documents: list[Document] | None = None) -> Iterator[Engine]:
    """An engine with an empty ledger in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder)) as ledger:
        yield Engine(open_model(task.model), open_embedder, ledger, Path(folder), documents or [])


def measured(task: Task, system: System, split: SplitName, examples: tuple[Example, ...], engine: Engine) -> Run:
    """The system's Run; says on standard error what it took."""
    run = measure(task, system, split, examples, engine)
    seconds = run.seconds * len(run.examples)
    print(f"  {system.name}: {run.mean:.3f} on {len(run.examples)} in {seconds:.0f} s", file=sys.stderr)
    return run


def with_limits(name: str, values: list[float]) -> dict[str, float]:
    """The mean with its 95 % limits, as NAME, NAME_low and NAME_high."""
    found = mean_interval(values, 0.95)
    limits = {f"{name}_{side}": limit for side, limit in (("low", found.low), ("high", found.high)) if limit is not None}
    return {name: found.mean, **limits}
