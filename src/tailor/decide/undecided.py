"""A decision where no score can tell a good answer from a bad one: nothing is shown, and it says what to add."""

from __future__ import annotations

from dataclasses import replace

from tailor.decide.types import Decision
from tailor.kinds.base import kind_of
from tailor.task import Task


def held_back(task: Task, decision: Decision) -> Decision:
    """The decision as it is where scores can decide; else "not shown", with the reason in the place of what they would show."""
    if not (why := kind_of(task).undecided(task)):
        return decision
    reason, _, advice = why.partition("; ")
    return replace(
        decision,
        verdict="not shown",
        headline=f"Nothing can decide: {reason}. {advice[:1].upper()}{advice[1:]}.",
        reasons=(
            f"{reason[:1].upper()}{reason[1:]}.",
            f"This was opening {decision.opening} of the test set.",
        ),
        changes=(),
    )
