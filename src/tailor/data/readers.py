"""From a table to examples: the columns that the task names, checked."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tailor.content import MediaPart
from tailor.conversation import HEAD, compared
from tailor.data.cells import is_missing
from tailor.data.example import Example
from tailor.data.identity import value_hashes
from tailor.data.jsontext import Value, as_text
from tailor.data.peeking import refuse_copies
from tailor.data.table import Table
from tailor.data.telling import Telling, telling, telling_columns
from tailor.errors import DataError, did_you_mean, quoted
from tailor.kinds.base import Unreadable, kind_of
from tailor.task import VARIABLE, Task

ROWS_NAMED = 5
COLUMNS_NAMED = 20


def to_examples(task: Task, table: Table, prefix: str = "") -> tuple[Example, ...]:
    """The rows of a table as examples.

    Where "nothing" may be the right answer, no answer, or the task's `not_found` text, means that the documents do not say.
    Elsewhere rows without an answer are left out, and `tailor check` names them. What programs write for a missing value, such
    as `nan`, counts as none, unless it is one of the task's `labels`. Answers lose the white space around them; nothing else
    changes.

    Args:
        task: names the columns.
        table: the rows.
        prefix: put before row numbers where the data have no `id` column, to tell several files apart.

    Raises:
        DataError: a column is missing, an id is missing or given twice, a label is not among the task's, a row holds
            what the kind does not take, or a column that a template reads holds the right answer.
    """
    return tuple(example for example in _read(task, table, prefix) if example.answers or kind_of(task).abstains)


def to_unlabelled(task: Task, table: Table, prefix: str = "") -> tuple[Example, ...]:
    """The rows without a label, which `to_examples` leaves out; none where no answer may be the right one.

    Arguments and errors are those of `to_examples`.
    """
    return tuple(example for example in _read(task, table, prefix) if not example.answers and not kind_of(task).abstains)


def _read(task: Task, table: Table, prefix: str) -> Iterator[Example]:
    """All rows of a table, checked, with those that have no answer."""
    _check_columns(task, table)
    kind, answers = kind_of(task), accepted(task, table)
    if kind.closed:
        _check_labels(task, table, answers)
    read = {column: [as_text(row[column]) for row in table.rows] for column in dict.fromkeys(task.variables)}
    refuse_copies(read, answers, labels=kind.closed)
    ids = _ids(task, table, prefix)
    told = _telling(task, table)
    inputs = tuple(dict.fromkeys((*task.variables, *task.data.report_by)))
    seen: Counter[tuple[str, ...]] = Counter()
    yield from (
        Example(
            id=ids[index],
            fields={column: as_text(row[column]) for column in inputs},
            answers=answers[index],
            source=_optional(row, task.data.source),
            quote=_optional(row, task.data.quote),
            group=_optional(row, task.data.groups),
            row=table.where(index)[1],
            file=table.where(index)[0],
            content=_content(task, row),
            values=value_hashes(as_text(value) for column, value in row.items() if column not in _answering(task)),
            occurrence=_occurrence(seen, [as_text(row[column]) for column in inputs]),
            telling=told[index],
            media=images_of(task, table, row),
            checked={column: as_text(row[column]) for column in task.checked},
        )
        for index, row in enumerate(table.rows)
    )


def images_of(task: Task, table: Table, row: Mapping[str, Value]) -> dict[str, MediaPart]:
    """The columns of a row that hold images."""
    return {column: table.images[as_text(row[column])] for column in task.data.images if row[column] in table.images}


def _telling(task: Task, table: Table) -> list[Telling]:
    """What each row is dealt by. Neither its answer counts nor what only orders rows."""
    left_out = {*_answering(task), task.data.id, task.data.group_by, task.data.split_by}
    columns = {name: [as_text(row[name]) for row in table.rows] for name in table.columns if name not in left_out}
    # A conversation says what the columns made of the same chat say, by which rows were dealt before there were conversations.
    columns = {name: values for name, values in columns.items() if not any(value.startswith(HEAD) for value in values)}
    names = telling_columns(columns, tuple(dict.fromkeys(VARIABLE.findall(task.input))))
    texts = {name: columns[name] if name in columns else [as_text(row[name]) for row in table.rows] for name in names}
    return [telling(column[index] for column in texts.values()) for index in range(len(table.rows))]


def _content(task: Task, row: Mapping[str, str | list[str]]) -> str:
    """SHA-256 of what is asked, and of the id where there is a column of ids: by this, openings of version 1 know rows."""
    columns = dict.fromkeys((*VARIABLE.findall(task.input), *filter(None, [task.data.id])))
    return hashlib.sha256(json.dumps([[column, as_text(row[column])] for column in columns]).encode()).hexdigest()


def _answering(task: Task) -> tuple[str, ...]:
    """The columns that say what the right answer is, and where it stands."""
    return task.output, task.data.quote, task.data.source


def _occurrence(seen: Counter[tuple[str, ...]], values: Sequence[str]) -> int:
    """How often each of these values came before; they are counted by this."""
    seen[tuple(values)] += 1
    return seen[tuple(values)] - 1


def check_unique(examples: Iterable[Example]) -> None:
    """Refuses ids that several examples share.

    Raises:
        DataError: naming the rows.
    """
    by_id: dict[str, list[Example]] = {}
    for example in examples:
        by_id.setdefault(example.id, []).append(example)
    twice = [(name, rows) for name, rows in by_id.items() if len(rows) > 1]
    if twice:
        named = "; ".join(f"{quoted(name)} in {', '.join(map(place, rows[:ROWS_NAMED]))}" for name, rows in twice[:ROWS_NAMED])
        more = f" and {len(twice) - ROWS_NAMED:,} more" if len(twice) > ROWS_NAMED else ""
        raise DataError(
            f"ids are not unique: {named}{more}", "Give every row its own id, or take `id` out of tailor.yaml to number the rows."
        )


def place(example: Example) -> str:
    """Where an example stands, such as "tickets.csv row 14"."""
    return f"{example.file} row {example.row}"


def asked(task: Task, example: Example) -> str:
    """What is asked: the columns of the task's `input`, without the words of the template, which all examples share."""
    return "\n".join(compared(example.fields[name]) for name in dict.fromkeys(VARIABLE.findall(task.input)))


def _check_columns(task: Task, table: Table) -> None:
    data = task.data
    wanted = [
        *((f"the template {{{{{name}}}}}", name) for name in task.variables),
        *((f"`requirements` ({name})", name) for name in task.checked),
        ("`output`", task.output),
        *((f"`data.{setting}`", getattr(data, setting)) for setting in ("id", "group_by", "quote", "source")),
        *(("`data.images`", name) for name in data.images),
        *(("`data.report_by`", name) for name in data.report_by),
    ]
    missing = [(setting, name) for setting, name in wanted if name and name not in table.columns]
    if missing:
        sentences = [f"{setting} names the column {quoted(name)}{did_you_mean(name, table.columns)}" for setting, name in missing]
        raise DataError(f"{table.file} lacks a column: {'; '.join(sentences)}", _columns_hint(table))


def _columns_hint(table: Table) -> str:
    named = ", ".join(map(quoted, table.columns[:COLUMNS_NAMED]))
    more = f" and {len(table.columns) - COLUMNS_NAMED:,} more" if len(table.columns) > COLUMNS_NAMED else ""
    if table.headerless:
        return "The file seems to have no header; name its columns as `columns` under `data`, such as [text, label]."
    return f"It has the columns {named}{more}."


def accepted(task: Task, table: Table) -> list[tuple[str, ...]]:
    """The accepted answers of each row, as the task's kind reads them.

    Raises:
        DataError: naming the rows that hold what the kind does not take.
    """
    kind, found = kind_of(task), list[tuple[str, ...]]()
    refused: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for index, row in enumerate(table.rows):
        try:
            found.append(kind.accepted(task, row[task.output]))
        except Unreadable as error:
            refused[error.holds, error.but, error.advice].append(table.place(index))
    if refused:
        what = [f"{quoted(task.output)} {holds} in {_rows(places)}, but {but}" for (holds, but, _), places in refused.items()]
        raise DataError("; ".join(what), " ".join(dict.fromkeys(advice for *_, advice in refused)))
    return found


def _check_labels(task: Task, table: Table, answers: Sequence[tuple[str, ...]]) -> None:
    """Refuses labels that the task does not list."""
    kind, unknown = kind_of(task), dict[str, list[str]]()
    for index, given in enumerate(answers):
        for label in (label for answer in given for label in kind.labels_in(answer) if label not in task.labels):
            unknown.setdefault(label, []).append(table.place(index))
    if not (task.labels and unknown):
        return
    rows = {place for places in unknown.values() for place in places}
    named = [f"{quoted(label)} ({_rows(unknown[label])}){did_you_mean(label, task.labels)}" for label in list(unknown)[:ROWS_NAMED]]
    more = f"; and {len(unknown) - ROWS_NAMED:,} more labels" if len(unknown) > ROWS_NAMED else ""
    raise DataError(
        f"{len(rows):,} rows have labels that are not in `labels`: {'; '.join(named)}{more}",
        "Fix the rows, or add the label to `labels` in tailor.yaml.",
    )


def _ids(task: Task, table: Table, prefix: str) -> list[str]:
    if not task.data.id:
        return [f"{prefix}{number}" for number in range(1, len(table.rows) + 1)]
    ids = [as_text(row[task.data.id]).strip() for row in table.rows]
    empty = [table.place(index) for index, name in enumerate(ids) if is_missing(name)]
    if empty:
        raise DataError(
            f"{_rows(empty)} {'have' if len(empty) > 1 else 'has'} no {quoted(task.data.id)}",
            "Give every row an id, or take `id` out of tailor.yaml.",
        )
    return ids


def _rows(places: Sequence[str]) -> str:
    more = f" and {len(places) - ROWS_NAMED:,} more" if len(places) > ROWS_NAMED else ""
    return ", ".join(places[:ROWS_NAMED]) + more


def _optional(row: Mapping[str, Value], column: str) -> str:
    text = as_text(row[column]).strip() if column else ""
    return "" if is_missing(text) else text
