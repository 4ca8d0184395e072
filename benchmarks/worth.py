"""What labels are worth, simulated: labels until a target is shown, against a forecast; and rows chosen against rows at random.

Until decided: ten intents of banking77 (Casanueva et al. 2020) or 16 articles of XQuAD (Artetxe et al. 2019; whose article is a
question about?) are drawn, rows come at random from 60 labels up, half of them are learned from and a quarter tested on, by
logistic regression on the embedder. From the first 60 labels it is forecast how many there are in all once the test set shows the
target. The target lies 3 to 20 points below the accuracy with 240 labels. A forecast
"not with so many" holds where it is not shown by then.

Chosen rows: from 60 random rows up, by `tailor.labelling.next` on the words of the rows, where the rows to test on are given.
Accuracy with all random rows, and with how many chosen ones it is reached. Data: banking77, XQuAD, clinc150 (Larson et al. 2019).
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np

from benchmarks.common import data_file
from tailor.data.example import Example
from tailor.diagnose.curve import LearningCurve, continued, learned, measure_vectors
from tailor.labelling.next import next_rows
from tailor.labelling.worth import labels_until_shown, look_sizes
from tailor.models.base import Array
from tailor.models.catalogue import open_embedder
from tailor.models.head import fit_head
from tailor.models.tfidf import word_vectors
from tailor.stats.intervals import clopper_pearson_lower

START = 60
DRAWS, CLASSES = 12, {"banking77": 10, "xquad": 16}
ALPHA = 0.0125
TAUGHT, TESTED = 0.65, 0.25
SEEDS = 2
POOLS = {"banking77": (2500, 1000, 60, 600), "xquad": (790, 400, 40, 420), "clinc150": (2500, 1000, 60, 600)}
"""Rows to choose from, rows to test on, rows at a time, random rows in all."""


@dataclass(frozen=True)
class Rows:
    """Texts as vectors, and their labels."""

    vectors: Array
    labels: tuple[str, ...]

    def some(self, places: Sequence[int]) -> Rows:
        """Those at these places."""
        return Rows(self.vectors[list(places)], tuple(self.labels[n] for n in places))


def run() -> dict[str, float]:
    """Share of forecasts whose 80 % interval holds, and the share of the labels with which chosen rows reach all random ones."""
    figures: dict[str, float] = {}
    data = {name: _embedded(pairs) for name, pairs in {"banking77": _banking(), "xquad": _xquad()}.items()}
    held: list[bool] = []
    for name in CLASSES:
        found = [case for seed in range(DRAWS) if (case := _until_decided(data[name], CLASSES[name], seed)) is not None]
        figures |= {f"until_{name}_held": mean(found), f"until_{name}_cases": float(len(found))}
        held += found
    figures["until_held"] = mean(held)
    return figures | chosen()


def chosen() -> dict[str, float]:
    """With what share of the labels chosen rows reach all random ones, on the words of the rows, as `tailor label` chooses them."""
    figures: dict[str, float] = {}
    for name, read in {"banking77": _banking, "xquad": _xquad, "clinc150": _clinc}.items():
        texts, labels = _some(read())
        figures |= _chosen(name, Rows(word_vectors(texts), labels), *POOLS[name])
    return figures


def _until_decided(rows: Rows, classes: int, seed: int) -> bool | None:
    """Whether the number of labels with which the target was shown lies in the interval; None where nothing was forecast."""
    draw = np.random.default_rng(seed)
    kept = set(draw.choice(sorted(set(rows.labels)), classes, replace=False))
    order = draw.permutation([n for n, label in enumerate(rows.labels) if label in kept])
    rows = rows.some([int(n) for n in order])
    best = _accuracy(rows, min(4 * START, len(rows.labels)))
    target = round(best[0] - float(draw.uniform(0.03, 0.2)), 2)
    curve = _curve(rows, target)
    if curve is None:
        return None
    until = labels_until_shown(curve, target, START, taught=TAUGHT, test=(0, TESTED), alpha=ALPHA)
    actual = None
    for size in look_sizes(START, min(until.cap, len(rows.labels))):
        share, tested = _accuracy(rows, size)
        if clopper_pearson_lower(round(share * tested), tested, ALPHA) >= target:
            actual = size
            break
    if actual is None and until.cap > len(rows.labels):
        return None  # the data end before the forecast does
    print(f"  {target:.2f}: forecast {until.low} {until.median} {until.high} up to {until.cap}, shown at {actual}", file=sys.stderr)
    return until.holds(actual)


def _accuracy(rows: Rows, size: int) -> tuple[float, int]:
    """Accuracy on the test rows among the first `size` of the classifier that learned from the others, and how many they are."""
    tested = [n for n in range(size) if n % 4 == 0]
    taught = [n for n in range(size) if n % 4 and n % 10 != 9][: round(TAUGHT * size)]
    return _right(rows, taught, tested), len(tested)


def _right(rows: Rows, taught: Sequence[int], tested: Sequence[int]) -> float:
    names = [rows.labels[n] for n in taught]
    head = fit_head(rows.vectors[list(taught)], names, 10.0)
    best = head.log_probabilities(rows.vectors[list(tested)]).argmax(axis=1)
    return float(np.mean([head.labels[k] == rows.labels[n] for k, n in zip(best, tested, strict=True)]))


def _curve(rows: Rows, target: float) -> LearningCurve | None:
    """The probe's curve over the rows among the first 60 that are learned from."""
    taught = [n for n in range(START) if n % 4 and n % 10 != 9][: round(TAUGHT * START)]
    examples = [Example(f"{n}", {"text": f"{n}"}, (rows.labels[n],)) for n in taught]
    measured = measure_vectors(examples, {f"{n}": rows.vectors[n] for n in taught})
    measured = learned(measured) if measured else None
    return continued("probe", len(taught), measured, target) if measured else None


def _chosen(name: str, rows: Rows, pool: int, tested: int, step: int, most: int) -> dict[str, float]:
    """What all random rows reach, with which share of them chosen ones do, and the worst difference along the way."""
    curves = {choose: [_grown(rows, pool, tested, step, most, seed, choose) for seed in range(SEEDS)] for choose in (True, False)}
    sizes = [START + step * n for n in range(len(curves[True][0]))]
    chosen, random = (np.array(curves[choose]).mean(axis=0) for choose in (True, False))
    reached = np.flatnonzero(chosen >= random[-1])
    differences = np.array(curves[True]) - np.array(curves[False])
    error = [stdev(column) / len(column) ** 0.5 for column in differences.T]
    return {
        f"chosen_{name}_random_accuracy": float(random[-1]),
        f"chosen_{name}_accuracy": float(chosen[-1]),
        f"chosen_{name}_share_of_labels": sizes[reached[0]] / most if reached.size else float("inf"),
        f"chosen_{name}_worst_points": float(100 * differences.mean(axis=0).min()),
        f"chosen_{name}_worst_error": 100 * error[int(differences.mean(axis=0).argmin())],
    }


def _grown(rows: Rows, pool: int, tested: int, step: int, most: int, seed: int, choose: bool) -> list[float]:
    order = [int(n) for n in np.random.default_rng(seed).permutation(len(rows.labels))]
    among, test = rows.some(order[:pool]), rows.some(order[pool : pool + tested])
    both = Rows(np.concatenate([among.vectors, test.vectors]), (*among.labels, *test.labels))
    known: list[str | None] = [label if n < START else None for n, label in enumerate(among.labels)]
    reached = []
    while True:
        taught = [n for n, label in enumerate(known) if label is not None]
        reached.append(_right(both, taught, range(pool, pool + tested)))
        if len(taught) >= most:
            return reached
        for pick in next_rows(among.vectors, known, step, choose=choose, seed=seed):
            known[pick.place] = among.labels[pick.place]


def _embedded(pairs: list[tuple[str, str]], most: int = 4000) -> Rows:
    texts, labels = _some(pairs, most)
    return Rows(open_embedder("minilm-l6").embed(texts), labels)


def _some(pairs: list[tuple[str, str]], most: int = 4000) -> tuple[list[str], tuple[str, ...]]:
    order = np.random.default_rng(0).permutation(len(pairs))[:most]
    texts, labels = zip(*(pairs[int(n)] for n in order), strict=True)
    return list(texts), labels


def _banking() -> list[tuple[str, str]]:
    return [(row["text"], row["label"]) for part in ("train", "test") for row in _table(f"banking77/{part}.csv")]


def _clinc() -> list[tuple[str, str]]:
    rows = [row for part in ("train", "test") for row in _table(f"clinc150/{part}.csv")]
    return [(row["text"], row["label"]) for row in rows if row["out_of_scope"] == "0"]


def _xquad() -> list[tuple[str, str]]:
    documents = {row["doc_id"]: row["title"] for row in _lines("squad_xquad/documents.en.jsonl")}
    return [(row["question"], documents[row["doc_id"]]) for row in _lines("squad_xquad/questions.en.jsonl")]


def _table(name: str) -> list[dict[str, str]]:
    with data_file(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _lines(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in data_file(name).read_text(encoding="utf-8").splitlines()]
