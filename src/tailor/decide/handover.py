"""Answer, or hand over to a person: a threshold on confidence, chosen on dev, and what it comes to on the sealed test set.

The threshold is fixed before the test set is opened, so that the rows it lets through are a sample like any other: of those rows
the errors are binomial given their number, and the limits hold whatever confidence means, calibrated or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from tailor.data.doubt import NO_DOUBT, Doubt
from tailor.decide.decision import Candidate
from tailor.decide.formats import format_at_least, format_at_most, format_money, format_percent
from tailor.decide.types import Cost, Decision, HandOver
from tailor.evaluate.run import Run
from tailor.score.confidence import confidence
from tailor.stats.intervals import clopper_pearson_lower, lower_bound
from tailor.stats.spending import CLAIMS, of_target
from tailor.task import Task

LEAST_ANSWERED = 10
"""Dev rows that a threshold must let through: fewer say nothing of how good those answers are."""
DEV_CONFIDENCE = 0.80
"""Where errors have no price: the target must show among the dev rows let through, with this one-sided confidence."""


@dataclass(frozen=True)
class Threshold:
    """What dev says of handing over.

    Attributes:
        value: confidence from which a system answers; None where it hands nothing over.
        why_not: why it hands nothing over, in words that follow its name; empty where it does.
    """

    value: float | None = None
    why_not: str = ""


def choose_threshold(task: Task, dev: Run) -> Threshold:
    """The threshold that is cheapest on dev; where errors have no price, the lowest at which dev shows the target among answers."""
    sure = [confidence(answer, several=dev.system.decoding.several) for answer in dev.answers]
    known = sorted(
        ((said, score) for said, score in zip(sure, dev.scores, strict=True) if said is not None),
        key=lambda pair: (pair[0], pair[1].outcome == "right"),
        reverse=True,
    )
    if 2 * len(known) < len(sure):
        return Threshold(why_not="does not say how sure it is of its answers")
    # As many rows as a threshold can let through: a row that is exactly as sure as the next goes with it.
    ends = [k for k in range(1, len(known) + 1) if k == len(known) or known[k - 1][0] > known[k][0]]
    right = list(accumulate((score.outcome == "right" for _, score in known), initial=0))
    lost = list(accumulate((score.cost(task.prices.error) for _, score in known), initial=0.0))
    unsure = len(sure) - len(known)  # handed over under every threshold
    best = _cheapest(task, ends, lost, unsure) if task.prices.count_errors else _reaching(task.target, ends, right)
    if best is None:
        return Threshold(why_not=f"does not reach the target on dev among {LEAST_ANSWERED} or more answers that it is surest of")
    if best == len(known):
        return Threshold(why_not="does best on dev by answering everything itself")
    return Threshold((known[best - 1][0] + known[best][0]) / 2)


def _cheapest(task: Task, ends: Sequence[int], lost: Sequence[float], unsure: int) -> int:
    """How many of the surest rows to answer at the least price of errors and hand-overs; the most at equal prices."""
    person, n = task.prices.handover or 0.0, len(lost) - 1
    enough = [k for k in ends if k >= min(LEAST_ANSWERED, n)]
    return min(enough, key=lambda k: (lost[k] + (n - k + unsure) * person, -k))


def _reaching(target: float, ends: Sequence[int], right: Sequence[int]) -> int | None:
    """How many of the surest rows to answer, the most among which the target is shown; None where there are none."""
    alpha = 1 - DEV_CONFIDENCE
    shown = [k for k in ends if k >= LEAST_ANSWERED and clopper_pearson_lower(right[k], k, alpha) >= target]
    return max(shown, default=None)


def thresholds_of(task: Task, finalists: Iterable[Run]) -> dict[str, Threshold]:
    """Fingerprint of each finalist -> its threshold by its dev Run; empty where hand-overs have no price, or a judge scores."""
    if task.prices.handover is None or task.judge is not None:
        return {}
    return {dev.system.fingerprint: choose_threshold(task, dev) for dev in finalists}


def claims_of(thresholds: Mapping[str, Threshold]) -> int:
    """How many claims share the error of "target met": one for each finalist, and `CLAIMS` for one that hands over."""
    return sum(1 if threshold.value is None else CLAIMS for threshold in thresholds.values())


def looks_of(thresholds: Mapping[str, Threshold]) -> list[str]:
    """What is looked at besides the systems: another threshold on the same rows is another opening of the test set."""
    return [f"{system} hands over below {found.value!r}" for system, found in thresholds.items() if found.value is not None]


def with_handover(task: Task, decision: Decision, candidates: Sequence[Candidate], thresholds: Mapping[str, Threshold]) -> Decision:
    """The decision with what handing over comes to for every finalist that does, all limits joint with those of "target met"."""
    if not thresholds:
        return decision
    alpha = of_target(decision.opening, claims_of(thresholds))
    found = [
        hand_over(task, candidate.run, candidate.cost, threshold.value, alpha, decision.doubt)
        for candidate in candidates
        if (threshold := thresholds[candidate.run.system.fingerprint]).value is not None
    ]
    decision = replace(decision, handover=tuple(found))
    sentences = handover_sentences(task, decision, thresholds)
    return replace(decision, handing_over=sentences, reasons=(*decision.reasons, *sentences))


def hand_over(task: Task, run: Run, cost: Cost, threshold: float, alpha: float, doubt: Doubt = NO_DOUBT) -> HandOver:
    """What a threshold comes to on the test set; each of its two limits errs with probability at most `alpha`.

    Rows in doubt count as answered wrong for the one limit and as handed over for the other.
    """
    sure = [confidence(answer, several=run.system.decoding.several) for answer in run.answers]
    answered = [said is not None and said >= threshold for said in sure]
    right = [score.outcome == "right" for score in run.scores]
    at_least, at_most = _limits(answered, right, run.units, alpha, doubt)
    if doubt.again:  # the limits hold with and without rows that repeat what had been seen
        kept, others = doubt.without_repeats(len(right))
        answers, goods = [answered[place] for place in kept], [right[place] for place in kept]
        fewer, more = _limits(answers, goods, [run.units[place] for place in kept], alpha, others) if kept else (0.0, 1.0)
        at_least, at_most = min(at_least, fewer), max(at_most, more)
    n, count = len(answered), sum(answered)
    wrong = sum(is_answered and not is_right for is_answered, is_right in zip(answered, right, strict=True))
    lost = sum(score.cost(task.prices.error) for is_answered, score in zip(answered, run.scores, strict=True) if is_answered)
    return HandOver(
        system=run.system.name,
        fingerprint=run.system.fingerprint,
        threshold=threshold,
        answered=count / n,
        answered_at_least=at_least,
        error=wrong / count if count else None,
        error_at_most=at_most,
        n_answered=count,
        n=n,
        total=_total(task, cost, lost / n, 1 - count / n),
    )


def _limits(
    answered: Sequence[bool], right: Sequence[bool], units: Sequence[str], alpha: float, doubt: Doubt
) -> tuple[float, float]:
    """Lower limit of the share answered, and upper limit of the share of wrong answers among those."""
    let = [place for place, is_answered in enumerate(answered) if is_answered or place in doubt.places]
    own = [float(is_answered and place not in doubt.places) for place, is_answered in enumerate(answered)]
    good = [float(right[place] and place not in doubt.places) for place in let]
    gone, alone = [0.0] * doubt.gone, [""] * doubt.gone
    at_least = lower_bound([*own, *gone], alpha, groups=[*units, *alone])
    at_most = 1 - lower_bound([*good, *gone], alpha, groups=[*(units[place] for place in let), *alone]) if let or gone else 1.0
    return at_least, at_most


def _total(task: Task, cost: Cost, lost: float, handed: float) -> float | None:
    """The total cost of a system that hands this share of questions over, its errors costing so much a question."""
    if cost.total is None:
        return None
    questions = task.volume.months * task.volume.answers_per_month
    with_it = lost + handed * (task.prices.handover or 0.0)
    return cost.total + questions * (with_it - cost.errors_per_1000 / 1000)


def handover_sentences(task: Task, decision: Decision, thresholds: Mapping[str, Threshold]) -> tuple[str, ...]:
    """What to know about handing over: of the chosen system, and of another one that is cheaper with it.

    Args:
        task: prices and volume.
        decision: with its `handover`.
        thresholds: of each finalist, by fingerprint.
    """
    found, eligible = decision.winner_handover, {f.fingerprint for f in decision.finalists if f.eligible}
    least = decision.winner.cost.total
    told = [f"Nothing is handed over: {decision.chosen} {thresholds[decision.fingerprint].why_not}."]
    if found is not None:
        told, least = [_sentence(task, found, least)], found.total
    cheaper = [
        (other.total, other)
        for other in decision.handover
        if other.fingerprint in eligible and other.total is not None and least is not None and other.total < least
    ]
    if cheaper:
        total, best = min(cheaper, key=lambda pair: pair[0])
        told.append(
            f"With hand-over {best.system} would cost less: {format_money(total, task.prices.currency)} in "
            f"{task.volume.months:g} months, answering {format_percent(best.answered)} itself."
        )
    return tuple(told)


def _sentence(task: Task, found: HandOver, without: float | None) -> str:
    wrong = "none" if found.error is None else f"{format_percent(found.error)} are"
    money = ""
    if found.total is not None and without is not None:
        price = format_money(found.total, task.prices.currency)
        money = f" It costs {price} in {task.volume.months:g} months, and {format_money(without, task.prices.currency)} without."
    return (
        f"If {found.system} hands over to a person what it is less than {format_percent(found.threshold)} sure of, it answers "
        f"{format_percent(found.answered)} itself (shown: {format_at_least(found.answered_at_least)} or more), of which {wrong} "
        f"wrong (shown: {format_at_most(found.error_at_most)} at most).{money}"
    )
