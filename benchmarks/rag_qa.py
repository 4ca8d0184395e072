"""Questions over documents: how well passages are found, what they are worth to a model, how fast an index follows changes.

Data: XQuAD English (Artetxe et al. 2020, arXiv:1910.11856); development set of CLAP NQ (Rosenthal et al. 2024, arXiv:2404.02103).
"""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np

from benchmarks.common import data_file, engine_for, measured
from benchmarks.retrieval import clapnq, retrieval_figures, xquad
from tailor.approaches.approach import Approach, Chain, TrainingData, starting_system
from tailor.approaches.prompting import Grounded, ZeroShot
from tailor.approaches.retrieval import Retrieve
from tailor.data.example import Example
from tailor.documents.reading import Document
from tailor.evaluate.run import Run
from tailor.stats.paired import paired_max_t
from tailor.task import Task

QUESTIONS = 300
ABSTAIN_QUESTIONS = 200

TASK = Task.model_validate(
    {
        "name": "rag-qa",
        "kind": "answer",
        "instruction": "Answer the question in a few words.",
        "input": "{{question}}",
        "output": "answers",
        "metric": "f1",
        "data": {"train": "train.jsonl", "test": "test.jsonl"},
    }
)


def run() -> dict[str, float]:
    """nDCG@10, token F1 without and with retrieval on the same questions, abstention, and the re-index ratio."""
    return retrieval_figures() | answer_figures() | abstain_figures()


def answer_figures() -> dict[str, float]:
    """`closed_f1`, `rag_f1` and the lower 95 % limit of their paired difference on 300 seeded XQuAD questions."""
    documents, _ = xquad()
    rows = random.Random(0).sample(lines("squad_xquad/questions.en.jsonl"), QUESTIONS)
    examples = tuple(
        Example(row["id"], {"question": row["question"]}, tuple(dict.fromkeys(a["text"] for a in row["answers"]))) for row in rows
    )
    closed, rag = _runs(documents, examples, ZeroShot(), Retrieve("hybrid"))
    (pair,) = paired_max_t(np.array([rag.values, closed.values]).T, 0.95)
    low = {} if pair.low is None else {"difference_low": pair.low}
    return {"closed_f1": closed.mean, "rag_f1": rag.mean, "difference": pair.mean} | low | _grounding(rag)


def abstain_figures() -> dict[str, float]:
    """Precision and recall of saying "not in the documents" on CLAP NQ questions, half of which the passages do not answer."""
    documents, _ = clapnq()
    rows = random.Random(0).sample(lines("clapnq_dev/queries.jsonl"), ABSTAIN_QUESTIONS)
    examples = tuple(
        Example(row["id"], {"question": row["question"]}, tuple(a["text"] for a in row["answers"]) if row["answerable"] else ())
        for row in rows
    )
    (run,) = _runs(documents, examples, Chain((Retrieve("hybrid"), Grounded())))
    said = [score.details.get("abstained", 0.0) == 1 for score in run.scores]
    right = sum(abstained and not example.answers for abstained, example in zip(said, run.examples, strict=True))
    unanswerable = sum(not example.answers for example in run.examples)
    return {
        "clapnq_abstain_precision": right / sum(said) if sum(said) else 0.0,
        "clapnq_abstain_recall": right / unanswerable,
        "clapnq_abstained": float(sum(said)),
    }


def _runs(documents: list[Document], examples: tuple[Example, ...], *approaches: Approach) -> list[Run]:
    data = TrainingData(TASK, examples[:1], examples[:1])
    with engine_for(TASK, documents) as engine:
        start = starting_system(TASK, (), engine.model)
        return [measured(TASK, part.fit(start, data, engine), "test", examples, engine) for part in approaches]


def _grounding(run: Run) -> dict[str, float]:
    found = {name: run.detail(name) for name in ("retrieved", "cited")}
    return {f"rag_{name}": value[0] for name, value in found.items() if value is not None}


def lines(name: str) -> list[dict[str, Any]]:
    """The rows of a file of the public sets."""
    return [json.loads(line) for line in data_file(name).read_text(encoding="utf-8").split("\n") if line]
