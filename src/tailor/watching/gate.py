"""The gate: the chosen system measured again on rows whose answers are known, against what was certified and what it said last.

"Worse" and "not worse" both have to be shown, and where there are too few rows for either, that is said: a test that finds no
difference on few rows has found nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from tailor.asking import narrowed
from tailor.data.example import Example, SplitName
from tailor.data.readers import to_examples
from tailor.data.table import read_table
from tailor.data.units import find_units
from tailor.decide.formats import counted, format_at_least, format_effect, format_percent, listed
from tailor.engine import Engine
from tailor.errors import CallsFailed, ConfigError, DataError, quoted
from tailor.evaluate.measure import scored
from tailor.evaluate.run import failures
from tailor.files import private_files, tighten
from tailor.kinds.base import kind_of, metric_of
from tailor.labelled import load_splits
from tailor.ledger import Ledger
from tailor.models.base import Model
from tailor.open_engine import open_engine
from tailor.project import Project
from tailor.replies import without_prior
from tailor.results import Study
from tailor.saved import chosen_system, load_study
from tailor.score.types import Answer, Score
from tailor.seals import around_test, fresh, identities
from tailor.stats.intervals import Interval, lower_bound, mean_interval
from tailor.stats.paired import PairedDifference, paired_max_t
from tailor.stats.spending import of_opening
from tailor.system import System

Outcome = Literal["passed", "worse", "not enough rows"]
LEARNED: tuple[SplitName, ...] = ("train", "dev")
"""Splits that the system was learned or chosen by, so that a score there is no sign that it reaches its level elsewhere."""
SEALED: tuple[SplitName, ...] = ("test", "reserve")
"""Splits that are opened when they are measured on."""


@dataclass(frozen=True)
class Check:
    """One comparison.

    Attributes:
        name: `certified level` or `last run`.
        outcome: what it shows.
        low: lower limit of what is compared: of the score, or of the difference to the last run.
        high: upper limit of it.
        least: what it is held to: the certified level, or no difference, each less the smallest effect.
        sentence: the same in a sentence.
    """

    name: str
    outcome: Outcome
    low: float
    high: float
    least: float
    sentence: str


@dataclass(frozen=True)
class Turned:
    """A row that is right now and was not before, or the other way round.

    Attributes:
        row: its id.
        before: what was said then.
        now: what is said now.
        is_right: whether it is right now.
    """

    row: str
    before: str
    now: str
    is_right: bool


@dataclass(frozen=True)
class Gate:
    """What came of a gate.

    Attributes:
        outcome: `passed` where a comparison shows that the system is not worse and none that it is; `worse` where one shows that.
        sentence: the same in a sentence.
        system: the system that was measured.
        rows: how many.
        where: on which rows, in words.
        score: the metric with its interval.
        checks: the comparisons.
        turned: rows that became wrong, and those that became right.
        confidence: with which the limits of all comparisons hold together.
        opening: number of the opening, where a sealed split was measured on.
        left_out: rows of the file that are none to measure on, since the study knows them.
    """

    outcome: Outcome
    sentence: str
    system: str
    rows: int
    where: str
    score: Interval
    checks: tuple[Check, ...]
    turned: tuple[Turned, ...]
    confidence: float
    opening: int | None
    left_out: int = 0


def gate(
    project: Project, *, split: SplitName = "dev", file: Path | None = None, confidence: float = 0.95, model: Model | None = None
) -> Gate:
    """Ask the chosen system again, and hold it against the certified level and against its last answers to the same rows.

    Rows of a file that were never asked have no last answers; those of this time are kept for the next. Rows that the study has,
    or nearly the same ones, are left out: the system was learned and chosen by some of them, and others are sealed.

    Args:
        project: where the study is.
        split: on which rows; the sealed ones are opened, which counts as ever and makes the limits wider.
        file: fresh rows instead, with their right answers.
        confidence: with which what is said shall hold.
        model: stands in for the model that the task names.

    Raises:
        ConfigError: nothing was decided, or the confidence is none.
        DataError: the rows cannot be read, or there are none.
        CallsFailed: calls to an endpoint failed, so that nothing can be said.
    """
    if not 0.5 <= confidence < 1:
        raise ConfigError(f"the confidence is {confidence:g}, but numbers from 0.5 to below 1 are accepted", "Take 0.95, say.")
    study = load_study(project.folder)
    chosen = chosen_system(study)
    given, where = _rows(project, study, split, file)
    with private_files(), Ledger(tighten(project.store)) as ledger:
        rows = given if file is None else _fresh(project, study, given, ledger, where)
        engine = open_engine(narrowed(project, chosen), ledger, model)
        system = engine.refreshed(chosen)
        before = _last(study, chosen, system, rows, engine)
        answers = asked_anew(engine, system, rows)
        opening = None
        if file is None and split in SEALED:
            opening = _open(project, study, system, rows, engine)
            confidence = max(confidence, 1 - of_opening(opening))
        scores = scored(study.task, system, rows, answers, engine)
        old = scored(study.task, system, rows, before, engine) if before else ()
        if not before and file is not None:
            ledger.save_answers(system.fingerprint, {row.answer_key: asdict(a) for row, a in zip(rows, answers, strict=True)})
    unseen = file is not None or split not in LEARNED
    found = judged(study, system, rows, where, (scores, answers), (old, before), confidence, unseen=unseen, opening=opening)
    return replace(found, left_out=len(given) - len(rows))


def _rows(project: Project, study: Study, split: SplitName, file: Path | None) -> tuple[tuple[Example, ...], str]:
    if file is not None:
        settings = project.task.data
        table = read_table(file, columns=settings.columns, encoding=settings.encoding)
        rows, where = to_examples(study.task, table, "gate-"), f"of {file.name}"
    else:
        rows, where = getattr(study.splits, split), f"of {split}"
    if not rows:
        hint = "Give a --file with fresh rows and their right answers."
        raise DataError(f"there are no rows {where} with a right answer", hint)
    return rows, where


def _fresh(project: Project, study: Study, given: Sequence[Example], ledger: Ledger, where: str) -> tuple[Example, ...]:
    """The rows of a file that the study does not know, each with its unit: copies of one row count once.

    Raises:
        DataError: there are none.
    """
    rows = fresh(study.task, given, (study.splits, load_splits(project)), ledger.shown())
    if not rows:
        raise DataError(
            f"all {counted(len(given), 'row')} {where} are rows of the study or of a test set that was opened, or nearly the same",
            "Give a --file with rows that it has not seen.",
        )
    return find_units(rows, study.task).examples


def _open(project: Project, study: Study, system: System, rows: Sequence[Example], engine: Engine) -> int:
    """Note down that sealed rows are opened once more: new answers to them are another look."""
    task, now = study.task, datetime.now(UTC).isoformat()
    data = around_test(task, load_splits(project), engine.documents)
    looked_at = [task.scored_by, system.fingerprint, f"gate {now}"]
    return engine.ledger.open_test(identities(task, rows), looked_at, data).number


def _last(study: Study, chosen: System, system: System, rows: Sequence[Example], engine: Engine) -> tuple[Answer, ...]:
    """The last answers to all of the rows, of the study or saved since; none where one is missing."""
    for run in (study.dev_run(chosen.fingerprint), study.test_run(chosen.fingerprint)):
        known = {row.fingerprint: answer for row, answer in zip(run.examples, run.answers, strict=True)} if run else {}
        if all(row.fingerprint in known for row in rows):
            return tuple(known[row.fingerprint] for row in rows)
    for fingerprint in dict.fromkeys((system.fingerprint, chosen.fingerprint)):
        saved = engine.answered(fingerprint, rows)
        if len(saved) == len(rows):
            return tuple(saved)
    return ()


def asked_anew(engine: Engine, system: System, rows: Sequence[Example]) -> tuple[Answer, ...]:
    """The system's answers now, whatever is saved.

    Raises:
        CallsFailed: a call failed.
    """
    size = engine.model_of(system).block if system.is_generative else len(rows)
    blocks = [rows[start : start + size] for start in range(0, len(rows), size)]
    found = [answer for block in blocks for answer in engine.ask(system.asked, block)]
    if failed := failures(found):
        raise CallsFailed(f"the gate says nothing: {failed}")
    return tuple(without_prior(system, answer) if system.decoding.prior else answer for answer in found)


def judged(
    study: Study,
    system: System,
    rows: Sequence[Example],
    where: str,
    new: tuple[Sequence[Score], Sequence[Answer]],
    old: tuple[Sequence[Score], Sequence[Answer]],
    confidence: float,
    *,
    unseen: bool,
    opening: int | None = None,
) -> Gate:
    """What follows from the scores, now and before.

    Args:
        study: the study that certified the system.
        system: the system.
        rows: the rows.
        where: which they are, in words.
        new: scores and answers now.
        old: the same of the last run; empty where there was none.
        confidence: with which the limits of all comparisons hold together.
        unseen: whether the system was neither learned nor chosen by these rows: else they are not held against the level.
        opening: number of the opening.
    """
    task = study.task
    values, units = [score.value for score in new[0]], [row.unit for row in rows]
    certified = study.decision.winner.certified if study.decision else 0.0
    # People correct what a judge's level was certified by: a judge's word alone cannot be held against it.
    against_level = unseen and certified > 0 and not metric_of(task).judged
    share = (1 - confidence) / (against_level + bool(old[0]) or 1)
    checks = []
    if against_level:
        checks.append(_against_level(values, units, certified, task.smallest_effect, share))
    if old[0]:
        before = [score.value for score in old[0]]
        (pair,) = paired_max_t(np.array([values, before]).T, 1 - 2 * share, groups=units)
        checks.append(_against_last(pair, len(rows), task.smallest_effect, share))
    outcomes = [check.outcome for check in checks]
    outcome: Outcome = "worse" if "worse" in outcomes else "passed" if "passed" in outcomes else "not enough rows"
    return Gate(
        outcome=outcome,
        sentence=_sentence(outcome, checks, f"{counted(len(rows), 'row')} {where}"),
        system=system.name,
        rows=len(rows),
        where=where,
        score=mean_interval(values, groups=units),
        checks=tuple(checks),
        turned=_turned(study, rows, new[0], old[0]),
        confidence=confidence,
        opening=opening,
    )


def _outcome(low: float, high: float, least: float) -> Outcome:
    return "worse" if high < least else "passed" if low >= least else "not enough rows"


def _against_level(values: Sequence[float], units: Sequence[str], certified: float, effect: float, share: float) -> Check:
    low = lower_bound(values, share, groups=units)
    high = 1 - lower_bound([1 - value for value in values], share, groups=units)
    least = certified - effect
    outcome = _outcome(low, high, least)
    mean = math.fsum(values) / len(values)
    says = {
        "worse": f"{format_percent(mean)} is below the certified {format_at_least(certified)} by more than {format_effect(effect)}",
        "passed": f"{format_percent(mean)} shows the certified {format_at_least(certified)} to within {format_effect(effect)}",
        "not enough rows": f"{format_percent(mean)} on so few rows neither shows nor refutes {format_at_least(certified)}",
    }[outcome]
    limits = f"limits {format_percent(low)} to {format_percent(high)}"
    return Check("certified level", outcome, low, high, least, f"{says} ({limits}).")


def _against_last(pair: PairedDifference, n: int, effect: float, share: float) -> Check:
    low, high = (-1.0 if pair.low is None else pair.low), (1.0 if pair.high is None else pair.high)
    outcome = _outcome(low, high, -effect)
    points = f"{100 * pair.mean:+.1f} points against the last run on the same rows"
    few = f"without a change, {math.ceil(math.log(share) / math.log1p(-effect)):,} rows would show that it is not worse"
    says = {
        "worse": f"{points}: worse by more than {format_effect(effect)}",
        "passed": f"{points}: not worse by {format_effect(effect)} or more",
        "not enough rows": f"{points}: too few rows to tell; {few}",
    }[outcome]
    same = "no row scores differently" if not pair.events else f"{counted(pair.events, 'row')} of {n:,} score differently"
    return Check("last run", outcome, low, high, -effect, f"{says} ({same}, limits {100 * low:+.1f} to {100 * high:+.1f}).")


def _sentence(outcome: Outcome, checks: Sequence[Check], rows: str) -> str:
    if not checks:
        return f"Not enough rows: on {rows} there is nothing to compare with, neither a certified level nor a last run."
    which = listed([check.name for check in checks if check.outcome == outcome])
    return {
        "worse": f"Worse: {rows} show it, by the {which}.",
        "passed": f"Passed: {rows} show that it is not worse, by the {which}.",
        "not enough rows": f"Not enough rows: {rows} show neither that it is worse nor that it is not.",
    }[outcome]


def _turned(study: Study, rows: Sequence[Example], new: Sequence[Score], old: Sequence[Score]) -> tuple[Turned, ...]:
    """Rows that became wrong first, then those that became right."""
    shown = kind_of(study.task).shown
    found = [
        Turned(row.id, shown(then.answer), shown(now.answer), now.outcome == "right")
        for row, now, then in zip(rows, new, old, strict=bool(old))
        if (now.outcome == "right") != (then.outcome == "right")
    ]
    return tuple(sorted(found, key=lambda turned: turned.is_right))


def refuse_split(name: str) -> SplitName:
    """The split of this name.

    Raises:
        ConfigError: there is none.
    """
    known: dict[str, SplitName] = {"train": "train", "dev": "dev", "test": "test", "reserve": "reserve"}
    if name not in known:
        raise ConfigError(f"{quoted(name)} is no split", f"Name one of {listed(list(known))}, or give a --file.")
    return known[name]
