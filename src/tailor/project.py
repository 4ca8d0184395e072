"""A project: a folder with `tailor.yaml`, in which everything Tailor makes is kept under `.tailor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from tailor.documents.places import root_of
from tailor.errors import ConfigError, StoreError, quoted
from tailor.files import as_path, parts_of, real_path, write_atomically
from tailor.limits import SETTINGS_BYTES
from tailor.mistakes import mistakes
from tailor.outside import load_yaml, read_file
from tailor.task import ONE_WAY, DataFiles, ModelSettings, Task

SETTINGS_FILE = "tailor.yaml"
REPORT_FILE = "report.html"
WATCH_FILE = "watch.html"
FROM_PYTHON = "# Written from Python; the next call there that names this folder replaces it."
LONGEST_NAME, LONGEST_PATH = 255, 1000  # bytes and characters; file systems take 255 and 1,024 or more


@dataclass(frozen=True)
class Project:
    """A task and the folder it lives in.

    Attributes:
        folder: absolute path of the folder that holds ``tailor.yaml``; paths in the settings are relative to it.
        task: the task as read from ``tailor.yaml``.
    """

    folder: Path
    task: Task

    @property
    def store(self) -> Path:
        """Where everything Tailor makes for this project is kept."""
        return self.folder / ".tailor"

    @property
    def documents(self) -> Path | None:
        """Where the documents are, or None when the task names none: a folder, a pattern or a file; it may not exist."""
        return self.path(self.task.documents) if self.task.documents else None

    @property
    def data_files(self) -> tuple[Path, ...]:
        """The files of examples that the settings name."""
        data = self.task.data
        named = (data.file, data.train, data.dev, data.test)
        return tuple(part for name in named if name for part in parts_of(self.path(name)))

    @property
    def own_files(self) -> tuple[Path, ...]:
        """Files that are no documents: settings, data, the report, the page of `tailor watch`, the sheet of ratings."""
        sheets = [self.path(self.task.judge.ratings)] if self.task.judge else []
        return (self.folder / SETTINGS_FILE, self.folder / REPORT_FILE, self.folder / WATCH_FILE, *self.data_files, *sheets)

    def path(self, name: str) -> Path:
        """The absolute path of a file or folder named in the settings.

        Raises:
            ConfigError: no file can have such a name.
        """
        if (
            "\0" in name
            or any(len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in name.split("/"))
            or len(name) > LONGEST_PATH
        ):
            raise ConfigError(f"{quoted(name)} is not a valid file name", "Write a shorter path, without odd characters.")
        return real_path(self.folder / name)


def load_project(folder_or_yaml: str | Path) -> Project:
    """The project in a folder, or the one whose settings file is given.

    Raises:
        ConfigError: there is no such file, it is not YAML, or a setting is unknown, missing or not accepted.
    """
    path = _settings_file(as_path(folder_or_yaml, "folder"))
    settings = _read_yaml(path)
    try:
        task = Task.model_validate(settings)
    except ValidationError as error:
        sentences = mistakes(error, Task, settings, () if "data" in settings else ("data",))
        hint = "" if len(sentences) == 1 else f"{len(sentences)} settings need a change."
        raise ConfigError("\n".join(f"{path.name}: {sentence}" for sentence in sentences), hint) from error
    if not (task.data.file or task.data.train):
        raise ConfigError(f"{path.name}: `data` names no file: {ONE_WAY}")
    _refuse_peeking(path, task)
    project = Project(path.parent, task)
    if project.documents is not None:
        refuse_documents_around(project.folder, root_of(project.documents))
    _refuse_sheet_elsewhere(project)
    return project


def write_settings(folder: Path, task: Task, place: Callable[[], DataFiles]) -> Project:
    """Make a project of a task from Python, or write it again into a folder that was made so before.

    Args:
        folder: where; made if absent.
        task: what is asked; its paths are relative to the folder of the process.
        place: puts the rows into the folder, and says how they are read.

    Raises:
        ConfigError: the folder has settings that someone wrote by hand, or cannot be written to; or a setting is not accepted.
    """
    path = folder / SETTINGS_FILE
    try:
        if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(FROM_PYTHON):
            raise ConfigError(
                f"{quoted(folder, 200)} is a project with settings of its own, which are not replaced",
                "Name another `folder`; or measure that project as it is, with `tailor run`.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        moved = _moved(task.model_copy(update={"data": place()}), folder)
        settings = moved.model_dump(mode="json", exclude_defaults=True)
        if task.models:  # else the first of them would be taken for the model
            settings["model"] = moved.model.model_dump(mode="json", exclude_defaults=True) | {"name": moved.model.name}
        text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=1000)
        write_atomically(path, f"{FROM_PYTHON}\n{text}")
    except (OSError, StoreError) as error:
        raise ConfigError(
            f"{quoted(folder, 200)} cannot be written to: {error}", "Name a `folder` that you may write to."
        ) from error
    return load_project(folder)


def _moved(task: Task, folder: Path) -> Task:
    """The task with the paths in it written from the folder."""

    def moved(name: str) -> str:
        path = Path(name).expanduser()
        return os.path.relpath(real_path(path), real_path(folder)) if path.is_dir() else name

    def model(settings: ModelSettings) -> ModelSettings:
        is_path = "/" in settings.name and not settings.is_remote
        return settings.model_copy(update={"name": moved(settings.name)}) if is_path else settings

    changes: dict[str, object] = {"model": model(task.model), "models": tuple(map(model, task.models))}
    if task.documents:
        changes["documents"] = os.path.relpath(real_path(Path(task.documents).expanduser()), real_path(folder))
    if task.judge is not None:
        changes["judge"] = task.judge.model_copy(update={"model": model(task.judge.model)})
    if "/" in task.embedder:
        changes["embedder"] = moved(task.embedder)
    return task.model_copy(update=changes)


def refuse_documents_around(folder: Path, documents: Path) -> None:
    """Refuse documents that hold the project, whose files show the right answers: data, reports, sheets and notes about them.

    They are refused rather than picked apart, since no list of what to leave out would be complete.

    Raises:
        ConfigError: the folder of documents is the project's, or holds it.
    """
    if real_path(folder).is_relative_to(real_path(documents)):
        raise ConfigError(
            f"{quoted(documents, 200)} cannot be the documents, since it holds the project itself: its data and reports would be "
            "read as documents, and show the right answers",
            "Put the documents into a folder of their own, such as `docs` in the project, and name that.",
        )


def _refuse_sheet_elsewhere(project: Project) -> None:
    """Tailor writes the sheet of ratings, so it must lie in the project, and be no other file of it."""
    if project.task.judge is None:
        return
    sheet = project.path(project.task.judge.ratings)
    if not sheet.is_relative_to(project.folder) or sheet in project.data_files:
        raise ConfigError(
            f"`judge.ratings` names {quoted(project.task.judge.ratings, 200)}, which is no file of its own in the project's folder",
            "Name a CSV file there, such as judge.csv.",
        )


def _settings_file(given: Path) -> Path:
    path = real_path(given)
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{quoted(path, 200)} has a name that is not UTF-8 text", "Rename the folder.") from error
    if path.is_dir():
        path = path / SETTINGS_FILE
        if not path.is_file():
            raise ConfigError(
                f"{quoted(given, 200)} is not a project: it has no {SETTINGS_FILE}",
                "Make one with `tailor init DATA`, where DATA is your CSV or JSONL file.",
            )
    elif not path.exists():
        raise ConfigError(
            f"There is no {quoted(given, 200)}", "Make a project with `tailor init DATA`, where DATA is your CSV or JSONL file."
        )
    elif path.suffix not in (".yaml", ".yml"):
        raise ConfigError(
            f"{quoted(given, 200)} is not a project: give its folder or its {SETTINGS_FILE}",
            f"Make a project from a data file with `tailor init {given}`.",
        )
    return path


def _read_yaml(path: Path) -> Mapping[str, object]:
    try:
        settings = load_yaml(read_file(path, SETTINGS_BYTES).decode("utf-8-sig"))
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path.name}{line} is not YAML: {error.problem}", _yaml_hint(error.problem or "")) from error
    except RecursionError as error:
        raise ConfigError(f"{path.name} is nested too deeply to be settings") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path.name} is not YAML text in UTF-8: {str(error).splitlines()[0]}", "Save it as UTF-8 text."
        ) from error
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}") from error
    if not isinstance(settings, dict):
        raise ConfigError(
            f"{path.name} holds no settings", "Write `key: value` lines, or make a fresh one with `tailor init DATA`."
        )
    return {str(key): value for key, value in settings.items()}


def _yaml_hint(problem: str) -> str:
    if "unhashable" in problem:
        return 'Put templates between quotes: input: "{{text}}".'
    if "twice" in problem:
        return "Keep one of the two."
    if "aliases" in problem:
        return "Write the values out."
    return "Indent with spaces, and put text that holds `:`, `#` or braces between quotes."


def _refuse_peeking(path: Path, task: Task) -> None:
    """A prompt that shows the right answer would make every measurement worthless."""
    if task.output in task.variables:
        raise ConfigError(
            f"{path.name}: a template reads {{{{{task.output}}}}}, but that column holds the right answer",
            "Take it out of `input`, `instruction`, `context`, `persona` and `constraints`.",
        )
