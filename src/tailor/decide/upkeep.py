"""What it takes to keep a system up to date: after a new label, a changed rule or a changed document.

Prices are on tokens, so that the same data give the same decision; seconds were timed on this machine and are only shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from tailor.approaches.approach import TrainingData
from tailor.decide.types import ChangeKind, Changing, Cost, Pace, Work
from tailor.engine import Engine
from tailor.evaluate.run import Run
from tailor.evaluate.timing import seconds_to_index, seconds_to_measure, seconds_to_train
from tailor.kinds.base import kind_of
from tailor.system import System
from tailor.task import Task

PER_MONTH = {"daily": 365.25 / 12, "weekly": 365.25 / 12 / 7, "monthly": 1.0, "yearly": 1 / 12, "never": 0.0}
"""Changes a month, by the word for how often."""

RULES_PER_MONTH = {"rarely": 1 / 12, "sometimes": 1 / 3, "often": 1.0}
"""What the words of `facts.requirements_change` are taken to mean: once a year, once a quarter, once a month."""


def pace_of(task: Task) -> Pace:
    """How often documents and rules change, as far as the task's facts say."""
    documents, rules = task.facts.documents_change, task.facts.requirements_change
    return Pace(PER_MONTH[documents] if documents else None, RULES_PER_MONTH[rules] if rules else None)


def work_after(kind: ChangeKind, task: Task, system: System) -> tuple[Work, ...]:
    """What the machine has to do after one change.

    - Whatever learned from examples (tuned weights, a classifier) is trained and measured again after a new label or a changed
      rule; after a changed document only if it reads no documents, since what they say is then in what it learned.
    - A prompt is measured again once it was edited. A newly labelled example of free answers concerns it only if it shows examples.
    - Passages of a changed document are put into the index again. Whole documents are read as they are; who reads none and learned
      nothing is not concerned.
    """
    learned = is_learned(system)
    if kind == "document":
        if not task.documents or system.knowledge.kind == "whole":
            return ()
        if system.knowledge.kind == "index":
            return ("index",)
        return ("train", "measure") if learned else ()
    if learned:
        return ("train", "measure")
    if kind == "label" and not kind_of(task).closed and not system.prompt.shots:
        return ()
    return ("measure",)


def is_learned(system: System) -> bool:
    """Whether something was fitted to the labelled examples: tuned weights, or a classifier."""
    return system.is_tuned or not system.is_generative


def changing(task: Task, system: System, prices: Mapping[Work, float | None]) -> tuple[Changing, ...]:
    """What one change of each kind takes, at these prices of each kind of work; a changed document only where the task has any."""
    kinds = [kind for kind in get_args(ChangeKind) if kind != "document" or task.documents]
    works = [(kind, work_after(kind, task, system)) for kind in kinds]
    return tuple(Changing(kind, work, sum_known(prices[part] for part in work)) for kind, work in works)


def upkeep(changes: Sequence[Changing], pace: Pace) -> float | None:
    """What keeping up costs a month at this pace; what nobody spoke of counts as never. None when a price is unknown."""
    often = {"document": pace.documents, "rule": pace.rules}
    return sum_known(
        None if change.price is None else rate * change.price for change in changes if (rate := often.get(change.kind) or 0.0)
    )


def timed_cost(data: TrainingData, run: Run, cost: Cost, engine: Engine) -> Cost:
    """The cost of a finalist with the times that bringing it up to date takes on this machine; for showing, not for deciding.

    Raises:
        StoreError: the index cannot be copied for the trial, or the tuned weights are damaged.
    """
    seconds: dict[Work, float | None] = {
        "train": seconds_to_train(run, data, engine),
        "index": seconds_to_index(run, engine),
        "measure": seconds_to_measure(run, len(data.dev)),
    }
    return with_seconds(cost, seconds)


def with_seconds(cost: Cost, seconds: Mapping[Work, float | None]) -> Cost:
    """The cost with the time that each kind of work took on this machine; nothing else in it changes."""
    timed = (replace(change, seconds=sum_known(seconds[part] for part in change.work)) for change in cost.changing)
    return replace(cost, changing=tuple(timed))


def sum_known(parts: Iterable[float | None]) -> float | None:
    """The sum, or None when a part is unknown; 0 for no parts."""
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total += part
    return total
