"""Tailor from a notebook: rows in, a measured decision out.

What is measured here is kept in an ordinary project folder (`tailor.yaml`, the rows, `.tailor`), so that no answer is asked for
twice, and `tailor show`, `report` and `try` work on it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from numbers import Real
from pathlib import Path

from tailor.approaches.approach import Approach, TrainingData
from tailor.approaches.named import approach_named, names
from tailor.asking import answers, narrowed
from tailor.data.dataset import Dataset, Rows, as_dataset
from tailor.data.images import copied
from tailor.decide.step import Observer
from tailor.decide.trial import Comparison, Measurement, compared, trial
from tailor.engine import Engine
from tailor.errors import ConfigError, ModelError, plainly, quoted
from tailor.experiment import run, sealed
from tailor.files import as_path, private_files, seen_from_here, tighten
from tailor.labelled import load_splits
from tailor.ledger import Ledger
from tailor.models.base import Model
from tailor.models.catalogue import fetch, needed, open_model
from tailor.open_engine import open_engine, with_labels
from tailor.plugins import KINDS
from tailor.project import REPORT_FILE, Project, load_project, write_settings
from tailor.report.html import write_report
from tailor.results import Study
from tailor.saved import chosen_system, load_study
from tailor.score.parse import parse_answer
from tailor.screen import watching
from tailor.task import Task
from tailor.trust import called, permit, require_allowed, require_personal

FOLDER = "studies"
"""Where studies are kept unless a folder is given: `studies/NAME` in the folder that one works in."""


LEAST_MINUTES = 0.1


@dataclass(frozen=True, repr=False)
class ProjectStudy(Study):
    """A Study with the project that it belongs to: it can answer, and write its report.

    Attributes:
        project: the folder, and the task in it.
        opened: the generative model, once it was needed; opening one takes seconds.
    """

    project: Project = field(kw_only=True)
    opened: list[Model] = field(default_factory=list, kw_only=True, compare=False)

    @plainly
    def chosen(self, text: str | None = None, /, **columns: str) -> str:
        """The winner's answer to one new input.

        Args:
            text: what is asked, where the task reads one column.
            columns: the value of each column, where it reads several.

        Returns:
            The label or the answer; what the model wrote, as it is, where neither can be read in it.

        Raises:
            ConfigError: a column is missing, nothing was decided, or what would be sent was not allowed.
            ModelError: no answer came.
        """
        read = chosen_system(self).variables
        if text is not None:
            free = [name for name in read if name not in columns]
            if len(free) != 1:
                raise ConfigError(
                    f"one text was given, but {quoted(self.task.name)} reads {', '.join(map(quoted, read))}",
                    f"Give each by its name: study.chosen({', '.join(f'{name}=...' for name in read)}).",
                )
            columns = {free[0]: text, **columns}
        return self._answers(as_dataset([columns]).texts())[0]

    @plainly
    def answers(self, rows: Dataset | Rows) -> list[str]:
        """The winner's answers to many new inputs, in order; quicker than one by one.

        Args:
            rows: the columns that the task reads, as `Dataset` takes them. Labels are not needed.

        Raises:
            DataError: these are no rows.
            ConfigError: a column is missing, nothing was decided, or what would be sent was not allowed.
            ModelError: an answer did not come.
        """
        read = chosen_system(self).variables
        return self._answers([{name: row[name] for name in read if name in row} for row in as_dataset(rows).texts()])

    def _answers(self, inputs: Sequence[dict[str, str]]) -> list[str]:
        system = chosen_system(self)
        project = narrowed(self.project, system)
        if images := self.task.data.images:
            inputs = copied(inputs, images, Path(), self.project.folder)
        if not self.opened:
            # Before it is opened: a model that is handed on counts as the caller's own.
            require_allowed(project, called(None))
            self.opened.append(open_model(project.task.model, base=project.folder))
        found = answers(project, system, inputs, self.opened[0])
        if failed := next((answer for answer in found if answer.error), None):
            raise ModelError(f"{system.name} gave no answer: {failed.error}", "ask something shorter, or try again")
        read = [parse_answer(system, answer.raw) for answer in found]
        return [answer.raw if text is None else text for answer, text in zip(found, read, strict=True)]

    @plainly
    def report(self, path: str | Path | None = None) -> Path:
        """Write the report as one HTML file; gives its path.

        Args:
            path: the file, or a folder for it; `report.html` in the folder of the study if left out.

        Raises:
            UserError: the file cannot be written.
        """
        given = self.project.folder if path is None else as_path(path, "path")
        return write_report(self, given / REPORT_FILE if given.is_dir() else given)


@plainly
def study(
    task: Task,
    rows: Dataset | Rows,
    *,
    folder: str | Path | None = None,
    quiet: bool = False,
    everything: bool = False,
    max_minutes: float | None = None,
    allow_send: bool = False,
    allow_http: bool = False,
    model: Model | None = None,
) -> ProjectStudy:
    """Measure the ways of answering on these rows, open the sealed test set for the finalists, and decide; as `tailor run` does.

    Args:
        task: what is asked. It names no files; what else it says of the data (`group_by`, `id`) holds.
        rows: a Dataset, or what it takes.
        folder: where everything is kept; `studies/NAME` here if left out. The same folder again continues where it stopped.
        quiet: show nothing while it runs.
        everything: climb every rung, whatever was found.
        max_minutes: limit on climb and final test; the final test is not cut short.
        allow_send: allow permanently that rows go from this folder to the addresses that the task names.
        allow_http: allow it over plain http to other machines too.
        model: a model of your own, in place of the one that the task names.

    Raises:
        TailorError: the rows, a setting, a model or the disk is in the way; what was measured is kept.
    """
    _check_flags(quiet=quiet, everything=everything, allow_send=allow_send, allow_http=allow_http)
    _check_minutes(max_minutes)
    _check_model(model)
    project = _project(task, rows, folder)
    permit(project, called(model), allowed=allow_send, plain=allow_http)
    with _shown(project, model, quiet=quiet, max_minutes=max_minutes) as observer:
        found = run(project, observer, everything=everything, max_minutes=max_minutes, model=model)
    return _of_project(found, project, model)


@plainly
def load(folder: str | Path) -> ProjectStudy:
    """The last study of a folder, made here or by `tailor run`.

    Raises:
        ConfigError: the folder is no project.
        StoreError: it has no study yet, or it cannot be read.
    """
    return _of_project(load_study(folder), load_project(folder))


@plainly
def measure(
    task: Task,
    rows: Dataset | Rows,
    approach: str | Approach,
    *,
    folder: str | Path | None = None,
    quiet: bool = False,
    allow_send: bool = False,
    allow_http: bool = False,
    model: Model | str | None = None,
) -> Measurement:
    """One approach on dev: its score with an interval, and what it costs. The test set stays sealed.

    Args:
        task: as for `study`.
        rows: as for `study`.
        approach: a name from `list_approaches`, several with " > " between them, or an approach of your own; a name may say which
            of the task's models is asked, as a study does: "few-shot-5 on gpt-5-mini".
        folder: as for `study`; what a study there has asked is not asked again, nor the other way round.
        quiet: as for `study`.
        allow_send: as for `study`.
        allow_http: as for `study`.
        model: the name of one of the task's models, which is asked instead of the first one; or a model of your own.

    Raises:
        TailorError: as for `study`; or the approach or the model is not known, or the approach fits neither task nor model.
    """
    _check_flags(quiet=quiet, allow_send=allow_send, allow_http=allow_http)
    project, (found, place) = _project(task, rows, folder), _approach(approach, task, model)
    own = None if isinstance(model, str) else model
    permit(project, called(own), allowed=allow_send, plain=allow_http)
    with _opened(project, own, quiet=quiet) as (data, engine, observer):
        return trial([found], data, engine, observer, [place])[0]


@plainly
def compare(
    task: Task,
    rows: Dataset | Rows,
    approaches: Sequence[str | Approach],
    *,
    folder: str | Path | None = None,
    quiet: bool = False,
    allow_send: bool = False,
    allow_http: bool = False,
    model: Model | str | None = None,
) -> Comparison:
    """Several approaches on the same dev rows, and the paired difference of every two with its interval.

    Dev chooses and the sealed test set proves: report the figures of a `study`, not these.

    Args:
        task: as for `study`.
        rows: as for `study`.
        approaches: two or more, each as for `measure`.
        folder: as for `measure`.
        quiet: as for `study`.
        allow_send: as for `study`.
        allow_http: as for `study`.
        model: as for `measure`; it is asked where an approach does not name another.

    Raises:
        TailorError: as for `measure`; or there are fewer than two approaches, or one is listed twice.
    """
    _check_flags(quiet=quiet, allow_send=allow_send, allow_http=allow_http)
    if isinstance(approaches, str) or not isinstance(approaches, Collection) or len(approaches) < 2:
        raise ConfigError("`compare` takes a list of two or more approaches", 'Write, for example, ["zero-shot", "few-shot-5"].')
    project, found = _project(task, rows, folder), [_approach(approach, task, model) for approach in approaches]
    twice = [name for (name, _), count in Counter((approach.name, place) for approach, place in found).items() if count > 1]
    if twice:
        raise ConfigError(f"{quoted(twice[0])} is listed twice", "Name every approach once.")
    own = None if isinstance(model, str) else model
    permit(project, called(own), allowed=allow_send, plain=allow_http)
    with _opened(project, own, quiet=quiet) as (data, engine, observer):
        return compared(trial([one for one, _ in found], data, engine, observer, [place for _, place in found]))


def list_approaches() -> dict[str, str]:
    """Name -> what it does, of every approach. N stands for a number; " > " joins several, as in "rag-hybrid > lora"."""
    return names()


def list_kinds() -> tuple[str, ...]:
    """Names of the kinds of task."""
    return KINDS.names


def _approach(approach: str | Approach, task: Task, model: Model | str | None) -> tuple[Approach, int]:
    """An approach, and the place of the model that it asks: the one in its name, behind " on "; else the one given or the first."""
    if not isinstance(model, str):
        _check_model(model)
    place = task.place_of(model) if isinstance(model, str) else 0
    if isinstance(approach, str):
        name, on, label = approach.partition(" on ")
        return approach_named(name), task.place_of(label.strip()) if on else place
    if isinstance(approach, type) or not isinstance(approach, Approach):
        raise ConfigError(
            f"{quoted(approach)} is no approach", "Give a name from tailor.list_approaches(), or an approach of your own."
        )
    return approach, place


def _check_flags(**given: object) -> None:
    """Whether each is True or False: other values, such as the text "no", would count as yes."""
    for name, value in given.items():
        if not isinstance(value, bool):
            raise ConfigError(f"{quoted(name)} is {quoted(value)}, but True or False is accepted")


def _check_minutes(given: object) -> None:
    if given is not None and (
        isinstance(given, bool) or not isinstance(given, Real) or not LEAST_MINUTES <= float(given) < math.inf
    ):
        raise ConfigError(f"`max_minutes` is {quoted(given)}, but a number of minutes is accepted, {LEAST_MINUTES} or more")


def _check_model(given: object) -> None:
    if given is not None and (isinstance(given, type) or not isinstance(given, Model)):
        raise ConfigError(
            f"`model` is {quoted(given)}, but a model of your own is accepted", "Name a model in the task: tailor.Task(model=...)."
        )


def _project(task: Task, rows: Dataset | Rows, folder: str | Path | None) -> Project:
    """The folder of a study, with its settings and rows as they are now."""
    if not isinstance(task, Task):
        raise ConfigError(f"a task was expected, not {quoted(type(task).__name__)}", "Make one with tailor.Task(...).")
    where = (Path(FOLDER) / task.name if folder is None else as_path(folder, "folder")).expanduser()
    data = as_dataset(rows)
    return write_settings(where, task, lambda: data.keep(where, task.data))


def _of_project(study: Study, project: Project, model: Model | None = None) -> ProjectStudy:
    values = {part.name: getattr(study, part.name) for part in fields(Study)}
    return ProjectStudy(**values, project=project, opened=[] if model is None else [model])


@contextmanager
def _shown(project: Project, model: Model | None, *, quiet: bool, max_minutes: float | None = None) -> Iterator[Observer]:
    """An observer, after it has reported where things are kept, and once the built-in models are here."""
    task = project.task
    with watching(task.prices.currency, quiet=quiet, max_minutes=max_minutes) as observer:
        observer.message(f"Everything is kept in {seen_from_here(project.folder)}.")
        _fetch(task, model, observer)
        yield observer


def _fetch(task: Task, model: Model | None, observer: Observer) -> None:
    """Fetch the built-in models that the task needs and that are not here yet."""
    for built in needed(task, model_given=model is not None):
        at = ""

        def on_progress(stage: str, done: int, total: int, name: str = built.name) -> None:
            nonlocal at
            if stage != at:
                at = stage
                observer.began(stage, name)
            observer.progress(done, total)

        fetch(built, on_progress)


@contextmanager
def _opened(project: Project, model: Model | None, *, quiet: bool) -> Iterator[tuple[TrainingData, Engine, Observer]]:
    """Train and dev, without what a sealed test set shows, and the engine; the ledger is closed at the end."""
    with _shown(project, model, quiet=quiet) as observer, private_files(), Ledger(tighten(project.store)) as ledger:
        for sentence in ledger.messages:
            observer.message(sentence)
        whole = load_splits(project)
        splits = sealed(project.task, whole, ledger, observer)
        require_personal(project, whole, called(model))
        engine = open_engine(project, ledger, model)
        engine.say = observer.message
        if (spending := engine.spending) is not None:
            observer.pays(lambda: spending.spent)
        task = with_labels(project.task, splits.train, ledger)
        yield TrainingData(task, splits.train, splits.dev), engine, observer
