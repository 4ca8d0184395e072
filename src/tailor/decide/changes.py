"""What would change the decision: the same rule, asked again under other terms. And from how many answers a month what pays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import combinations

from tailor.decide.formats import format_about, format_money, format_often, format_target
from tailor.decide.rule import Contender, Evidence, Terms, choose, cost_of_answer, fixed_cost, totals, with_losses
from tailor.decide.types import BreakEven
from tailor.decide.upkeep import PER_MONTH
from tailor.decide.wording import Findings

LARGEST_EFFECT = 20
"""Points: nobody calls a larger difference too small to matter, so no change is reported beyond it."""

SMALLEST_TARGET = 0.75
"""Share of the target below which nobody would settle for less."""

MOST_OFTEN = {"documents": 24 * PER_MONTH["daily"], "requirements": PER_MONTH["daily"]}
"""Changes a month beyond which no change is reported: documents that change every hour, requirements that change every day."""

Flip = tuple[float, int]


def break_even(evidence: Evidence, terms: Terms) -> tuple[BreakEven, ...]:
    """From how many answers a month the one of a pair that costs more at first is the cheaper one, errors and upkeep included.

    For every two contenders whose prices are known. `cheap` has the lower fixed cost (one-off and keeping up with changes; with
    equal ones, the lower cost per answer) and `expensive` the higher: N = (fixed cost of expensive - that of cheap) / (months x
    what expensive saves per answer), and None where expensive saves nothing.
    """
    known = [
        (fixed, per_answer, c.name, c.fingerprint)
        for c in evidence.contenders
        if (fixed := fixed_cost(c, terms)) is not None and (per_answer := cost_of_answer(c, terms)) is not None
    ]
    pairs = []
    for cheap, expensive in (sorted(pair) for pair in combinations(known, 2)):
        saved = cheap[1] - expensive[1]
        answers = (expensive[0] - cheap[0]) / (terms.months * saved) if saved > 0 else None
        pairs.append(BreakEven(cheap[2], expensive[2], answers, cheap[3], expensive[3]))
    return tuple(pairs)


def changes(found: Findings) -> tuple[str, ...]:
    """What would change the decision, one sentence each; the numbers are those at which the rule gives another answer."""
    sentences = [_lower_target(found), _higher_target(found), _larger_effect(found), _reference(found)]
    again = totals(found.evidence, found.terms)
    # Costs that do not follow from prices and volume say nothing about other prices and volumes.
    if all(a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9) for a, b in zip(again, found.costs, strict=True)):
        sentences += [*_error_price(found), *_volume(found), *_pace(found)]
    return tuple(filter(None, sentences))


def _lower_target(found: Findings) -> str:
    """The highest whole per cent below the target that is shown: of a cheaper system if the target is met, else of any."""
    met = found.choice.verdict == "target met"
    shown = max((found.finalists[i].certified for i in (found.cheaper if met else found.ranked)), default=0.0)
    target = math.floor(round(100 * shown, 6)) / 100
    if not SMALLEST_TARGET * found.terms.target <= target < found.terms.target:
        return ""
    then = choose(found.evidence, replace(found.terms, target=target), found.costs)
    end = "which is cheaper, would do" if met else "would be shown to meet it"
    return f"If {format_target(target)} were enough, {found.finalists[then.index].name}{',' if met else ''} {end}."


def _higher_target(found: Findings) -> str:
    """The lowest whole per cent above what the chosen system is shown to reach."""
    if found.choice.verdict != "target met":
        return ""
    certified = found.finalists[found.choice.index].certified
    target = min(1.0, (math.floor(round(100 * certified, 6)) + 1) / 100)
    then = choose(found.evidence, replace(found.terms, target=target), found.costs)
    if then.verdict == "target met":
        return f"With a target of {format_target(target)} the choice would be {found.finalists[then.index].name}."
    return f"With a target of {format_target(target)}{' or more' if target < 1 else ''}, no system tested is shown to meet it."


def _larger_effect(found: Findings) -> str:
    """The smallest number of whole points at which a cheaper system would do."""
    if found.choice.verdict == "target met":
        return ""
    for points in range(math.floor(round(100 * found.terms.smallest_effect, 6)) + 1, LARGEST_EFFECT + 1):
        then = choose(found.evidence, replace(found.terms, smallest_effect=points / 100), found.costs)
        if then != found.choice:
            return (
                f"If differences below {points} points did not matter to you, {found.finalists[then.index].name} would be enough."
            )
    return ""


def _reference(found: Findings) -> str:
    """Whether a reference would be chosen if it could be."""
    contenders = tuple(replace(contender, eligible=True) for contender in found.evidence.contenders)
    then = choose(replace(found.evidence, contenders=contenders), found.terms, found.costs)
    if contenders[then.index] == found.evidence.contenders[then.index]:
        return ""
    would = f"{'the best guess' if then.verdict == 'not shown' else 'the choice'} would be {found.finalists[then.index].name}"
    end = ", which is shown to meet the target" if then.verdict == "target met" else ""
    return f"If a classifier may win (`allow_classifier: true`), {would}{end}."


def _error_price(found: Findings) -> list[str]:
    """Prices of an error at which another system is chosen. Without a price the best guess ignores cost, so there is none then."""
    if found.choice.verdict == "not shown" and not found.terms.error_price:
        return []
    lines = [
        (_fixed(c, found.terms) + found.terms.answers * (with_losses(c) or 0.0), found.terms.answers * c.error_rate)
        for c in _eligible(found)
    ]
    below, above = flips(lines, found.terms.error_price, found.choice.index, lambda price: _index(found, error_price=price))
    told = [("more", above), ("less", below)]
    error = "a wrong field without a price of its own" if found.prices.fields else "a wrong answer"
    return [
        f"If {error} cost you {word} than about {format_money(flip[0], found.currency)}, "
        f"{_noun(found)} would be {found.finalists[flip[1]].name}."
        for word, flip in told
        if flip
    ]


def _volume(found: Findings) -> list[str]:
    """Answers a month at which another system is chosen."""
    lines = [(_fixed(c, found.terms), found.terms.months * (cost_of_answer(c, found.terms) or 0.0)) for c in _eligible(found)]
    below, above = flips(
        lines, found.terms.answers_per_month, found.choice.index, lambda volume: _index(found, answers_per_month=volume)
    )
    told = [("Above", above), ("Below", below)]
    return [
        f"{word} about {format_about(flip[0])} answers a month {_noun(found)} would be {found.finalists[flip[1]].name}."
        for word, flip in told
        if flip
    ]


def _pace(found: Findings) -> list[str]:
    """Changes a month at which another system is chosen: of the documents, then of the requirements."""
    prices = [(c.per_document_change, c.per_rule_change) for c in _eligible(found)]
    sentences = []
    for place, (what, term) in enumerate((("documents", "document_changes"), ("requirements", "rule_changes"))):
        now: float = getattr(found.terms, term) or 0.0
        still = replace(found.terms, **{term: 0.0})
        lines = [
            (_fixed(c, still) + found.terms.answers * (cost_of_answer(c, still) or 0.0), found.terms.months * price)
            for c, changing in zip(_eligible(found), prices, strict=True)
            if (price := changing[place]) is not None
        ]
        if len(lines) < len(prices):
            continue  # a system whose change has no price may become the cheaper one anywhere

        def chosen_at(often: float, term: str = term) -> int:
            return _index(found, **{term: often})

        below, above = flips(lines, now, found.choice.index, chosen_at)
        sentences += [
            f"If {what} change {word} often than {format_often(flip[0])}, {_noun(found)} would be {found.finalists[flip[1]].name}."
            for word, flip in (("more", above), ("less", below))
            if flip and flip[0] <= MOST_OFTEN[what]
        ]
    return sentences


def flips(
    lines: Sequence[tuple[float, float]], now: float, chosen: int, chosen_at: Callable[[float], int]
) -> tuple[Flip | None, Flip | None]:
    """Where the choice changes next below and above `now`, each as (where, who is chosen there), or None where it never does.

    Args:
        lines: total cost of each contender as (intercept, slope); the choice can change only where two of them cross.
        now: where we are.
        chosen: who is chosen there.
        chosen_at: who is chosen elsewhere.
    """
    crossings = {(a[0] - b[0]) / (b[1] - a[1]) for a, b in combinations(lines, 2) if a[1] != b[1]}
    points = sorted(x for x in crossings if x > 0)
    above = [
        (x, (x + after) / 2) for x, after in zip(points, [*points[1:], 3 * points[-1]] if points else [], strict=True) if x > now
    ]
    below = [(x, (x + before) / 2) for x, before in zip(points, [0.0, *points[:-1]], strict=True) if x < now] if points else []
    return _first_flip(reversed(below), chosen, chosen_at), _first_flip(above, chosen, chosen_at)


def _first_flip(probes: Iterable[tuple[float, float]], chosen: int, chosen_at: Callable[[float], int]) -> Flip | None:
    for where, beyond in probes:
        if (then := chosen_at(beyond)) != chosen:
            return where, then
    return None


def _index(found: Findings, **terms: float) -> int:
    """Who is chosen under other prices or another volume."""
    changed = replace(found.terms, **terms)
    return choose(found.evidence, changed, totals(found.evidence, changed)).index


def _noun(found: Findings) -> str:
    return "the best guess" if found.choice.verdict == "not shown" else "the choice"


def _eligible(found: Findings) -> list[Contender]:
    return [found.evidence.contenders[i] for i in found.ranked]


def _fixed(contender: Contender, terms: Terms) -> float:
    """The fixed cost where it is known, as it is wherever all totals are."""
    return fixed_cost(contender, terms) or 0.0
