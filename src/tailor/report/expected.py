"""Advice and measurement side by side: what was expected before anything was measured, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from tailor.advise.advice import Advice, compare
from tailor.study import Study

SHOWN = 3
"""Ways to another approach that are told; `tailor advise` tells all."""


@dataclass(frozen=True)
class Expected:
    """The section on the advice.

    Attributes:
        advice: what was said before measuring.
        outcome: advice and measurement in two sentences.
        changes: what would have to be true for another advice, a sentence for each approach.
    """

    advice: Advice
    outcome: str
    changes: tuple[str, ...]


def expected(study: Study) -> Expected | None:
    """The section; None for a study without advice."""
    if study.advice is None:
        return None
    decision = study.decision
    run = study.test_run(decision.chosen) if decision else None
    if decision is None or run is None:
        outcome = f"Expected: {study.advice.expected}. Measured: nothing yet, since the test set was not opened."
    else:
        outcome = compare(study.advice, run.system, shown=decision.verdict != "not shown")
    return Expected(study.advice, outcome, _changes(study.advice))


def _changes(advice: Advice) -> tuple[str, ...]:
    sentences = []
    for approach in dict.fromkeys(change.approach for change in advice.changes):
        ways = [change.conditions for change in advice.changes if change.approach == approach][:SHOWN]
        told = "; or ".join(" and ".join(condition.would for condition in conditions) for conditions in ways)
        sentences.append(f"Expected would be {approach} if {told}.")
    return tuple(sentences)
