"""The sealed test set: which rows were seen before, and what is reported when it is opened."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from tailor.data.doubt import Data
from tailor.data.example import Example, Splits
from tailor.data.identity import Identity, Known, identity
from tailor.data.looks import SeenTexts, looks
from tailor.decide.wording import doubtful_rows
from tailor.documents.reading import Document
from tailor.kinds.base import kind_of
from tailor.labelling.judgement import seen_again
from tailor.labelling.judgements import Judgements
from tailor.ledger import Ledger
from tailor.project import Project
from tailor.store.labels import LABELS
from tailor.store.openings import Opening
from tailor.task import VARIABLE, Task

LABELLING = "people who label"
"""What stands for a system in an opening in which people saw the rows."""


def around_test(task: Task, splits: Splits, documents: Iterable[Document]) -> Data:
    """What there is besides the test set: the other rows, and what the model reads.

    Args:
        task: the task.
        splits: the data, with all that may be left out of what is learned from.
        documents: what it may look things up in.
    """
    others = identities(task, (*splits.train, *splits.dev, *splits.reserve))
    read = (task.instruction, task.context, task.persona, *task.constraints, *(document.text for document in documents))
    deal = f"seed {task.split.seed}" if task.data.file and not task.data.split_by else ""
    return Data(others, deal, labels=kind_of(task).closed, read=read)


def grouping(examples: Sequence[Example]) -> list[str]:
    """A fingerprint of which rows are of one group, none where they have no groups.

    Limits count groups, so that the same answers in other groups are looked at once more.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for example in examples:
        if example.group:
            groups[example.group].append(example.fingerprint)
    record = sorted(sorted(rows) for rows in groups.values())
    return [f"groups {hashlib.sha256(json.dumps(record).encode()).hexdigest()}"] if groups else []


def identities(task: Task, examples: Sequence[Example]) -> list[Identity]:
    """What the rows are known again by."""
    columns = VARIABLE.findall(task.input)
    return [identity(columns, example) for example in examples]


def unseen(
    task: Task, parts: Sequence[Sequence[Example]], test: Sequence[Example], shown: Sequence[Identity]
) -> tuple[tuple[Example, ...], ...]:
    """The parts without the rows that are in the test set, that were shown in one before, or that say nearly the same as such.

    Rows of a test row's unit go, too. No unit is divided where Tailor splits, but train and test given as files may divide some:
    then what was learned from a near-duplicate, or from another row of the customer, would be remembered and not answered.

    Args:
        task: names the columns.
        parts: rows to learn from.
        test: rows of the test set as it is now.
        shown: rows that were shown before.
    """
    now = identities(task, test)
    known, current = Known([*shown, *now]), Known(now)
    gone = Known([row for row in shown if current.find(row) is None])
    units = {example.unit for example in test if example.unit}
    elsewhere = SeenTexts(row.looks for row in gone.rows)
    kept = []
    for part in parts:
        rows = identities(task, part)
        near = gone.near([row.text for row in rows])
        pairs = zip(part, rows, near, strict=True)
        kept.append(
            tuple(
                example
                for example, row, is_near in pairs
                if not is_near and example.unit not in units and known.find(row) is None and looks(row.text) not in elsewhere
            )
        )
    return tuple(kept)


def teachable(task: Task, rows: Sequence[Example], splits: Splits, shown: Sequence[Identity]) -> tuple[Example, ...]:
    """The rows that a teacher may label for a student: none that says nearly the same as a row to choose or to test by.

    Args:
        task: names the columns.
        rows: rows without a label.
        splits: those with one; a row like one of dev would flatter the student there, one like a test row would be remembered.
        shown: rows of test sets that were opened before.
    """
    (kept,) = unseen(task, (rows,), splits.test, shown)
    return _unlike(task, kept, (*splits.dev, *splits.test, *splits.reserve))


def fresh(task: Task, rows: Sequence[Example], known: Iterable[Splits], shown: Sequence[Identity]) -> tuple[Example, ...]:
    """The rows that no split has and no test set has shown, that say nearly the same as none of these, and share no group with one.

    Args:
        task: names the columns.
        rows: rows of another file.
        known: the splits of a study, and of its project as it is now.
        shown: rows of test sets that were opened before.
    """
    others = [row for splits in known for part in (splits.train, splits.dev, splits.test, splits.reserve) for row in part]
    return _unlike(task, rows, others, shown)


def _unlike(task: Task, rows: Sequence[Example], others: Sequence[Example], shown: Sequence[Identity] = ()) -> tuple[Example, ...]:
    """The rows that are none of the others or of those shown, say nearly the same as none of these, and share no group with one."""
    known, groups = Known([*identities(task, others), *shown]), {row.group for row in others if row.group}
    found = identities(task, rows)
    near = known.near([row.text for row in found])
    return tuple(
        example
        for example, row, is_near in zip(rows, found, near, strict=True)
        if not is_near and example.group not in groups and known.find(row) is None
    )


def shown_to_people(project: Project, splits: Splits, ledger: Ledger) -> str:
    """Note down that people saw test rows while they labelled, which opens the test set as a measurement does; say so.

    It is asked when the rows have been dealt, since people may label before there is a test set. Whoever gives a row its first
    label sees nothing that could be known of it; whoever sees it after that does. However many rows they saw, and however often,
    it is one opening of the test set as it is. Empty where they saw none.

    Args:
        project: whose rows people labelled.
        splits: with the test set.
        ledger: of the project.

    Raises:
        StoreError: the labels cannot be read, or it could not be written.
    """
    if not (project.store / LABELS).exists():
        return ""
    task, rows = project.task, identities(project.task, splits.test)
    with Judgements(project.store) as judgements:
        seen = seen_again(judgements.all())
        count = sum(name in seen for name in judgements.names(rows)) if seen else 0
    if not count:
        return ""
    opened = ledger.open_test(rows, [LABELLING], around_test(task, splits, ()))
    which = "1 test row that had its label" if count == 1 else f"{count:,} test rows that had their labels"
    return f"People saw {which} already, so this counts as opening number {opened.number} of the test set."


def opening_sentences(opened: Opening, finalists: int, trouble: str = "") -> list[str]:
    """What is reported when the test set is opened, for so many finalists or, where there are none, to be looked at."""
    told = []
    if opened.changed:
        was, they = ("answer was", "it") if opened.changed == 1 else ("answers were", "they")
        told.append(
            f"{opened.changed} test {was} changed after {they} had been seen, so this counts as another opening of the test set."
        )
    told += doubtful_rows(opened.doubt)
    if opened.elsewhere:
        counts = "opening counts" if opened.elsewhere == 1 else "openings count"
        told.append(f"{opened.elsewhere} earlier {counts} that showed rows of this test set in another project folder.")
    if opened.lost:
        counts = "opening counts that is" if opened.lost == 1 else "openings count that are"
        told.append(f"{opened.lost} earlier {counts} damaged or gone.")
    whom = f" for {finalists} {'finalist' if finalists == 1 else 'finalists'}" if finalists else ""
    told.append(f"Opening the sealed test set (number {opened.number}){whom}.")
    return [*told, trouble] if trouble else told
