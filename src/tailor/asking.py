"""One answer from the system that a study chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tailor.data.example import Example
from tailor.data.images import asked_with_images
from tailor.errors import ConfigError, did_you_mean, quoted
from tailor.files import private_files, tighten
from tailor.ledger import Ledger
from tailor.models.base import Model
from tailor.opening import open_engine
from tailor.project import Project
from tailor.saved import chosen_system, load_study
from tailor.score.types import Answer
from tailor.system import System


class Asked(NamedTuple):
    """One answer of the chosen system.

    Attributes:
        system: which answered.
        answer: what it said.
        threshold: confidence below which a person should answer instead; None where nothing is handed over.
    """

    system: System
    answer: Answer
    threshold: float | None = None


def ask(project: Project, fields: dict[str, str]) -> tuple[System, Answer]:
    """The chosen system of the last study, and its answer to one new input; arguments and errors are those of `asked`."""
    found = asked(project, fields)
    return found.system, found.answer


def asked(project: Project, fields: dict[str, str]) -> Asked:
    """What the chosen system of the last study answers to one new input, and whether it should.

    Args:
        project: where the study is.
        fields: the columns that the task's templates name.

    Raises:
        ConfigError: a column is missing or names no image that can be used, or nothing was decided yet.
    """
    study = load_study(project.folder)
    system = chosen_system(study)
    system, (answer,) = _answered(project, system, [fields])
    handing = study.decision.winner_handover if study.decision else None
    return Asked(system, answer, handing.threshold if handing else None)


def answers(project: Project, system: System, rows: Sequence[Mapping[str, str]], model: Model | None = None) -> list[Answer]:
    """A system's answers to new inputs, in order.

    Args:
        project: where the system was made.
        system: which answers, with its documents as they are now.
        rows: the columns that its templates name, for each input.
        model: the generative model, if it is open already.

    Raises:
        ConfigError: a column is missing, or is none that is read.
    """
    return _answered(project, system, rows, model)[1]


def _answered(
    project: Project, system: System, rows: Sequence[Mapping[str, str]], model: Model | None = None
) -> tuple[System, list[Answer]]:
    """The system with its documents as they are now, and its answers."""
    for fields in rows:
        _check(project, system, fields)
    with private_files(), Ledger(tighten(project.store), shared=True) as ledger:
        engine = open_engine(project, ledger, model)
        images = project.task.data.images
        given = [asked_with_images(fields, images, project.folder) for fields in rows]
        examples = [Example(f"asked {number}", fields, (), media=media) for number, (fields, media) in enumerate(given, start=1)]
        system = engine.refreshed(system)
        return system, engine.answer(system, examples)


def _check(project: Project, system: System, fields: Mapping[str, str]) -> None:
    # What the chosen system reads counts: tailor.yaml may have changed since it was chosen.
    known = system.prompt.variables
    if unknown := [name for name in fields if name not in (*known, *project.task.variables)]:
        raise ConfigError(
            f"{quoted(unknown[0])} is not a column that the task reads{did_you_mean(unknown[0], known)}",
            f"it reads {', '.join(map(quoted, known))}",
        )
    if missing := [name for name in known if name not in fields]:
        hint = "give each by its name: --set NAME=VALUE in a terminal, NAME=VALUE in Python"
        raise ConfigError(f"{system.name} also needs {', '.join(map(quoted, missing))}", hint)
