"""Labels of a project as files of labelling tools: what each person said, and what was settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tailor.data.example import Example
from tailor.data.readers import to_examples, to_unlabelled
from tailor.data.split import MIN_ROWS
from tailor.errors import ConfigError, quoted
from tailor.export.rows import exported_parts
from tailor.files import private_files, tighten, write_atomically
from tailor.labelled import labelled_tables, load_splits, load_unlabelled
from tailor.labelling.exchange import labels_of
from tailor.labelling.formats.door import Written, write_labels
from tailor.labelling.judgements import Judgements
from tailor.labelling.marks import Labels
from tailor.ledger import Ledger
from tailor.models.fake import FakeModel
from tailor.open_engine import open_engine
from tailor.project import Project
from tailor.seals import identities, unseen
from tailor.store.database import LEDGER
from tailor.store.labels import LABELS


def exported_labels(project: Project, *, test: bool, say: Callable[[str], None]) -> Labels:
    """The labels of the rows of train and dev, of rows that were in no split because they had none, and of test rows if asked for.

    Args:
        project: the project.
        test: whether test rows are exported, which opens the sealed test set and is noted as an opening.
        say: told what opening the test set means, and what is left out.

    Raises:
        TailorError: the data, the documents or what was saved cannot be read.
    """
    if rows := _without_test_set(project):
        say(f"Fewer than {MIN_ROWS} rows have a label, so there is no test set yet: the labels of all rows are exported.")
        return _labels(project, rows)
    whole, open_rows = load_splits(project), load_unlabelled(project)
    project = replace(project, task=project.task.asking_only(0))  # no model is asked, so no further one is opened
    shared = not test and (project.store / LEDGER).exists()
    with private_files(), Ledger(tighten(project.store), shared=shared) as ledger:
        engine = open_engine(project, ledger, FakeModel(name=project.task.model.name), FakeModel() if project.task.judge else None)
        parts = exported_parts(project.task, engine, whole, ledger, test=test, say=say)
        (unlabelled,) = unseen(project.task, (open_rows,), whole.test, ledger.shown())
    return _labels(project, [*(row for part in parts.values() for row in part), *unlabelled])


def _without_test_set(project: Project) -> list[Example]:
    """All rows of a project with too few labels for a test set; none where there is one, or where test rows are given."""
    tables = labelled_tables(project)
    if "test" in tables:
        return []
    labelled = [row for table in tables.values() for row in to_examples(project.task, table)]
    if len(labelled) >= MIN_ROWS:
        return []
    return [*labelled, *(row for table in tables.values() for row in to_unlabelled(project.task, table))]


def _labels(project: Project, rows: list[Example]) -> Labels:
    known = identities(project.task, rows)
    if not (project.store / LABELS).exists():
        return labels_of(project.task, rows, [""] * len(rows), [], project.folder)
    with Judgements(project.store) as judgements:
        return labels_of(project.task, rows, judgements.names(known), judgements.standing(), project.folder)


def write_exported(labels: Labels, folder: Path, format: str, *, force: bool) -> tuple[list[Path], Written]:
    """Write labels into a folder, readable by their owner only; gives the files, and what the format could not hold.

    Raises:
        ConfigError: there is no such format; a file is there already and may not be replaced; the folder cannot be made.
        StoreError: a file cannot be written.
    """
    written = write_labels(labels, format)
    paths = {folder / name: content for name, content in written.files.items()}
    taken = next((path for path in paths if path.exists() or path.is_symlink()), None)
    if taken is not None and not force:
        raise ConfigError(f"{quoted(taken, 200)} is there already", "Give --force to replace it, or another --output.")
    for path, content in paths.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{quoted(folder, 200)} cannot be written to: {error.strerror}", "Name another --output.") from error
        write_atomically(path, content)
    return list(paths), written
