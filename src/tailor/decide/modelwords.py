"""What the chosen system is next to the best one on another model, in a sentence: the question of a study of several models."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tailor.decide.formats import format_about, format_points, format_points_at_least
from tailor.decide.rule import Evidence, Terms, cost_of_answer, fixed_cost
from tailor.system import System

ALIKE = 0.05
"""Prices that differ by less than this share are called the same."""


def against_other_models(chosen: int, systems: Sequence[System], evidence: Evidence, terms: Terms) -> str:
    """How far the chosen system may be below the best of another model, how many times cheaper it is and from where on it pays; or
    whether it is better, where it is more expensive.

    Empty where there is one model, or too few rows for limits.

    Args:
        chosen: number of the chosen contender.
        systems: of the contenders, in their order.
        evidence: what was measured.
        terms: what the user asked for.
    """
    contenders, label = evidence.contenders, systems[chosen].label
    others = [i for i, system in enumerate(systems) if contenders[i].eligible and system.label not in ("", label)]
    if not label or not others:
        return ""
    best = max(others, key=lambda i: contenders[i].mean)
    high = evidence.limits[best, chosen][1]
    if high is None:
        return ""
    names = contenders[chosen].name, contenders[best].name
    times = _times(evidence, chosen, best)
    if times is not None and times > 1 + ALIKE:
        better = f"is at least {format_points_at_least(-high)} better than" if high < 0 else "is not shown to be better than"
        expense = f"and {format_about(times)} times as expensive per answer" if times < math.inf else "whose answers cost nothing"
        return f"{names[0]} {better} {names[1]}, {expense}."
    below = f"is at most {format_points(high)} below" if high > 0 else "is shown to be no worse than"
    cheaper = "" if times is None else "at about the same price per answer"
    if times is not None and times < 1 - ALIKE:
        cheaper = f"{format_about(1 / times)} times cheaper per answer" if times else "and its answers cost nothing"
    pays = _pays(evidence, terms, chosen, best)
    told = ", ".join(filter(None, (f"{names[0]} {below} {names[1]}", cheaper)))
    return told + (f", and pays from about {format_about(pays)} answers a month on." if pays and pays >= 1 else ".")


def _times(evidence: Evidence, chosen: int, best: int) -> float | None:
    """What an answer costs as a multiple of one of the other; None where a price is unknown."""
    mine, other = (evidence.contenders[i].per_answer for i in (chosen, best))
    if mine is None or other is None:
        return None
    return mine / other if other else math.inf if mine else 1.0


def _pays(evidence: Evidence, terms: Terms, chosen: int, best: int) -> float | None:
    """Answers a month from which the chosen one costs less, errors and upkeep included; None where it always or never does."""
    mine, other = (evidence.contenders[i] for i in (chosen, best))
    fixed, others = fixed_cost(mine, terms), fixed_cost(other, terms)
    each, theirs = cost_of_answer(mine, terms), cost_of_answer(other, terms)
    if fixed is None or others is None or each is None or theirs is None or fixed <= others or theirs <= each:
        return None
    return (fixed - others) / (terms.months * (theirs - each))
