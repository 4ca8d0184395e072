"""The advice: which way of answering to expect, why, how sure that is, and what would have to be true for another.

Pure: facts and criteria in, advice out. It says what to *expect*; only a measurement says what is so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tailor.advise.changes import Change, what_would_change
from tailor.advise.criteria import POINTS, STEPS, Approach, Criteria, Criterion, Step, Strength, shipped_criteria
from tailor.advise.facts import Answers, Facts
from tailor.advise.weigh import Weighed, WeighedFact, is_skipped, name_approach, weigh
from tailor.advise.words import STEP_NAMES, format_fact
from tailor.system import System

Confidence = Literal["high", "fair", "low"]

ROOM = 2  # points: more than one slight reason
RULED_OUT = 10  # more than any reason weighs
MOSTLY = 0.6  # share of the criteria whose facts are known, from which confidence is fair


@dataclass(frozen=True)
class Reason:
    """What one criterion says.

    Attributes:
        criterion: its id.
        name: its name in a few words.
        answer: what is known, as shown; empty where nothing is.
        origin: who says so: "you", "tailor.yaml", "the data", "the documents", "the model", "assumed", or several of them.
        counts: what it speaks for and against; empty where it does not matter here.
        because: why, in a sentence; empty where it does not matter here.
        source: what the decision framework says.
        weight: how much it says: its points together; more than any other where it rules out a step that is wanted.
    """

    criterion: str
    name: str
    answer: str
    origin: str
    counts: dict[Step, Strength]
    because: str
    source: str
    weight: int


@dataclass(frozen=True)
class Advice:
    """What to expect before anything is measured.

    Attributes:
        expected: the approach.
        means: what that is, in plain words.
        points: what speaks for each step, less what speaks against it.
        needed: points from which a step is expected.
        ruled_out: steps that cannot be taken, whatever speaks for them.
        reasons: what each criterion says whose fact is known, the weightiest first.
        unknown: names of the criteria whose facts are not known, and that apply.
        observed: what the data and documents say, one sentence each.
        mind: what to keep in mind, one sentence or two each.
        changes: what would have to be true for another approach.
        confidence: how far the facts carry the advice, in a word.
        why_confidence: why, in a sentence.
    """

    expected: Approach
    means: str
    points: dict[Step, int]
    needed: dict[Step, int]
    ruled_out: tuple[Step, ...]
    reasons: tuple[Reason, ...]
    unknown: tuple[str, ...]
    observed: tuple[str, ...]
    mind: tuple[str, ...]
    changes: tuple[Change, ...]
    confidence: Confidence
    why_confidence: str


def advise(facts: Facts, criteria: Criteria | None = None) -> Advice:
    """What to expect, from what is known.

    Args:
        facts: what is known; what is not does not count.
        criteria: what it is judged by; those that come with Tailor unless given.
    """
    criteria = criteria or shipped_criteria()
    weighed = weigh(facts, criteria)
    confidence, why = _confidence(weighed)
    reasons = [_reason(finding, weighed) for finding in weighed.findings if not finding.is_open]
    return Advice(
        expected=weighed.approach,
        means=criteria.approaches[weighed.approach],
        points=dict(weighed.points),
        needed=dict(weighed.needed),
        ruled_out=tuple(step for step in STEPS if step in weighed.ruled_out),
        reasons=tuple(sorted(reasons, key=lambda reason: -reason.weight)),
        unknown=tuple(finding.criterion.name for finding in weighed.findings if finding.applies and finding.is_open),
        observed=facts.observed,
        mind=tuple(_mind(weighed)),
        changes=what_would_change(facts, criteria),
        confidence=confidence,
        why_confidence=why,
    )


def questions(facts: Facts, criteria: Criteria | None = None) -> tuple[Criterion, ...]:
    """What to ask someone: the questions whose facts are not known for sure and that make sense so far, in order."""
    asked = [
        criterion
        for criterion in (criteria or shipped_criteria()).criteria
        if criterion.asked and criterion.id in Answers.model_fields
    ]
    return tuple(
        criterion
        for criterion in asked
        if ((fact := facts.get(criterion.id)) is None or fact.is_assumed) and not is_skipped(criterion, facts)
    )


def approach_of(system: System) -> Approach | None:
    """The approach that a System takes; None for one without a generative model."""
    if not system.is_generative:
        return None
    return name_approach(system.has_knowledge, system.knowledge.kind == "index", system.is_tuned)


def compare(advice: Advice, chosen: System, shown: bool = True) -> str:
    """Advice and measurement side by side, in two sentences.

    Args:
        advice: what was expected.
        chosen: what the measurement chose, or its best guess.
        shown: whether it is shown, and not only the best guess.
    """
    measured = approach_of(chosen)
    won = f"{chosen.name} {'was chosen' if shown else 'is the best guess'}"
    if measured == advice.expected:
        agrees = "as expected" if shown else "which agrees with the advice but does not settle it"
        return f"Expected: {advice.expected}. Measured: {won}, {agrees}."
    if measured is None:
        return (
            f"Expected: {advice.expected}. Measured: {won}, a plain classifier without a generative model; the measurement counts."
        )
    differs = f", which is {measured}" if measured != chosen.name else ""
    verdict = "the advice is overruled, since the measurement counts" if shown else "the advice is neither confirmed nor overruled"
    return f"Expected: {advice.expected}. Measured: {won}{differs}; {verdict}."


def _reason(finding: WeighedFact, weighed: Weighed) -> Reason:
    criterion, case, fact = finding.criterion, finding.case, finding.fact
    counts = case.counts if case else {}
    weights = [
        abs(POINTS[strength]) if strength != "rules out" else RULED_OUT if weighed.wants(step) else 0
        for step, strength in counts.items()
    ]
    return Reason(
        criterion=criterion.id,
        name=criterion.name,
        answer=format_fact(fact, criterion.unit) if fact else "",
        origin=fact.origin if fact else "",
        counts=dict(counts),
        because=case.because if case else "",
        source=criterion.source,
        weight=sum(weights),
    )


def _mind(weighed: Weighed) -> list[str]:
    said = []
    for finding in weighed.findings:
        for step, sentence in (finding.case.mind if finding.case else {}).items():
            if step == "always" or weighed.wants(step):
                said.append(sentence)
    return said


def _confidence(weighed: Weighed) -> tuple[Confidence, str]:
    applying = [finding for finding in weighed.findings if finding.applies]
    known = f"{sum(finding.is_sure for finding in applying)} of {len(applying)} facts that matter are known for sure"
    if weighed.margin >= ROOM:
        return "high", f"{known}, and no unknown fact could change the advice."
    if weighed.margin >= 1:
        return "fair", f"{known}, and no unknown fact could change the advice, but only by a narrow margin."
    steps = " and ".join(STEP_NAMES[step] for step in STEPS if not weighed.holds(step))
    could = f"{known}; the unknown ones together could change the advice about {steps}."
    return ("fair" if weighed.share_known >= MOSTLY else "low"), could
