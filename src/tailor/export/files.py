"""Exported rows as files: chat JSONL, TRL, promptfoo, CSV and Parquet. Each is written so that Tailor reads it again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import yaml

from tailor.content import text_of
from tailor.data.spreadsheets import defused
from tailor.errors import ConfigError, did_you_mean, quoted
from tailor.export.grading import assertion, script_files
from tailor.export.rows import Export, ExportedRow
from tailor.files import write_atomically
from tailor.kinds.base import kind_of
from tailor.models.base import Message
from tailor.plugins import LABEL_FORMATS
from tailor.task import Task

Row = dict[str, object]
ASKED, ANSWER, SPLIT = "prompt_messages", "system_answer", "split"
"""Columns of tables: what the system is asked, what it answered, and the split of the row."""
CHAT = "chat_json"
"""The variable of a test that holds the whole chat."""


@dataclass(frozen=True)
class Format:
    """A way to write rows.

    Attributes:
        file: name of the file; with `{split}` in it, one for each split.
        content: what a file holds.
        others: files that lie next to these, by name.
    """

    file: str
    content: Callable[[Export], bytes]
    others: Callable[[Export], Mapping[str, bytes]] = lambda export: {}

    def parts(self, rows: Sequence[ExportedRow]) -> dict[str, list[ExportedRow]]:
        """The rows by the file that they go into."""
        found: dict[str, list[ExportedRow]] = {}
        for row in rows:
            found.setdefault(self.file.format(split=row.split), []).append(row)
        return found


def format_named(name: str) -> Format:
    """The format of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in FORMATS:
        raise ConfigError(
            f"{quoted(name)} is no format of an export{did_you_mean(name, (*FORMATS, *LABEL_FORMATS.names))}",
            f"There are {', '.join(FORMATS)}; and for labels {', '.join(LABEL_FORMATS.names)}.",
        )
    return FORMATS[name]


def refuse_existing(folder: Path, format: Format, splits: Sequence[str]) -> None:
    """Refuse to replace files: called before anything is opened.

    Raises:
        ConfigError: a file that would be written is there.
    """
    for path in (folder / format.file.format(split=split) for split in splits):
        if path.exists() or path.is_symlink():
            raise ConfigError(f"{quoted(path, 200)} is there already", "Give --force to replace it, or another --output.")


def write_export(export: Export, folder: Path, format: Format) -> list[Path]:
    """Write exported rows into a folder, readable by their owner only; gives the files. What is there is replaced.

    Raises:
        ConfigError: the folder cannot be made.
        StoreError: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{quoted(folder, 200)} cannot be written to: {error.strerror}", "Name another --output.") from error
    files = {name: format.content(replace(export, rows=tuple(part))) for name, part in format.parts(export.rows).items()}
    files |= format.others(export)
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [folder / name for name in files]


# Files of lines


def _chat(export: Export) -> bytes:
    """A chat per line, with the right answer as its last turn."""
    return _lines([{"messages": _turns(row)} for row in export.rows])


def _trl(export: Export) -> bytes:
    """A prompt and its completion per line, as TRL's conversational type has them."""
    return _lines([{"prompt": _turns(row)[:-1], "completion": _turns(row)[-1:]} for row in export.rows])


def _turns(row: ExportedRow) -> list[Row]:
    return [*map(_message, row.prompt), {"role": "assistant", "content": row.target}]


def _message(message: Message) -> Row:
    said: Row = {"role": message.role, "content": text_of(message.content)}
    if message.calls:
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    return {**said, "tool_call_id": message.result_of} if message.result_of else said


def _lines(rows: Sequence[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "backslashreplace")


# promptfoo


def _promptfoo(export: Export) -> bytes:
    """A configuration with a test for each row; the whole chat is a variable, which the one prompt is."""
    asserted = _assertion_for(export.task)
    tests: list[Row] = []
    for row in export.rows:
        test: Row = {"vars": {**_fields(row), CHAT: _raw(_asked(row))}}
        tests.append({**test, "assert": [asserted(row)]} if row.example.answers else test)
    config = {
        "description": f"{export.task.name}: {export.rows[0].split}",
        "prompts": [{"raw": "{{" + CHAT + "}}", "label": "chosen system"}],
        "providers": ["echo"],
        "tests": tests,
    }
    note = "# `echo` gives back the question: put your provider in its place.\n"
    return (note + yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=1000)).encode()


def _assertion_for(task: Task) -> Callable[[ExportedRow], Row]:
    """What holds an answer to a row: Tailor's scorer, or a right text where that is as good."""
    kind = kind_of(task)
    if _is_scored(task):
        return assertion
    if not kind.closed and not kind.brief:
        return partial(_compared, "similar", "similar")  # no text holds another one whole
    return partial(_compared, "equals", "equals-any") if kind.closed else partial(_compared, "icontains", "icontains-any")


def _is_scored(task: Task) -> bool:
    """Whether Tailor's scorer takes more for right than a text can say: sets, fields, and texts that are held to requirements."""
    kind = kind_of(task)
    return kind.several or kind.parted or task.requirements is not None


def _grading(export: Export) -> Mapping[str, bytes]:
    return script_files(export) if _is_scored(export.task) else {}


def _fields(row: ExportedRow) -> Row:
    return {name: _raw(value) for name, value in row.example.fields.items()}


def _asked(row: ExportedRow) -> str:
    return json.dumps([_message(message) for message in row.prompt], ensure_ascii=False)


def _raw(text: str) -> str:
    """The text, kept from promptfoo's templates where it has their signs."""
    return f"{{% raw %}}{text}{{% endraw %}}" if any(sign in text for sign in ("{{", "{%", "{#")) else text


def _compared(one: str, several: str, row: ExportedRow) -> Row:
    """An assertion that compares with the right answer, or with several of which any is right."""
    answers = [_raw(answer) for answer in row.example.answers]
    return {"type": one, "value": answers[0]} if len(answers) == 1 else {"type": several, "value": answers}


# Tables


def _records(export: Export) -> list[Row]:
    """A record per row: its id and split, the columns that the task reads, the right answer, the prompt, and what was answered."""
    records = []
    for row in export.rows:
        answers = list(row.example.answers)
        right: object = answers[0] if len(answers) == 1 else answers or ""
        about = {"id": row.example.id, SPLIT: row.split, **row.example.fields, export.task.output: right}
        records.append({**about, ASKED: _asked(row), ANSWER: row.answer})
    return records


def _csv(export: Export) -> bytes:
    """One table. What a spreadsheet would run as a formula has an apostrophe in front."""
    records = _records(export)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(records[0]) if records else [])
    writer.writeheader()
    writer.writerows({name: defused(_cell(value)) for name, value in record.items()} for record in records)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else "" if value is None else str(value)


def _parquet(export: Export) -> bytes:
    """One table; right answers are lists where a row has several."""
    import pyarrow
    from pyarrow import parquet

    records = _records(export)
    output = export.task.output
    if any(isinstance(record[output], list) for record in records):
        records = [{**record, output: _listed(record[output])} for record in records]
    held = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(records), held)
    data: bytes = held.getvalue().to_pybytes()
    return data


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value] if value else []


FORMATS = {
    "chat": Format("{split}.jsonl", _chat),
    "trl": Format("{split}.jsonl", _trl),
    "promptfoo": Format("promptfooconfig.{split}.yaml", _promptfoo, _grading),
    "csv": Format("rows.csv", _csv),
    "parquet": Format("rows.parquet", _parquet),
}
"""How rows are written, by name."""
