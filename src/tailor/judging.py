"""Where a project's judge stands, from its last study and the ratings that people gave; no model is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tailor.decide.judged import check_judge
from tailor.decide.types import JudgeCheck
from tailor.errors import ConfigError
from tailor.evaluate.ratings import rating_sample, read_ratings, write_sheet
from tailor.ledger import Ledger
from tailor.project import load_project
from tailor.saved import load_study


@dataclass(frozen=True)
class JudgeState:
    """Where a judge stands.

    Attributes:
        check: how it compares with people.
        rubric: what it goes by.
        sheet: the file with ratings.
        added: answers that were put into the sheet just now.
    """

    check: JudgeCheck
    rubric: str
    sheet: Path
    added: int


def judge_state(folder: Path) -> JudgeState:
    """Where the judge of a project stands. The sheet to rate is made if it is absent, and gets the answers that it lacks.

    Raises:
        ConfigError: the task has no judge, its rubric or model changed since the last run, or the sheet cannot be written.
        DataError: the sheet cannot be read.
        StoreError: there is no run yet.
    """
    project = load_project(folder)
    judge = project.task.judge
    if judge is None:
        raise ConfigError("this project has no judge", "set `metric: judged` and a group `judge` with `rubric` and `model`")
    study = load_study(project.folder)
    before = study.task.judge
    if before is None or (before.rubric, before.model) != (judge.rubric, judge.model):
        raise ConfigError("the judge's rubric or model is not that of the last run", "run `tailor run` again first")
    if not study.tests:
        raise ConfigError(
            "the last run ended before the final test, so there is nothing to rate", "run `tailor run` with more time"
        )
    task = study.task.model_copy(update={"judge": judge})
    sheet = project.path(judge.ratings)
    with Ledger(project.store, shared=True) as ledger:
        ratings, _ = read_ratings(sheet).as_used(ledger.rated())
    added = write_sheet(sheet, task, rating_sample(task, study.tests))
    return JudgeState(check_judge(task, study.tests, ratings), judge.told, sheet, added)
