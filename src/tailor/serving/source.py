"""Where what is served comes from: the last study of a project, or a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tailor.asking import narrowed
from tailor.files import tighten
from tailor.models.base import Model
from tailor.project import Project, load_project
from tailor.saved import load_study
from tailor.serving.certified import ROWS, certified
from tailor.serving.served import Served, opened
from tailor.watching.recorder import Recorder


class Source(Protocol):
    """Where configurations come from."""

    def recorder(self, served: Served) -> Recorder | None:
        """Keeps what is asked; None where nothing is kept."""
        ...

    def opened(self, model: Model | None = None) -> Served:
        """What it holds now, ready to answer.

        Args:
            model: a generative model that is open; used if its weights are those of the system.

        Raises:
            TailorError: there is nothing, or it cannot be opened.
        """
        ...


class ProjectSource:
    """The last study of a project.

    Args:
        folder: the project's folder or its settings file.
        rows: measured rows to hold what is served to, at most.
        model: stands in for the generative model that the project names.
    """

    def __init__(self, folder: Path, *, rows: int = ROWS, model: Model | None = None) -> None:
        self._folder, self._rows, self._model = folder, rows, model

    @property
    def project(self) -> Project:
        """The project with the one model that the chosen system asks.

        Raises:
            TailorError: there is no project, or nothing was decided yet.
        """
        opened = load_project(self._folder)
        return narrowed(opened, certified(load_study(opened.folder), 0).system)

    def recorder(self, served: Served) -> Recorder:
        """Keeps what is asked in the project's record of traffic."""
        return Recorder(served.project.store, served.certified.task)

    def opened(self, model: Model | None = None) -> Served:
        """The system that the last study chose, with the documents as they are now."""
        project = load_project(self._folder)
        found = certified(load_study(project.folder), self._rows)
        return opened(narrowed(project, found.system), found, tighten(project.store), model or self._model)
