"""A first look at somebody's data: which column is asked, which is the answer, and what else the columns may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tailor.data.jsontext import Value
from tailor.data.readers import as_text
from tailor.data.table import Table, read_table
from tailor.errors import ConfigError, did_you_mean, quoted

Kind = Literal["classify", "answer"]

LABELS_LISTED = 80
MOST_LABELS = 200
LABEL_WORDS = 6  # on average; longer right answers are not labels

INPUT_NAMES = (
    "text",
    "question",
    "message",
    "input",
    "query",
    "prompt",
    "utterance",
    "request",
    "body",
    "email",
    "ticket",
    "review",
)
OUTPUT_NAMES = (
    "label",
    "intent",
    "answers",
    "answer",
    "output",
    "category",
    "class",
    "target",
    "response",
    "completion",
    "topic",
    "gold",
)
ID_NAMES = ("id", "uuid", "guid", "key", "row_id", "example_id")
QUOTE_NAMES = ("quote", "evidence", "citation", "supporting_text")
SOURCE_NAMES = ("source", "page", "document", "doc", "doc_id", "file", "filename", "path", "url")
CONTEXT_NAMES = ("context", "passage", "history", "system", "documents")
GROUP_WORDS = ("customer", "client", "user", "account", "person", "patient", "author", "session", "thread", "conversation", "order")
DOCUMENT_FOLDERS = ("docs", "documents", "handbook", "knowledge", "pages", "kb")
DOCUMENT_SUFFIXES = (".md", ".markdown", ".txt", ".html", ".htm")


@dataclass(frozen=True)
class GuessedTask:
    """What a task seems to be.

    Attributes:
        name: a name for the task.
        kind: what is asked for.
        input: column with what is asked.
        before: columns shown before it, such as the history of a chat.
        output: column with the right answer.
        labels: the different labels (classify), sorted; empty when there are too many to list.
        n_labels: how many there are.
        n_rows: rows looked at.
        columns: every column.
        files: data files by setting: `file`, or `train` and `test` and perhaps `dev`.
        id: column with a unique name per row, or empty.
        group_by: column whose values seem to name a person, account or conversation, or empty.
        report_by: columns with two to eight different values.
        quote: column with the sentence that answers, or empty.
        source: column with the document that answers, or empty.
        documents: folder of documents, or None.
    """

    name: str
    kind: Kind
    input: str
    before: tuple[str, ...]
    output: str
    labels: tuple[str, ...]
    n_labels: int
    n_rows: int
    columns: tuple[str, ...]
    files: dict[str, Path]
    id: str
    group_by: str
    report_by: tuple[str, ...]
    quote: str
    source: str
    documents: Path | None


@dataclass(frozen=True)
class _Column:
    name: str
    values: tuple[str, ...]
    is_list: bool

    @property
    def distinct(self) -> int:
        return len(set(filter(None, self.values)))

    @property
    def filled(self) -> int:
        return sum(1 for value in self.values if value)

    @property
    def words(self) -> float:
        """Mean words of the values there are."""
        return sum(len(value.split()) for value in self.values) / max(1, self.filled)

    @property
    def is_number(self) -> bool:
        return all(re.fullmatch(r"[-+]?[\d.,:/ T-]+%?", value) for value in self.values if value)


def guess_task(
    path: Path, *, documents: Path | None = None, input: str = "", output: str = "", kind: Kind | None = None
) -> GuessedTask:
    """What the task behind a data file seems to be; what is given is taken as it is.

    Raises:
        DataError: the file cannot be read.
        ConfigError: no column fits as input or as right answer, or a column given does not exist.
    """
    table = read_table(path)
    columns = {name: _column(table, name) for name in table.columns}
    for option, given in (("--input", input), ("--output", output)):
        if given and given not in columns:
            raise ConfigError(
                f"{option} names {quoted(given)}{did_you_mean(given, columns)}", f"{path.name} has the columns {_listed(columns)}."
            )
    output = output or _guess_output(path, columns, input)
    rest = {name: column for name, column in columns.items() if name != output}
    input = input or _guess_input(path, columns, output)
    kind = kind or _guess_kind(columns[output], documents)
    labels = sorted(set(filter(None, columns[output].values))) if kind == "classify" else []
    others = [column for name, column in rest.items() if name != input]
    quote = _named(QUOTE_NAMES, others) if kind == "answer" else ""
    source = _named(SOURCE_NAMES, others) if kind == "answer" else ""
    others = [column for column in others if column.name not in (quote, source)]
    identity = _first(others, lambda column: _is_id(column, len(table.rows)))
    others = [column for column in others if column.name != identity]
    return GuessedTask(
        name=_name(path),
        kind=kind,
        input=input,
        before=tuple(column.name for column in others if column.name == "history" and column.filled),
        output=output,
        labels=tuple(labels) if len(labels) <= LABELS_LISTED else (),
        n_labels=len(labels),
        n_rows=len(table.rows),
        columns=table.columns,
        files=_files(path),
        id=identity,
        group_by=_first(others, lambda column: _is_group(column, len(table.rows))),
        report_by=tuple(column.name for column in others if _is_facet(column, len(table.rows)))[:3],
        quote=quote,
        source=source,
        documents=documents or (_documents_beside(path) if kind == "answer" else None),
    )


def _column(table: Table, name: str) -> _Column:
    cells: Sequence[Value] = [row[name] for row in table.rows]
    texts = [(cell[0] if cell else "") if isinstance(cell, list) else as_text(cell) for cell in cells]
    return _Column(name, tuple(text.strip() for text in texts), any(isinstance(cell, list) for cell in cells))


def _guess_output(path: Path, columns: dict[str, _Column], input: str) -> str:
    candidates = [column for name, column in columns.items() if name != input and column.distinct > 1]
    named = _named(OUTPUT_NAMES, candidates)
    if named:
        return named
    asked = [column for column in candidates if _is_text(column)]
    few = [column for column in candidates if _has_few_values(column) and not (column.is_number or column.is_list)]
    if len(few) == 1 and (asked or input):
        return few[0].name
    hint = f"Say which with --output{'' if input else ' (and --input)'}; the columns are {_listed(columns)}."
    if few:
        raise ConfigError(f"The right answer in {path.name} could be {_listed(column.name for column in few)}", hint)
    raise ConfigError(f"No column of {path.name} looks like the right answer", hint)


def _guess_input(path: Path, columns: dict[str, _Column], output: str) -> str:
    skipped = {output.casefold(), *QUOTE_NAMES, *SOURCE_NAMES, *CONTEXT_NAMES, *ID_NAMES}
    candidates = [column for name, column in columns.items() if column.filled and name.casefold() not in skipped]
    named = _named(INPUT_NAMES, candidates)
    if named:
        return named
    longest = max(candidates, key=lambda column: column.words, default=None)
    if longest is None or not _is_text(longest):
        raise ConfigError(
            f"No column of {path.name} looks like the text that is asked about",
            f"Say which with --input; the columns are {_listed(columns)}.",
        )
    return longest.name


def _guess_kind(output: _Column, documents: Path | None) -> Kind:
    if documents is not None or output.is_list or output.name.casefold() in ("answer", "answers"):
        return "answer"
    return "classify" if _has_few_values(output) else "answer"


def _is_text(column: _Column) -> bool:
    """Whether the values read like sentences: several words, mostly different."""
    return column.words >= 3 and column.distinct > 0.5 * column.filled and not column.is_list


def _has_few_values(column: _Column) -> bool:
    return 2 <= column.distinct <= min(MOST_LABELS, column.filled // 3) and column.words <= LABEL_WORDS


def _is_id(column: _Column, rows: int) -> bool:
    name = column.name.casefold()
    return (
        column.distinct == rows
        and not column.is_list
        and column.words <= 1
        and (name in ID_NAMES or name.endswith(("_id", " id", "-id")))
    )


def _is_group(column: _Column, rows: int) -> bool:
    """Whether the column seems to name somebody whose rows resemble each other."""
    known = any(word in column.name.casefold() for word in GROUP_WORDS)
    return known and column.words <= 3 and max(8, rows / 50) < column.distinct < 0.95 * column.filled


def _is_facet(column: _Column, rows: int) -> bool:
    return 2 <= column.distinct <= 8 and column.filled >= 0.9 * rows and column.words <= 4 and not column.is_list


def _named(names: Sequence[str], columns: Sequence[_Column]) -> str:
    """The column whose name comes first in `names`, or an empty text."""
    by_name = {column.name.casefold(): column.name for column in columns if column.filled}
    return next((by_name[name] for name in names if name in by_name), "")


def _first(columns: Sequence[_Column], fits: Callable[[_Column], bool]) -> str:
    return next((column.name for column in columns if fits(column)), "")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))


def _name(path: Path) -> str:
    """A name from that of the file, or of its folder where the file's says nothing."""
    generic = {"train", "test", "data", "dataset", "examples", "questions", "rows", "all"}
    stem = path.stem if path.stem.casefold() not in generic else path.resolve().parent.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "task"


def _files(path: Path) -> dict[str, Path]:
    """The file alone, or with the test (and dev) file beside it where its own name says "train"."""
    if path.stem.casefold() != "train":
        return {"file": path}
    beside = {other.stem.casefold(): other for other in sorted(path.resolve().parent.glob(f"*{path.suffix}"))}
    dev = next((beside[name] for name in ("dev", "val", "valid", "validation") if name in beside), None)
    if "test" not in beside:
        return {"file": path}
    return {"train": path, **({"dev": dev} if dev else {}), "test": beside["test"]}


def _documents_beside(path: Path) -> Path | None:
    for name in DOCUMENT_FOLDERS:
        folder = path.resolve().parent / name
        if folder.is_dir() and any(inner.suffix.lower() in DOCUMENT_SUFFIXES for inner in folder.rglob("*")):
            return folder
    return None
