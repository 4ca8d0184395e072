"""Whether a system says the same when it is asked the same: measured, not assumed.

Each system answers a few dozen dev examples again: as they were, with what is in its prompt in another order, and with the
input written in another form (see `rewording`). A system asked otherwise is a System and an example written otherwise an Example,
so the engine and the ledger do the work, and nothing is paid for twice.

Dev rows are used, which helped to choose the systems: shares of right answers are a little optimistic, shares of changed ones are
not what was chosen by. Intervals are Clopper and Pearson's; the rows are independent, because no two are of one unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tailor.data.example import Example
from tailor.data.units import kept_together
from tailor.engine import Engine, OnProgress
from tailor.evaluate.measure import scored
from tailor.evaluate.rewording import Asking, Kind, askings
from tailor.kinds.base import kind_of
from tailor.models.base import Model
from tailor.score.types import Answer, Score
from tailor.stats.intervals import Interval, mean_interval
from tailor.system import System
from tailor.task import Task

ROWS, REMOTE_ROWS = 24, 15
"""Examples asked in every way; fewer where each answer is paid for."""

Basis = Literal["measured", "by construction", "nothing to vary"]


@dataclass(frozen=True)
class Variation:
    """One further way of asking, against the first.

    Attributes:
        how: in words, such as "asked one at a time, not in a batch".
        changed: share of the rows with another answer than the first time, both answers having come.
        became_wrong: rows that were right the first time and are not now.
        became_right: rows that were not and are now.
        failed: rows of which one of the two answers did not come; they are not in `changed`, and count as not right elsewhere.
    """

    how: str
    changed: Interval
    became_wrong: int
    became_right: int
    failed: int


@dataclass(frozen=True)
class Steadiness:
    """What came of all ways of asking of one kind.

    Attributes:
        kind: what differed: nothing ("again"), the order of what is in the prompt, or the form of the input.
        basis: whether that was measured, is certain because nothing in the system could answer otherwise, or does not apply.
        changed: share of the rows with another answer than the first time in at least one of these ways.
        turned: share of the rows that became right or wrong in at least one of them.
        all_right: share of the rows that were right the first time and in every one of them.
        variations: one by one.
    """

    kind: Kind
    basis: Basis
    changed: Interval | None
    turned: Interval | None
    all_right: Interval | None
    variations: tuple[Variation, ...]


@dataclass(frozen=True)
class Consistency:
    """How steadily one system answers.

    Attributes:
        system: its name.
        fingerprint: its fingerprint.
        right: share of the rows that were right the first time.
        all_right: share of the rows that were right however they were asked, the first time included.
        ways: in how many ways each row was asked, the first time included.
        calls: further answers that this took, those included that an earlier run had paid for.
        kinds: again, order and format.
    """

    system: str
    fingerprint: str
    right: Interval
    all_right: Interval
    ways: int
    calls: int
    kinds: tuple[Steadiness, ...]

    def of(self, kind: Kind) -> Steadiness:
        """What came of one kind of asking again."""
        return next(steadiness for steadiness in self.kinds if steadiness.kind == kind)


def consistency(
    task: Task,
    systems: Sequence[System],
    examples: Sequence[Example],
    engine: Engine,
    on_progress: OnProgress | None = None,
    rows: int | None = None,
) -> tuple[Consistency, ...]:
    """How steadily each system answers, in the order of `systems`; empty without examples.

    Args:
        task: how answers are scored.
        systems: whom to ask, such as the finalists.
        examples: dev rows; `rows` of them are used, one of each unit, the same ones whatever their order.
        engine: answers.
        on_progress: called with answers that came and answers in all, the first ones not counted.
        rows: how many; 24 unless given, or 15 where each answer is paid for.

    Raises:
        ModelError: no request can succeed.
        OutOfTime: the time limit was reached; what came is saved.
    """
    if not (systems and examples):
        return ()
    sample = sampled(engine.models, examples, rows)
    plans = [askings(system, sample, _asked(system, engine)) for system in systems]
    total, done = sum(_calls(plan) for plan in plans), 0
    found = []
    for system, plan in zip(systems, plans, strict=True):
        first = scored(task, system, sample, engine.answer(system, sample), engine)
        scores = []
        for asking in plan:
            # Scored as answers to the example as it was: what it asks is the same, and a judge need not know its form.
            same = [sample[place] for place in asking.places]
            found_scores = scored(task, asking.system, same, _ask(asking, engine), engine)
            scores.append(dict(zip(asking.places, found_scores, strict=True)))
            done += len(asking.examples)
            if on_progress is not None:
                on_progress(done, total)
        found.append(_compare(task, system, first, plan, scores))
    return tuple(found)


def sampled(models: Sequence[Model], examples: Sequence[Example], rows: int | None = None) -> tuple[Example, ...]:
    """The examples that are asked in every way, one of each unit: the same ones in the same order, whatever order they come in."""
    if rows is None:
        rows = REMOTE_ROWS if any(model.capabilities.billed for model in models) else ROWS
    ordered = sorted(examples, key=lambda example: (example.key, example.id))
    return tuple(unit[0] for unit in kept_together(ordered)[:rows])


def planned_calls(
    task: Task, systems: Sequence[System], examples: Sequence[Example], engine: Engine, rows: int | None = None
) -> tuple[int, ...]:
    """How many further answers `consistency` would ask each system for; none are asked."""
    sample = sampled(engine.models, examples, rows)
    return tuple(_calls(askings(system, sample, _asked(system, engine))) for system in systems)


def _asked(system: System, engine: Engine) -> Model:
    """The model that a system asks; the first one for a system that asks none, and answers the same in any case."""
    return engine.model_of(system) if system.is_generative else engine.model


def _calls(plan: Sequence[Asking]) -> int:
    return sum(len(asking.examples) for asking in plan)


def _ask(asking: Asking, engine: Engine) -> list[Answer]:
    if not asking.one_at_a_time:
        return engine.answer(asking.system, asking.examples)
    return [answer for example in asking.examples for answer in engine.answer(asking.system, [example])]


def _compare(
    task: Task, system: System, first: Sequence[Score], plan: Sequence[Asking], scores: Sequence[dict[int, Score]]
) -> Consistency:
    kinds = []
    for kind in get_args(Kind):
        chosen = [(asking, found) for asking, found in zip(plan, scores, strict=True) if asking.kind == kind]
        kinds.append(_steadiness(task, system, kind, first, chosen))
    return Consistency(
        system=system.name,
        fingerprint=system.fingerprint,
        right=_share(list(map(_is_right, first))),
        all_right=_all_right(first, scores),
        ways=1 + len(plan),
        calls=_calls(plan),
        kinds=tuple(kinds),
    )


def _steadiness(
    task: Task, system: System, kind: Kind, first: Sequence[Score], chosen: Sequence[tuple[Asking, dict[int, Score]]]
) -> Steadiness:
    if not chosen:
        certain = kind == "again" and not system.is_generative
        return Steadiness(kind, "by construction" if certain else "nothing to vary", None, None, None, ())
    scores = [found for _, found in chosen]
    changes = [_changed(task, first, found) for found in scores]
    turns = [{place: _is_right(score) != _is_right(first[place]) for place, score in found.items()} for found in scores]
    variations = tuple(
        Variation(
            how=asking.how,
            changed=_share(list(changed.values())),
            became_wrong=sum(turned and _is_right(first[place]) for place, turned in turn.items()),
            became_right=sum(turned and not _is_right(first[place]) for place, turned in turn.items()),
            failed=len(found) - len(changed),
        )
        for (asking, found), changed, turn in zip(chosen, changes, turns, strict=True)
    )
    return Steadiness(kind, "measured", _in_any(changes), _in_any(turns), _all_right(first, scores), variations)


def _changed(task: Task, first: Sequence[Score], found: dict[int, Score]) -> dict[int, bool]:
    """Whether the answer is another one, by row; rows of which an answer did not come are left out."""
    said = kind_of(task).comparable
    return {
        place: said(score) != said(first[place])
        for place, score in found.items()
        if "failed" not in (score.outcome, first[place].outcome)
    }


def _in_any(found: Sequence[dict[int, bool]]) -> Interval:
    """Share of the rows for which it was so at least once, of those for which it is known."""
    places = sorted(set().union(*found))
    return _share([any(one.get(place, False) for one in found) for place in places])


def _all_right(first: Sequence[Score], scores: Sequence[dict[int, Score]]) -> Interval:
    """Share of the rows that are right everywhere; a way that would not have changed a row says the same as the first time."""
    right = list(map(_is_right, first))
    for found in scores:
        for place, score in found.items():
            right[place] &= _is_right(score)
    return _share(right)


def _is_right(score: Score) -> bool:
    return score.outcome == "right"


def _share(flags: Sequence[bool]) -> Interval:
    return mean_interval([float(flag) for flag in flags])
