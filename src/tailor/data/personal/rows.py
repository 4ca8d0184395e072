"""Rows and documents that hold what looks like personal data or a secret: counted and named for `tailor check`, and asked about
before a run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tailor.data.example import Example, Splits
from tailor.data.finding import Finding
from tailor.data.personal.texts import SORTS, find_personal, masked
from tailor.data.readers import place
from tailor.documents.reading import Document
from tailor.task import Task


@dataclass
class PersonalData:
    """What looks like one sort of personal data.

    Attributes:
        sort: of which sort, a key of `tailor.data.personal.texts.SORTS`.
        rows: the rows, such as "tickets.csv row 14", or the paths of the documents.
        train: how many of them are training rows.
        columns: rows by the column that holds it.
        sample: the first of them, masked.
        holder: what holds it: "row" or "document".
    """

    sort: str
    rows: list[str] = field(default_factory=list)
    train: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    sample: str = ""
    holder: str = "row"

    @property
    def words(self) -> str:
        """How many rows or documents hold it, such as "phone numbers in 3 rows"."""
        count = len(self.rows)
        return f"{SORTS[self.sort]} in {count:,} {self.holder}{'' if count == 1 else 's'}"


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


def personal_in_documents(documents: Iterable[Document]) -> tuple[PersonalData, ...]:
    """The same of documents, whose passages are put into prompts."""
    found: dict[str, PersonalData] = {}
    for document in documents:
        for mark in find_personal(document.text):
            one = found.setdefault(mark.sort, PersonalData(mark.sort, holder="document"))
            one.sample = one.sample or masked(document.text[mark.start : mark.end])
            if document.path not in one.rows:
                one.rows.append(document.path)
    return tuple(found[sort] for sort in SORTS if sort in found)


def personal_in_fields(fields: Mapping[str, str]) -> tuple[PersonalData, ...]:
    """The same of one new input."""
    marks = ((mark.sort, masked(text[mark.start : mark.end])) for text in fields.values() for mark in find_personal(text))
    first: dict[str, str] = {}
    for sort, sample in marks:
        first.setdefault(sort, sample)
    return tuple(PersonalData(sort, sample=first[sort]) for sort in SORTS if sort in first)


def audit_personal(task: Task, splits: Splits, documents: Iterable[Document] = ()) -> Iterator[Finding]:
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
    advice = (
        "Passages of documents are put into prompts, and a remote model is sent them: take it out, or, if it may stay, set "
        "`data.personal: allowed`."
    )
    for one in personal_in_documents(documents):
        what = f"What looks like {one.words}; such as {one.sample}"
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
