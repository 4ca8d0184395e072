"""Quality against cost, the two-by-two of weights and knowledge, the finalists and their paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tailor.data.example import SplitName
from tailor.decide.formats import describe_system, listed
from tailor.decide.types import Decision, Difference, Finalist, Interval, Key
from tailor.evaluate.run import Run
from tailor.report.ladder import is_reference, shown_runs
from tailor.results import Step, Study

LOG_SPAN = 20.0


@dataclass(frozen=True)
class QualityPoint:
    """A system in the chart of quality against cost; `per_1000` in the task's currency, `pareto`: none is better and no more
    expensive.
    """

    system: str
    per_1000: float
    score: Interval
    pareto: bool
    chosen: bool
    eligible: bool


@dataclass(frozen=True)
class QualityCost:
    """The chart of quality against cost.

    Attributes:
        points: the systems with a known price, cheapest first.
        unpriced: names of those without one.
        split: where quality was measured.
        target: the target.
        log: whether costs span so much that a logarithmic axis is needed.
    """

    points: tuple[QualityPoint, ...]
    unpriced: tuple[str, ...]
    split: SplitName
    target: float
    log: bool


@dataclass(frozen=True)
class Cell:
    """One cell of the two-by-two: the best measured system, or why there is none."""

    tuned: bool
    knowledge: bool
    system: str = ""
    score: Interval | None = None
    split: SplitName | None = None
    reason: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class Effect:
    """What one change did: from the cell without to the cell with it, and the paired interval when that pair was tested."""

    change: str
    without: Cell
    with_: Cell
    estimate: float
    paired: Interval | None


@dataclass(frozen=True)
class WeightsGrid:
    """The two-by-two of base or tuned weights, without or with knowledge; `cells` row by row."""

    cells: tuple[Cell, Cell, Cell, Cell]
    effects: tuple[Effect, ...]
    splits: tuple[SplitName, ...]


@dataclass(frozen=True)
class FinalistRow:
    """A finalist with what the sealed test set showed.

    Attributes:
        finalist: its score and costs.
        words: what it does.
        tokens_in: mean per answer; None when unknown, as the next three.
        tokens_out: mean per answer.
        seconds: within which half of the answers came.
        slow_seconds: within which 95 of 100 answers came.
        front: whether another finalist scores no lower at no higher price of an answer, in words.
        chosen: whether it is the chosen one, or the best guess.
    """

    finalist: Finalist
    words: str
    tokens_in: float | None
    tokens_out: float | None
    seconds: float | None
    slow_seconds: float | None
    front: str
    chosen: bool


def finalist_rows(study: Study, decision: Decision) -> tuple[FinalistRow, ...]:
    """The finalists, cheapest first."""
    rows = []
    for finalist in decision.finalists:
        run = study.test_run(finalist.fingerprint)
        rows.append(
            FinalistRow(
                finalist=finalist,
                words=describe_system(run.system) if run else "",
                tokens_in=run.tokens_in if run else None,
                tokens_out=run.tokens_out if run else None,
                seconds=(run.median_seconds or None) if run else None,
                slow_seconds=(run.slow_seconds or None) if run else None,
                front=front_words(finalist, decision.finalists),
                chosen=finalist.key == decision.winner.key,
            )
        )
    return tuple(rows)


def oriented(difference: Difference, first: Key) -> Difference:
    """The same paired difference with `first` standing first, if it takes part."""
    if difference.keys[1] != first:
        return difference
    estimate = difference.estimate
    turned = replace(
        estimate,
        mean=-estimate.mean,
        low=None if estimate.high is None else -estimate.high,
        high=None if estimate.low is None else -estimate.low,
    )
    (name, fingerprint), (other, others) = first, difference.keys[0]
    return Difference(name, other, turned, difference.p_value, fingerprint, others)


def chosen_pairs(decision: Decision) -> tuple[Difference, ...]:
    """The chosen system minus every other finalist, in the finalists' order."""
    chosen = decision.winner.key
    turned = {d.keys[1]: d for d in (oriented(d, chosen) for d in decision.differences) if d.keys[0] == chosen}
    return tuple(turned[finalist.key] for finalist in decision.finalists if finalist.key in turned)


def other_pairs(decision: Decision) -> tuple[Difference, ...]:
    """The pairs in which the chosen system takes no part."""
    return tuple(d for d in decision.differences if decision.winner.key not in d.keys)


def quality_cost(study: Study) -> QualityCost:
    """Every finalist on test, or without a test the best of each rung on dev."""
    split, runs = shown_runs(study)
    found: list[QualityPoint] = []
    unpriced: list[str] = []
    for name, per_1000, score, eligible, chosen in _priced(study, runs):
        if per_1000 is None:
            unpriced.append(name)
        else:
            found.append(QualityPoint(name, per_1000, score, pareto=False, chosen=chosen, eligible=eligible))
    marked = tuple(
        replace(point, pareto=_on_front(point, found)) for point in sorted(found, key=lambda p: (p.per_1000, -p.score.mean))
    )
    costs = [point.per_1000 for point in marked if point.per_1000 > 0]
    log = bool(costs) and len(costs) == len(marked) and max(costs) / min(costs) > LOG_SPAN
    return QualityCost(marked, tuple(unpriced), split, study.task.target, log)


def _priced(study: Study, runs: Sequence[Run]) -> list[tuple[str, float | None, Interval, bool, bool]]:
    """Name, price of 1,000 answers, score, whether it may win and whether it was chosen."""
    if (decision := study.decision) is not None:
        winner = decision.winner.key
        return [(f.name, f.cost.per_1000, f.score, f.eligible, f.key == winner) for f in decision.finalists]
    steps = {step.run.key: step for step in study.steps if step.counts and step.run}
    return [
        (step.system, step.cost.per_1000 if step.cost else None, step.dev, not is_reference(step.run), False)
        for run in runs
        if (step := steps.get(run.key)) and step.dev
    ]


def _on_front(point: QualityPoint, points: Sequence[QualityPoint]) -> bool:
    mine = (point.per_1000, point.score.mean)
    return point.eligible and not any(dominates((o.per_1000, o.score.mean), mine) for o in points if o.eligible)


def dominates(other: tuple[float, float], one: tuple[float, float]) -> bool:
    """Whether a system of another (cost, score) makes one of this needless: no more expensive, no worse, and cheaper or better.

    Two of equal cost and score do not make each other needless: both are on the Pareto front, which is what nothing dominates.
    """
    return other != one and other[0] <= one[0] and other[1] >= one[1]


def front_words(finalist: Finalist, finalists: Sequence[Finalist]) -> str:
    """Where a finalist stands among those that may win, by its score and the price of an answer as they were measured."""
    if not finalist.eligible:
        return ""
    price = finalist.cost.per_1000
    if price is None:
        return "price unknown"
    mine = (price, finalist.score.mean)
    others = [
        (f.name, (f.cost.per_1000, f.score.mean))
        for f in finalists
        if f.eligible and f.key != finalist.key and f.cost.per_1000 is not None
    ]
    beaten_by = [(name, other) for name, other in others if dominates(other, mine)]
    if not beaten_by:
        same = [name for name, other in others if other == mine]
        return f"on the front, level with {listed(same)}" if same else "on the front: no cheaper system scores as well"
    name, (cost, score) = max(beaten_by, key=lambda pair: (pair[1][1], -pair[1][0]))
    return f"{name} {'costs less' if cost < price else 'costs the same'} and scores {'higher' if score > mine[1] else 'the same'}"


def grid(study: Study) -> WeightsGrid | None:
    """The two-by-two; None unless at least two cells were measured."""
    cells = [_cell(study, tuned, knowledge) for tuned in (False, True) for knowledge in (False, True)]
    measured = [cell for cell in cells if cell.score]
    if len(measured) < 2:
        return None
    base, read, tuned, both = cells
    changes = [
        ("knowledge, with base weights", base, read),
        ("fine-tuning, without knowledge", base, tuned),
        ("knowledge, with tuned weights", tuned, both),
        ("fine-tuning, with knowledge", read, both),
    ]
    effects = [_effect(study, change, before, after) for change, before, after in changes]
    splits = tuple(dict.fromkeys(cell.split for cell in measured if cell.split))
    return WeightsGrid((base, read, tuned, both), tuple(effect for effect in effects if effect), splits)


def _cell(study: Study, tuned: bool, knowledge: bool) -> Cell:
    """The best system on test; where the cell has no finalist, the best on dev; else the reason it is empty."""
    place = (tuned, knowledge)
    tests = [r for r in study.tests if (r.system.is_tuned, r.system.has_knowledge) == place and not is_reference(r)]
    scores = {f.key: f.score for f in study.decision.finalists} if study.decision else {}
    tested = [(run.key, scores[run.key]) for run in tests if run.key in scores]
    if tested:
        (name, fingerprint), score = max(tested, key=lambda pair: pair[1].mean)
        return Cell(tuned, knowledge, name, score, "test", fingerprint=fingerprint)
    inside = [step for step in study.steps if _place(step) == place and not is_reference(step.run)]
    measured = [step for step in inside if step.counts and step.dev]
    if measured:
        best = max(measured, key=lambda step: step.dev.mean if step.dev else 0.0)
        return Cell(tuned, knowledge, best.system, best.dev, "dev")
    if knowledge and not study.task.documents:
        return Cell(tuned, knowledge, reason="The task names no documents.")
    left_out = next((step for step in inside if not step.counts), None)
    reason = f"{left_out.status}: {left_out.note}".rstrip(": ") if left_out else study.stopped
    return Cell(tuned, knowledge, reason=reason)


def _place(step: Step) -> tuple[bool, bool]:
    """Whether a step has tuned weights and knowledge; for one that was never built, what it would have pulled says so."""
    if step.run:
        return step.run.system.is_tuned, step.run.system.has_knowledge
    return "behaviour" in step.pulls, "knowledge" in step.pulls


def _effect(study: Study, change: str, before: Cell, after: Cell) -> Effect | None:
    """The difference between two cells measured on the same examples; None where there is none to show."""
    if before.score is None or after.score is None or before.split != after.split:
        return None
    paired = None
    for difference in study.decision.differences if study.decision and after.split == "test" else ():
        one, other = ((cell.system, cell.fingerprint) for cell in (before, after))
        if set(difference.keys) == {one, other}:
            paired = oriented(difference, other).estimate
    return Effect(change, before, after, after.score.mean - before.score.mean, paired)
