"""What races among searches is worth in answers: cutting, reranking and rewriting against the default, in F1 and tokens.

XQuAD English (Artetxe et al. 2020, arXiv:1910.11856), its paragraphs joined to the 48 articles that they come from, so that
there is something to cut. What finds more on dev rows is chosen as in a run (`tailor.decide.searchrace`), then all of it answers
the same dev rows next to the default, and the best one, or what is within the tie and clearly cheaper, answers test rows. The
reranker by the model's own "yes" answers them in any case, so that it is known what leaving it out costs. DEV and TEST ask for
other numbers of rows.
"""

from __future__ import annotations

import os
import random
import sys
from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks.common import engine_for, measured
from benchmarks.rag_qa import TASK, lines
from tailor.approaches.approach import Chain, TrainingData, starting_system
from tailor.approaches.retrieval import Rerank, Retrieve
from tailor.data.example import Example
from tailor.decide.rungs import best, tie
from tailor.decide.searchrace import SearchRace
from tailor.documents.reading import Document
from tailor.engine import Engine
from tailor.evaluate.run import Run
from tailor.stats.paired import paired_max_t

DEV, TEST = int(os.environ.get("DEV", "64")), int(os.environ.get("TEST", "120"))


class Told:
    """Prints what the race says."""

    def began(self, rung: str, system: str) -> None:
        """Nothing."""

    def progress(self, done: int, total: int) -> None:
        """Nothing."""

    def ended(self, step: Any) -> None:
        """Nothing."""

    def pays(self, spent: Any) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Print it."""
        print(text, file=sys.stderr, flush=True)


def run() -> dict[str, float]:
    """Of the default, of what was chosen and of the reranker: F1, tokens and seconds of an answer; gains with 95 % limits."""
    examples = tuple(
        Example(row["id"], {"question": row["question"]}, tuple(dict.fromkeys(a["text"] for a in row["answers"])))
        for row in random.Random(0).sample(lines("squad_xquad/questions.en.jsonl"), DEV + TEST)
    )
    dev, test = examples[:DEV], examples[DEV:]
    data = TrainingData(TASK, (), dev)
    with engine_for(TASK, articles()) as engine:
        chosen, figures = raced(data, engine)
        start = starting_system(TASK, (), engine.model)
        sides = {"default": Retrieve("hybrid").fit(start, data, engine), "chosen": chosen.system}
        sides["reranked"] = Chain((Retrieve("hybrid"), Rerank())).fit(start, data, engine)
        runs = {name: measured(TASK, system, "test", test, engine) for name, system in sides.items()}
    return figures | test_figures(runs)


def articles() -> list[Document]:
    """The paragraphs of each article, joined."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in lines("squad_xquad/documents.en.jsonl"):
        found[row["title"].replace("_", " ")].append(row["text"])
    return [Document(f"{title}.md", title, "\n\n".join(texts)) for title, texts in found.items()]


def raced(data: TrainingData, engine: Engine) -> tuple[Run, dict[str, float]]:
    """The Run on dev that is chosen, and how many searches were tried and raced by answers."""
    start = starting_system(TASK, (), engine.model)
    runs: list[Run] = []
    race = SearchRace(TASK, data, engine, Told(), runs)
    with race.racing():
        for approach in (Retrieve("hybrid"), Retrieve("hybrid", passages=3), *race.cuts(start)):
            runs.append(measured(TASK, approach.fit(start, data, engine), "dev", data.dev, engine))
        top = best(runs, near=tie(TASK))
        assert top is not None
        for approach in race.orders(top):
            runs.append(measured(TASK, approach.fit(top.system, data, engine), "dev", data.dev, engine))
    chosen = best(runs, near=tie(TASK))
    assert chosen is not None
    for trial in race.trials:
        print(f"  {trial.name}: {trial.why or trial.fate}", file=sys.stderr)
    print(f"  chosen: {chosen.system.name}", file=sys.stderr)
    return chosen, {"searches_tried": float(len(race.trials)), "raced_by_answers": float(len(runs) - 2)}


def test_figures(runs: dict[str, Run]) -> dict[str, float]:
    """What the answers to test rows show."""
    figures: dict[str, float] = {}
    for name, made in runs.items():
        figures |= {f"{name}_f1": made.mean, f"{name}_tokens": made.tokens_in + made.tokens_out, f"{name}_s": made.seconds}
    names = list(runs)
    for pair in paired_max_t(np.array([made.values for made in runs.values()]).T, 0.95):
        if names[pair.first] == "default" and pair.low is not None and pair.high is not None:
            other = names[pair.second]
            figures |= {f"{other}_gain": -pair.mean, f"{other}_gain_low": -pair.high, f"{other}_gain_high": -pair.low}
    return figures
