"""Whether labels follow from the texts at all: what a simple classifier learns, against what it learns from shuffled labels.

The classifier is kernel ridge regression on TF-IDF of words and of runs of characters (Rifkin and Klautau 2004: as good as a
support vector machine, one against all). Each fifth of the rows is answered by what the other four teach, and what it answers is
linear in the labels, so that shuffling them many times costs little. The test is a permutation test (Ojala and Garriga 2010, test
1); what it looks at is not the share that is right, which says little where each label has two rows, but by how much the right
label's score is higher than it is for a row drawn blindly.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailor.data.example import Example
from tailor.data.hashes import Runs
from tailor.data.near import normalise
from tailor.data.readers import asked
from tailor.kinds.base import kind_of
from tailor.task import Task

FOLDS = 5
LEAST = 80  # rows; with fewer, too little can be determined
MOST = 1500  # rows looked at, drawn by a seed
CHARACTERS = 1000  # of a text, from its beginning
RUNS = (2, 3, 4)  # characters
WIDTH = 4096  # features are hashed into so many columns
PENALTY = 1.0
SHUFFLES = 40
CLEAR = 2.5  # standard deviations above shuffled labels; chance brings 6 in 1,000 shuffled files there

_Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Learnability:
    """What a simple classifier learns from the texts.

    Attributes:
        rows: rows looked at.
        right: share of rows, each answered without having been seen, whose label it gets right.
        by_chance: the same with the labels shuffled, the mean of `SHUFFLES` times.
        deviations: how far the test statistic lies above its mean with shuffled labels, in their standard deviations.
    """

    rows: int
    right: float
    by_chance: float
    deviations: float

    @property
    def is_clear(self) -> bool:
        """Whether the labels follow from the texts better than shuffled ones."""
        return self.deviations >= CLEAR

    @property
    def skill(self) -> float:
        """The share of what guessing gets wrong that the classifier gets right; 0 unless that is clear."""
        return max(0.0, (self.right - self.by_chance) / (1 - self.by_chance)) if self.is_clear and self.by_chance < 1 else 0.0


def task_learnability(task: Task, examples: Sequence[Example]) -> Learnability | None:
    """How well the labels of a task follow from what is asked; None where that cannot be determined, as where answers are no
    labels, or what decides may stand in an image.
    """
    if not kind_of(task).closed or kind_of(task).several or len(examples) < LEAST or task.data.images:
        return None
    texts, labels = [asked(task, example) for example in examples], [example.label for example in examples]
    return learnability(texts, labels, [example.unit or example.id for example in examples])


def learnability(texts: Sequence[str], labels: Sequence[str], units: Sequence[Hashable]) -> Learnability | None:
    """How well labels follow from texts; None where there are too few rows, or all have one label.

    Takes one row of each unit and label, so that no copy of a row teaches its answer. A second or two for 1,500 rows.

    Args:
        texts: what is asked.
        labels: the right label of each.
        units: rows that belong together, such as near-duplicates, have the same unit; no unit is learned from and asked.
    """
    first = {(unit, label): index for index, (unit, label) in reversed(list(enumerate(zip(units, labels, strict=True))))}
    chosen = sorted(first.values(), key=lambda index: (zlib.crc32(texts[index].encode("utf-8", "surrogatepass")), texts[index]))[
        :MOST
    ]
    kinds = sorted({labels[index] for index in chosen})
    if len(chosen) < LEAST or len(kinds) < 2:
        return None
    number = {label: column for column, label in enumerate(kinds)}
    truth = np.array([number[labels[index]] for index in chosen])
    unit_numbers: dict[Hashable, int] = {}
    folds = np.array([unit_numbers.setdefault(units[index], len(unit_numbers)) % FOLDS for index in chosen])
    learners = _learners(_features([texts[index][:CHARACTERS] for index in chosen]), folds)
    rng = np.random.default_rng(0)
    statistic, right = _answer(learners, truth, len(kinds))
    shuffled = np.array([_answer(learners, rng.permutation(truth), len(kinds)) for _ in range(SHUFFLES)])
    spread = float(shuffled[:, 0].std(ddof=1)) or 1.0
    return Learnability(len(chosen), right, float(shuffled[:, 1].mean()), (statistic - float(shuffled[:, 0].mean())) / spread)


def _features(texts: Sequence[str]) -> NDArray[np.float32]:
    """TF-IDF of the words and runs of characters that a text has, hashed, each text of length 1."""
    plain = [normalise(text) for text in texts]
    rows, columns = [], []
    for length in RUNS:
        runs = Runs.of(plain, length)
        rows.append(runs.text)
        columns.append((runs.hashes % np.uint64(WIDTH)).astype(np.int64))
    for row, text in enumerate(plain):
        words = [zlib.crc32(word.encode("utf-8", "surrogatepass")) % WIDTH for word in set(text.split())]
        rows.append(np.full(len(words), row, dtype=np.int64))
        columns.append(np.array(words, dtype=np.int64))
    cells = np.concatenate(rows) * WIDTH + np.concatenate(columns)
    counts = np.bincount(cells, minlength=len(texts) * WIDTH).reshape(len(texts), WIDTH).astype(np.float32)
    weights = np.log1p(counts) * np.log((1 + len(texts)) / (1 + np.count_nonzero(counts, axis=0))).astype(np.float32)
    lengths: NDArray[np.float32] = np.linalg.norm(weights, axis=1, keepdims=True)
    unit: NDArray[np.float32] = weights / np.maximum(lengths, np.float32(1e-9))
    return unit


def _learners(features: NDArray[np.float32], folds: NDArray[np.int64]) -> list[tuple[NDArray[np.bool_], _Floats]]:
    """For each fold the rows that are asked, and the matrix that makes their scores from the labels of the others."""
    kernel = (features @ features.T).astype(np.float64)
    learners: list[tuple[NDArray[np.bool_], _Floats]] = []
    for fold in range(FOLDS):
        out = folds == fold
        inside = kernel[np.ix_(~out, ~out)]
        inside[np.diag_indices(len(inside))] += PENALTY
        learners.append((out, np.linalg.solve(inside, kernel[np.ix_(~out, out)]).T))
    return learners


def _answer(learners: Sequence[tuple[NDArray[np.bool_], _Floats]], truth: NDArray[np.int64], kinds: int) -> tuple[float, float]:
    """The mean advantage of the right label's score over what it is for all rows, and the share of rows that are right."""
    advantage, right = 0.0, 0
    for out, learner in learners:
        taught = np.eye(kinds)[truth[~out]]
        prior = taught.mean(axis=0)
        scores = prior + learner @ (taught - prior)
        asked = truth[out]
        advantage += float((scores[np.arange(len(asked)), asked] - scores.mean(axis=0)[asked]).sum())
        right += int((scores.argmax(axis=1) == asked).sum())
    return advantage / len(truth), right / len(truth)
