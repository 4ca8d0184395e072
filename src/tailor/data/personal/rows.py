"""Rows that hold what looks like personal data or a secret: counted and named for `tailor check`, and asked about before a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tailor.data.example import Example, Splits
from tailor.data.finding import Finding
from tailor.data.personal.texts import SORTS, find_personal, masked
from tailor.data.readers import place
from tailor.task import Task


@dataclass
class PersonalData:
    """What looks like one sort of personal data.

    Attributes:
        sort: of which sort, a key of `tailor.data.personal.texts.SORTS`.
        rows: the rows, such as "tickets.csv row 14".
        train: how many of them are training rows.
        columns: rows by the column that holds it.
        sample: the first of them, masked.
    """

    sort: str
    rows: list[str] = field(default_factory=list)
    train: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    sample: str = ""

    @property
    def words(self) -> str:
        """How many rows hold it, such as "phone numbers in 3 rows"."""
        return f"{SORTS[self.sort]} in {_rows(len(self.rows))}"


def personal_data(task: Task, splits: Splits) -> tuple[PersonalData, ...]:
    """What looks like personal data in the columns that the task reads, by sort; worst first, as in `SORTS`.

    Looked at are the rows of every split, since all of them may be sent to a model; rows in the order of their file.
    """
    train = {example.id for example in splits.train}
    found: dict[str, PersonalData] = {}
    for example in sorted((*splits.train, *splits.dev, *splits.test, *splits.reserve), key=lambda one: (one.file, one.row)):
        for sort, samples in _by_sort(task, example).items():
            one = found.setdefault(sort, PersonalData(sort))
            one.rows.append(place(example))
            one.train += example.id in train
            one.columns.update(samples.keys())
            one.sample = one.sample or next(iter(samples.values()))
    return tuple(found[sort] for sort in SORTS if sort in found)


def audit_personal(task: Task, splits: Splits) -> Iterator[Finding]:
    """A finding for each sort of personal data: a warning, or a note where `data.personal` says that it may stay."""
    allowed = task.data.personal == "allowed"
    advice = (
        "A tuned model may repeat what it was trained on, and a remote model is sent it: take it out, or put a word such as "
        "[name] in its place. If it may stay, set `data.personal: allowed`."
    )
    for one in personal_data(task, splits):
        columns = ", ".join(f"`{column}` ({count:,})" for column, count in one.columns.most_common())
        what = f"What looks like {one.words}, {one.train:,} of them for training: {columns}; such as {one.sample}"
        yield Finding("note" if allowed else "warning", what, tuple(one.rows), "" if allowed else advice)


def _by_sort(task: Task, example: Example) -> dict[str, dict[str, str]]:
    """Masked samples by sort and column."""
    texts = [(name, example.fields[name]) for name in task.variables if name not in example.media]
    texts += [(task.output, answer) for answer in example.answers]
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for column, text in texts:
        for mark in find_personal(text):
            found[mark.sort].setdefault(column, masked(text[mark.start : mark.end]))
    return found


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
