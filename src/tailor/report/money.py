"""What systems cost, and what changes cost them: the parts of each total, who is cheaper from where on, and the time to change."""

from __future__ import annotations

from dataclasses import dataclass

from tailor.decide.formats import examples_called, format_about, format_often, listed
from tailor.decide.types import BreakEven, ChangeKind, Changing, Decision, Finalist, Key, Pace
from tailor.decide.upkeep import is_learned
from tailor.kinds.base import kind_of
from tailor.results import Study
from tailor.system import System
from tailor.task import Task, Volume

KINDS: dict[ChangeKind, str] = {"label": "A new {example}", "rule": "A changed rule", "document": "A changed document"}


@dataclass(frozen=True)
class CostParts:
    """A finalist's total over the months, in its parts; None where a price is unknown."""

    system: str
    chosen: bool
    labels: float
    training: float | None
    answers: float | None
    errors: float | None
    upkeep: float | None
    total: float | None


@dataclass(frozen=True)
class Against:
    """When the system of a row is cheaper than that of a column, in words; `now`: at the volume that was given."""

    words: str
    now: bool


@dataclass(frozen=True)
class Effort:
    """What one change asks of a system: in words, in machine time, in money."""

    work: str
    nothing: bool
    seconds: float | None
    price: float | None


@dataclass(frozen=True)
class EffortRow:
    """A finalist, and what one change of each kind asks of it, in the order of `Money.kinds`."""

    system: str
    chosen: bool
    efforts: tuple[Effort, ...]


@dataclass(frozen=True)
class Money:
    """Tables on costs.

    Attributes:
        bills: every finalist, cheapest first.
        priced: names of the finalists that can be compared in money.
        against: a row and a column for each of `priced`; None on the diagonal.
        examples: what people make to learn from: "labels" out of a closed set, else "examples".
        kinds: the kinds of change, in words.
        efforts: a row per finalist; empty where they were not worked out.
        pace: what was taken for how often things change.
    """

    bills: tuple[CostParts, ...]
    priced: tuple[str, ...]
    against: tuple[tuple[Against | None, ...], ...]
    examples: str
    kinds: tuple[str, ...]
    efforts: tuple[EffortRow, ...]
    pace: str


def money(study: Study) -> Money | None:
    """The tables; None without a decision."""
    decision = study.decision
    if decision is None:
        return None
    against = _against(decision)
    efforts = tuple(row for finalist in decision.finalists if (row := _effort_row(study, decision, finalist)))
    kinds = [change.kind for change in decision.finalists[0].cost.changing]
    return Money(
        bills=tuple(_bill(finalist, study.task.volume, finalist.key == decision.winner.key) for finalist in decision.finalists),
        priced=tuple(name for name, _ in against),
        against=tuple(tuple(row) for row in against.values()),
        examples=examples_called(study.task),
        kinds=tuple(KINDS[kind].format(example=examples_called(study.task)[:-1]) for kind in kinds),
        efforts=efforts,
        pace=pace_words(decision.pace, bool(study.task.documents)),
    )


def _bill(finalist: Finalist, volume: Volume, chosen: bool) -> CostParts:
    cost = finalist.cost
    thousands = volume.months * volume.answers_per_month / 1000
    return CostParts(
        system=finalist.name,
        chosen=chosen,
        labels=cost.one_off - (cost.training or 0.0),
        training=cost.training,
        answers=None if cost.per_1000 is None else thousands * cost.per_1000,
        errors=thousands * cost.errors_per_1000,
        upkeep=None if cost.upkeep is None else volume.months * cost.upkeep,
        total=cost.total,
    )


def _against(decision: Decision) -> dict[Key, list[Against | None]]:
    """For every finalist with a known price, when it is cheaper than each other one."""
    totals = {f.key: f.cost.total for f in decision.finalists}
    pairs = {frozenset(pair.keys): pair for pair in decision.break_even}
    priced = [f.key for f in decision.finalists if any(f.key in keys for keys in pairs)]

    def met(row: Key, column: Key) -> Against | None:
        return None if row == column else _meeting(pairs[frozenset((row, column))], row, totals[row], totals[column])

    return {row: [met(row, column) for column in priced] for row in priced}


def _meeting(pair: BreakEven, row: Key, mine: float | None, other: float | None) -> Against:
    now = mine is not None and other is not None and mine < other
    where = pair.answers_per_month
    if where is None:
        if mine == other:
            return Against("the same", False)
        return Against("always" if row == pair.keys[0] else "never", now)
    if where < 1:
        return Against("always" if row == pair.keys[1] else "never", now)
    return Against(f"{'below' if row == pair.keys[0] else 'above'} {format_about(where)}", now)


def _effort_row(study: Study, decision: Decision, finalist: Finalist) -> EffortRow | None:
    run = study.test_run(finalist.fingerprint or finalist.name)
    if run is None or not finalist.cost.changing:
        return None
    efforts = tuple(
        Effort(describe_work(change, study.task, run.system), not change.work, change.seconds, change.price)
        for change in finalist.cost.changing
    )
    return EffortRow(finalist.name, finalist.key == decision.winner.key, efforts)


def describe_work(change: Changing, task: Task, system: System) -> str:
    """What one change asks for, in words: first what people do, then what the machine does."""
    if not change.work:
        if change.kind == "document":
            return "nothing: documents are read as they are" if system.has_knowledge else "nothing: it reads no documents"
        return "nothing: it shows no examples"
    if "index" in change.work:
        return "put it into the index"
    if is_learned(system):
        people = {
            "label": "add it to the examples",
            "rule": "correct the examples it changes",
            "document": "correct what it changes",
        }
        if kind_of(task).closed:
            people = {"label": "label examples of it", "rule": "correct the labels it changes", "document": "label what it changes"}
        return f"{people[change.kind]}, {'train' if system.is_tuned else 'fit'} again, measure again"
    edit = "add it to the list of labels" if kind_of(task).closed else "add it to the examples"
    return f"{edit if change.kind == 'label' else 'edit the instruction'}, measure again"


def pace_words(pace: Pace, has_documents: bool) -> str:
    """What was taken for how often documents and requirements change, in a sentence or two."""
    paces = [("documents", pace.documents)] if has_documents else []
    paces.append(("requirements", pace.rules))
    said = [
        f"{what} change {format_often(often)}" if often else f"{what} never change" for what, often in paces if often is not None
    ]
    unsaid = [what for what, often in paces if often is None]
    sentences = [f"{', '.join(said).capitalize()}, as you said."] if said else []
    if unsaid:
        sentences.append(f"How often {listed(unsaid)} change is not known; the totals assume that they do not.")
    return " ".join(sentences)
