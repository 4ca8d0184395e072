"""What would have to be true for another choice: the same question asked again with other facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tailor.advise.criteria import STEPS, Approach, Criteria, Step
from tailor.advise.facts import Fact, Facts
from tailor.advise.weigh import Weighed, is_skipped, weigh

MOST = 5  # facts that differ together; a task that differs in more of them is another task


@dataclass(frozen=True)
class Condition:
    """Something that is not so, as far as is known.

    Attributes:
        fact: name of the fact.
        would: what would have to be true, to come after "if".
        is_open: whether nobody has said yet how it is.
    """

    fact: str
    would: str
    is_open: bool


@dataclass(frozen=True)
class Change:
    """Another approach, and what would have to be true for it.

    Attributes:
        approach: what would be expected then.
        conditions: what would have to be true, all of it together.
    """

    approach: Approach
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class _Option:
    condition: Condition
    fact: Fact


def what_would_change(facts: Facts, criteria: Criteria) -> tuple[Change, ...]:
    """The smallest changes of the facts that lead to another approach.

    First every single fact that does, by its nearest value that does. Then, for each step that no single fact decides unless by
    ruling it out, the fewest facts that do so together, `MOST` at most.
    """
    now = weigh(facts, criteria)
    tried = [(option, other) for option in _options(facts, criteria) if (other := _ask_again(facts, criteria, [option]))]
    found: dict[tuple[str, Approach], Change] = {}
    decided: set[Step] = set()
    for option, other in tried:
        if other.approach != now.approach:
            found.setdefault((option.condition.fact, other.approach), Change(other.approach, (option.condition,)))
            if other.ruled_out <= now.ruled_out:
                decided |= {step for step in STEPS if other.expects(step) != now.expects(step)}
    open_steps = [step for step in STEPS if step not in decided and (step != "search" or now.expects("documents"))]
    together = [_fewest(facts, criteria, now, tried, step) for step in open_steps]
    return (*found.values(), *dict.fromkeys(change for change in together if change))


def _options(facts: Facts, criteria: Criteria) -> Iterator[_Option]:
    """Every other case of every criterion that makes sense here, those next to the present one first."""
    for criterion in criteria.criteria:
        fact = facts.get(criterion.id)
        if fact is None and is_skipped(criterion, facts):
            continue
        now = criterion.case(fact)
        numbers = [number for number in range(len(criterion.cases)) if number != now]
        for number in sorted(numbers, key=lambda number: 0 if now is None else abs(number - now)):
            is_open = fact is None or fact.is_assumed
            yield _Option(Condition(criterion.id, criterion.cases[number].would, is_open), criterion.example(number))


def _ask_again(facts: Facts, criteria: Criteria, options: Sequence[_Option]) -> Weighed | None:
    """What would follow if all these were so; None where they cannot be so together."""
    imagined: Facts | None = facts
    for option in options:
        imagined = imagined and imagined.imagine(option.condition.fact, option.fact)
    return weigh(imagined, criteria) if imagined else None


def _fewest(facts: Facts, criteria: Criteria, now: Weighed, tried: Sequence[tuple[_Option, Weighed]], step: Step) -> Change | None:
    """The fewest facts that together decide otherwise about a step, without ruling anything out.

    Points add up, so those that move the step's points furthest come first, and of these what leaves the other steps alone. What
    lifts a rule that it is out comes before them.
    """
    sign = -1 if now.expects(step) else 1
    moves = [
        (
            step in now.ruled_out and step not in other.ruled_out,
            sign * (other.points[step] - now.points[step]),
            any(other.points[other_step] != now.points[other_step] for other_step in STEPS if other_step != step),
            option,
        )
        for option, other in tried
        if other.ruled_out <= now.ruled_out
    ]
    moves.sort(key=lambda move: (not move[0], -move[1], move[2]))
    chosen: list[_Option] = []
    for lifts, points, _, option in moves:
        if len(chosen) == MOST or not (lifts or points > 0):
            return None
        if option.condition.fact in {other.condition.fact for other in chosen}:
            continue
        chosen.append(option)
        together = _ask_again(facts, criteria, chosen)
        if together is None or not together.ruled_out <= now.ruled_out:
            chosen.pop()
        elif together.expects(step) != now.expects(step):
            return Change(together.approach, tuple(option.condition for option in chosen))
    return None
