"""From a table to examples: the columns that the task names, checked."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tailor.content import MediaPart
from tailor.data.cells import answers_in, are_spans, is_missing
from tailor.data.example import Example
from tailor.data.identity import value_hashes
from tailor.data.jsontext import Value
from tailor.data.peeking import refuse_copies
from tailor.data.table import Table
from tailor.data.telling import Telling, telling, telling_columns
from tailor.errors import DataError, did_you_mean, quoted
from tailor.kinds.base import kind_of
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
        DataError: a column is missing, an id is missing or given twice, a label is not among the task's, or a row has
            several labels or marks of spans, or a column that a template reads holds the right answer.
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
    _refuse_spans(task, table)
    kind = kind_of(task)
    answers = [accepted(task, row[task.output]) for row in table.rows]
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
            group=_optional(row, task.data.group_by),
            row=table.where(index)[1],
            file=table.where(index)[0],
            content=_content(task, row),
            values=value_hashes(as_text(value) for column, value in row.items() if column not in _answering(task)),
            occurrence=_occurrence(seen, [as_text(row[column]) for column in inputs]),
            telling=told[index],
            media=_images(task, table, row),
        )
        for index, row in enumerate(table.rows)
    )


def _images(task: Task, table: Table, row: Mapping[str, Value]) -> dict[str, MediaPart]:
    """The columns of a row that hold images."""
    return {column: table.images[as_text(row[column])] for column in task.data.images if row[column] in table.images}


def _telling(task: Task, table: Table) -> list[Telling]:
    """What each row is dealt by. Neither its answer counts nor what only orders rows."""
    left_out = {*_answering(task), task.data.id, task.data.group_by, task.data.split_by}
    columns = {name: [as_text(row[name]) for row in table.rows] for name in table.columns if name not in left_out}
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
    return "\n".join(example.fields[name] for name in dict.fromkeys(VARIABLE.findall(task.input)))


def as_text(value: Value) -> str:
    """The value of a cell as text; a list becomes compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _check_columns(task: Task, table: Table) -> None:
    data = task.data
    wanted = [
        *((f"the template {{{{{name}}}}}", name) for name in task.variables),
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


def accepted(task: Task, cell: Value) -> tuple[str, ...]:
    """The accepted answers in a cell of the task's `output`; none where the value is missing or says that there is no answer."""
    if task.json_schema:  # then an answer is an object itself
        texts = tuple(filter(None, [as_text(cell).strip()]))
    else:
        texts = answers_in(cell)
    given = tuple(text for text in texts if not is_missing(text) or text in task.labels)
    if not kind_of(task).abstains:
        return given
    return tuple(answer for answer in given if answer.casefold() != task.not_found.strip().casefold())


def _refuse_spans(task: Task, table: Table) -> None:
    marked = [table.place(index) for index, row in enumerate(table.rows) if are_spans(row[task.output])]
    if marked:
        raise DataError(
            f"{quoted(task.output)} marks spans of a text in {_rows(marked)}, which cannot be measured yet",
            "Name a column with one label or one answer for the whole text.",
        )


def _check_labels(task: Task, table: Table, answers: Sequence[tuple[str, ...]]) -> None:
    several = [table.place(index) for index, given in enumerate(answers) if len(given) > 1]
    if several:
        raise DataError(
            f"kind `{task.kind}` takes one label per row, but {quoted(task.output)} holds several in {_rows(several)}",
            "Keep the one that matters most.",
        )
    if not task.labels:
        return
    unknown = [(index, given[0]) for index, given in enumerate(answers) if given and given[0] not in task.labels]
    if unknown:
        kinds = Counter(label for _, label in unknown)
        named = []
        for label in list(kinds)[:ROWS_NAMED]:
            rows = [table.place(index) for index, given in unknown if given == label]
            named.append(f"{quoted(label)} ({_rows(rows)}){did_you_mean(label, task.labels)}")
        more = f"; and {len(kinds) - ROWS_NAMED:,} more labels" if len(kinds) > ROWS_NAMED else ""
        raise DataError(
            f"{len(unknown):,} rows have labels that are not in `labels`: {'; '.join(named)}{more}",
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
