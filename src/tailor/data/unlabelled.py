"""Rows as people are asked them, whether or not they have a label."""

from __future__ import annotations

from tailor.data.example import Example
from tailor.data.jsontext import as_text
from tailor.data.readers import images_of
from tailor.data.split import read_tables
from tailor.data.table import Table
from tailor.errors import DataError
from tailor.project import Project
from tailor.task import Task, columns_in


def load_bare_rows(project: Project) -> list[Example]:
    """Every row of a project's data without its answer.

    Raises:
        DataError: the data cannot be read, or a column that is asked is missing.
    """
    return [row for table in read_tables(project).values() for row in bare_rows(project.task, table)]


def bare_rows(task: Task, table: Table) -> list[Example]:
    """The rows of a table as people are asked them, whether or not they have an answer.

    Raises:
        DataError: a column that is asked is missing.
    """
    columns = columns_in(task.input)
    if missing := [column for column in columns if column not in table.columns]:
        raise DataError(f"{table.file} has no column {missing[0]!r}, which `input` names", "Name one that it has.")
    return [
        Example(
            str(place),
            {column: as_text(row[column]) for column in columns},
            (),
            row=table.where(place)[1],
            file=table.where(place)[0],
            media=images_of(task, table, row),
        )
        for place, row in enumerate(table.rows)
    ]
