"""Rows that have no label: a teacher may label them for a student, and nothing is shown by them."""

from __future__ import annotations

from tailor.data.example import Example
from tailor.data.readers import to_unlabelled
from tailor.data.split import read_tables
from tailor.project import Project


def load_unlabelled(project: Project) -> tuple[Example, ...]:
    """The rows without a label of one file, or of the training rows: those of other files are not learned from.

    Raises:
        DataError: the data cannot be read.
    """
    tables = read_tables(project)
    parts = {name: tables[name] for name in ("file", "train") if name in tables}
    return tuple(
        row for name, table in parts.items() for row in to_unlabelled(project.task, table, "" if name == "file" else f"{name}-")
    )
