"""Twelve confusable banking intents, 40 training rows each: zero-shot, nearest examples, LoRA and the frozen embedder.

Data: banking77 (Casanueva et al. 2020, arXiv:2003.04807), all 480 test rows of these intents.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict

from benchmarks.common import data_file, engine_for, measured, with_limits
from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.prompting import FewShot, ZeroShot
from tailor.approaches.tuning import FineTune, Reference
from tailor.data.example import Example
from tailor.task import Task

LABELS = (
    "card_payment_fee_charged",
    "card_payment_not_recognised",
    "card_payment_wrong_exchange_rate",
    "cash_withdrawal_charge",
    "cash_withdrawal_not_recognised",
    "declined_card_payment",
    "declined_cash_withdrawal",
    "pending_card_payment",
    "pending_cash_withdrawal",
    "wrong_amount_of_cash_received",
    "wrong_exchange_rate_for_cash_withdrawal",
    "reverted_card_payment?",
)
TRAIN_ROWS = 40
DEV_ROWS = 5

TASK = Task.model_validate(
    {
        "name": "intents",
        "kind": "classify",
        "instruction": "Read the bank customer's message and name what it is about.",
        "input": "{{text}}",
        "output": "label",
        "labels": LABELS,
        "data": {"train": "train.csv", "test": "test.csv"},
    }
)


def material() -> tuple[TrainingData, tuple[Example, ...]]:
    """Training rows (40 of each intent, drawn with seed 0), five more of each as dev, and the test rows."""
    rows: dict[str, list[Example]] = defaultdict(list)
    for example in read_rows("train.csv"):
        rows[example.label].append(example)
    drawn = {label: random.Random(0).sample(rows[label], TRAIN_ROWS + DEV_ROWS) for label in LABELS}
    train = [example for label in LABELS for example in drawn[label][:TRAIN_ROWS]]
    dev = [example for label in LABELS for example in drawn[label][TRAIN_ROWS:]]
    random.Random(0).shuffle(train)
    return TrainingData(TASK, tuple(train), tuple(dev)), tuple(e for e in read_rows("test.csv") if e.label in LABELS)


def read_rows(name: str) -> list[Example]:
    """All rows of one of the files."""
    with data_file(f"banking77/{name}").open(encoding="utf-8", newline="") as file:
        return [
            Example(f"{name}-{number}", {"text": row["text"]}, (row["label"],), row=number, file=name)
            for number, row in enumerate(csv.DictReader(file), start=1)
        ]


def run() -> dict[str, float]:
    """Accuracy on the test rows of each system, with 95 % Clopper-Pearson limits."""
    known, test = material()
    figures: dict[str, float] = {}
    with engine_for(TASK) as engine:
        start = starting_system(TASK, known.train, engine.model)
        tried = (
            ("zero_shot", ZeroShot()),
            ("embedder", Reference()),
            ("nearest", FewShot(5, "nearest")),
            ("lora", FineTune("lora")),
        )
        for name, approach in tried:
            system = approach.fit(start, known, engine)
            figures |= with_limits(name, measured(TASK, system, "test", test, engine).values)
    return figures
