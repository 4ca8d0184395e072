"""The rows of a project with the labels that people gave on its pages: a row that the file leaves open takes the one that counts.

Nothing in the user's files is changed. A label in the file stands, whatever people say of its row.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tailor.data.cells import answers_in
from tailor.data.example import Example, Splits
from tailor.data.identity import identity
from tailor.data.readers import to_unlabelled
from tailor.data.split import make_splits, read_tables
from tailor.data.table import Table
from tailor.data.unlabelled import bare_rows
from tailor.kinds.base import kind_of
from tailor.labelling.judgement import Judgement, by_subject
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
        labels = counted(judgements.standing())
        return {name: _filled(project.task, table, labels, judgements) for name, table in tables.items()}


def counted(judgements: Iterable[Judgement]) -> dict[str, Any]:
    """The label that counts of each row, by its name: what settled a difference, else what most say; none where they are even.

    Args:
        judgements: those that stand.
    """
    found: dict[str, Any] = {}
    for (row, about), given in by_subject(list(judgements)).items():
        labels = [judgement for judgement in given if judgement.label is not None and not about]
        settled = [judgement for judgement in labels if judgement.role != "label"]
        texts = [json.dumps(judgement.label, sort_keys=True) for judgement in (settled[-1:] or labels)]
        (best, votes), *others = [*Counter(texts).most_common(2), ("", 0)][:2] if texts else [("", 0)]
        if votes and (not others or others[0][1] < votes):
            found[row] = json.loads(best)
    return found


def as_cell(label: Any) -> str:
    """A label as a cell holds it: a text as it is, anything else as JSON."""
    return label if isinstance(label, str) else json.dumps(label, ensure_ascii=False)


def _filled(task: Task, table: Table, labels: Mapping[str, Any], judgements: Judgements) -> Table:
    """The table with people's labels where it has none."""
    absent = task.output not in table.columns
    rows = bare_rows(task, table)
    columns = columns_in(task.input)
    names = judgements.names([identity(columns, row) for row in rows])
    filled = [
        row if not absent and answers_in(row[task.output]) else {**row, task.output: as_cell(labels.get(name, ""))}
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
