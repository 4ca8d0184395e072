"""From the finalists' Runs on the sealed test set to a Decision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations, repeat
from typing import TypeVar

import numpy as np

from tailor.data.doubt import NO_DOUBT, Doubt
from tailor.decide.changes import break_even, changes
from tailor.decide.cost import NEVER_SAID, error_count, own_losses
from tailor.decide.rule import Contender, Evidence, Terms, cheapest_first, choose, contradicted
from tailor.decide.types import ChangeKind, Cost, Decision, Difference, Finalist, Interval, Pace
from tailor.decide.wording import Findings, headline, reasons, reference_sentence
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of, metric_of
from tailor.stats.clusters import design_effect
from tailor.stats.intervals import Floats, lower_bound, mean_interval
from tailor.stats.paired import PairedDifference, holm, paired_max_t
from tailor.stats.power import rows_to_certify, rows_to_separate
from tailor.stats.spending import ALPHA as ALPHA
from tailor.stats.spending import of_differences, of_opening, of_target
from tailor.stats.unlike import unlike_p
from tailor.task import Task

Limited = TypeVar("Limited", Interval, PairedDifference)
POWER = 0.8
UNLIKE = 0.01
"""Probability with which dev and test of one population are called unlike; it decides nothing, and is a warning only."""


@dataclass(frozen=True)
class Candidate:
    """A system that met the sealed test set.

    Attributes:
        role: why it is a finalist, such as "baseline" or "best with retrieval".
        run: its answers and scores on the test set.
        dev: its complete Run on dev, or None.
        cost: what it costs.
        eligible: whether it may win.
    """

    role: str
    run: Run
    dev: Run | None
    cost: Cost
    eligible: bool = True


@dataclass(frozen=True)
class Estimates:
    """What the test set says of the candidates, in their order.

    Attributes:
        scores: the metric with a two-sided 95 % interval.
        certified: one-sided lower limits for "target met".
        error_rates: how many errors at the price of an error an answer makes on average.
        pairs: differences of all pairs.
        all_right_shows: the certified limit if every answer were right.
        rows_settle: whether more test rows alone could settle what is not shown.
    """

    scores: tuple[Interval, ...]
    certified: tuple[float, ...]
    error_rates: tuple[float, ...]
    pairs: tuple[PairedDifference, ...]
    all_right_shows: float
    rows_settle: bool = True


Estimate = Callable[[Sequence[Candidate], int], Estimates]
"""How scores, limits and differences are found, given the candidates and the number of the opening."""


def measured(candidates: Sequence[Candidate], opening: int, doubt: Doubt = NO_DOUBT, claims: int | None = None) -> Estimates:
    """Estimates from the candidates' scores as they are, over units instead of rows: near-duplicates and rows of one group.

    Rows in doubt count as wrong for lower limits and as right for upper ones: limits hold whatever is true of them. They hold with
    and without rows that repeat what had been seen. `claims` share the error of "target met": one for each candidate, unless more
    is claimed of them (`tailor.decide.handover`).
    """
    claims = claims or len(candidates)
    found = _measured([candidate.run for candidate in candidates], opening, doubt, claims)
    if not doubt.again:
        return found
    kept, others = doubt.without_repeats(len(candidates[0].run.examples))
    runs = [candidate.run.on([candidate.run.examples[place] for place in kept]) for candidate in candidates]
    return _both(found, _measured(runs, opening, others, claims)) if kept else replace(found, certified=(0.0,) * len(runs))


def _measured(runs: Sequence[Run], opening: int, doubt: Doubt, claims: int) -> Estimates:
    share, groups = of_target(opening, claims), runs[0].units
    more = [*groups, *[""] * doubt.gone]
    low, high = [[_taken_as(worth, run.values, doubt) for run in runs] for worth in (0.0, 1.0)]
    pairs = paired_max_t(np.array([values[: len(groups)] for values in low]).T, 1 - of_differences(opening), groups=groups)
    return Estimates(
        scores=tuple(
            _between(mean_interval(run.values, 0.95, groups=groups), least, most, more)
            for run, least, most in zip(runs, low, high, strict=True)
        ),
        certified=tuple(lower_bound(values, share, groups=more) for values in low),
        error_rates=tuple(error_count(run) for run in runs),
        pairs=tuple(widened(pair, doubt.share(len(groups))) for pair in pairs),
        all_right_shows=lower_bound(_taken_as(0.0, [1.0] * len(groups), doubt), share, groups=more),
    )


def _both(one: Estimates, other: Estimates) -> Estimates:
    """The first estimates with limits that hold for the others, too."""
    return replace(
        one,
        scores=tuple(_wider(a, b) for a, b in zip(one.scores, other.scores, strict=True)),
        certified=tuple(map(min, one.certified, other.certified)),
        pairs=tuple(_wider(a, b) for a, b in zip(one.pairs, other.pairs, strict=True)),
        all_right_shows=min(one.all_right_shows, other.all_right_shows),
    )


def _wider(one: Limited, other: Limited) -> Limited:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return replace(one, low=None, high=None)
    return replace(one, low=min(one.low, other.low), high=max(one.high, other.high))


def _taken_as(worth: float, values: Sequence[float], doubt: Doubt) -> list[float]:
    """The values with rows in doubt worth so much, those that are gone behind the others."""
    return [worth if place in doubt.places else value for place, value in enumerate(values)] + [worth] * doubt.gone


def _between(score: Interval, low: Sequence[float], high: Sequence[float], groups: Sequence[str]) -> Interval:
    """The score with the lower limit of the one values and the upper limit of the others."""
    if list(low) == list(high):
        return score
    least, most = (mean_interval(values, 0.95, groups=groups) for values in (low, high))
    return replace(score, low=least.low, high=most.high)


def widened(pair: PairedDifference, share: float) -> PairedDifference:
    """The difference with limits that hold whatever is true of this share of the rows, those that are gone among them."""
    if pair.low is None or pair.high is None or not share:
        return pair
    low, high = pair.low - share * (1 + max(0.0, pair.low)), pair.high + share * (1 + max(0.0, -pair.high))
    return replace(pair, low=max(-1.0, low), high=min(1.0, high))


def decide(
    task: Task, candidates: Sequence[Candidate], opening: int, pace: Pace = NEVER_SAID, estimate: Estimate = measured
) -> Decision:
    """What follows from the test set, by the rule of `tailor.decide.rule.choose`.

    Opening k may err with probability alpha_k = 0.05 / 2**k, half of it in each of two families of claims:

    - "target met": one-sided lower limits (Clopper-Pearson for rates, Gaffke for other metrics) at alpha_k / 2 / K, one for each of
      the K finalists.
    - differences: simultaneous two-sided limits over all pairs of finalists (`paired_max_t`) at level 1 - alpha_k / 2. A loss is
      shown to be below the smallest effect when the upper limit of the difference is.

    Every limit and every p-value is over units instead of rows: near-duplicates and rows of one group count as one observation.

    The order of the candidates does not matter, and the same Runs give the same Decision. `pace` says how often documents and rules
    change; the candidates' costs must have been made with it. `estimate` finds the limits where scores are
    not simply measured.

    Raises:
        ValueError: there is no eligible candidate, one is there twice, the Runs are empty or not on the same examples, or the
            opening is not at least 1.
    """
    candidates = sorted(candidates, key=lambda candidate: (candidate.run.system.name, candidate.run.system.fingerprint))
    _check(candidates)
    test, groups = estimate(candidates, opening), candidates[0].run.units
    finalists = tuple(map(_finalist, repeat(task), candidates, test.scores, test.certified))
    evidence = _evidence(candidates, finalists, test)
    volume = task.volume
    terms = Terms(
        *(task.target, task.smallest_effect, task.prices.error, volume.answers_per_month, volume.months, pace.documents, pace.rules)
    )
    costs = tuple(candidate.cost.total for candidate in candidates)
    choice = choose(evidence, terms, costs)
    found = Findings(
        terms=terms,
        evidence=evidence,
        costs=costs,
        choice=choice,
        finalists=finalists,
        systems=tuple(candidate.run.system for candidate in candidates),
        unusable=tuple(candidate.run.outcomes for candidate in candidates),
        unknown=tuple(_unknown(task, candidate.run) for candidate in candidates),
        metric=metric_of(task).says,
        prices=task.prices,
        opening=opening,
        alpha=of_opening(opening),
        all_right_shows=test.all_right_shows,
        differing={(i, j): pair.events for pair in test.pairs for i, j in permutations((pair.first, pair.second))},
        rows_to_settle=_rows_to_settle(evidence, terms, costs, [np.array(c.run.values) for c in candidates], groups, opening)
        if choice.verdict == "not shown" and test.rows_settle
        else None,
        unlike_dev=_unlike_dev(candidates),
    )
    return _decision(found, test.pairs)


def _unlike_dev(candidates: Sequence[Candidate]) -> dict[int, tuple[float, float]]:
    """Number of each candidate whose scores on dev and test differ by more than chance -> its mean on dev, and the p-value.

    Their number is corrected for (Bonferroni), as dev and test are looked at for each.
    """
    found = {}
    for i, candidate in enumerate(candidates):
        if candidate.dev is not None:
            p = unlike_p(candidate.dev.values, candidate.run.values, candidate.dev.units, candidate.run.units)
            if p * len(candidates) < UNLIKE:
                found[i] = (candidate.dev.mean, p)
    return found


def _decision(found: Findings, pairs: Sequence[PairedDifference]) -> Decision:
    return Decision(
        verdict=found.choice.verdict,
        chosen=found.finalists[found.choice.index].name,
        headline=headline(found),
        reasons=reasons(found),
        changes=changes(found),
        finalists=tuple(found.finalists[i] for i in cheapest_first(found.evidence, found.costs)),
        differences=_differences(found, pairs),
        break_even=break_even(found.evidence, found.terms),
        target=found.terms.target,
        smallest_effect=found.terms.smallest_effect,
        alpha=found.alpha,
        opening=found.opening,
        n_test=found.n_test,
        rows_to_settle=found.rows_to_settle,
        reference=reference_sentence(found),
        dev_contradicted=bool(contradicted(found.evidence, found.terms.target)),
        pace=Pace(found.terms.document_changes, found.terms.rule_changes),
        fingerprint=found.finalists[found.choice.index].fingerprint,
    )


def _check(candidates: Sequence[Candidate]) -> None:
    if not any(candidate.eligible for candidate in candidates):
        raise ValueError("no candidate is eligible")
    if len({candidate.run.key for candidate in candidates}) < len(candidates):
        raise ValueError("the candidates are not all different systems")
    if len({tuple(example.id for example in candidate.run.examples) for candidate in candidates}) > 1:
        raise ValueError("the candidates' Runs are not on the same examples")
    if not candidates[0].run.examples:
        raise ValueError("the candidates' Runs are empty")


def _unknown(task: Task, run: Run) -> int:
    """Rows whose right answer is none of the labels that the system chooses from, if it chooses from any."""
    labels = run.system.decoding.labels
    kind = kind_of(task)
    return sum(not kind.can_be_right(example, labels) for example in run.examples) if labels else 0


def _finalist(task: Task, candidate: Candidate, score: Interval, certified: float) -> Finalist:
    return Finalist(
        name=candidate.run.system.name,
        fingerprint=candidate.run.system.fingerprint,
        role=candidate.role,
        score=score,
        certified=certified,
        meets_target=certified >= task.target,
        cost=candidate.cost,
        eligible=candidate.eligible,
    )


def _evidence(candidates: Sequence[Candidate], finalists: Sequence[Finalist], found: Estimates) -> Evidence:
    contenders = tuple(
        Contender(
            name=finalist.name,
            eligible=finalist.eligible,
            mean=finalist.score.mean,
            high=finalist.score.high,
            certified=finalist.certified,
            dev_mean=candidate.dev.mean if candidate.dev is not None else None,
            tokens=candidate.run.tokens_in + candidate.run.tokens_out,
            error_rate=errors,
            loss=own_losses(candidate.run),
            one_off=candidate.cost.one_off,
            per_answer=None if candidate.cost.total is None or candidate.cost.per_1000 is None else candidate.cost.per_1000 / 1000,
            per_document_change=_change_price(candidate.cost, "document"),
            per_rule_change=_change_price(candidate.cost, "rule"),
            fingerprint=finalist.fingerprint,
        )
        for candidate, finalist, errors in zip(candidates, finalists, found.error_rates, strict=True)
    )
    limits: dict[tuple[int, int], tuple[float | None, float | None]] = {}
    for pair in found.pairs:
        limits[pair.first, pair.second] = (pair.low, pair.high)
        limits[pair.second, pair.first] = (_minus(pair.high), _minus(pair.low))
    return Evidence(contenders, limits)


def _differences(found: Findings, pairs: Sequence[PairedDifference]) -> tuple[Difference, ...]:
    """Every pair, the better first (of equal ones the more expensive), in the order of the finalists."""
    order = cheapest_first(found.evidence, found.costs)
    adjusted = {(p.first, p.second): value for p, value in zip(pairs, holm([p.p_value for p in pairs]), strict=True)}
    level, clusters = 1 - of_differences(found.opening), found.finalists[0].score.clusters
    differences = []
    for cheap, expensive in combinations(order, 2):
        better, worse = (cheap, expensive) if _mean(found, cheap) > _mean(found, expensive) else (expensive, cheap)
        low, high = found.evidence.limits[better, worse]
        method = "balanced max-T" if clusters is None else "balanced max-T over groups"
        mean, events = _mean(found, better) - _mean(found, worse), found.differing[better, worse]
        estimate = Interval(mean, low, high, found.n_test, level, method, clusters, events, "differ")
        p_value = adjusted[min(better, worse), max(better, worse)]
        (first, one), (second, other) = found.finalists[better].key, found.finalists[worse].key
        differences.append(Difference(first, second, estimate, p_value, one, other))
    return tuple(differences)


def _rows_to_settle(
    evidence: Evidence,
    terms: Terms,
    costs: Sequence[float | None],
    values: Sequence[Floats],
    groups: Sequence[str],
    opening: int,
) -> int | None:
    """Rows of a fresh test set that would probably settle it, if what was measured were the truth; None when none would.

    The least over the eligible contenders of what shows the target to be met, or a loss to be below the smallest effect (for the
    most expensive: a gain over every cheaper one), with 80 % power at the error that the next opening may spend. Where rows come in
    groups, as many times more as groups enlarge the variance.
    """
    ranked = [i for i in cheapest_first(evidence, costs) if evidence.contenders[i].eligible]
    enough = [_rows_for_target(values[i], groups, terms.target, of_target(opening + 1, len(values))) for i in ranked]
    # A pair's share of the error under Bonferroni: two sides, all pairs.
    share = of_differences(opening + 1) / max(1, len(values) * (len(values) - 1))
    for place, i in enumerate(ranked):
        others, margin = ranked[place + 1 :], terms.smallest_effect
        if not others:
            others, margin = ranked[:place], 0.0
        elif any(evidence.contenders[j].mean >= evidence.contenders[i].mean for j in ranked[:place]):
            continue
        rows = [_rows_for_gap(margin, values[j] - values[i], groups, share) for j in others]
        if rows and None not in rows:
            enough.append(max(row for row in rows if row is not None))
    known = [rows for rows in enough if rows is not None]
    # Fewer rows than did not settle it would be an optimistic promise.
    return max(min(known), len(groups) + 1) if known else None


def _rows_for_target(values: Floats, groups: Sequence[str], target: float, alpha: float) -> int | None:
    if bool(np.all((values == 0) | (values == 1))):
        rows = rows_to_certify(math.fsum(values) / len(values), target, alpha, POWER)
    else:
        rows = rows_to_separate(float(np.mean(values)) - target, float(np.var(values)), alpha, POWER)
    return _enlarged(rows, values, groups)


def _rows_for_gap(margin: float, gains: Floats, groups: Sequence[str], alpha: float) -> int | None:
    """Rows that show a mean gain to be below the margin."""
    rows = rows_to_separate(margin - float(np.mean(gains)), float(np.var(gains)), alpha, POWER)
    return _enlarged(rows, gains, groups)


def _enlarged(rows: int | None, values: Floats, groups: Sequence[str]) -> int | None:
    return None if rows is None else math.ceil(rows * design_effect(values, groups))


def _change_price(cost: Cost, kind: ChangeKind) -> float | None:
    change = cost.change(kind)
    return 0.0 if change is None else change.price


def _mean(found: Findings, i: int) -> float:
    return found.finalists[i].score.mean


def _minus(limit: float | None) -> float | None:
    return None if limit is None else -limit
