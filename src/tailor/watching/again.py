"""Deciding again: the audited rows are new data, and the new decision rests on rows that nobody has seen.

While what is asked is as it was, the reserve is opened, and the audited rows are learned from. Where it has changed, the reserve
speaks of what used to be asked. Then half of the audited rows since the change are learned from and the other half decides. The
chosen system's answers to those were looked at while it was watched, which counts as an opening. Fresh rows go before either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tailor.data.example import Example, Splits
from tailor.data.readers import to_examples
from tailor.data.table import read_table
from tailor.data.units import find_units
from tailor.decide.estimate import expected_spending
from tailor.decide.formats import counted, format_error
from tailor.decide.step import Observer
from tailor.engine import Engine
from tailor.errors import DataError
from tailor.experiment import Again, run
from tailor.files import private_files, tighten
from tailor.labelled import load_splits
from tailor.ledger import Ledger
from tailor.models.base import Model
from tailor.open_engine import open_engine
from tailor.project import Project
from tailor.results import Study
from tailor.saved import chosen_system, load_study
from tailor.seals import around_test, identities, unseen
from tailor.stats.spending import of_opening
from tailor.store.traffic import TRAFFIC, Traffic, last_words
from tailor.system import System
from tailor.watching.quality import quality_of, rows_of
from tailor.watching.watch import changed_since, drawn_since, tested_windows

LEAST_ROWS = 30
"""Rows that a test set of a new decision has at least, as that of the first (`tailor.data.split`)."""
DEV_SHARE = 1 / 3
"""Of the audited rows that are learned from, where what is asked has changed: for choosing by."""


@dataclass(frozen=True)
class Plan:
    """What deciding again will do.

    Attributes:
        old: the study so far.
        splits: the rows: those to decide by are its test set.
        by: which rows decide: `the reserve`, `audited rows` or `fresh rows`.
        learned: audited rows that are learned from.
        opening: which opening of these rows it will be.
        sentences: what it takes, one sentence each.
        watched: whether the chosen system's answers to the rows that decide were looked at while it was watched.
    """

    old: Study
    splits: Splits
    by: str
    learned: int
    opening: int
    sentences: tuple[str, ...]
    watched: bool = False


@dataclass(frozen=True)
class Audited:
    """What was found of requests that were drawn and judged.

    Attributes:
        rows: those whose right answer is known.
        incomplete: how many were called wrong without it, up to the first that nobody judged.
        changed: number of the first request from which on inputs have changed; None where they have not.
    """

    rows: tuple[Example, ...] = ()
    incomplete: int = 0
    changed: int | None = None


def plan(project: Project, fresh: Path | None = None, model: Model | None = None) -> Plan:
    """What deciding again will take and cost. Nothing is asked or opened.

    Args:
        project: where the study and its traffic are.
        fresh: a file of fresh rows with their right answers, to decide by.
        model: stands in for the model that the task names.

    Raises:
        ConfigError: nothing was decided yet.
        DataError: there are too few rows to decide by, or they cannot be read.
    """
    old = load_study(project.folder)
    audited = audited_rows(project, old, chosen_system(old))
    with private_files(), Ledger(tighten(project.store), shared=True) as ledger:
        whole = _rows_so_far(project, old, ledger)
        splits, by = _dealt(project, whole, audited, fresh)
        engine = open_engine(project, ledger, model)
        opening = 1 + _openings(ledger, project, splits) + (by == "audited rows")
        cost = _cost(project, splits, engine)
    learned = len(splits.train) + len(splits.dev) - len(whole.train) - len(whole.dev) - len(whole.test)
    test = f"the {len(splits.test):,} rows of the reserve" if by == "the reserve" else f"{len(splits.test):,} {by}"
    sentences = (
        f"Deciding again opens {test}: opening number {opening}, which may err with {format_error(of_opening(opening))}.",
        f"{counted(learned, 'audited row')} {'is' if learned == 1 else 'are'} learned and chosen from besides the study's own.",
        cost,
    )
    return Plan(old, splits, by, learned, opening, sentences, watched=by == "audited rows")


def decide_again(
    project: Project,
    planned: Plan,
    observer: Observer,
    *,
    everything: bool = False,
    max_minutes: float | None = None,
    budget: float | None = None,
    ask_again: bool | None = None,
    model: Model | None = None,
) -> Study:
    """Climb and decide again, as planned. The study so far stays in the record behind the new one.

    The arguments are those of `tailor.experiment.run`.

    Raises:
        TailorError: as for a run.
    """
    if planned.watched:
        with private_files(), Ledger(tighten(project.store)) as ledger:
            task = project.task
            seen = [task.scored_by, chosen_system(planned.old).fingerprint, "watched"]
            ledger.open_test(identities(task, planned.splits.test), seen, around_test(task, planned.splits, ()))
    return run(
        project,
        observer,
        everything=everything,
        max_minutes=max_minutes,
        budget=budget,
        ask_again=ask_again,
        model=model,
        again=Again(planned.splits, planned.old.decision),
    )


def audited_rows(project: Project, study: Study, system: System) -> Audited:
    """The audited requests of the chosen system; none where nothing was recorded."""
    if not (project.store / TRAFFIC).exists():
        return Audited()
    with Traffic(project.store) as traffic:
        windows, _ = tested_windows(project, study, system, traffic)
        remarks = last_words(traffic.feedback())
        drawn = drawn_since(study, system, traffic)
        counting = drawn[: len(quality_of(study, system, drawn, list(remarks.values())).values)]
    rows = rows_of(project.task, system, counting, remarks)
    return Audited(tuple(rows), len(counting) - len(rows), changed_since(windows))


def _rows_so_far(project: Project, old: Study, ledger: Ledger) -> Splits:
    """The project's rows, with those that earlier decisions added; the reserve without what was opened."""
    whole, before = load_splits(project), old.splits
    known = {row.answer_key for part in (whole.train, whole.dev, whole.test, whole.reserve) for row in part}
    added = [row for row in (*before.train, *before.dev, *before.test) if row.answer_key not in known]
    (reserve,) = unseen(project.task, (whole.reserve,), (), ledger.shown())
    return replace(whole, train=(*whole.train, *added), reserve=reserve)


def _dealt(project: Project, whole: Splits, audited: Audited, fresh: Path | None) -> tuple[Splits, str]:
    """The rows by split, and which decide. The old test rows stand in train, where everything that was shown is left out."""
    task = project.task
    train = (*whole.train, *whole.test)
    if fresh is not None:
        table = read_table(fresh, columns=task.data.columns, encoding=task.data.encoding)
        # Ids that no other file's rows have, this year or next.
        test = tuple(replace(row, id=f"fresh {row.answer_key[:16]}") for row in to_examples(task, table, "fresh-"))
        _refuse_few(len(test), f"{fresh.name} has {counted(len(test), 'row')} with a right answer", "Give more.")
        return _split(project, whole, (*train, *audited.rows), whole.dev, test, whole.reserve), "fresh rows"
    if audited.changed is None:
        has = f"the reserve has {counted(len(whole.reserve), 'row')} that nobody has seen"
        _refuse_few(len(whole.reserve), has, "Give fresh rows with --fresh FILE: what is asked looks like the study's rows.")
        return _split(project, whole, (*train, *audited.rows), whole.dev, whole.reserve, ()), "the reserve"
    before, learned, deciding = _halves(audited)
    since = len(learned) + len(deciding)
    _refuse_incomplete(audited)
    wanted = f"audited rows since what is asked has changed are {since:,}, of which half decide"
    hint = f"Audit about {max(0, 2 * LEAST_ROWS - since):,} more requests, or give fresh rows of what is asked now: --fresh FILE."
    _refuse_few(len(deciding), wanted, hint)
    cut = round(DEV_SHARE * len(learned))
    train, dev = (*train, *before, *learned[cut:]), (*whole.dev, *learned[:cut])
    return _split(project, whole, train, dev, deciding, whole.reserve), "audited rows"


def learnable(audited: Audited) -> list[Example]:
    """The audited rows that may be looked at. Those that would decide if what is asked has changed, or will, stay unseen."""
    before, learned, _ = _halves(audited)
    return [*(before if audited.changed is not None else ()), *learned]


def _halves(audited: Audited) -> tuple[list[Example], list[Example], list[Example]]:
    """The audited rows from before the change, those since that are learned from, and those that decide.

    Which of the two a row is follows from what it asks alone, so that it stays so when more is audited or corrected.
    """
    before = [row for row in audited.rows if row.row < (audited.changed or 0)]
    since = [row for row in audited.rows if row.row >= (audited.changed or 0)]
    decides = [int(row.answer_key, 16) % 2 == 0 for row in since]
    learned = [row for row, decide in zip(since, decides, strict=True) if not decide]
    return before, learned, [row for row, decide in zip(since, decides, strict=True) if decide]


def _refuse_few(rows: int, has: str, hint: str) -> None:
    if rows < LEAST_ROWS:
        raise DataError(f"there are too few rows to decide again: {has}, and at least {LEAST_ROWS} must decide", hint)


def _refuse_incomplete(audited: Audited) -> None:
    """Rows without their right answer are mostly those that were wrong: without them, the rest would flatter."""
    if audited.incomplete:
        raise DataError(
            f"{counted(audited.incomplete, 'audited request')} counts without a right answer that could be learned from or decide",
            "Give the right answers on the sheet of `tailor watch --audit FILE`, or fresh rows with --fresh FILE.",
        )


def _split(
    project: Project,
    whole: Splits,
    train: Sequence[Example],
    dev: Sequence[Example],
    test: Sequence[Example],
    left: Sequence[Example],
) -> Splits:
    """The splits, with units found over all of them. A question that stands in two is kept where it decides."""
    parts = {"test": test, "reserve": left, "dev": dev, "train": train}
    seen, kept = set[str](), {}
    for name, rows in parts.items():
        kept[name] = [row for row in rows if name == "reserve" or row.answer_key not in seen]
        seen |= {row.answer_key for row in rows}
    known = {row.id: row for row in find_units([row for rows in kept.values() for row in rows], project.task).examples}
    found = {name: tuple(known[row.id] for row in rows) for name, rows in kept.items()}
    how = ", ".join(f"{len(found[name]):,} {name}" for name in ("train", "dev", "test", "reserve"))
    return replace(
        whole,
        train=found["train"],
        dev=found["dev"],
        test=found["test"],
        reserve=found["reserve"],
        how=f"{how} rows; decided again.",
    )


def _openings(ledger: Ledger, project: Project, splits: Splits) -> int:
    """How many openings there were that count for these rows; nothing is noted down."""
    return ledger.openings_of(identities(project.task, splits.test), around_test(project.task, splits, ()))


def _cost(project: Project, splits: Splits, engine: Engine) -> str:
    expected = expected_spending(project.task, splits, engine.models, engine.judge, engine.documents)
    if expected is not None:
        return expected.sentence
    return "It asks no endpoint, so it costs only this machine's time: about as long as the study took, less what is saved already."
