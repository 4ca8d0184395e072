"""What has changed around a served system without anybody asking: prices, and models that their provider takes away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tailor.decide.formats import counted, format_money
from tailor.decide.prices import rates_for
from tailor.evaluate.run import Run
from tailor.models.catalogue import open_model
from tailor.models.endpoint.listed import listed
from tailor.project import Project
from tailor.results import Study

AHEAD = 90
"""Days before a model is shut down from which on that is said: time to measure another one."""
NOTICEABLE = 0.01
"""A price that has changed by a smaller share is taken for the same: what was saved is rounded."""


@dataclass(frozen=True)
class Notice:
    """Something that has changed.

    Attributes:
        about: the finalist that it is about, by name.
        chosen: whether that is the chosen one.
        says: what has changed, in a sentence.
    """

    about: str
    chosen: bool
    says: str


def upkeep(project: Project, study: Study) -> tuple[Notice, ...]:
    """What has changed of the finalists' models since the study, the chosen one first. Nothing is sent anywhere."""
    found = (*retiring(project, study, datetime.now(UTC).date()), *_prices(project, study), *_models(project, study))
    return tuple(sorted(found, key=lambda notice: not notice.chosen))


def retiring(project: Project, study: Study, today: date) -> tuple[Notice, ...]:
    """The finalists whose model will not be there any more, by the day that the settings name (`retires`), the chosen one first.

    From `AHEAD` days before.
    """
    found = []
    for place, settings in enumerate(project.task.asked):
        if settings.retires is None or (left := (settings.retires - today).days) > AHEAD:
            continue
        when = (
            f"is shut down on {settings.retires}, in {counted(left, 'day')}" if left > 0 else f"was shut down on {settings.retires}"
        )
        for run, is_chosen in _asking(study, project.task.model_labels[place]):
            says = f"{settings.name}, which {run.system.name} asks, {when}. Measure its successor: put it into `models`."
            found.append(Notice(run.system.name, is_chosen, says))
    return tuple(sorted(found, key=lambda notice: not notice.chosen))


def _asking(study: Study, label: str) -> Iterator[tuple[Run, bool]]:
    """The finalists that ask the model of this label, and whether each is the chosen one."""
    chosen = study.decision.winner.fingerprint if study.decision else ""
    for run in study.tests:
        if run.system.is_generative and run.system.label == label:
            yield run, run.system.fingerprint == chosen


def _prices(project: Project, study: Study) -> Iterator[Notice]:
    """Finalists whose answers cost something else at today's prices."""
    if study.decision is None:
        return
    task = project.task
    for place, settings in enumerate(task.asked):
        rates = rates_for(settings, task.prices_of(place), open_model(settings, base=project.folder))
        for run, is_chosen in _asking(study, task.model_labels[place]):
            finalist = next((one for one in study.decision.finalists if one.fingerprint == run.system.fingerprint), None)
            if finalist is None or finalist.cost.per_1000 is None:
                continue
            now = rates.price(run.tokens_in, run.tokens_out)
            before = finalist.cost.per_1000
            if now is None or abs(1000 * now - before) <= NOTICEABLE * before:
                continue
            currency = task.prices.currency
            says = (
                f"1,000 answers of {run.system.name} cost {format_money(1000 * now, currency)} at today's prices ({rates.how}); "
                f"the study counted {format_money(before, currency)}."
            )
            yield Notice(run.system.name, is_chosen, says)


def _models(project: Project, study: Study) -> Iterator[Notice]:
    """Models that the list of prices marks as going away."""
    for place, settings in enumerate(project.task.asked):
        found = listed(settings.name, settings.address) if settings.is_remote else None
        if found is None or not found.model.deprecated:
            continue
        for run, is_chosen in _asking(study, project.task.model_labels[place]):
            says = f"{settings.name}, which {run.system.name} asks, is marked as deprecated: its provider will shut it down."
            yield Notice(run.system.name, is_chosen, says)
