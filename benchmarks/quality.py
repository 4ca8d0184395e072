"""LoRA on the top layers over frozen states against LoRA on all layers: time, and accuracy on test rows of several tasks."""

from __future__ import annotations

import csv
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scipy.stats import t as student

from benchmarks.common import data_file
from benchmarks.intents import LABELS
from tailor.kinds.classify import CLASSIFY
from tailor.labels import display_label
from tailor.models.base import Message, Request, message
from tailor.models.local import LocalModel
from tailor.models.training import TrainingRow
from tailor.models.tune import LEARNING_RATES, Recipe, tune

RECIPE = Recipe("lora", epochs=3, rank=16, learning_rate=LEARNING_RATES["lora"], batch_rows=8, seed=0)
TOP_LAYERS = 8
"""Of the built-in model's thirty: fewer lose accuracy, more lose time (docs/log.md)."""
TOP = replace(RECIPE, layers=TOP_LAYERS, rank=64, learning_rate=3e-3)
"""A quarter of the layers wants four times the rank and three times the rate (docs/log.md)."""
TEST_ROWS = 3000
"""At most, of each task. With the 480 of the banking intents the limit would lie two points above the mean for noise alone."""
SEEDS = (0, 1)
"""A training with another seed differs by a point; what is lost is the mean over these, row by row. Limits tell the drawing of
test rows, not of seeds."""


@dataclass(frozen=True)
class Case:
    """One labelling task: its rows are (text, label)."""

    name: str
    train: list[tuple[str, str]]
    dev: list[tuple[str, str]]
    test: list[tuple[str, str]]

    @property
    def labels(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(sorted({label for _, label in self.train}))


def cases() -> list[Case]:
    """Twelve confusable banking intents, the fifteen of travel, and the ten domains of clinc150."""
    banking = [rows_of(f"banking77/{part}.csv", "label", "label", frozenset(LABELS)) for part in ("train", "test")]
    travel = [rows_of(f"clinc150/{part}.csv", "domain", "label", frozenset({"travel"})) for part in ("train", "test", "val")]
    domains = [rows_of(f"clinc150/{part}.csv", "out_of_scope", "domain", frozenset({"0"})) for part in ("train", "test")]
    return [
        _case("banking", banking[0], banking[1], 40),
        _case("travel", travel[0], travel[1] + travel[2], 24),
        _case("domains", domains[0], domains[1], 36),
    ]


def _case(name: str, rows: list[tuple[str, str]], test: list[tuple[str, str]], each: int) -> Case:
    """`each` training rows of every label, five more of it as dev; tested on the test rows, then on training rows that are left."""
    by_label: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        by_label[row[1]].append(row)
    train = [row for label in sorted(by_label) for row in by_label[label][:each]]
    dev = [row for label in sorted(by_label) for row in by_label[label][each : each + 5]]
    left = [row for label in sorted(by_label) for row in by_label[label][each + 5 :]]
    for part in (train, left):
        random.Random(0).shuffle(part)
    seen = {text for text, _ in (*train, *dev)}
    return Case(name, train, dev, [row for row in (*test, *left) if row[0] not in seen][:TEST_ROWS])


def cache_figures(model: LocalModel) -> dict[str, float]:
    """`cache_ratio_...`, medians over tasks and seeds with lowest and highest; `cache_loss_upper_points` of the worst task."""
    figures: dict[str, float] = {}
    fills: list[float] = []
    threes: list[float] = []
    uppers: list[float] = []
    for case in cases():
        lost = [0.0] * len(case.test)
        for seed in SEEDS:
            right, times = {}, {}
            for name, recipe in (("all", RECIPE), ("top", TOP)):
                right[name], times[name] = _trained(model, case, replace(recipe, seed=seed))
            fills.append(times["all"][1] / times["top"][1])
            threes.append(times["all"][0] / times["top"][0])
            for name, found in right.items():
                figures[f"{case.name}_{name}_{seed}"] = sum(found) / len(found)
            lost = [sum_ + (a - b) / len(SEEDS) for sum_, a, b in zip(lost, right["all"], right["top"], strict=True)]
        mean, upper = _upper(lost)
        uppers.append(100 * upper)
        figures |= {f"{case.name}_lost_points": 100 * mean, f"{case.name}_lost_upper_points": 100 * upper}
        print(f"  {case.name}: {100 * mean:.1f} points lost, at most {100 * upper:.1f}", file=sys.stderr)
    return figures | {
        "cache_ratio_after_fill": statistics.median(fills),
        "cache_ratio_after_fill_low": min(fills),
        "cache_ratio_after_fill_high": max(fills),
        "cache_ratio_3_epochs": statistics.median(threes),
        "cache_ratio_3_epochs_low": min(threes),
        "cache_ratio_3_epochs_high": max(threes),
        "cache_loss_upper_points": max(uppers),
        "cache_layers": float(TOP_LAYERS),
    }


def _trained(model: LocalModel, case: Case, recipe: Recipe) -> tuple[list[bool], tuple[float, float]]:
    """Whether each test row is answered rightly; seconds of the whole training, and the median step after the first epoch."""
    # A model of its own, so that no states are available from the training before.
    model = LocalModel(model.folder, model.name, model.digest, "the same weights")
    rows, dev = (token_rows(model, part) for part in (case.train, case.dev))
    stamps: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        tuned = tune(model, rows, dev, recipe, Path(folder) / "tuned", lambda done, total: stamps.append(time.perf_counter()))
        total = time.perf_counter() - started
        choices = tuple(map(display_label, case.labels))
        requests = [Request(_chat(text), choices) for text, _ in case.test]
        blocks = [requests[at : at + model.block] for at in range(0, len(requests), model.block)]
        said = [reply.text for block in blocks for reply in model.reply(block, tuned.folder)]
    steps = [after - before for before, after in itertools.pairwise(stamps[len(stamps) // recipe.epochs :])]
    return [a == display_label(b) for a, (_, b) in zip(said, case.test, strict=True)], (total, statistics.median(steps))


def _chat(text: str) -> tuple[Message, ...]:
    """As a tuned classifier is asked."""
    return (message("system", CLASSIFY.cue), message("user", text))


def token_rows(model: LocalModel, pairs: Sequence[tuple[str, str]]) -> list[TrainingRow]:
    """The texts as chat prompts, and their labels as answers."""
    return [
        TrainingRow(tuple(model.encode(_chat(text))), (*model.encode_answer(display_label(label)), model.end_token))
        for text, label in pairs
    ]


def _upper(differences: Sequence[float]) -> tuple[float, float]:
    """Mean of paired differences, and its one-sided 95 % upper limit by Student's t."""
    n = len(differences)
    mean = sum(differences) / n
    error = (sum((d - mean) ** 2 for d in differences) / (n - 1) / n) ** 0.5
    return mean, mean + float(student.ppf(0.95, n - 1)) * error


def rows_of(name: str, by: str, label: str, kept: frozenset[str]) -> list[tuple[str, str]]:
    """Text and label of the rows whose column `by` has a value that is kept, in one shuffled order."""
    with data_file(name).open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row[label]) for row in csv.DictReader(file) if row[by] in kept]
    random.Random(0).shuffle(rows)
    return rows
