"""Advice and measurement side by side: what was expected before anything was measured, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from tailor.advise.advice import Advice, Reason, compare
from tailor.results import Study

SHOWN = 3
"""Ways to another approach that are listed; `tailor advise` lists all."""
REASONS = 5
"""Reasons that are read at once; the others open on demand."""


@dataclass(frozen=True)
class Expected:
    """The section on the advice.

    Attributes:
        advice: the advice given before measuring.
        outcome: advice and measurement in two sentences.
        reasons: what the weightiest criteria say.
        more: what the others say.
        changes: what would have to be true for another advice, a sentence for each approach.
    """

    advice: Advice
    outcome: str
    reasons: tuple[Reason, ...]
    more: tuple[Reason, ...]
    changes: tuple[str, ...]


def expected(study: Study) -> Expected | None:
    """The section; None for a study without advice."""
    if study.advice is None:
        return None
    decision = study.decision
    run = study.test_run(decision.winner.fingerprint) if decision else None
    if decision is None or run is None:
        outcome = f"Expected: {study.advice.expected}. Measured: nothing yet, since the test set was not opened."
    else:
        outcome = compare(study.advice, run.system, shown=decision.verdict != "not shown")
    reasons = tuple(reason for reason in study.advice.reasons if reason.because)
    at = REASONS if len(reasons) > REASONS + 1 else len(reasons)
    return Expected(study.advice, outcome, reasons[:at], reasons[at:], _changes(study.advice))


def _changes(advice: Advice) -> tuple[str, ...]:
    sentences = []
    for approach in dict.fromkeys(change.approach for change in advice.changes):
        ways = [change.conditions for change in advice.changes if change.approach == approach][:SHOWN]
        told = "; or ".join(" and ".join(condition.would for condition in conditions) for conditions in ways)
        sentences.append(f"The advice would be {approach} if {told}.")
    return tuple(sentences)
