"""One-sentence summaries of papers: chrF of the plain model, the best of two prompts on dev, and a LoRA, on 300 test abstracts.

Data: SciTLDR, abstracts alone (Cachola et al. 2020, arXiv:2004.15011). A test row has one to several reference summaries.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import numpy as np

from benchmarks.common import data_file, engine_for, measured, with_limits
from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.prompting import Constraints, FewShot
from tailor.approaches.tuning import FineTune
from tailor.data.example import Example
from tailor.evaluate.run import Run
from tailor.stats.paired import paired_max_t
from tailor.task import Task

TRAIN_ROWS, DEV_ROWS, TEST_ROWS = 96, 16, 300
LONGEST = 1_000  # characters of an abstract to learn from or to show, so that training takes minutes

TASK = Task.model_validate(
    {
        "name": "scitldr",
        "kind": "write",
        "instruction": "Summarise the abstract in at most 30 words.",
        "constraints": ["One sentence.", "Say what was done and what came of it."],
        "input": "{{abstract}}",
        "output": "summaries",
        "requirements": {"sentences": {"at_most": 1}, "words": {"at_most": 30}},
        "data": {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.jsonl"},
        "tuning": {"epochs": 2, "layers": 12},
    }
)


def read_rows(name: str, count: int) -> tuple[Example, ...]:
    """Seeded rows of a part."""
    with data_file(f"scitldr/{name}.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    rows = [row for row in rows if name == "test" or len(row["abstract"]) <= LONGEST]
    return tuple(
        Example(row["id"], {"abstract": row["abstract"]}, tuple(row["summaries"])) for row in random.Random(0).sample(rows, count)
    )


def overlap(run: Run) -> list[float]:
    """The chrF of each answer; 0 of one that never came."""
    return [score.details.get("chrf", 0.0) for score in run.scores]


def run() -> dict[str, float]:
    """Mean chrF of each system with 95 % limits, the paired lower limit of tuned minus plain, and the share that met the limits."""
    material = TrainingData(TASK, read_rows("train", TRAIN_ROWS), read_rows("dev", DEV_ROWS))
    test = read_rows("test", TEST_ROWS)
    with engine_for(TASK) as engine:
        start = starting_system(TASK, material.train, engine.model)
        prompts = [approach.fit(start, material, engine) for approach in (Constraints(), FewShot(2))]
        dev = [measured(TASK, system, "dev", material.dev, engine) for system in prompts]
        prompted = max(dev, key=lambda found: _mean(overlap(found))).system
        systems = {"zero_shot": start, "prompted": prompted, "tuned": FineTune("lora").fit(start, material, engine)}
        runs = {name: measured(TASK, system, "test", test, engine) for name, system in systems.items()}
    figures: dict[str, float] = {}
    for name, found in runs.items():
        figures |= with_limits(f"write_{name}", overlap(found))
        figures[f"write_{name}_met"] = found.mean
        figures[f"write_{name}_rouge_l"] = _mean([score.details.get("rouge_l", 0.0) for score in found.scores])
    (gain,) = paired_max_t(np.array([overlap(runs["tuned"]), overlap(runs["zero_shot"])]).T, 0.95)
    return figures | {"write_gain": gain.mean, "write_gain_low": -1.0 if gain.low is None else gain.low}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
