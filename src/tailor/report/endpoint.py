"""What endpoints did for a study: who answered, and what they were paid."""

from __future__ import annotations

from tailor.decide.bill import spent_sentence
from tailor.evaluate.answered import Answered, answered
from tailor.results import Study


def who_answered(study: Study) -> Answered | None:
    """The models that the endpoint names in its answers; None where it names none."""
    runs = [*(step.run for step in study.steps if step.run), *study.tests]
    # Of several models only the first: who answered is compared with who was asked.
    first = study.task.model_labels[0]
    return answered(study.task.model.name, (answer for run in runs if run.system.label == first for answer in run.answers))


def paid(study: Study) -> str:
    """What endpoints were paid, in a sentence or two; empty where none was asked."""
    return spent_sentence(study.spent, study.task.prices.currency) if study.spent else ""
