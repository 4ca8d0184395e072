"""Distillation on twelve banking intents: a student of few labelled rows and of 400 that a teacher labels, judged on people's.

Eight rows of each intent are labelled, four more are dev; 400 others have no label. The teacher is the better of the two reference
classifiers on dev, which learned from the labelled rows alone. Data: banking77 (Casanueva et al. 2020, arXiv:2003.04807).
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from benchmarks.common import engine_for, measured, with_limits
from benchmarks.intents import LABELS, TASK, read_rows
from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.distil import Distil
from tailor.approaches.tuning import FineTune, Reference, TfidfReference
from tailor.data.example import Example, Splits
from tailor.decide.rungs import best
from tailor.evaluate.measure import measure
from tailor.seals import teachable
from tailor.stats.intervals import mean_interval
from tailor.stats.paired import paired_max_t

SEED_ROWS, DEV_ROWS, UNLABELLED, TEST_ROWS = 8, 4, 400, 10


def material() -> tuple[TrainingData, tuple[Example, ...], dict[str, str]]:
    """The rows to learn from, the test rows (ten of each intent, drawn with seed 0), and the labels not shown to the teacher."""
    by_label = {label: [row for row in read_rows("train.csv") if row.label == label] for label in LABELS}
    tests = {label: [row for row in read_rows("test.csv") if row.label == label] for label in LABELS}
    drawn = {label: random.Random(0).sample(rows, len(rows)) for label, rows in by_label.items()}
    train = [row for rows in drawn.values() for row in rows[:SEED_ROWS]]
    dev = [row for rows in drawn.values() for row in rows[SEED_ROWS : SEED_ROWS + DEV_ROWS]]
    rest = [row for rows in drawn.values() for row in rows[SEED_ROWS + DEV_ROWS :]]
    test = tuple(row for label in LABELS for row in random.Random(0).sample(tests[label], TEST_ROWS))
    for rows in (train, rest):
        random.Random(0).shuffle(rows)
    hidden = {row.id: row.label for row in rest}
    asked = teachable(TASK, [replace(row, answers=()) for row in rest], Splits(tuple(train), tuple(dev), test), ())[:UNLABELLED]
    return TrainingData(TASK, tuple(train), tuple(dev), asked), test, hidden


def run() -> dict[str, float]:
    """Accuracy of teacher and students on people's rows with 95 % limits, and the student's gain with its paired limits."""
    known, test, hidden = material()
    with engine_for(TASK) as engine:
        start = starting_system(TASK, known.train, engine.model)
        fitted = [approach.fit(start, known, engine) for approach in (Reference(), TfidfReference())]
        teacher = best([measure(TASK, system, "dev", known.dev, engine) for system in fitted])
        assert teacher is not None
        distil = Distil(teacher.system, mean_interval(teacher.values, 0.95))
        systems = {
            "teacher": teacher.system,
            "student": distil.fit(start, known, engine),
            "student_seed_only": FineTune("lora").fit(start, known, engine),
        }
        runs = {name: measured(TASK, system, "test", test, engine) for name, system in systems.items()}
        taught = distil.labelled(known, engine)
    figures = {"unlabelled": float(len(taught)), "audit": distil.audit.mean}
    figures["labels_right"] = float(np.mean([row.label == hidden[row.id] for row in taught]))
    for name, run in runs.items():
        figures |= with_limits(name, run.values)
    pairs = paired_max_t(np.array([runs["student"].values, runs["student_seed_only"].values]).T, 0.95)
    gain = pairs[0]
    return figures | {"gain": gain.mean, "gain_low": gain.low or -1.0, "gain_high": gain.high or 1.0}
