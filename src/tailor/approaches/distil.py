"""Distillation: a teacher labels rows that have no label, and the student is tuned on these as well as on people's rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tailor.approaches.approach import Approach, TrainingData
from tailor.approaches.tuning import FineTune
from tailor.data.example import Example
from tailor.engine import Engine, OnProgress
from tailor.errors import CallsFailed, ConfigError
from tailor.kinds.base import kind_of
from tailor.stats.intervals import Interval
from tailor.system import System, Teacher

MOST_TAUGHT = 2_000
"""Rows that a teacher labels: training on more takes hours on two cores."""

READ = ("right", "wrong")
"""Outcomes of answers that could be read; which of the two it is, nobody knows of a row without a label."""


@dataclass(frozen=True)
class Distil:
    """LoRA on people's rows and on those that a teacher labels; who judges the student are people's rows only.

    Args:
        teacher: the System that labels.
        audit: share of people's rows, which it did not learn from, where the teacher's label is theirs.
    """

    teacher: System
    audit: Interval
    name: str = "distilled"
    looks_at_dev: ClassVar[bool] = True
    """The dev rows choose the epoch."""

    @property
    def summary(self) -> str:
        """Who taught, and how often the teacher agrees with people."""
        limits = "" if self.audit.low is None or self.audit.high is None else f" [{self.audit.low:.0%}, {self.audit.high:.0%}]"
        return f"taught by {self.teacher.name}, whose labels are people's on {self.audit.mean:.0%}{limits} of {self.audit.n} rows"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with weights tuned on both. The teacher's answers are kept, so that they are paid for once.

        Raises:
            ConfigError: there are no rows without a label, or the weights cannot be tuned here.
            CallsFailed: a call to the teacher's endpoint failed.
        """
        if not data.unlabelled:
            raise ConfigError("there are no rows without a label for a teacher to label", "leave the label of some rows empty")
        taught = self.labelled(data, engine, on_progress)
        student = FineTune("lora").fit(system, replace(data, train=(*data.train, *taught)), engine, on_progress)
        own = self.teacher.weights
        teacher = Teacher(fingerprint=self.teacher.fingerprint, model=own.model, digest=own.digest, method=own.method)
        return student.with_(steps=(*student.steps[:-1], self.name), weights={"teacher": teacher})

    def labelled(self, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> tuple[Example, ...]:
        """The rows without a label, with the teacher's; those whose answer cannot be read as one are left out."""
        task, rows = data.task, data.unlabelled
        answers = engine.answer(self.teacher, rows, on_progress)
        if failed := [answer.error for answer in answers if answer.finish == "error"]:
            raise CallsFailed(f"{len(failed)} of {len(answers)} calls to the teacher failed, such as: {failed[0]}")
        read = [kind_of(task).score(task, self.teacher, row, answer) for row, answer in zip(rows, answers, strict=True)]
        return tuple(replace(row, answers=(found.answer,)) for row, found in zip(rows, read, strict=True) if found.outcome in READ)


def rows_learned(approach: Approach, data: TrainingData) -> int:
    """How many rows an approach that trains learns from."""
    return len(data.train) + (len(data.unlabelled) if isinstance(approach, Distil) else 0)
