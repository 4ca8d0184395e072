"""The rows of a project with the labels that people gave on its pages: a row that the file leaves open takes the one that counts.

Nothing in the user's files is changed. A label in the file stands, unless someone settled on the pages what is right.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tailor.data.cells import answers_in
from tailor.data.example import Example, Splits
from tailor.data.identity import identity
from tailor.data.readers import to_unlabelled
from tailor.data.split import make_splits, read_tables
from tailor.data.table import Table
from tailor.data.unlabelled import bare_rows
from tailor.errors import ConfigError, StoreError, quoted
from tailor.files import write_atomically
from tailor.kinds.base import kind_of
from tailor.labelling.aggregate import Aggregation, Method, aggregate
from tailor.labelling.agreement import AgreementFound, agreement_of
from tailor.labelling.judgement import Judgement
from tailor.labelling.judgements import Judgements
from tailor.project import Project
from tailor.store.labels import LABELS
from tailor.task import Task, columns_in


def load_splits(project: Project) -> Splits:
    """The project's examples in their splits, with the labels that people gave.

    Raises:
        ConfigError: `split` gives sizes that cannot be had.
        DataError: the data or an image that they name cannot be read, or they are too few to split.
        StoreError: the labels cannot be read.
    """
    return make_splits(project.task, labelled_tables(project))


def load_unlabelled(project: Project) -> tuple[Example, ...]:
    """The rows without a label of one file, or of the training rows: those of other files are not learned from.

    Raises:
        DataError: the data cannot be read.
        StoreError: the labels cannot be read.
    """
    tables = labelled_tables(project)
    parts = {name: tables[name] for name in ("file", "train") if name in tables}
    return tuple(
        row for name, table in parts.items() for row in to_unlabelled(project.task, table, "" if name == "file" else f"{name}-")
    )


def load_unasked(project: Project) -> tuple[Example, ...]:
    """The rows without a label (`load_unlabelled`) that nobody skipped: what people could not tell, no model is asked to.

    Raises:
        DataError: the data cannot be read.
        StoreError: the labels cannot be read.
    """
    rows = load_unlabelled(project)
    if not (project.store / LABELS).exists():
        return rows
    with Judgements(project.store) as judgements:
        skipped = {one.row for one in judgements.standing() if one.skipped and not one.about}
        names = judgements.names([identity(columns_in(project.task.input), row) for row in rows]) if skipped else [""] * len(rows)
    return tuple(row for row, name in zip(rows, names, strict=True) if name not in skipped)


def labelled_tables(project: Project) -> dict[str, Table]:
    """The project's data by the setting that names them, with the labels that people gave.

    Raises:
        DataError: the data cannot be read.
        StoreError: the labels cannot be read.
    """
    tables = read_tables(project)
    if not (project.store / LABELS).exists():
        return tables
    with Judgements(project.store) as judgements:
        said = judgements.standing()
        labels = counted(project.task, said)
        settled = {one.row for one in said if one.role == "adjudicated" and one.row in labels}
        return {name: _filled(project.task, table, labels, settled, judgements) for name, table in tables.items()}


def counted(task: Task, judgements: Iterable[Judgement], method: Method | Literal["auto"] = "auto") -> dict[str, Any]:
    """The label that counts of each row, by its name: what settled a difference, else what follows from what people said.

    None where labels are equally likely (`tailor.labelling.aggregate`).

    Args:
        task: says whether labels come out of a closed set.
        judgements: those that stand.
        method: how differences are decided; "auto" chooses by measure, which takes seconds where there are thousands.
    """
    found = aggregate([judgement for judgement in judgements if not judgement.about], method, closed=kind_of(task).closed)
    return {row: one.label for (row, _), one in found.labels.items() if one.label is not None and not one.tied}


def people_of(project: Project) -> tuple[AgreementFound, Aggregation]:
    """How far the people who labelled a project's rows agree, and the labels that follow; of nothing where nobody has.

    Raises:
        StoreError: the labels cannot be read.
    """
    standing: list[Judgement] = []
    if (project.store / LABELS).exists():
        with Judgements(project.store) as judgements:
            standing = [one for one in judgements.standing() if not one.about]
    return agreement_of(standing), aggregate(standing, closed=kind_of(project.task).closed)


def write_labels(project: Project, path: Path) -> tuple[int, int]:
    """Write the project's rows with the labels that count into a file of its own, and count rows and labels.

    Cells are written as the data have them, and nothing is taken out: read as data, the file holds the same rows. A row
    without a label keeps an empty one.

    Args:
        project: with one file of data.
        path: a new file that ends with .csv or .jsonl.

    Raises:
        ConfigError: there is such a file, it cannot be written, or the data are several files.
        DataError: the data cannot be read.
        StoreError: the labels cannot be read.
    """
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise ConfigError(f"{quoted(str(path), 200)} is no file of labels", "Name one that ends with .csv or .jsonl.")
    if path.exists():
        raise ConfigError(f"{quoted(str(path), 200)} is there already", "Name a new file; nothing is replaced.")
    tables = labelled_tables(project)
    if set(tables) != {"file"}:
        raise ConfigError("the data are several files, and labels are written into one", "Run `tailor export` instead.")
    table = tables["file"]
    paths = {words: part.path for words, part in table.images.items()}
    rows = [{name: paths.get(str(cell), cell) for name, cell in row.items()} for row in table.rows]
    if path.suffix.lower() == ".csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, table.columns, restval="")
        writer.writeheader()
        writer.writerows({name: as_cell(value) for name, value in row.items()} for row in rows)
        written = text.getvalue()
    else:
        written = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    try:
        write_atomically(path, written.encode("utf-8", "backslashreplace"), mode=0o644)
    except (OSError, StoreError) as error:
        raise ConfigError(f"{quoted(str(path), 200)} cannot be written: {error}") from error
    return len(rows), sum(bool(answers_in(row.get(project.task.output, ""))) for row in rows)


def as_cell(label: Any) -> str:
    """A label as a cell holds it: a text as it is, anything else as JSON."""
    return label if isinstance(label, str) else json.dumps(label, ensure_ascii=False)


def _filled(task: Task, table: Table, labels: Mapping[str, Any], settled: Collection[str], judgements: Judgements) -> Table:
    """The table with people's labels where it has none, and where they settled what is right."""
    absent = task.output not in table.columns
    rows = bare_rows(task, table)
    columns = columns_in(task.input)
    names = judgements.names([identity(columns, row) for row in rows])
    filled = [
        row
        if not absent and name not in settled and answers_in(row[task.output])
        else {**row, task.output: as_cell(labels.get(name, ""))}
        for row, name in zip(table.rows, names, strict=True)
    ]
    if absent and kind_of(task).abstains:  # an empty cell would say that nothing is the right answer
        kept = [place for place, name in enumerate(names) if name in labels]
        return replace(
            table,
            columns=(*table.columns, task.output),
            rows=tuple(filled[place] for place in kept),
            places=tuple(table.where(place) for place in kept),
        )
    return replace(table, columns=(*table.columns, *([task.output] if absent else [])), rows=tuple(filled))
