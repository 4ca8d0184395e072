"""A quiz whose questions go through a batch endpoint, and what comes of asking them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from batch_endpoint import READ, WRITTEN, BatchEndpoint
from biller import PRICES, quiz

from tailor.approaches.approach import starting_system
from tailor.data.split import load_splits
from tailor.ledger import Ledger
from tailor.open_engine import open_engine
from tailor.project import Project, load_project
from tailor.score.types import Answer
from tailor.store.spending import Spent

ORDINARY = (READ * 1.0 + WRITTEN * 10.0) / 1e6
"""Price of an answer (`biller.QUIZ`)."""
SHARE = 0.5


def project(folder: Path, endpoint: BatchEndpoint, prices: Mapping[str, float] = PRICES, **model: object) -> Project:
    """The quiz; `model` adds to the settings of its model."""
    settings = {"name": "m-1", "base_url": endpoint.url, "context_tokens": 8192, "batch": SHARE, "patience_minutes": 0.02}
    return load_project(quiz(folder, endpoint.url, model=settings | model, prices=dict(prices)))


def asked(
    opened: Project, count: int = 20, *, budget: float | None = None, first: int = 0
) -> tuple[list[Answer], Spent, list[str]]:
    """Rows asked as the ladder asks them, those of dev first; what is spent then, and what was said."""
    splits, said = load_splits(opened), list[str]()
    with Ledger(opened.store) as ledger:
        engine = open_engine(opened, ledger, budget=budget)
        engine.say = said.append
        engine.batches.gather([engine.model])
        system = starting_system(opened.task, splits.train, engine.model)
        answers = engine.answer(system, (*splits.dev, *splits.test, *splits.train)[first : first + count])
        assert engine.spending is not None
        return answers, engine.spending.spent, said
