"""A judge compared with people: how far they agree, whether the judge may decide, and what the ratings corrected."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tailor.decide.judgewords import next_step, why_not
from tailor.decide.types import Interval, JudgeCheck
from tailor.results import Study


@dataclass(frozen=True)
class JudgedRow:
    """A finalist by the judge alone, and corrected by people's ratings; `corrected` is None while the judge may not decide."""

    system: str
    chosen: bool
    alone: float
    corrected: Interval | None


@dataclass(frozen=True)
class Judged:
    """The section on the judge.

    Attributes:
        check: how it compares with people.
        rubric: what it goes by.
        lead: whether it may decide, and what to do if it may not.
        rows: a row per finalist, cheapest first.
    """

    check: JudgeCheck
    rubric: str
    lead: str
    rows: tuple[JudgedRow, ...]


def judged(study: Study) -> Judged | None:
    """The section; None where no judge scores, or nothing was decided."""
    decision, settings = study.decision, study.task.judge
    if decision is None or decision.judge is None or settings is None:
        return None
    check = decision.judge
    rows = tuple(
        JudgedRow(finalist.name, finalist.key == decision.winner.key, run.mean, finalist.score if check.passed else None)
        for finalist in decision.finalists
        if (run := study.test_run(finalist.fingerprint))
    )
    return Judged(check, settings.told, _lead(check, Path(settings.ratings).name), rows)


def _lead(check: JudgeCheck, file: str) -> str:
    if not check.passed:
        return f"The judge may not decide: {why_not(check)}. {next_step(check, file)}"
    if check.all_rows:
        return "People rated the answers to all test examples, so people decide, whatever the judge says."
    return "The judge may decide: it agrees with people well enough, and what it gets wrong is corrected by their ratings."
