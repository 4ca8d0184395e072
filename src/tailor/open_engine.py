"""Opening what a project needs: its engine, and the one that judges free text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from tailor.data.example import Example
from tailor.data.images import not_read
from tailor.decide.meter import attach_meters
from tailor.documents.reading import Library, read_library
from tailor.engine import Engine
from tailor.errors import ConfigError, quoted
from tailor.kinds.base import kind_of, label_set
from tailor.ledger import Ledger
from tailor.models.base import Embedder, Metered, Model, Room, Roomy
from tailor.models.catalogue import open_embedder, open_model
from tailor.models.remote_embedder import embedder_settings
from tailor.project import Project
from tailor.task import Task
from tailor.trust import called, require_allowed

LABELS = "labels"
"""Under this the ledger keeps the order of the labels."""


def open_engine(
    project: Project, ledger: Ledger, model: Model | None = None, judge: Model | None = None, *, budget: float | None = None
) -> Engine:
    """The engine of a project, with its documents read and its calls to endpoints metered.

    Args:
        project: the project.
        ledger: its record.
        model: stands in for the model that the task names.
        judge: stands in for the judge that the task names.
        budget: stands in for the task's.

    Raises:
        ConfigError: the user has not allowed what would be sent, there is a budget and no price, a model does not read the images
            that rows hold, or it is named twice.
        TailorError: a model or the documents cannot be opened.
    """
    task = project.task
    said = [settings.media for settings in task.asked]
    _refuse_blind(task, said if model is None else [model.capabilities.media, *said[1:]])
    require_allowed(project, called(model, judge))
    cap = task.budget if budget is None else budget
    if cap is not None and embedder_settings(task.embedder) is not None:
        raise ConfigError(
            f"a budget cannot be kept with the embedder {quoted(task.embedder)}: what an endpoint takes for vectors is not counted",
            "Take an embedder on this machine, such as minilm-l6, or leave the budget out.",
        )

    def embedder(name: str) -> Embedder:
        return open_embedder(name, base=project.folder)

    library = Library([]) if project.documents is None else read_library(project.documents, project.own_files, project.store)
    engine = Engine(model or open_model(task.model, base=project.folder), embedder, ledger, project.store, library.documents)
    engine.unread = library.unread
    engine.others = [open_model(settings, base=project.folder) for settings in task.models]
    _refuse_blind(task, [one.capabilities.media for one in engine.models])
    _refuse_repeated(task, engine.models)
    if task.judge is not None:
        engine.judge = judge or open_model(task.judge.model, base=project.folder)
    if any(isinstance(one, Metered) for one in (*engine.models, engine.judge)):
        engine.spending = ledger.spending(cap=cap, currency=task.prices.currency)
        attach_meters(task, engine.models, engine.judge, engine.spending)
    for one in (*engine.models, engine.judge):
        if isinstance(one, Roomy):
            _let_remember(one, f"room {one.digest}", ledger)
    return engine


def with_labels(task: Task, train: Sequence[Example], ledger: Ledger) -> Task:
    """The task with its closed set of labels, in the order in which the project has always had them.

    Where `labels` does not list them, they are those of the training rows, in order of first use. The order is part of prompts and
    fingerprints, and it must not change because a row was edited: it is kept once it was used, and new labels come last.
    """
    if task.labels or not kind_of(task).closed:
        return task
    found, known = label_set(task, train), ledger.known(LABELS) or []
    order = [*known, *(label for label in found if label not in known)]
    if order != known:
        ledger.learn(LABELS, order)
    return task.model_copy(update={"labels": tuple(label for label in order if label in found)})


def _refuse_blind(task: Task, media: Sequence[Sequence[str]]) -> None:
    """Refuse a model that does not read the images of the rows: by its settings before it is opened, by what it can do after.

    Raises:
        ConfigError: there is one.
    """
    if refused := not_read(task, media):
        raise ConfigError(refused.what.rstrip("."), refused.advice)


def _refuse_repeated(task: Task, models: Sequence[Model]) -> None:
    """Refuse a model that a study holds twice: it would be measured once, at the prices of the first.

    Raises:
        ConfigError: there is one.
    """
    known: dict[str, str] = {}
    for model, label in zip(models, task.model_labels, strict=True):
        if model.digest in known:
            raise ConfigError(
                f"{quoted(known[model.digest])} is named twice in `model` and `models`, with the same parameters",
                "Name every model once. To see what other prices change, edit them and run again: nothing is asked for it.",
            )
        known[model.digest] = label


def _let_remember(model: Roomy, name: str, ledger: Ledger) -> None:
    """Keep in the project how much room a model's thoughts take."""
    known = ledger.known(name)
    model.remember(None if known is None else Room(**known), lambda room: ledger.learn(name, asdict(room)))
