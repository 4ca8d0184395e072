"""Planted label errors: how many are found, how many of those found are wrong, and whether labels are said to be the limit.

Data: banking77 (Casanueva et al. 2020, arXiv:2003.04807), all 10,003 training rows of all 77 intents; a tenth of their labels is
made another, drawn with seed 0. The labels as published have errors of their own, which count as false alarms here.
"""

from __future__ import annotations

import random
import time

from benchmarks.common import engine_for
from benchmarks.intents import TASK, read_rows
from tailor.approaches.approach import TrainingData
from tailor.data.example import Example
from tailor.diagnose.diagnosis import review_labels
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
    hits = len(suspects & wrong)
    return {
        "label_error_precision": hits / len(suspects),
        "label_error_recall": hits / len(wrong),
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


def _looked(rows: list[Example], engine: Engine) -> tuple[set[str], Labels]:
    material = TrainingData(TASK.model_copy(update={"labels": ()}), tuple(rows[DEV:]), tuple(rows[:DEV]))
    suspects, labels, notes = review_labels(material, engine)
    if labels is None:
        raise FileNotFoundError(notes[0])
    return {suspect.example for suspect in suspects}, labels
