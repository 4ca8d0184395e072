"""What the sealed test set can show, said before it is opened."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tailor.data.example import Example, Splits
from tailor.data.finding import Finding
from tailor.data.unseen import unseen
from tailor.kinds.base import kind_of
from tailor.stats.clusters import by_cluster, design_effect
from tailor.stats.intervals import lower_bound
from tailor.stats.power import Prospect, prospects
from tailor.stats.spending import CLAIMS, MOST_FINALISTS, MOST_OF_SEVERAL, of_target
from tailor.task import Task

POWER = 0.8


def power_findings(task: Task, splits: Splits) -> Iterator[Finding]:
    """What the test set can certify at best, how likely it is to show the target, and how many rows would do so.

    At the first opening, with as many finalists as the task can have: fewer finalists show a little more with the same rows. Rows
    whose label no system knows count as wrong, and rows of a unit as one observation.
    """
    test, out_of_reach = splits.test, {example.id for example in unseen(task, splits, splits.test)}
    n, groups = len(test), [example.unit for example in test]
    alpha = of_target(1, most_finalists(task) * claims_each(task))
    shown = lower_bound([float(example.id not in out_of_reach) for example in test], alpha, groups=groups)
    clusters = by_cluster([1.0] * n, groups).count
    rows = f"{n:,} test rows" if clusters is None else f"{n:,} test rows in {clusters:,} groups (near-duplicates count once)"
    reachable = shown >= task.target
    known = f" but the {len(out_of_reach):,} with a label that train lacks" if out_of_reach else ""
    best = f"With {rows}, all{known} answered right, a system is shown to be right for {percent_down(shown)} or more"
    unit = "test rows" if clusters is None else "groups of test rows"
    yield Finding(
        "note" if reachable else "warning",
        f"{best}." if reachable else f"{best}: the target of {percent_down(task.target)} cannot be shown.",
        advice="" if reachable else _needed(task.target, alpha, unit),
    )
    expected = prospects(n, task.target, alpha, POWER)
    if expected and reachable:
        yield Finding("note", _chances(task, expected, rows), advice=_rows_needed(test, expected))
    elif expected:
        yield Finding("note", _rows_needed(test, expected))


def _needed(target: float, alpha: float, unit: str) -> str:
    """How many rows, all answered right, show the target; none show that a system is always right."""
    if target >= 1:
        return f"No number of {unit} can show it. Ask for less in tailor.yaml, such as `target: 0.99`."
    rows = math.ceil(math.log(alpha) / math.log(target))
    return f"Showing it takes at least {rows:,} {unit}, all answered right; more if some are wrong."


def most_finalists(task: Task) -> int:
    """How many systems may meet the test set: the reference classifier where there is one, retrieval with documents, and the best
    of each of several models.
    """
    return MOST_OF_SEVERAL if task.models else MOST_FINALISTS - (not kind_of(task).reference or not task.documents)


def most_claims(task: Task) -> int:
    """How many claims may share the error of "target met", whatever finalists the task can have."""
    return (MOST_OF_SEVERAL if task.models else MOST_FINALISTS) * claims_each(task)


def claims_each(task: Task) -> int:
    """How many claims a finalist may make that share the error of "target met": more where it may hand over to a person."""
    return 1 if task.prices.handover is None else CLAIMS


def percent_down(share: float) -> str:
    """A share as percent, rounded down to a tenth."""
    return f"{math.floor(round(share * 1000, 6)) / 10:g} %"


def _chances(task: Task, expected: Sequence[Prospect], rows: str) -> str:
    first, *more = [f"{_chance(p.chance)} for {{}}{_rate(p.rate)}" for p in expected[:-1]]
    chances = ", ".join([first.format("a system that is truly right for "), *(chance.format("") for chance in more)])
    return f"Chance that {rows} show the target of {percent_down(task.target)}: {chances}."


def _rows_needed(test: Sequence[Example], expected: Sequence[Prospect]) -> str:
    needed = ", ".join(f"{p.rows:,} ({_rate(p.rate)})" for p in expected if p.rows is not None)
    sentence = f"Test rows that show the target with a chance of {_rate(POWER)}, by what is truly right: {needed}."
    most = design_effect([1.0] * len(test), [example.unit for example in test])
    if most > 1:
        more = f"Up to {most:.1f} times as many, and smaller chances"
        return f"{sentence} {more}, where near-duplicates and rows of a group are right or wrong together."
    return sentence


def _rate(rate: float) -> str:
    return f"{round(100 * rate, 1):g} %"


def _chance(chance: float) -> str:
    if chance < 0.01:
        return "under 1 %"
    return "over 99 %" if chance > 0.99 else f"{100 * chance:.0f} %"
