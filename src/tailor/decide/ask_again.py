"""The finalists asked again, once the decision is made: what is in the way must not lose it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailor.decide.formats import format_money
from tailor.decide.ladder import Climb
from tailor.decide.step import Observer
from tailor.engine import Engine
from tailor.errors import ModelError, OverBudget
from tailor.evaluate.consistency import REMOTE_ROWS, Consistency, consistency, planned_calls
from tailor.evaluate.run import Run

SHARE = 1 / 3
"""Where answers are paid for, asking again takes at most this share of the answers that the study took before it."""
FEWEST = 8
"""Rows below which nothing is shown: of eight that never change, one in three may still do (Clopper and Pearson, 95 %)."""


@dataclass(frozen=True)
class AskAgainPlan:
    """Who is asked again, and on how many rows; None for as many as `consistency` takes."""

    tests: tuple[Run, ...] = ()
    rows: int | None = None


def planned(climb: Climb, tests: Sequence[Run], chosen: str) -> AskAgainPlan:
    """As much asking again as the task wants. Where it says nothing, as much as is worth its calls: of all finalists or of the
    chosen one alone, on as many rows as `SHARE` allows.

    Args:
        climb: what the study asked on dev.
        tests: the finalists on the test set.
        chosen: fingerprint of the chosen one.
    """
    task, everyone = climb.data.task, tuple(tests)
    wanted = task.ask_again
    if wanted or (wanted is None and not _is_paid(tests, climb.engine)):
        return AskAgainPlan(everyone)
    runs = (*tests, *(step.run for step in climb.steps if step.run))
    before = sum(len(run.answers) for run in runs if run.system.is_generative)
    for asked in (everyone, tuple(run for run in tests if run.system.fingerprint == chosen)):
        for rows in range(REMOTE_ROWS, FEWEST - 1, -1) if wanted is None else ():
            calls = planned_calls(task, [run.system for run in asked], climb.data.dev, climb.engine, rows)
            if asked and sum(calls) <= SHARE * before:
                return AskAgainPlan(asked, rows)
    return AskAgainPlan()


def ask_finalists_again(climb: Climb, tests: Sequence[Run], observer: Observer, chosen: str) -> tuple[Consistency, ...]:
    """How steadily the finalists answer, on dev rows; empty where it is not wanted or not worth it, or where time, money or a model
    does not allow it, which is reported. The arguments are those of `planned`.
    """
    task, engine, dev = climb.data.task, climb.engine, climb.data.dev
    plan = planned(climb, tests, chosen)
    if not plan.tests:
        if task.ask_again is None:
            observer.message(
                "The finalists are not asked again: in such a small study it would cost more than it could show (`ask_again`)."
            )
        return ()
    tests, systems = plan.tests, [run.system for run in plan.tests]
    calls = planned_calls(task, systems, dev, engine, plan.rows)
    if task.judge is not None and climb.clock.limit is not None:
        calls = tuple(2 * count for count in calls)  # what a judge takes is not timed; it is taken to be as slow
    if sum(count * run.seconds for count, run in zip(calls, tests, strict=True)) > climb.clock.left:
        observer.message("The finalists are not asked again: the time limit leaves no room for it.")
        return ()
    if engine.spending is not None and (_price(climb, tests, calls) or 0.0) > engine.spending.left:
        observer.message("The finalists are not asked again: the budget leaves no room for it.")
        return ()
    if _is_paid(tests, engine):
        who = "The finalists are" if len(tests) > 1 else f"{systems[0].name} is"
        observer.message(f"{who} asked again, {_told(climb, tests, calls)}.")
    observer.began("consistency", f"{len(systems)} finalists, asked in other ways")
    try:
        return consistency(task, systems, dev, engine, observer.progress, plan.rows)
    except (ModelError, OverBudget) as error:
        observer.message(f"The finalists could not be asked again: {error}.")
        return ()


def _is_paid(tests: Sequence[Run], engine: Engine) -> bool:
    """Whether an answer of one of the finalists is paid for."""
    systems = [run.system for run in tests if run.system.is_generative]
    return any(engine.model_of(system).capabilities.billed for system in systems)


def _told(climb: Climb, tests: Sequence[Run], calls: Sequence[int]) -> str:
    """How many answers an endpoint is asked for, and what they cost."""
    price = format_money(_price(climb, tests, calls), climb.data.task.prices.currency)
    return f"{sum(calls):,} answers at {price}"


def _price(climb: Climb, tests: Sequence[Run], calls: Sequence[int]) -> float | None:
    """What asking again is expected to cost, a judge not counted; None where a price is unknown."""
    prices = [climb.track.cost(run).per_1000 for run in tests]
    known = [count * price / 1000 for count, price in zip(calls, prices, strict=True) if price is not None]
    return sum(known) if len(known) == len(prices) else None
