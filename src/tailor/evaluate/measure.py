"""Measuring a System: answers first, saved; then their scores."""

from __future__ import annotations

from collections.abc import Sequence

from tailor.data.example import Example, SplitName
from tailor.engine import Engine, OnProgress
from tailor.evaluate.judge import judge_scores
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of, metric_of, score_run
from tailor.score.types import Answer, Score
from tailor.system import System
from tailor.task import Task


def measure(
    task: Task,
    system: System,
    split: SplitName,
    examples: tuple[Example, ...],
    engine: Engine,
    on_progress: OnProgress | None = None,
) -> Run:
    """The system's Run on the examples. Under the metric `judged` the judge's verdicts are its scores.

    Raises:
        ModelError: no request can succeed.
        OutOfTime: the time limit was reached.
    """
    answers = tuple(engine.answer(system, examples, on_progress))
    return Run(system, split, examples, answers, scored(task, system, examples, answers, engine, on_progress))


def scored(
    task: Task,
    system: System,
    examples: Sequence[Example],
    answers: Sequence[Answer],
    engine: Engine,
    on_progress: OnProgress | None = None,
) -> tuple[Score, ...]:
    """One score per answer, in order, by the task's metric; under `judged` the judge is asked for what it has not judged before.

    Raises:
        ModelError: no request to the judge can succeed.
        OutOfTime: the time limit was reached.
    """
    if not metric_of(task).judged:
        return score_run(task, system, examples, answers)
    plain = score_run(task.model_copy(update={"metric": kind_of(task).metric(None).name}), system, examples, answers)
    return judge_scores(task, engine, examples, plain, on_progress)
