"""From a table to examples: the columns that the task names, checked."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tailor.data.example import Example
from tailor.data.identity import value_hashes
from tailor.data.jsontext import Value
from tailor.data.table import Table
from tailor.errors import DataError, did_you_mean, quoted
from tailor.task import VARIABLE, Task

ROWS_NAMED = 5


def to_examples(task: Task, table: Table, prefix: str = "") -> tuple[Example, ...]:
    """The rows of a table as examples.

    Rows of a *classify* task without a label are left out, and `tailor check` names them. In an *answer* task no answer, or
    the task's `not_found` text, means that the documents do not say. Answers lose the white space around them; nothing else
    changes.

    Args:
        task: names the columns.
        table: the rows.
        prefix: put before row numbers where the data have no `id` column, to tell several files apart.

    Raises:
        DataError: a column is missing, an id is missing or given twice, a label is not among the task's, or a row has
            several labels.
    """
    _check_columns(task, table)
    answers = [_answers(row[task.output]) for row in table.rows]
    if task.kind == "classify":
        _check_labels(task, table, answers)
    else:
        answers = [_without_not_found(task, given) for given in answers]
    ids = _ids(task, table, prefix)
    inputs = tuple(dict.fromkeys((*task.variables, *task.data.report_by)))
    seen: Counter[tuple[str, ...]] = Counter()
    return tuple(
        Example(
            id=ids[index],
            fields={column: as_text(row[column]) for column in inputs},
            answers=answers[index],
            source=_optional(row, task.data.source),
            quote=_optional(row, task.data.quote),
            group=_optional(row, task.data.group_by),
            row=index + 1,
            file=table.file,
            content=_content(task, row),
            values=value_hashes(as_text(value) for column, value in row.items() if column not in _answering(task)),
            occurrence=_occurrence(seen, [as_text(row[column]) for column in inputs]),
        )
        for index, row in enumerate(table.rows)
        if answers[index] or task.kind == "answer"
    )


def _content(task: Task, row: Mapping[str, str | list[str]]) -> str:
    """SHA-256 of what is asked, and of the id where there is a column of ids.

    Mending an answer, adding a column or asking in other words leaves a row what it is.
    """
    columns = dict.fromkeys((*VARIABLE.findall(task.input), *filter(None, [task.data.id])))
    return hashlib.sha256(json.dumps([[column, as_text(row[column])] for column in columns]).encode()).hexdigest()


def _answering(task: Task) -> tuple[str, ...]:
    """The columns that say what the right answer is, and where it stands."""
    return task.output, task.data.quote, task.data.source


def _occurrence(seen: Counter[tuple[str, ...]], values: Sequence[str]) -> int:
    """How often these values stood in a row before; they are counted by this."""
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
        *(("`data.report_by`", name) for name in data.report_by),
    ]
    missing = [(setting, name) for setting, name in wanted if name and name not in table.columns]
    if missing:
        sentences = [f"{setting} names the column {quoted(name)}{did_you_mean(name, table.columns)}" for setting, name in missing]
        columns = ", ".join(map(quoted, table.columns))
        raise DataError(f"{table.file} lacks a column: {'; '.join(sentences)}", f"It has the columns {columns}.")


def _answers(cell: Value) -> tuple[str, ...]:
    """The accepted answers in a cell, without repeats; answers given as objects are taken from their `text`, as SQuAD has them."""
    items = [cell] if isinstance(cell, str) else cell
    texts = [text for item in items for text in _answer_texts(item)]
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _answer_texts(item: str) -> Sequence[str]:
    if item.startswith('{"'):
        try:
            text = json.loads(item).get("text")
        except (ValueError, RecursionError):
            return [item]
        if isinstance(text, str):
            return [text]
        if isinstance(text, list) and all(isinstance(part, str) for part in text):
            return text
    return [item]


def _without_not_found(task: Task, answers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(answer for answer in answers if answer.casefold() != task.not_found.strip().casefold())


def _check_labels(task: Task, table: Table, answers: Sequence[tuple[str, ...]]) -> None:
    several = [table.place(index) for index, given in enumerate(answers) if len(given) > 1]
    if several:
        raise DataError(
            f"kind `classify` takes one label per row, but {quoted(task.output)} holds several in {_rows(several)}",
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
            "Mend the rows, or add the label to `labels` in tailor.yaml.",
        )


def _ids(task: Task, table: Table, prefix: str) -> list[str]:
    if not task.data.id:
        return [f"{prefix}{number}" for number in range(1, len(table.rows) + 1)]
    ids = [as_text(row[task.data.id]).strip() for row in table.rows]
    empty = [table.place(index) for index, name in enumerate(ids) if not name]
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
    return as_text(row[column]).strip() if column else ""
