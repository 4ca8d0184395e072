"""What is exported of a project: the rows of its splits, what the chosen system is asked about each, and what it answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tailor.approaches.approach import starting_system
from tailor.data.example import Example, SplitName, Splits
from tailor.engine import Engine
from tailor.errors import ConfigError, StoreError, quoted
from tailor.files import private_files, tighten
from tailor.kinds.base import kind_of
from tailor.labelled import load_splits
from tailor.ledger import Ledger
from tailor.models.base import Message
from tailor.models.fake import FakeModel
from tailor.open_engine import open_engine, with_labels
from tailor.project import Project
from tailor.results import Study
from tailor.retrieval.passage import Passage
from tailor.saved import load_study
from tailor.seals import around_test, identities, opening_sentences, unseen
from tailor.system import System
from tailor.task import Task

EXPORTED = "exported rows"
"""What an opening for an export looks at; a second export of the same rows is the same opening."""


@dataclass(frozen=True)
class ExportedRow:
    """One row of a split.

    Attributes:
        split: which split it is in.
        example: the row.
        prompt: the chat that asks the system about it.
        target: what the system should write, in the form that it is asked for.
        answer: what the system answered, None where it was not asked.
        passages: what it is given to read.
    """

    split: SplitName
    example: Example
    prompt: tuple[Message, ...]
    target: str
    answer: str | None
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True)
class Export:
    """Rows as one system sees them.

    Attributes:
        task: what is asked.
        system: the system whose prompts they are.
        rows: the rows.
    """

    task: Task
    system: System
    rows: tuple[ExportedRow, ...]


def export_of(project: Project, *, test: bool, say: Callable[[str], None]) -> Export:
    """The rows of train and dev, and of the sealed test set where that is asked for, as the system that was chosen sees them.

    Without a decision, or where a classifier was chosen, it is the best generative finalist, or the plain system. No model is
    asked. The reserve is never exported. Rows of train and dev that resemble a row of an opened test set are left out, as in a run.

    Args:
        project: the project.
        test: whether test rows are exported, which opens the sealed test set and is noted as an opening.
        say: told which system it is, and what opening the test set means.

    Raises:
        ConfigError: the rows have images.
        TailorError: the data, the documents or what was saved cannot be read.
    """
    if project.task.data.images:
        raise ConfigError("rows with images are not exported yet", "Export a project whose rows are text.")
    whole = load_splits(project)
    study = _study(project)
    project = replace(project, task=project.task.asking_only(0))  # no model is asked, so no further one is opened
    with private_files(), Ledger(tighten(project.store), shared=study is not None and not test) as ledger:
        engine = open_engine(project, ledger, FakeModel(name=project.task.model.name), _judge(project))
        train, _ = unseen(project.task, (whole.train, whole.dev), whole.test, ledger.shown())
        task = with_labels(project.task, train, ledger)
        system = _system(task, whole, study, engine, say)
        parts = exported_parts(project.task, engine, whole, ledger, test=test, say=say)
        rows = (row for name, part in parts.items() for row in _rows(project, engine, system, study, name, part))
        return Export(task, system, tuple(rows))


def exported_parts(
    task: Task, engine: Engine, whole: Splits, ledger: Ledger, *, test: bool, say: Callable[[str], None]
) -> dict[SplitName, tuple[Example, ...]]:
    """The rows that may leave a project by their splits, with the test set opened if that is asked for."""
    train, dev = unseen(task, (whole.train, whole.dev), whole.test, ledger.shown())
    if left_out := len(whole.train) + len(whole.dev) - len(train) - len(dev):
        say(f"{left_out:,} rows are left out: they are in a test set, resemble a row there, or share a group with one.")
    if not test:
        return {"train": train, "dev": dev}
    opened = ledger.open_test(identities(task, whole.test), [EXPORTED], around_test(task, whole, engine.documents))
    for sentence in opening_sentences(opened, 0, ledger.trouble):
        say(sentence)
    return {"train": train, "dev": dev, "test": whole.test}


def _study(project: Project) -> Study | None:
    try:
        return load_study(project.folder)
    except StoreError:
        return None


def _judge(project: Project) -> FakeModel | None:
    """Stands in for the judge, which is not asked."""
    return FakeModel() if project.task.judge else None


def _system(task: Task, splits: Splits, study: Study | None, engine: Engine, say: Callable[[str], None]) -> System:
    """The system whose prompt is exported."""
    decision = study.decision if study else None
    runs = sorted((run for run in study.tests if run.system.is_generative), key=lambda run: -run.mean) if study else []
    chosen = next((run.system for run in runs if decision and run.system.fingerprint == decision.winner.fingerprint), None)
    if chosen is not None:
        say(f"Prompts are those of {quoted(chosen.name, 80)}, which the last run chose.")
        return engine.refreshed(chosen)
    if runs:
        best = quoted(runs[0].system.name, 80)
        say(f"The last run chose no system with a prompt; prompts are those of its best one that has, {best}.")
        return engine.refreshed(runs[0].system)
    say("Nothing was decided yet; prompts are those of the instruction alone.")
    return starting_system(task, splits.train, engine.model)


def _rows(
    project: Project, engine: Engine, system: System, study: Study | None, name: SplitName, examples: Sequence[Example]
) -> list[ExportedRow]:
    target = kind_of(project.task).target_text
    run = None
    if study is not None:
        run = study.test_run(system.fingerprint) if name == "test" else study.dev_run(system.fingerprint) if name == "dev" else None
    said = {example.answer_key: answer.raw for example, answer in zip(run.examples, run.answers, strict=True)} if run else {}
    return [
        ExportedRow(name, example, chat, target(system, example, passages), said.get(example.answer_key), tuple(passages))
        for example, (chat, passages) in zip(examples, engine.messages(system, examples), strict=True)
    ]
