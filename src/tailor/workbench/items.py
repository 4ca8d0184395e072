"""The rows that people label, and whether what they say of one can be kept."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tailor.data.example import Example
from tailor.data.identity import identity
from tailor.data.jsontext import as_text
from tailor.data.readers import place
from tailor.data.split import read_tables
from tailor.data.unlabelled import bare_rows
from tailor.errors import DataError, quoted
from tailor.kinds.base import Unreadable, kind_of
from tailor.kinds.entry import Entry
from tailor.labelled import as_cell
from tailor.labelling.judgements import Judgements
from tailor.project import Project
from tailor.task import Task, columns_in

LONGEST_LABEL = 200
"""Characters of a label that someone adds on the page."""
UNSEEN = ("Cc", "Cs", "Zl", "Zp")
"""Categories of what no new label holds: control characters, halves of surrogate pairs, ends of lines."""


@dataclass(frozen=True)
class Item:
    """A row to label.

    Attributes:
        row: its name in judgements.
        example: what is asked.
        given: the label in the user's file, as a cell; empty where there is none.
        split: the setting that names its file: "file", "train", "dev" or "test".
        asker: the columns by which it may read documents, where the project has a filter.
    """

    row: str
    example: Example
    given: str = ""
    split: str = "file"
    asker: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """Where it is, as people are told: its file and the row there."""
        return place(self.example)


def items_of(project: Project, judgements: Judgements) -> list[Item]:
    """Every row of the project's data."""
    task, found = project.task, []
    filtered = columns_in(task.retrieval.filter)
    for split, table in read_tables(project).items():
        rows = bare_rows(task, table)
        names = judgements.names([identity(columns_in(task.input), row) for row in rows])
        for number, (row, name) in enumerate(zip(rows, names, strict=True)):
            cell = table.rows[number].get(task.output, "")
            given = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
            asker = {column: as_text(table.rows[number].get(column, "")) for column in filtered}
            found.append(Item(name, row, given, split, asker))
    return found


def labels_in(task: Task, cell: str) -> Sequence[str]:
    """The labels in a cell; none where the kind has no closed set of them, or where it cannot be read."""
    kind = kind_of(task)
    if not kind.closed:
        return ()
    try:
        return tuple(label for answer in kind.accepted(task, cell) for label in kind.labels_in(answer))
    except Unreadable:
        return ()


def shown_label(task: Task, label: Any) -> str:
    """A label as people read it."""
    if label is None:
        return "marked"
    cell = as_cell(label)
    return kind_of(task).shown(cell) if cell else "(nothing)"


def checked_label(task: Task, entry: Entry, given: Any) -> Any:
    """A label as it is kept: a text, a list of labels, or an object.

    Raises:
        DataError: it is none that this task takes.
    """
    kind = kind_of(task)
    try:
        if entry.shape == "fields":
            given = _object(given)
        if entry.shape == "choices":
            if not isinstance(given, list) or not all(isinstance(label, str) and label.strip() for label in given):
                raise DataError("a list of labels is needed")
            given = sorted({label.strip() for label in given})
        elif entry.shape != "fields":
            if not isinstance(given, str) or not (given.strip() or entry.nothing):
                raise DataError(f"{kind.a_noun} is needed")
            given = given.strip()
        kind.check_entry(task, given)
        found = kind.accepted(task, as_cell(given))
    except Unreadable as error:
        raise DataError(f"it {error.holds}, but {error.but}", error.advice) from None
    if not found and not kind.abstains:
        raise DataError(f"{quoted(as_cell(given))} says that there is no {kind.noun}; skip the row instead")
    new = [label for answer in found for label in kind.labels_in(answer) if kind.closed and label not in entry.choices]
    if new and task.labels:
        raise DataError(f"{quoted(new[0])} is not among the labels of the task", "Add it to `labels` in tailor.yaml.")
    for label in new:  # it becomes a button on everybody's page
        if len(label) > LONGEST_LABEL or any(unicodedata.category(sign) in UNSEEN for sign in label):
            raise DataError(f"{quoted(label)} is no label", f"Write one line of at most {LONGEST_LABEL} characters.")
    return given


def _object(given: Any) -> dict[str, Any]:
    """Values by their places, such as "address.city", as an object in objects; what is empty is left out."""
    if not isinstance(given, Mapping):
        raise DataError("a value for each field is needed")
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value in ("", None):
            continue
        *outer, last = str(name).split(".")
        place = found
        for part in outer:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise DataError(f"{quoted(str(name))} is no field")
            place = inner
        place[last] = value
    return found
