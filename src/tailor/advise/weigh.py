"""Facts against criteria: the points of each step, the approach that follows, and how far what is not known could move it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tailor.advise.criteria import POINTS, STEPS, Approach, Case, Criteria, Criterion, Step
from tailor.advise.facts import Fact, Facts


@dataclass(frozen=True)
class WeighedFact:
    """What one criterion says about the facts.

    Attributes:
        criterion: which one.
        fact: what is known; None if it is not.
        case: what follows; None if nothing does.
        applies: whether the question makes sense, given the other facts.
        is_sure: whether it is known, and that it makes sense is known, and neither is only assumed.
    """

    criterion: Criterion
    fact: Fact | None
    case: Case | None
    applies: bool
    is_sure: bool

    @property
    def is_open(self) -> bool:
        """Whether too little is known to say which case it is."""
        return self.fact is None or (self.fact.at_least and self.case is None)


@dataclass(frozen=True)
class Weighed:
    """All findings and what they come to.

    Attributes:
        findings: one per criterion that has cases, in the order of the file.
        points: what speaks for each step, less what speaks against it.
        needed: points from which a step is expected.
        ruled_out: steps that cannot be taken, whatever speaks for them.
    """

    findings: tuple[WeighedFact, ...]
    points: Mapping[Step, int]
    needed: Mapping[Step, int]
    ruled_out: frozenset[Step]

    def wants(self, step: Step) -> bool:
        """Whether enough speaks for a step, be it possible or not."""
        return self.points[step] >= self.needed[step] and (step != "search" or self.wants("documents"))

    def expects(self, step: Step) -> bool:
        """Whether a step is expected."""
        possible = step not in self.ruled_out and (step != "search" or self.expects("documents"))
        return possible and self.wants(step)

    @property
    def approach(self) -> Approach:
        """The steps expected, as one name."""
        return name_approach(self.expects("documents"), self.expects("search"), self.expects("tuning"))

    @property
    def margin(self) -> float:
        """Points by which the approach stands, if everything that is not known for sure speaks against it; below 1, it may fall.

        Removing a fact never raises it above 1: what can be known then includes what was known before.
        """
        margins = [self._margin("documents"), self._margin("tuning")]
        return min(*margins, self._margin("search")) if self.expects("documents") else min(margins)

    def holds(self, step: Step) -> bool:
        """Whether nothing that is not known for sure could change what is said about a step."""
        return self._margin(step) >= 1 or (step == "search" and not self.expects("documents"))

    def _margin(self, step: Step) -> float:
        if step in self.ruled_out:
            return math.inf
        low = high = self.points[step]
        may_be_ruled_out = False
        for finding in self.findings:
            if finding.is_sure or not finding.applies:
                continue
            now = _points(finding.case, step)
            others = [0, *(_points(case, step) for case in finding.criterion.cases)]
            low, high = low - now + min(now, *others), high - now + max(now, *others)
            may_be_ruled_out |= any(case.counts.get(step) == "rules out" for case in finding.criterion.cases)
        if not self.expects(step):
            return self.needed[step] - high
        return -math.inf if may_be_ruled_out else low - self.needed[step] + 1

    @property
    def share_known(self) -> float:
        """The share of the criteria that apply whose fact is known for sure."""
        asked = [finding for finding in self.findings if finding.applies]
        return sum(finding.is_sure for finding in asked) / len(asked) if asked else 0.0


def weigh(facts: Facts, criteria: Criteria) -> Weighed:
    """What the criteria say about the facts."""
    findings = tuple(_find(criterion, facts) for criterion in criteria.criteria if criterion.cases)
    points = {step: sum(_points(finding.case, step) for finding in findings) for step in STEPS}
    ruled_out = {
        step for finding in findings if finding.case for step, counts in finding.case.counts.items() if counts == "rules out"
    }
    return Weighed(findings, points, criteria.needed, frozenset(ruled_out))


def is_skipped(criterion: Criterion, facts: Facts) -> bool:
    """Whether the question makes no sense, because another fact is known to be no or 0."""
    gate = facts.get(criterion.skip_if_no) if criterion.skip_if_no else None
    return gate is not None and not gate.value


def name_approach(documents: bool, search: bool, tuning: bool) -> Approach:
    """The name of a combination of steps."""
    if not documents:
        return "fine-tuning" if tuning else "prompting"
    if search:
        return "retrieval and fine-tuning" if tuning else "retrieval"
    return "documents in the prompt and fine-tuning" if tuning else "documents in the prompt"


def _find(criterion: Criterion, facts: Facts) -> WeighedFact:
    fact = facts.get(criterion.id)
    if is_skipped(criterion, facts):
        return WeighedFact(criterion, fact, None, applies=False, is_sure=False)
    number = criterion.case(fact)
    gate = facts.get(criterion.skip_if_no) if criterion.skip_if_no else fact
    is_sure = number is not None and not any(known is None or known.is_assumed for known in (fact, gate))
    return WeighedFact(criterion, fact, None if number is None else criterion.cases[number], applies=True, is_sure=is_sure)


def _points(case: Case | None, step: Step) -> int:
    counts = case.counts.get(step) if case else None
    return POINTS[counts] if counts else 0
