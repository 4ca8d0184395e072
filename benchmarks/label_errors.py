"""Label errors: how many planted ones are found, with how many reviews, and how many of those found people take for wrong.

Planted: banking77 (Casanueva et al. 2020, arXiv:2003.04807), all 10,003 training rows of all 77 intents; a tenth of their labels is
made another, drawn with seed 0. The labels as published have errors of their own, which count as false alarms here. Suspects are
reviewed in their order, the surest first.

People's word: `label_errors_20news` (Northcutt, Athalye and Mueller 2021, arXiv:2103.14749), 7,532 test rows of 20 newsgroups with
probabilities from another classifier. Five workers reviewed each of the 93 rows that its authors had flagged. A label is taken for
wrong where fewer than three of the five confirm it, be it alone or together with another label.
"""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.common import data_file, engine_for
from benchmarks.intents import TASK, read_rows
from tailor.approaches.approach import TrainingData
from tailor.data.example import Example
from tailor.diagnose.diagnosis import review_labels
from tailor.diagnose.labels import suspected
from tailor.diagnose.types import Labels
from tailor.engine import Engine

FLIPPED = 0.1
DEV = 1_000


def run() -> dict[str, float]:
    """`label_error_precision` and `label_error_recall` of the suspects; noise and verdict, also with the labels as they are."""
    rows = read_rows("train.csv")
    draw = random.Random(0)
    draw.shuffle(rows)
    flipped, wrong = flip(rows, draw)
    with engine_for(TASK) as engine:
        started = time.perf_counter()
        suspects, labels = _looked(flipped, engine)
        seconds = time.perf_counter() - started
        _, clean = _looked(rows, engine)
    hits = len(set(suspects) & wrong)
    return {
        "label_error_precision": hits / len(suspects),
        "label_error_recall": hits / len(wrong),
        "reviews_for_80_percent": reviews_for(0.8, suspects, wrong) / len(wrong),
        **by_people(),
        "noise": labels.noise.mean,
        "noise_low": labels.noise.low or 0.0,
        "noise_high": labels.noise.high or 1.0,
        "labels_are_the_limit": float(labels.are_the_limit),
        "clean_noise": clean.noise.mean,
        "clean_labels_are_the_limit": float(clean.are_the_limit),
        "seconds_to_look": seconds,
    }


def flip(rows: list[Example], draw: random.Random) -> tuple[list[Example], set[str]]:
    """The rows with a share of the labels made another one, and the ids of those rows."""
    labels = sorted({row.label for row in rows})
    wrong = {row.id for row in draw.sample(rows, round(FLIPPED * len(rows)))}
    return [
        Example(row.id, row.fields, (draw.choice([other for other in labels if other != row.label]),)) if row.id in wrong else row
        for row in rows
    ], wrong


def reviews_for(share: float, suspects: Sequence[str], wrong: set[str]) -> float:
    """How many suspects are reviewed, in their order, until this share of the wrong labels is found; infinite where it is not."""
    found = np.cumsum([suspect in wrong for suspect in suspects])
    enough = np.flatnonzero(found >= share * len(wrong))
    return float(enough[0] + 1) if enough.size else float("inf")


def by_people() -> dict[str, float]:
    """Of the suspects that five workers reviewed, the share whose label fewer than three confirm."""
    with data_file("label_errors_20news/predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    with data_file("label_errors_20news/reviews.csv").open(encoding="utf-8", newline="") as file:
        votes = {int(row["item"]): (int(row["votes_given"]), int(row["votes_both"])) for row in csv.DictReader(file)}
    probabilities = np.array([[float(cell) for cell in row[2:]] for row in rows])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    ranked, *_ = suspected(np.array([int(row[1]) for row in rows]), probabilities)
    reviewed = [sum(votes[int(place)]) < 3 for place in ranked if int(place) in votes]
    alone = [votes[int(place)][0] < 3 for place in ranked if int(place) in votes]
    return {
        "news_suspects": float(len(ranked)),
        "news_reviewed": float(len(reviewed)),
        "news_precision": float(np.mean(reviewed)),
        "news_precision_of_surest_half": float(np.mean(reviewed[: len(reviewed) // 2])),
        "news_precision_where_both_confirm_nothing": float(np.mean(alone)),
    }


def _looked(rows: list[Example], engine: Engine) -> tuple[list[str], Labels]:
    data = TrainingData(TASK.model_copy(update={"labels": ()}), tuple(rows[DEV:]), tuple(rows[:DEV]))
    suspects, labels, notes = review_labels(data, engine)
    if labels is None:
        raise FileNotFoundError(notes[0])
    return [suspect.example for suspect in suspects], labels
