"""What endpoints did for a study: who answered, and what they were paid."""

from __future__ import annotations

from tailor.decide.bill import spent_sentence
from tailor.evaluate.answered import Answered, answered
from tailor.results import Study


def who_answered(study: Study) -> tuple[Answered, ...]:
    """For each model whose endpoint names who answers: who was asked, and who that was."""
    task, runs = study.task, [*(step.run for step in study.steps if step.run), *study.tests]
    each = [
        answered(settings.name, (answer for run in runs if run.system.label == label for answer in run.answers))
        for settings, label in zip(task.asked, task.model_labels, strict=True)
    ]
    return tuple(found for found in each if found is not None)


def paid(study: Study) -> str:
    """What endpoints were paid, in a sentence or two; empty where none was asked."""
    return spent_sentence(study.spent, study.task.prices.currency) if study.spent else ""
