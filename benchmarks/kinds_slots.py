"""Facts about a restaurant read out of a sentence: fields right by the plain model, the best of three prompts, and a LoRA.

Data: E2E NLG reversed, from a person's sentence to its slots (Novikova et al. 2017, arXiv:1706.09254). Its dev file is learned from
and its test file is tested on, since the training file is not here; no set of slots is in both. Each is told by one sentence.
`slots_zero_shot` and the others are mean shares of right fields; `slots_*_rows` are shares of rows that are right as a whole.
"""

from __future__ import annotations

import json
import random

from benchmarks.common import data_file
from benchmarks.kinds import Ways, ladder_runs, run_figures
from tailor.approaches.approach import TrainingData
from tailor.approaches.prompting import FewShot, FreeForm
from tailor.data.example import Example
from tailor.kinds.base import kind_of
from tailor.task import Task

TRAIN_ROWS, DEV_ROWS, TEST_ROWS = 128, 16, 300

TASK = Task.model_validate(
    {
        "name": "e2e",
        "kind": "extract",
        "instruction": "Say what the sentence tells of the restaurant.",
        "input": "{{text}}",
        "output": "slots",
        "fields": {
            "name": "text",
            "eatType": "text",
            "food": "text",
            "priceRange": "text",
            "customer rating": "text",
            "area": "text",
            "familyFriendly": "yes | no",
            "near": "text",
        },
        "metric": "field_accuracy",
        "data": {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.jsonl"},
        "tuning": {"epochs": 2, "layers": 12},
    }
)


def figures() -> dict[str, float]:
    """`slots_zero_shot`, `slots_prompted` and `slots_tuned` with limits, what tuning gains, and the shares of whole rows right."""
    known = read_rows("dev", TRAIN_ROWS + DEV_ROWS)
    data = TrainingData(TASK, known[:TRAIN_ROWS], known[TRAIN_ROWS:])
    prompts = (FewShot(3, "nearest"), FewShot(3, "diverse"), FreeForm())
    runs = ladder_runs(data, read_rows("test", TEST_ROWS), Ways(prompts=prompts))
    return run_figures("slots", runs) | {f"slots_{way}_rows": run.count("right") / len(run.scores) for way, run in runs.items()}


def read_rows(name: str, count: int) -> tuple[Example, ...]:
    """Seeded rows of a file: a sentence, drawn from those of its slots, and the slots."""
    with data_file(f"e2e_nlg/{name}.grouped.jsonl").open(encoding="utf-8") as lines:
        rows = list(enumerate(map(json.loads, lines)))
    drawn, kind = random.Random(0), kind_of(TASK)
    return tuple(
        Example(f"{name} {number}", {"text": drawn.choice(row["refs"])}, kind.accepted(TASK, json.dumps(row["slots"])))
        for number, row in drawn.sample(rows, count)
    )
