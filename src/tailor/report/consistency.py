"""How steadily each system answers, as tables and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailor.decide.formats import NUMBER_WORDS, format_at_most, format_percent, format_target
from tailor.decide.types import Interval
from tailor.evaluate.consistency import Consistency, Steadiness
from tailor.evaluate.rewording import Kind
from tailor.report.words import whole_limits
from tailor.results import Study

ASKED: dict[Kind, str] = {"again": "Asked again", "order": "Prompt in another order", "format": "Input in another form"}
WHEN: dict[Kind, str] = {
    "again": "when it was asked the same again",
    "order": "when only the order of what stands in its prompt changed",
    "format": "when only the form of the input changed",
}


@dataclass(frozen=True)
class SteadyRow:
    """A system: how often it was right the first time, and however it was asked; and what came of each kind of asking."""

    found: Consistency
    chosen: bool


@dataclass(frozen=True)
class Steady:
    """The section on consistency.

    Attributes:
        lead: the sentence about the chosen system, or about the first one.
        prominent: whether the user asked for the right answer every time, so that the sentence belongs to the decision.
        sentences: what changed answers of which system, one sentence each, the most changed first.
        rows: a row per system.
        n: rows that each system was asked.
        calls: further answers that were asked for, in all.
        price: of these answers, in the task's currency; None when a price is unknown.
    """

    lead: str
    prominent: bool
    sentences: tuple[str, ...]
    rows: tuple[SteadyRow, ...]
    n: int
    calls: int
    price: float | None


def steady(
    found: Sequence[Consistency],
    chosen: str,
    per_1000: Mapping[str, float | None],
    target: float,
    every_time: bool = False,
) -> Steady | None:
    """The section; None when nothing was asked again.

    Args:
        found: what was measured.
        chosen: fingerprint of the chosen system; empty for none.
        per_1000: the price of 1,000 answers by fingerprint, None where unknown.
        target: share of right answers that is wanted.
        every_time: whether it is wanted however the system is asked.
    """
    if not found:
        return None
    first = next((one for one in found if one.fingerprint == chosen), found[0])
    prices = [None if (price := per_1000.get(one.fingerprint)) is None else one.calls * price / 1000 for one in found]
    known = [price for price in prices if price is not None]
    said = [(steadiness, sentence) for one in found for steadiness in one.kinds if (sentence := change_sentence(one, steadiness))]
    said.sort(key=lambda pair: -(pair[0].changed.mean if pair[0].changed else 0.0))
    return Steady(
        lead=lead_sentence(first, target, every_time),
        prominent=every_time,
        sentences=tuple(sentence for _, sentence in said),
        rows=tuple(SteadyRow(one, one.fingerprint == chosen) for one in found),
        n=first.right.n,
        calls=sum(one.calls for one in found),
        price=sum(known) if len(known) == len(prices) else None,
    )


def lead_sentence(one: Consistency, target: float, every_time: bool) -> str:
    """How often a system is right when it is asked once, and how often however it is asked."""
    sentence = (
        f"{one.system} was right on {format_percent(one.right.mean)} of {one.right.n:,} dev inputs asked once, "
        f"and on {_share(one.all_right)} of them in each of {_number(one.ways)} ways to ask."
    )
    if not every_time:
        return sentence
    low, high = one.all_right.low, one.all_right.high
    wanted = f"the {format_target(target)} that you want every time"
    if low is not None and low >= target:
        return f"{sentence} That reaches {wanted}."
    missed = high is not None and high < target
    return f"{sentence} That {'misses' if missed else 'does not show'} {wanted}."


def change_sentence(one: Consistency, steadiness: Steadiness) -> str:
    """What came of one kind of asking again, such as "lora gave another answer on 4 % [1, 14] of inputs when only the formatting
    changed"; empty where there was nothing to vary.
    """
    if steadiness.basis == "by construction":
        return f"{one.system} gives the same answer to the same input by construction."
    if steadiness.changed is None:
        return ""
    ways = len(steadiness.variations)
    how = f", in at least one of {_number(ways)} ways" if ways > 1 else f" ({steadiness.variations[0].how})"
    return f"{one.system} gave another answer {_on(steadiness.changed)} {WHEN[steadiness.kind]}{how}."


def _on(changed: Interval) -> str:
    if changed.mean:
        return f"on {_share(changed)} of {changed.n:,} inputs"
    limit = "" if changed.high is None else f" (at most {format_at_most(changed.high)})"
    return f"on none of {changed.n:,} inputs{limit}"


def _number(count: int) -> str:
    return NUMBER_WORDS[count] if count < len(NUMBER_WORDS) else str(count)


def _share(interval: Interval) -> str:
    return f"{format_percent(interval.mean)} {whole_limits(interval)}"


def study_steady(study: Study) -> Steady | None:
    """The section of a study; None where nothing was decided, or asked again."""
    decision = study.decision
    if decision is None:
        return None
    prices = {finalist.fingerprint: finalist.cost.per_1000 for finalist in decision.finalists}
    return steady(study.consistency, decision.winner.fingerprint, prices, study.task.target, bool(study.task.facts.every_time))
