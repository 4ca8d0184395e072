"""Names in messages from the web: entities found by the plain model, the better of two prompts, and a LoRA.

Data: WNUT 2017, emerging entities of six types (Derczynski et al. 2017, aclanthology.org/W17-4418). Half of the rows to learn from
and to choose by hold an entity; the test rows are drawn as they come. `entities_zero_shot` and the others are mean shares of right
entities in a message: type and both ends must be right, and it is 1 where there is none and none was given. `entities_*_f1` is the
micro-averaged F1 that is usually published.
"""

from __future__ import annotations

import json
import random
from collections import Counter

from benchmarks.common import data_file
from benchmarks.kinds import Ways, ladder_runs, run_figures
from tailor.approaches.approach import TrainingData
from tailor.approaches.prompting import FewShot, FreeForm
from tailor.data.example import Example
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of
from tailor.task import Task

TRAIN_ROWS, DEV_ROWS, TEST_ROWS = 128, 16, 300
LONGEST = 120  # characters of a message to learn from or to show

TASK = Task.model_validate(
    {
        "name": "wnut17",
        "kind": "extract",
        "instruction": "Find the names in the message.",
        "input": "{{text}}",
        "output": "entities",
        "labels": ["corporation", "creative-work", "group", "location", "person", "product"],
        "metric": "field_accuracy",
        "data": {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.jsonl"},
        "tuning": {"epochs": 2, "layers": 12},
    }
)


def figures() -> dict[str, float]:
    """`entities_zero_shot`, `entities_prompted` and `entities_tuned` with limits, what tuning gains, and F1 of each."""
    halves = {name: read_rows(name, count, balanced=True) for name, count in (("train", TRAIN_ROWS), ("dev", DEV_ROWS))}
    known = TrainingData(TASK, halves["train"], halves["dev"])
    runs = ladder_runs(known, read_rows("test", TEST_ROWS), Ways(prompts=(FewShot(3, "nearest"), FreeForm())))
    return run_figures("entities", runs) | {f"entities_{way}_f1": micro_f1(run) for way, run in runs.items()}


def read_rows(name: str, count: int, *, balanced: bool = False) -> tuple[Example, ...]:
    """Seeded rows of a part; where they are `balanced`, short ones of which half hold an entity."""
    with data_file(f"wnut17/{name}.jsonl").open(encoding="utf-8") as lines:
        rows = list(map(json.loads, lines))
    drawn, kind = random.Random(0), kind_of(TASK)
    if balanced:
        short = [row for row in rows if len(row["text"]) <= LONGEST]
        halves = ([row for row in short if bool(row["entities"]) is holds] for holds in (True, False))
        chosen = [row for half in halves for row in drawn.sample(half, count // 2)]
        drawn.shuffle(chosen)
    else:
        chosen = drawn.sample(rows, count)
    return tuple(
        Example(f"{name} {row['id']}", {"text": row["text"]}, kind.accepted(TASK, json.dumps(row["entities"]))) for row in chosen
    )


def micro_f1(run: Run) -> float:
    """F1 over all entities of a Run: those right in type and both ends, among those that are there and those that were given."""
    kind, counts = kind_of(TASK), Counter[str]()
    for example, score in zip(run.examples, run.scores, strict=True):
        counts.update(part.verdict for part in kind.parts(TASK, example, score))
    wrong = 2 * counts["misread"] + counts["missed"] + counts["invented"]
    return 2 * counts["correct"] / max(1, 2 * counts["correct"] + wrong)
