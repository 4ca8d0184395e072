"""How often what a study takes lies in the range that was told before: `python -m estimates` in `tests` tries fifty studies."""

from __future__ import annotations

import itertools
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from biller import PRICES, Biller, climbed, quiz
from endpoint import Endpoint

from tailor.decide.amounts import Estimate
from tailor.errors import OverBudget

DOCUMENT = "The last word of a question is its answer. "


def studies(count: int, seed: int = 0) -> Counter[str]:
    """So many studies that end, no two alike: documents, a judge, wordy answers, thoughts, tokens of another length, and a budget.

    Counted: studies that ended with a decision, and those of them whose answered calls, tokens and money lay in the range; further
    ones that a budget stopped; studies that were billed more than their budget.
    """
    found: Counter[str] = Counter({"studies": 0, "stopped": 0, "over": 0})
    for number in itertools.count():
        if found["studies"] == count:
            break
        with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
            patch.setenv("TAILOR_STATE", f"{scratch}/state")
            one(Path(scratch), random.Random(1000 * seed + number), found)
    return found


def one(folder: Path, chance: random.Random, found: Counter[str]) -> None:
    biller = Biller(
        right=chance.choice((0.2, 0.6, 0.9, 1.0)), wordy=chance.choice((0, 3, 12)), letters=chance.choice((3.0, 4.0, 5.0))
    )
    biller.thought = chance.choice((0, 0, 0, 200))
    with Endpoint(biller) as endpoint:
        changes: dict[str, Any] = {
            "ask_again": chance.choice((None, None, True, False)),
            "target": chance.choice((0.7, 0.95)),
            "split": sizes(chance),
        }
        if chance.random() < 0.3:
            (folder / "quiz" / "pages").mkdir(parents=True)
            for page in range(3):
                text = "\n\n".join(f"{DOCUMENT * chance.randint(1, 6)}" for _ in range(chance.randint(2, 30)))
                (folder / "quiz" / "pages" / f"{page}.md").write_text(text, encoding="utf-8")
            changes["documents"] = "pages"
        if chance.random() < 0.25:
            model = {"name": "j-1", "base_url": endpoint.url, "context_tokens": 8192}
            changes |= {"metric": "judged", "judge": {"rubric": "The answer is right.", "model": model, "prices": PRICES}}
        if chance.random() < 0.3:
            changes["constraints"] = ["at most 3 words"]
        quiz(folder / "quiz", endpoint.url, **changes)
        budget = chance.choice((None, 5.0, 5.0, 0.01))
        try:
            study, said = climbed(folder / "quiz", budget)
        except OverBudget:
            found["stopped"] += 1
            found["over"] += budget is None or biller.billed > budget
            return
        found["over"] += budget is not None and biller.billed > budget
        if "the budget leaves no room" in said:
            found["stopped"] += 1
            return
        assert study.spent is not None and study.decision is not None
        found["studies"] += 1
        took = (study.spent.calls, study.spent.tokens_in, study.spent.tokens_out, study.spent.paid)
        for what, amount, (low, high) in zip(("calls", "read", "written", "money"), took, limits(study.expected), strict=True):
            found[what] += low <= amount <= high
            if not low <= amount <= high:
                sys.stderr.write(f"{what}: {amount:.4g} is not in {low:.4g} to {high:.4g}; {changes} {vars(biller)}\n")


def limits(expected: Estimate | None) -> list[tuple[float, float]]:
    assert expected is not None and expected.money is not None
    return [(found.low, found.high) for found in (expected.calls, expected.tokens_in, expected.tokens_out, expected.money)]


def sizes(chance: random.Random) -> dict[str, int]:
    return {"train": 16, "dev": chance.choice((16, 20, 24)), "test": chance.choice((12, 20, 28))}


if __name__ == "__main__":
    sys.stdout.write(f"{dict(studies(int(os.environ.get('TAILOR_STUDIES', '50'))))}\n")
