"""One-sentence summaries of papers: chrF of the plain model, the best of two prompts, and a LoRA, on 300 test abstracts.

Data: SciTLDR, abstracts alone (Cachola et al. 2020, arXiv:2004.15011). A test row has one to several reference summaries. The
prompt is chosen by what decides, the share that keeps the requirements on dev; chrF, which only describes, is what is compared.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace

from benchmarks.common import data_file
from benchmarks.kinds import Ways, ladder_runs, run_figures
from tailor.approaches.approach import TrainingData
from tailor.approaches.prompting import Constraints, FewShot
from tailor.data.example import Example
from tailor.evaluate.run import Run
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


def figures() -> dict[str, float]:
    """Mean chrF of each way with its limits, what tuning gains, and the share of answers that met the requirements."""
    known = TrainingData(TASK, read_rows("train", TRAIN_ROWS), read_rows("dev", DEV_ROWS))
    runs = ladder_runs(known, read_rows("test", TEST_ROWS), Ways(prompts=(Constraints(), FewShot(2))))
    met = {f"write_{way}_met": run.mean for way, run in runs.items()}
    return run_figures("write", {way: by_overlap(run) for way, run in runs.items()}) | met


def read_rows(name: str, count: int) -> tuple[Example, ...]:
    """Seeded rows of a part."""
    with data_file(f"scitldr/{name}.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    rows = [row for row in rows if name == "test" or len(row["abstract"]) <= LONGEST]
    return tuple(
        Example(row["id"], {"abstract": row["abstract"]}, tuple(row["summaries"])) for row in random.Random(0).sample(rows, count)
    )


def by_overlap(run: Run) -> Run:
    """The Run with the chrF of each answer as its value; 0 of one that never came."""
    return replace(run, scores=tuple(replace(score, value=score.details.get("chrf", 0.0)) for score in run.scores))
