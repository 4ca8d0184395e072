"""How well passages are found, measured by itself on dev, and what the model makes of them: which half fails.

Searching asks no model, and the sealed test set is not looked at: only dev rows say what is relevant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tailor.data.example import Example
from tailor.engine import Engine
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of
from tailor.retrieval.metrics import gain_of, recall_of, reciprocal_rank
from tailor.retrieval.passage import Passage
from tailor.score.scorer import holds_answer
from tailor.stats.intervals import Interval, mean_interval
from tailor.stats.paired import paired_max_t
from tailor.system import Knowledge
from tailor.task import Task

DEPTH = 10
"""Passages that are ranked for each question."""
MOST = 12
"""Systems that are compared; those whose answers are best come first."""
LEVEL = 0.95


@dataclass(frozen=True)
class Found:
    """How one system's search does, on the dev rows that it answered and that have an answer in the documents.

    Attributes:
        system: its name.
        fingerprint: of it.
        shown: passages in its prompt.
        rows: rows that count.
        sourced: those of them whose data name the document that answers; in the others a passage counts that holds the answer.
        first: share of rows whose best passage is a right one.
        recall: mean share of the right documents among the first ten; where none is named, of rows with a right passage there.
        rank: mean reciprocal rank of the first right one (MRR).
        gain: nDCG of the first ten.
        in_prompt: share of rows with a right passage in the prompt.
        given: the score of the answers where one was in the prompt; None where none was.
        missed: the score of the answers where none was; None where one always was.
        search_failed: rows that were not right, and had no right passage in the prompt.
        model_failed: rows that were not right, and had one.
        behind: its nDCG minus that of the best search, with limits that hold for all of these together; None for the best itself.
    """

    system: str
    fingerprint: str
    shown: int
    rows: int
    sourced: int
    first: Interval
    recall: Interval
    rank: Interval
    gain: Interval
    in_prompt: Interval
    given: Interval | None
    missed: Interval | None
    search_failed: int
    model_failed: int
    behind: tuple[float, float | None, float | None] | None = None


def found_by(task: Task, runs: Iterable[Run], engine: Engine) -> tuple[Found, ...]:
    """How well each way to search finds what dev rows need, best nDCG first; empty where nothing was searched for.

    Of systems that search alike, the one whose answers are best stands for all.

    Args:
        task: the task.
        runs: Runs on dev, each system once.
        engine: searches.

    Raises:
        TailorError: the documents cannot be searched.
    """
    if kind_of(task).closed:
        return ()
    ways: dict[Knowledge, Run] = {}
    for run in sorted(runs, key=lambda run: -run.mean):
        if run.system.knowledge.kind == "index" and any(example.answers for example in run.examples):
            ways.setdefault(run.system.knowledge, run)
    measured = [(run, _places(run, engine)) for run in list(ways.values())[:MOST]]
    shared = [example for example in measured[0][0].examples if example.answers] if measured else []
    for run, _ in measured:
        there = {example.id for example in run.examples}
        shared = [example for example in shared if example.id in there]
    gains = [[gains_of[example.id][3] for example in shared] for _, (gains_of, _) in measured]
    best = max(range(len(measured)), key=lambda i: (float(np.mean(gains[i])), -i)) if shared else 0
    pairs = paired_max_t(np.array(gains).T, LEVEL, groups=[example.unit for example in shared]) if shared else []
    behind: dict[int, tuple[float, float | None, float | None]] = {}
    for pair in pairs:
        if pair.first == best:
            behind[pair.second] = (-pair.mean, _minus(pair.high), _minus(pair.low))
        elif pair.second == best:
            behind[pair.first] = (pair.mean, pair.low, pair.high)
    found = [_found(run, *places, behind.get(i)) for i, (run, places) in enumerate(measured)]
    return tuple(sorted(found, key=lambda one: -one.gain.mean))


Places = dict[str, tuple[float, float, float, float]]
"""By example: whether the first is right, recall, reciprocal rank and nDCG."""


def _places(run: Run, engine: Engine) -> tuple[Places, dict[str, bool]]:
    """Where the right passages rank, and whether one was in the prompt, for each row that has an answer in the documents."""
    rows = [example for example in run.examples if example.answers]
    deep = run.system.with_(knowledge={"passages": DEPTH, "best_last": False})
    ranked = engine.retrieve(deep, rows)
    shown = {answer.example: answer.passages for answer in run.answers}
    places, in_prompt = {}, {}
    for example, passages in zip(rows, ranked, strict=True):
        names, relevant = names_of(example, passages)
        first = recall_of(names[:1], relevant, 1) > 0
        places[example.id] = (
            float(first),
            recall_of(names, relevant, DEPTH),
            reciprocal_rank(names, relevant),
            gain_of(names, relevant, DEPTH),
        )
        told, _ = names_of(example, shown[example.id])
        in_prompt[example.id] = any(name in relevant for name in told)
    return places, in_prompt


def names_of(example: Example, passages: Sequence[Passage]) -> tuple[list[str], tuple[str, ...]]:
    """Ranked passages as names, and the names that are right.

    Where the data name documents, these are right, each at the place of its best passage; with a quote, only a passage that holds
    it counts for its document. Where they name none, any passage is right that holds the quote or an accepted answer, and one is
    enough.
    """
    sources = example.sources
    quoted = replace(example, answers=()) if example.quote and sources else example
    names = []
    for passage in passages:
        right = holds_answer(passage.text, quoted) if example.quote or not sources else True
        right_name = passage.document if sources else ""
        names.append(right_name if right else f"{passage.document}\0{passage.start}")
    return list(dict.fromkeys(names)), sources or ("",)


def _found(run: Run, places: Places, in_prompt: dict[str, bool], behind: tuple[float, float | None, float | None] | None) -> Found:
    rows = [(example, score) for example, score in zip(run.examples, run.scores, strict=True) if example.id in places]
    units = [example.unit for example, _ in rows]
    columns = list(zip(*(places[example.id] for example, _ in rows), strict=True))
    first, recall, rank, gain = (mean_interval(column, LEVEL, groups=units) for column in columns)

    def score_where(told: bool) -> Interval | None:
        some = [(score.value, example.unit) for example, score in rows if in_prompt[example.id] is told]
        return mean_interval([value for value, _ in some], LEVEL, groups=[unit for _, unit in some]) if some else None

    failed = [in_prompt[example.id] for example, score in rows if score.outcome != "right"]
    return Found(
        system=run.system.name,
        fingerprint=run.system.fingerprint,
        shown=run.system.knowledge.passages,
        rows=len(rows),
        sourced=sum(bool(example.sources) for example, _ in rows),
        first=first,
        recall=recall,
        rank=rank,
        gain=gain,
        in_prompt=mean_interval([float(in_prompt[example.id]) for example, _ in rows], LEVEL, groups=units),
        given=score_where(True),
        missed=score_where(False),
        search_failed=failed.count(False),
        model_failed=failed.count(True),
        behind=behind,
    )


def _minus(limit: float | None) -> float | None:
    return None if limit is None else -limit
