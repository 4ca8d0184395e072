"""Whether answers follow the documents: facts are changed in copies of them, and then the documents that state them are deleted.

Rows of dev are asked, which helped to choose the systems: that is no matter, since each row is compared with itself. Nothing of the
project changes: the copies, and a copy of the index, lie in a folder that is deleted.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tailor.data.example import Example
from tailor.documents.reading import Document
from tailor.engine import Engine, OnProgress
from tailor.evaluate.facts import Change, changes, with_changes
from tailor.evaluate.measure import scored
from tailor.score.types import Answer
from tailor.stats.intervals import Interval, mean_interval
from tailor.system import System
from tailor.task import Task


@dataclass(frozen=True)
class Freshness:
    """What became of a system's answers.

    Attributes:
        system: its name.
        fingerprint: of the system as it was.
        reads: whether it reads nothing, whole documents, or passages.
        changed: facts that were changed.
        right: how many of them it answered rightly before.
        followed: share of these whose answer is the new fact afterwards.
        stale: share of these whose answer is still the old one.
        gone: share of these whose answer is not the old one any more once the document is deleted.
        index_seconds: until an index followed the change; 0 for a system without one.
        answer_seconds: to answer one row afterwards, on average.
        tokens: read and written for one such answer, on average.
    """

    system: str
    fingerprint: str
    reads: str
    changed: int
    right: int
    followed: Interval
    stale: Interval
    gone: Interval
    index_seconds: float
    answer_seconds: float
    tokens: float


def freshness(
    task: Task, system: System, examples: Sequence[Example], engine: Engine, on_progress: OnProgress | None = None
) -> Freshness | None:
    """What becomes of the system's answers when facts change; None where no fact of the rows can be changed.

    Raises:
        ModelError: no request can succeed.
        CallsFailed: a judge's call failed.
    """
    made = changes(examples, engine.documents)
    if not made:
        return None
    rows = [change.example for change in made]
    right = _right(task, system, rows, engine.answer(system, rows, on_progress), engine)
    kept = [change for change, is_right in zip(made, right, strict=True) if is_right]
    with tempfile.TemporaryDirectory(prefix=".probe-", dir=engine.store) as scratch:
        after, told = _answers(system, kept, with_changes(engine.documents, kept), engine, Path(scratch, "changed"))
        sources = {change.document for change in kept}
        left = [document for document in engine.documents if document.path not in sources]
        without, _ = _answers(system, kept, left, engine, Path(scratch, "deleted"))
    new, old = [change.asked for change in kept], [change.example for change in kept]
    return Freshness(
        system=system.name,
        fingerprint=system.fingerprint,
        reads=system.knowledge.kind,
        changed=len(made),
        right=len(kept),
        followed=_share(_right(task, system, new, after, engine)),
        stale=_share(_right(task, system, old, after, engine)),
        gone=_share([not still for still in _right(task, system, old, without, engine)]),
        index_seconds=told[0],
        answer_seconds=told[1] / max(1, len(kept)),
        tokens=sum(answer.tokens_in + answer.tokens_out for answer in after) / max(1, len(after)),
    )


def _answers(
    system: System, made: Sequence[Change], documents: Sequence[Document], engine: Engine, folder: Path
) -> tuple[list[Answer], tuple[float, float]]:
    """The answers with these documents, and the seconds until the index followed and until the answers were there."""
    if not made or (not documents and system.knowledge.kind != "none"):
        return [Answer(change.example.id, "") for change in made], (0.0, 0.0)
    indexes = engine.store / "indexes"
    if system.knowledge.kind == "index" and indexes.is_dir():
        shutil.copytree(indexes, folder)
    started = time.perf_counter()
    changed = engine.with_documents(documents, folder)
    refreshed = changed.refreshed(system)
    indexed = time.perf_counter()
    answers = changed.answer(refreshed, [change.example for change in made])
    return answers, (indexed - started if system.knowledge.kind == "index" else 0.0, time.perf_counter() - indexed)


def _right(task: Task, system: System, examples: Sequence[Example], answers: Sequence[Answer], engine: Engine) -> list[bool]:
    asked = [replace(answer, example=example.id) for answer, example in zip(answers, examples, strict=True)]
    return [score.outcome == "right" for score in scored(task, system, examples, asked, engine)] if examples else []


def _share(held: Sequence[bool]) -> Interval:
    return mean_interval([float(one) for one in held], 0.95)
