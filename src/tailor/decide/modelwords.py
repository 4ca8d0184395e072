"""What the chosen system is next to the best one on another model, in a sentence: the question of a study of several models."""

from __future__ import annotations

from collections.abc import Sequence

from tailor.decide.formats import format_about, format_points
from tailor.decide.rule import Evidence, Terms, cost_of_answer, fixed_cost
from tailor.system import System


def against_other_models(chosen: int, systems: Sequence[System], evidence: Evidence, terms: Terms) -> str:
    """How far the chosen system may be below the best of another model, how many times cheaper it is and from where on it pays.

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
    below = f"is at most {format_points(high)} below" if high > 0 else "is shown to be no worse than"
    parts = [f"{contenders[chosen].name} {below} {contenders[best].name}", _price(evidence, chosen, best)]
    pays = _pays(evidence, terms, chosen, best)
    return ", ".join(filter(None, parts)) + (f", and pays from about {format_about(pays)} answers a month on." if pays else ".")


def _price(evidence: Evidence, chosen: int, best: int) -> str:
    mine, other = (evidence.contenders[i].per_answer for i in (chosen, best))
    if not mine or not other or mine == other:
        return ""
    return (
        f"{format_about(other / mine)} times cheaper per answer"
        if mine < other
        else f"{format_about(mine / other)} times as expensive per answer"
    )


def _pays(evidence: Evidence, terms: Terms, chosen: int, best: int) -> float | None:
    """Answers a month from which the chosen one costs less, errors and upkeep included; None where it always or never does."""
    mine, other = (evidence.contenders[i] for i in (chosen, best))
    fixed, others = fixed_cost(mine, terms), fixed_cost(other, terms)
    each, theirs = cost_of_answer(mine, terms), cost_of_answer(other, terms)
    if fixed is None or others is None or each is None or theirs is None or fixed <= others or theirs <= each:
        return None
    return (fixed - others) / (terms.months * (theirs - each))
