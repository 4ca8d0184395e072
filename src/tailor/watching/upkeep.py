"""What has changed around a served system without anybody asking: prices, and models that their provider takes away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tailor.decide.formats import format_money
from tailor.decide.prices import rates_for
from tailor.models.catalogue import open_model
from tailor.models.endpoint.listed import listed
from tailor.project import Project
from tailor.results import Study

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
    found = (*_prices(project, study), *_models(project, study))
    return tuple(sorted(found, key=lambda notice: not notice.chosen))


def _prices(project: Project, study: Study) -> Iterator[Notice]:
    """Finalists whose answers cost something else at today's prices."""
    if study.decision is None:
        return
    task = project.task
    for place, settings in enumerate(task.asked):
        rates = rates_for(settings, task.prices_of(place), open_model(settings, base=project.folder))
        for run in study.tests:
            finalist = next((one for one in study.decision.finalists if one.fingerprint == run.system.fingerprint), None)
            ours = run.system.is_generative and run.system.label == task.model_labels[place]
            if finalist is None or not ours or finalist.cost.per_1000 is None:
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
            yield Notice(run.system.name, finalist.fingerprint == study.decision.winner.fingerprint, says)


def _models(project: Project, study: Study) -> Iterator[Notice]:
    """Models that the list of prices marks as going away."""
    chosen = study.decision.winner.fingerprint if study.decision else ""
    for place, settings in enumerate(project.task.asked):
        found = listed(settings.name, settings.address) if settings.is_remote else None
        if found is None or not found.model.deprecated:
            continue
        for run in study.tests:
            if run.system.is_generative and run.system.label == project.task.model_labels[place]:
                says = f"{settings.name}, which {run.system.name} asks, is marked as deprecated: its provider will shut it down."
                yield Notice(run.system.name, run.system.fingerprint == chosen, says)
