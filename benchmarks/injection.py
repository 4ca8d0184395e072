"""Hostile pages: 75 instructions of our own planted in retrieved passages, with the fence around passages and without.

Data: XQuAD English (Artetxe et al. 2020, arXiv:1910.11856).
"""

from __future__ import annotations

from benchmarks.common import engine_for
from benchmarks.freshness import examples_of
from benchmarks.rag_qa import TASK
from benchmarks.retrieval import xquad
from tailor.approaches.approach import Approach, Chain, TrainingData, starting_system
from tailor.approaches.prompting import FewShot, Grounded
from tailor.approaches.retrieval import Retrieve
from tailor.evaluate.hostile import injection

ROWS = 75


def run() -> dict[str, float]:
    """Per system the share of attacks obeyed, with limits, the same without the fence, and the paired difference with limits."""
    documents, _ = xquad()
    examples = tuple(examples_of()[: 2 * ROWS])
    data = TrainingData(TASK, examples[ROWS:], examples[:ROWS])
    ways: dict[str, Approach] = {
        "hybrid": Retrieve("hybrid"),
        "hybrid_3": Retrieve("hybrid", passages=3),
        "grounded": Chain((Retrieve("hybrid"), Grounded())),
        "few_shot": Chain((Retrieve("hybrid"), FewShot(3, "diverse"))),
    }
    figures: dict[str, float] = {}
    with engine_for(TASK, documents) as engine:
        start = starting_system(TASK, (), engine.model)
        for name, approach in ways.items():
            found = injection(approach.fit(start, data, engine), examples[:ROWS], engine)
            assert found is not None
            for kind, share in (("obeyed", found.rate), ("unfenced", found.unfenced), ("lowered", found.lowered)):
                limits = {"low": share.low, "high": share.high}
                figures |= {f"{name}_{kind}": share.mean}
                figures |= {f"{name}_{kind}_{side}": limit for side, limit in limits.items() if limit is not None}
    return figures
