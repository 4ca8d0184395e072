"""Several labels per row: the intents of bank customers' messages in NLU++ (Casanueva et al. 2022, arXiv:2204.13021)."""

from __future__ import annotations

import random

from benchmarks.common import data_file
from benchmarks.kinds import Ways, ladder_runs, run_figures
from tailor.approaches.approach import TrainingData
from tailor.approaches.prompting import FewShot, RemovePrior, WriteLabels
from tailor.approaches.tuning import Reference, TfidfReference
from tailor.data.example import Example
from tailor.data.readers import to_examples
from tailor.data.table import read_table
from tailor.kinds.base import kind_of
from tailor.score.tagging import label_matrix
from tailor.stats.f1 import f1_intervals
from tailor.task import Task

TRAIN_ROWS, DEV_ROWS, TEST_ROWS = 800, 100, 400

TASK = Task.model_validate(
    {
        "name": "banking",
        "kind": "tags",
        "instruction": "Read the bank customer's message and name everything that it asks for or is about.",
        "input": "{{text}}",
        "output": "intents",
        "data": "banking.jsonl",
        "tuning": {"epochs": 4},
    }
)
WAYS = Ways(prompts=(FewShot(5, "nearest"), WriteLabels(), RemovePrior()), references=(Reference(), TfidfReference()))


def figures() -> dict[str, float]:
    """Mean F1 of the examples; and over the decisions about labels of each way, micro- and macro-F1."""
    rows = list(to_examples(TASK, read_table(data_file("nlupp/banking.jsonl"))))
    random.Random(0).shuffle(rows)
    train, dev, test = parts(rows, TRAIN_ROWS, DEV_ROWS, TEST_ROWS)
    runs = ladder_runs(TrainingData(TASK, train, dev), test, WAYS)
    found = run_figures("tags", runs)
    kind = kind_of(TASK)
    right = [frozenset(kind.labels_in(example.label)) for example in test]
    for way, run in runs.items():
        given = [frozenset(kind.labels_in(score.answer)) for score in run.scores]
        labels = sorted(frozenset[str]().union(*given, *right))
        over_all = f1_intervals(label_matrix(given, labels), label_matrix(right, labels))
        found |= {f"tags_{way}_{name}": f1.mean for name, f1 in zip(("micro", "macro"), over_all or (), strict=True)}
        found[f"tags_{way}_exact"] = sum(score.outcome == "right" for score in run.scores) / len(test)
    return found


def parts(rows: list[Example], *sizes: int) -> tuple[tuple[Example, ...], ...]:
    """The first rows, in parts of these sizes."""
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    return tuple(tuple(rows[start : start + size]) for start, size in zip(starts, sizes, strict=True))
