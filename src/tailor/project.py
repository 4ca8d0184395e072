"""A project: a folder with `tailor.yaml`, in which everything Tailor makes is kept under `.tailor`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from tailor.errors import ConfigError, did_you_mean, quoted
from tailor.files import parts_of
from tailor.limits import SETTINGS_BYTES
from tailor.outside import load_yaml, read_file
from tailor.task import ONE_WAY, Task

SETTINGS_FILE = "tailor.yaml"
REPORT_FILE = "report.html"
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
        """The folder of documents, or None when the task names none; it may not exist."""
        return self.path(self.task.documents) if self.task.documents else None

    @property
    def data_files(self) -> tuple[Path, ...]:
        """The files of examples that the settings name."""
        data = self.task.data
        named = (data.file, data.train, data.dev, data.test)
        return tuple(part for name in named if name for part in parts_of(self.path(name)))

    @property
    def own_files(self) -> tuple[Path, ...]:
        """Files that are no documents, wherever they lie: settings, data, the report, the sheet of ratings."""
        sheets = [self.path(self.task.judge.ratings)] if self.task.judge else []
        return (self.folder / SETTINGS_FILE, self.folder / REPORT_FILE, *self.data_files, *sheets)

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
            raise ConfigError(f"{quoted(name)} is no name that a file can have", "Write a shorter path, without odd characters.")
        return (self.folder / name).resolve()


def load_project(folder_or_yaml: str | Path) -> Project:
    """The project in a folder, or the one whose settings file is given.

    Raises:
        ConfigError: there is no such file, it is not YAML, or a setting is unknown, missing or not accepted.
    """
    path = _settings_file(Path(folder_or_yaml))
    settings = _read_yaml(path)
    try:
        task = Task.model_validate(settings)
    except ValidationError as error:
        sentences = list(dict.fromkeys(_sentences(error, () if "data" in settings else ("data",))))
        hint = "" if len(sentences) == 1 else f"{len(sentences)} settings need a change."
        raise ConfigError("\n".join(f"{path.name}: {sentence}" for sentence in sentences), hint) from error
    if not (task.data.file or task.data.train):
        raise ConfigError(f"{path.name}: `data` names no file: {ONE_WAY}")
    _refuse_peeking(path, task)
    project = Project(path.parent, task)
    if project.documents is not None:
        refuse_documents_around(project.folder, project.documents)
    _refuse_sheet_elsewhere(project)
    return project


def refuse_documents_around(folder: Path, documents: Path) -> None:
    """Refuse documents that hold the project, whose files show the right answers: data, reports, sheets and notes about them.

    They are refused rather than picked apart, since no list of what to leave out would be complete.

    Raises:
        ConfigError: the folder of documents is the project's, or holds it.
    """
    if folder.resolve().is_relative_to(documents.resolve()):
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
    path = given.resolve()
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


def _sentences(error: ValidationError, absent: Iterable[str] = ()) -> Iterable[str]:
    """One sentence for each mistake; `absent` names what only a file of settings must have and does not."""
    details = error.errors(include_url=False)
    missing = [*(".".join(map(str, d["loc"])) for d in details if d["type"] == "missing"), *absent]
    if missing:
        yield f"{_names(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    for detail in details:
        place = ".".join(map(str, detail["loc"]))
        where = f"{place} " if place else ""
        if detail["type"] == "extra_forbidden":
            yield _unknown_key(tuple(map(str, detail["loc"])))
        elif detail["type"] == "value_error":
            yield (f"{where and quoted(place) + ': '}" + str(detail["ctx"]["error"]))
        elif detail["type"] != "missing":
            yield f"{quoted(place)} is {_given(detail['input'])}, but {_accepted(dict(detail))}"


def _given(value: object) -> str:
    if isinstance(value, Mapping):
        return "a group of settings"
    if isinstance(value, list | tuple):
        return "a list"
    return "empty" if value is None or value == "" else quoted(value)


def _accepted(detail: dict[str, Any]) -> str:
    """What is accepted in place of the value given, as the end of a sentence."""
    kind, given = str(detail["type"]), detail["input"]
    if kind == "literal_error":
        options = [option.strip(" '") for option in str(detail["ctx"]["expected"]).replace(" or ", ", ").split(",")]
        return f"{_names(options, 'or')} is accepted{did_you_mean(str(given), options)}"
    if kind == "string_type":
        quote = f'; write "{str(given).lower()}" between quotes' if isinstance(given, bool | int | float) else ""
        return f"text is accepted{quote}"
    if kind == "string_pattern_mismatch":
        return "up to 64 letters, digits, spaces, `.`, `_` and `-` are accepted, the first a letter or digit"
    if kind == "model_type":
        return "a group of settings is accepted"
    return str(detail["msg"]).replace("Input should", "it should", 1).replace("String should", "it should", 1)


def _unknown_key(place: tuple[str, ...]) -> str:
    """Says that the last part of `place` is not a setting, and which one may have been meant."""
    *groups, name = place
    names = _setting_names(Task, tuple(groups))
    where = f" of {quoted('.'.join(groups))}" if groups else ""
    meant = did_you_mean(name, names)
    if not meant:
        elsewhere = [path for path in _all_settings(Task) if path.split(".")[-1] == name.casefold()]
        meant = f"; did you mean {quoted(elsewhere[0])}?" if elsewhere else f"; there are {_names(names)}"
    return f"{quoted(name)} is not a setting{where}{meant}"


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The group of settings that a field of this type holds, if any."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _setting_names(model: type[BaseModel], groups: tuple[str, ...]) -> list[str]:
    for group in groups:
        inner = _model_in(model.model_fields[group].annotation) if group in model.model_fields else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _all_settings(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted names of every setting, outer ones first."""
    inner = [(name, _model_in(field.annotation)) for name, field in model.model_fields.items()]
    nested = [path for name, group in inner if group for path in _all_settings(group, f"{prefix}{name}.")]
    return [prefix + name for name, _ in inner] + nested


def _names(names: Iterable[str], conjunction: str = "and") -> str:
    *head, last = map(quoted, names)
    return f"{', '.join(head)} {conjunction} {last}" if head else last


def _refuse_peeking(path: Path, task: Task) -> None:
    """A prompt that shows the right answer would make every measurement worthless."""
    if task.output in task.variables:
        raise ConfigError(
            f"{path.name}: a template reads {{{{{task.output}}}}}, but that column holds the right answer",
            "Take it out of `input`, `instruction`, `context`, `persona` and `constraints`.",
        )
