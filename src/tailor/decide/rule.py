"""The rule that decides, as a pure function of what was measured and what the user asked for.

It was fixed before any test set was opened, and it is the same function that says what would change the decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailor.decide.types import Verdict


@dataclass(frozen=True)
class Terms:
    """What the user asked for and expects.

    Attributes:
        target: as a share.
        smallest_effect: as a share.
        error_price: of one wrong answer.
        answers_per_month: how many answers.
        months: for how long.
        document_changes: a month; None, when nobody said, counts as never.
        rule_changes: a month; None, when nobody said, counts as never.
    """

    target: float
    smallest_effect: float
    error_price: float
    answers_per_month: float
    months: float
    document_changes: float | None = None
    rule_changes: float | None = None

    @property
    def answers(self) -> float:
        """Answers over the whole time."""
        return self.answers_per_month * self.months


@dataclass(frozen=True)
class Contender:
    """A finalist in numbers.

    Attributes:
        name: the system's name.
        fingerprint: the system's fingerprint.
        eligible: whether it may win.
        mean: metric on the test set.
        high: upper 95 % limit of the metric there, or None.
        certified: lower limit for "target met".
        dev_mean: metric on dev, or None.
        tokens: mean tokens per answer, prompt and answer together.
        error_rate: how many errors at the price of an error an answer makes on average.
        one_off: labels and training.
        per_answer: price of an answer without errors, or None.
        per_document_change: price of taking in a changed document, or None.
        per_rule_change: price of taking in a changed rule, or None.
        loss: what an answer's errors with a price of their own cost on average.
    """

    name: str
    eligible: bool
    mean: float
    high: float | None
    certified: float
    dev_mean: float | None
    tokens: float
    error_rate: float
    one_off: float
    per_answer: float | None
    per_document_change: float | None = 0.0
    per_rule_change: float | None = 0.0
    fingerprint: str = ""
    loss: float = 0.0


Limits = Mapping[tuple[int, int], tuple[float | None, float | None]]
Totals = Sequence[float | None]


@dataclass(frozen=True)
class Evidence:
    """What was measured: the contenders, and for each ordered pair (i, j) the joint limits of the mean of i minus that of j."""

    contenders: tuple[Contender, ...]
    limits: Limits


@dataclass(frozen=True)
class Choice:
    """What the rule says: its verdict, and the number of the chosen contender (the best guess when not shown)."""

    verdict: Verdict
    index: int


def totals(evidence: Evidence, terms: Terms) -> tuple[float | None, ...]:
    """Total cost of each contender under the terms, errors and upkeep included; None where a price is unknown."""
    return tuple(_total(fixed_cost(c, terms), cost_of_answer(c, terms), terms.answers) for c in evidence.contenders)


def fixed_cost(contender: Contender, terms: Terms) -> float | None:
    """What does not depend on the number of answers: the one-off cost, and keeping up with changes; None at an unknown price."""
    changes = (
        (terms.document_changes, contender.per_document_change),
        (terms.rule_changes, contender.per_rule_change),
    )
    upkeep = 0.0
    for often, price in changes:
        if often and price is None:
            return None
        upkeep += (often or 0.0) * (price or 0.0)
    return contender.one_off + terms.months * upkeep


def cost_of_answer(contender: Contender, terms: Terms) -> float | None:
    """An answer with its expected errors; None at an unknown price."""
    per_answer = with_losses(contender)
    return None if per_answer is None else per_answer + terms.error_price * contender.error_rate


def with_losses(contender: Contender) -> float | None:
    """An answer with what does not depend on the price of an error; None at an unknown price."""
    return None if contender.per_answer is None else contender.per_answer + contender.loss


def _total(fixed: float | None, per_answer: float | None, answers: float) -> float | None:
    return None if fixed is None or per_answer is None else fixed + answers * per_answer


def cheapest_first(evidence: Evidence, costs: Totals) -> list[int]:
    """Numbers of all contenders by total cost; by tokens per answer if any total is unknown, since the two cannot be mixed.

    Of equal ones, those with a known price come first.
    """
    known = all(cost is not None for cost in costs)

    def key(i: int) -> tuple[float, float, bool, str, str]:
        contender, cost = evidence.contenders[i], costs[i]
        measure = cost if known and cost is not None else contender.tokens
        return measure, contender.tokens, cost is None, contender.name, contender.fingerprint

    return sorted(range(len(evidence.contenders)), key=key)


def choose(evidence: Evidence, terms: Terms, costs: Totals) -> Choice:
    """The rule.

    1. "target met": the cheapest eligible contender whose certified limit reaches the target.
    2. "cheapest within the smallest effect": else the cheapest eligible one whose loss to every more expensive eligible one is
       shown to be below `smallest_effect` (see `is_enough`), unless the test set contradicts dev.
    3. "not shown": else, as best guess, the one with the best mean, ties going to the cheaper; where errors have a price, the one
       with the lowest total of those whose mean is less than `smallest_effect` below the best: nobody is offered less than that.
    """
    ranked = [i for i in cheapest_first(evidence, costs) if evidence.contenders[i].eligible]
    for i in ranked:
        if evidence.contenders[i].certified >= terms.target:
            return Choice("target met", i)
    if not contradicted(evidence, terms.target):
        for i in ranked:
            if is_enough(evidence, ranked, i, terms.smallest_effect):
                return Choice("cheapest within the smallest effect", i)
    top = max(ranked, key=lambda i: evidence.contenders[i].mean)
    if (terms.error_price > 0 or any(c.loss for c in evidence.contenders)) and all(costs[i] is not None for i in ranked):
        least = evidence.contenders[top].mean - terms.smallest_effect
        top = next((i for i in ranked if evidence.contenders[i].mean > least), top)
    return Choice("not shown", top)


def is_enough(evidence: Evidence, ranked: Sequence[int], i: int, smallest_effect: float) -> bool:
    """Whether the data show that paying more than for contender `i` is not worth it.

    Its loss to every more expensive one is shown to be below `smallest_effect`, and no cheaper one scores as well, for then it
    would be no bargain itself. The most expensive has no more expensive one: it must be shown to be better than every cheaper one
    instead.
    """
    place = ranked.index(i)
    cheaper, costlier = ranked[:place], ranked[place + 1 :]
    if not costlier:
        return bool(cheaper) and all(_above(evidence.limits[i, other][0], 0.0) for other in cheaper)
    if any(evidence.contenders[other].mean >= evidence.contenders[i].mean for other in cheaper):
        return False
    highest = [evidence.limits[other, i][1] for other in costlier]
    return all(high is not None and high < smallest_effect for high in highest)


def contradicted(evidence: Evidence, target: float) -> tuple[int, ...]:
    """Eligible contenders that met the target on dev while the test set shows that they miss it."""
    return tuple(
        i
        for i, c in enumerate(evidence.contenders)
        if c.eligible and c.dev_mean is not None and c.dev_mean >= target and c.high is not None and c.high < target
    )


def _above(limit: float | None, value: float) -> bool:
    return limit is not None and limit > value
