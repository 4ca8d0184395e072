"""The finalists asked again, once the decision is made: what stands in the way must not lose it."""

from __future__ import annotations

from collections.abc import Sequence

from tailor.decide.formats import format_money
from tailor.decide.ladder import Climb
from tailor.decide.step import Observer
from tailor.errors import ModelError, OverBudget
from tailor.evaluate.consistency import Consistency, consistency, planned_calls
from tailor.evaluate.run import Run


def asked_again(climb: Climb, tests: Sequence[Run], observer: Observer) -> tuple[Consistency, ...]:
    """How steadily the finalists answer, on dev rows; empty where time or a model does not allow it, which is said."""
    task, engine, dev, systems = climb.material.task, climb.engine, climb.material.dev, [run.system for run in tests]
    calls = planned_calls(task, systems, dev, engine)
    if task.judge is not None and climb.clock.limit is not None:
        calls = tuple(2 * count for count in calls)  # what a judge takes is not timed; it is taken to be as slow
    if sum(count * run.seconds for count, run in zip(calls, tests, strict=True)) > climb.clock.left:
        observer.said("The finalists are not asked again: the time limit leaves no room for it.")
        return ()
    if engine.spending is not None and (_price(climb, tests, calls) or 0.0) > engine.spending.left:
        observer.said("The finalists are not asked again: the budget leaves no room for it.")
        return ()
    if tests and task.model.base_url:
        observer.said(f"The finalists are asked again, {_told(climb, tests, calls)}.")
    observer.began("consistency", f"{len(systems)} finalists asked otherwise")
    try:
        return consistency(task, systems, dev, engine, observer.progress)
    except (ModelError, OverBudget) as error:
        observer.said(f"The finalists could not be asked again: {error}.")
        return ()


def _told(climb: Climb, tests: Sequence[Run], calls: Sequence[int]) -> str:
    """How many answers an endpoint is asked for, and what they cost."""
    price = format_money(_price(climb, tests, calls), climb.material.task.prices.currency)
    return f"{sum(calls):,} answers at {price}"


def _price(climb: Climb, tests: Sequence[Run], calls: Sequence[int]) -> float | None:
    """What asking again is expected to cost, a judge not counted; None where a price is unknown."""
    prices = [climb.track.cost(run).per_1000 for run in tests]
    known = [count * price / 1000 for count, price in zip(calls, prices, strict=True) if price is not None]
    return sum(known) if len(known) == len(prices) else None
