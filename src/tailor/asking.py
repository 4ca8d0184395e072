"""One answer from the system that a study chose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from tailor.conversation import COLUMN
from tailor.data.example import Example
from tailor.data.formats.chatturns import as_conversation
from tailor.data.images import asked_with_images
from tailor.engine import Engine
from tailor.errors import ConfigError, DataError, did_you_mean, quoted
from tailor.evaluate.sources import Sources, supported
from tailor.files import private_files, tighten
from tailor.ledger import Ledger
from tailor.models.base import Model
from tailor.open_engine import open_engine
from tailor.project import Project
from tailor.results import Study
from tailor.saved import chosen_system, load_study
from tailor.score.types import Answer
from tailor.system import System


class Answering(NamedTuple):
    """Who answers.

    Attributes:
        project: the project, with the one model that is asked.
        system: the system that answers.
        threshold: confidence below which a person should answer instead; None where nothing is handed over.
        sources: what the study found of this system's sources; None where it did not look.
    """

    project: Project
    system: System
    threshold: float | None = None
    sources: Sources | None = None


class WinnerAnswer(NamedTuple):
    """One answer of the chosen system.

    Attributes:
        system: which answered.
        answer: what it said.
        supported: its sentences, and whether a passage says each; None where the model's judgement of that is not believed.
        threshold: confidence below which a person should answer instead; None where nothing is handed over.
    """

    system: System
    answer: Answer
    threshold: float | None = None
    supported: tuple[tuple[str, bool], ...] | None = None


def ask(project: Project, fields: dict[str, str]) -> tuple[System, Answer]:
    """The chosen system of the last study, and its answer to one new input; errors are those of `answering` and `asked`."""
    found = asked(answering(project), fields)
    return found.system, found.answer


def answering(project: Project, model: str = "") -> Answering:
    """Who answers: the system that the last study chose, or the best finalist on one of its models.

    Args:
        project: where the study is.
        model: what the study calls the model; the chosen system's unless given.

    Raises:
        ConfigError: nothing was decided yet, or no finalist asks such a model.
    """
    study = load_study(project.folder)
    system = finalist_on(study, model) if model else chosen_system(study)
    handing = {found.fingerprint: found.threshold for found in study.decision.handover} if study.decision else {}
    sources = study.sources if study.sources and study.sources.fingerprint == system.fingerprint else None
    return Answering(narrowed(project, system), system, handing.get(system.fingerprint), sources)


def finalist_on(study: Study, model: str) -> System:
    """The finalist on one of a study's models that scored best on the test set.

    Raises:
        ConfigError: there is none.
    """
    place = study.task.place_of(model)
    label, settings = study.task.model_labels[place], study.task.asked[place]
    runs = [run for run in study.tests if run.system.is_generative and run.system.label == label]
    if not runs:
        raise ConfigError(f"no finalist of the last study asks {quoted(settings.name)}", "Run `tailor run` with more time.")
    return max(runs, key=lambda run: run.mean).system


def narrowed(project: Project, system: System) -> Project:
    """The project with the one model that a system asks, so that no other one is opened, or must be allowed."""
    task = project.task
    if system.is_generative and system.label not in task.model_labels:
        return project  # settings have changed since: whichever of the models has its weights answers
    place = task.model_labels.index(system.label) if system.is_generative else 0
    return replace(project, task=task.asking_only(place)) if task.models else project


def asked(found: Answering, fields: dict[str, str]) -> WinnerAnswer:
    """What a system answers to one new input, and whether it should.

    Args:
        found: who answers.
        fields: the columns that the task's templates name.

    Raises:
        ConfigError: a column is missing, is none that is read, or all are empty.
        DataError: a column names no image that can be used.
    """
    supports: list[tuple[str, bool]] = []
    believed = found.sources if found.sources and found.sources.believed else None

    def check(engine: Engine, system: System, rows: Sequence[Example], said: Sequence[Answer]) -> None:
        if believed is not None and said[0].passages and not said[0].error:
            supports.extend(supported(believed, system, rows[0], said[0], engine))

    system, (answer,) = _answered(found.project, found.system, [fields], then=check)
    return WinnerAnswer(system, answer, found.threshold, tuple(supports) if supports else None)


def answers(project: Project, system: System, rows: Sequence[Mapping[str, str]], model: Model | None = None) -> list[Answer]:
    """A system's answers to new inputs, in order.

    Args:
        project: where the system was made.
        system: which answers, with its documents as they are now.
        rows: the columns that its templates name, for each input.
        model: the generative model, if it is open already.

    Raises:
        ConfigError: a column is missing, is none that is read, or all are empty.
    """
    return _answered(project, system, rows, model)[1]


def _answered(
    project: Project,
    system: System,
    rows: Sequence[Mapping[str, str]],
    model: Model | None = None,
    then: Callable[[Engine, System, Sequence[Example], Sequence[Answer]], None] = lambda *answered: None,
) -> tuple[System, list[Answer]]:
    """The system with its documents as they are now, and its answers; `then` is called with them while the engine is open."""
    for fields in rows:
        _check(project, system, fields)
    with private_files(), Ledger(tighten(project.store), shared=True) as ledger:
        engine = open_engine(project, ledger, model)
        images = project.task.data.images
        given = [asked_with_images(_with_turns(fields), images, project.folder) for fields in rows]
        examples = [Example(f"asked {number}", fields, (), media=media) for number, (fields, media) in enumerate(given, start=1)]
        system = engine.refreshed(system)
        said = engine.answer(system, examples)
        then(engine, system, examples, said)
        return system, said


def _with_turns(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields with a chat that is given as JSON as a conversation."""
    try:
        return {name: as_conversation(text) if name == COLUMN else text for name, text in fields.items()}
    except ValueError as error:
        raise DataError(f"`{COLUMN}` holds a chat that cannot be used: {error}") from error


def _check(project: Project, system: System, fields: Mapping[str, str]) -> None:
    # What the chosen system reads counts: tailor.yaml may have changed since it was chosen.
    known = system.variables
    if unknown := [name for name in fields if name not in (*known, *project.task.variables)]:
        raise ConfigError(
            f"{quoted(unknown[0])} is not a column that the task reads{did_you_mean(unknown[0], known)}",
            f"it reads {', '.join(map(quoted, known))}",
        )
    if missing := [name for name in known if name not in fields]:
        hint = "give each by its name: --set NAME=VALUE in a terminal, NAME=VALUE in Python"
        raise ConfigError(f"{system.name} also needs {', '.join(map(quoted, missing))}", hint)
    if not any(text.strip() for text in fields.values()):
        raise ConfigError("there is nothing to answer: the text is empty", "Give the text that is asked about.")
