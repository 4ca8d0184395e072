"""Instruction tuning on diverse pairs: the loss of held-out answers before and after LoRA, on human-written instructions.

Data: Self-Instruct (Wang et al. 2022, arXiv:2212.10560), its seed tasks and user-oriented tasks, one row for each instance; rows
longer than 400 tokens are left out. 300 rows, drawn by task with seed 0, are held out.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator

from benchmarks.common import data_file, engine_for, with_limits
from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.tuning import FineTune, minimal_prompt, training_rows
from tailor.data.example import Example
from tailor.models.local import as_local
from tailor.models.training import Collator, TrainingRow, checked
from tailor.task import DataFiles, Task

FILES = ("seed_tasks.jsonl", "user_tasks.jsonl")
MOST_TOKENS, HELD_OUT, DEV_SHARE, SEED = 400, 300, 0.1, 0
TASK = Task.model_validate(
    {
        "name": "self-instruct",
        "kind": "answer",
        "instruction": "Do what is asked.",
        "input": "{{instruction}}\n{{input}}",
        "output": "output",
        "max_words": 200,
        "data": DataFiles(columns=(), report_by=(), images=()),
        "tuning": {"epochs": 2, "learning_rate": 5e-4},
    }
)


def read_rows() -> Iterator[tuple[str, Example]]:
    """Each instance with the task that it is of."""
    for name in FILES:
        for line in data_file(f"instructions_self_instruct/{name}").read_text(encoding="utf-8").splitlines():
            task = json.loads(line)
            for number, one in enumerate(task["instances"]):
                fields = {"instruction": task["instruction"], "input": one["input"]}
                yield task["id"], Example(f"{task['id']}-{number}", fields, (one["output"],))


def figures() -> dict[str, float]:
    """Mean loss of an answer's token on held-out rows before and after, and the share of rows whose answer became likelier."""
    with engine_for(TASK) as engine:
        model = as_local(engine.model, "tuned")
        start = starting_system(TASK, (), model)
        bare = minimal_prompt(TASK, start)
        rows = [(task, row) for task, row in read_rows() if row.label]
        encoded = training_rows(TASK, bare, tuple(row for _, row in rows), engine)
        short = {row.id for (_, row), tokens in zip(rows, encoded, strict=True) if len(tokens.tokens) <= MOST_TOKENS}
        tasks = sorted({task for task, row in rows if row.id in short})
        random.Random(SEED).shuffle(tasks)
        ordered = [row for name in tasks for task, row in rows if task == name and row.id in short]
        held, rest = ordered[:HELD_OUT], ordered[HELD_OUT:]
        n_dev = round(DEV_SHARE * len(rest))
        known = TrainingData(TASK, tuple(rest[n_dev:]), tuple(rest[:n_dev]))
        tested = training_rows(TASK, bare, tuple(held), engine)
        before = _losses(model.module(), tested)
        tuned = FineTune("lora").fit(start, known, engine)
        after = _losses(model.module(engine.store / tuned.weights.tuned), tested)
    sizes = [len(row.answer) for row in tested]
    print(f"  {len(known.train)} rows learned, {len(held)} held out, {len(rows) - len(ordered)} too long", file=sys.stderr)
    means = [sum(loss * size for loss, size in zip(part, sizes, strict=True)) / sum(sizes) for part in (before, after)]
    better = [float(now < then) for now, then in zip(after, before, strict=True)]
    found = {"instruct_loss_before": means[0], "instruct_loss_after": means[1], "instruct_rows": float(len(held))}
    return found | with_limits("instruct_likelier", better)


def _losses(module: object, rows: list[TrainingRow]) -> list[float]:
    """Mean loss of each row's answer tokens."""
    return [-checked(module, [row], Collator((), packs=True)).confidence for row in rows]
