"""Tables of text: CSV, TSV, JSONL, JSON, Parquet and chat files, each read into the same `Table` or refused whole.

Nothing is guessed away: a file with a broken row is refused with the rows named, because a row dropped in silence changes
every number that is measured afterwards.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tailor.data.jsontext import Value, parse_object, parse_objects, to_value
from tailor.errors import DataError, did_you_mean, quoted
from tailor.limits import DATA_BYTES
from tailor.outside import read_file

MAX_FIELD = 1 << 30  # characters; the csv module's own limit of 131,072 is less than one long document
BAD_ROWS_NAMED = 5

_CSV = (".csv", ".tsv", ".tab", ".txt")
_JSON = (".jsonl", ".ndjson", ".json")
_ACCEPTED = "CSV, TSV, JSONL, JSON and Parquet files are accepted"
_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FOREIGN = {
    b"PK\x03\x04": "a spreadsheet or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed with gzip",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"SQLite format 3": "a database",
}


@dataclass(frozen=True)
class Table:
    """Rows of one file.

    Attributes:
        file: name of the file, for messages.
        columns: names of the columns, in the file's order.
        rows: one mapping per row with every column; text, or a list of texts where the file holds a list. Nested values are
            compact JSON text, numbers are spelled as in the file, absent and null values are empty texts.
    """

    file: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Value], ...]

    def place(self, index: int) -> str:
        """Where a row is, such as "tickets.csv row 14"; the first data row is 1."""
        return f"{self.file} row {index + 1}"


def read_table(path: Path) -> Table:
    """The rows of a file; its format follows from its name.

    Raises:
        DataError: the file is absent, is not what its name says, or has a broken row; the first few are named.
    """
    data = _read_bytes(path)
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        return _parquet(path.name, data)
    if suffix not in (*_CSV, *_JSON):
        raise DataError(f"{quoted(path.name, 120)} ends in {quoted(suffix or path.name)}; {_ACCEPTED}", _foreign_hint(data))
    text = _decode(path.name, data)
    if not text.strip():
        raise DataError(f"{path.name} is empty", "Give a file with a row of column names and one row per example.")
    if suffix in _JSON:
        return _json(path.name, text)
    return _csv(path.name, text, "\t" if suffix in (".tsv", ".tab") else "")


def _read_bytes(path: Path) -> bytes:
    try:
        return read_file(path, DATA_BYTES)
    except IsADirectoryError:
        raise DataError(f"{quoted(path.name, 120)} is a folder; {_ACCEPTED}", "Name the file inside it.") from None
    except FileNotFoundError:
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        meant = did_you_mean(path.name, beside)
        raise DataError(
            f"There is no file {quoted(path, 200)}{meant}", "Paths in tailor.yaml are relative to its folder."
        ) from None
    except OSError as error:
        raise DataError(f"{quoted(path.name, 120)} cannot be read: {error.strerror}") from error


def _foreign_hint(data: bytes) -> str:
    kind = next((kind for magic, kind in _FOREIGN.items() if data.startswith(magic)), "")
    return f"It is {kind}; save its table as CSV." if kind else "Save the table as CSV."


def _decode(name: str, data: bytes) -> str:
    if any(data.startswith(magic) for magic in _FOREIGN):
        raise DataError(f"{name} is not text; {_ACCEPTED}", _foreign_hint(data))
    codec = next((codec for mark, codec in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        if codec != "utf-8":
            raise DataError(
                f"{name} starts as {codec.upper()} but is damaged at byte {error.start + 1:,}", "Save the file as UTF-8."
            ) from error
        line = data.count(b"\n", 0, error.start) + 1
        hint = "Save the file as UTF-8 (in a spreadsheet: `CSV UTF-8`)."
        if data.count(b"\0") > len(data) // 4:
            hint = "It looks like UTF-16 without its byte order mark. " + hint
        raise DataError(f"{name} line {line} holds byte 0x{data[error.start]:02X}, which is not UTF-8 text", hint) from error


# CSV


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lets fields be long for the time of reading; the limit belongs to the whole process."""
    before = csv.field_size_limit(MAX_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _csv(name: str, text: str, delimiter: str) -> Table:
    with _long_fields():
        records = list(_records(name, text, delimiter or _sniff(text)))
    if not records:
        raise DataError(f"{name} has no row of column names")
    header, *body = records
    columns = _columns(name, header[1])
    if not body:
        raise DataError(f"{name} has column names but no rows")
    bad = [(line, record) for line, record in body if len(record) != len(columns)]
    if bad:
        named = ", ".join(f"line {line} has {len(record)}" for line, record in bad[:BAD_ROWS_NAMED])
        raise DataError(
            f"{name} has {len(columns)} columns, but {named}{_and_more(bad)}",
            "Put values that hold the delimiter or line breaks between double quotes.",
        )
    return Table(name, columns, tuple(dict(zip(columns, record, strict=True)) for _, record in body))


def _records(name: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every record that is not blank, with the number of the line it starts on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise DataError(
                f'{name} line {line}: a double quote (") is opened and never closed', 'Write a quote inside a value as "".'
            ) from error
        raise DataError(f"{name} line {line} is not CSV: {error}", 'Write a quote inside a value as "".') from error


def _sniff(text: str) -> str:
    """The delimiter that splits the first records into the most columns of equal count; a comma when none does."""
    best, best_score = ",", (0.0, 0)
    for delimiter in ",;\t":
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        widths = [len(record) for record, _ in zip(reader, range(50), strict=False) if record]
        if widths and widths[0] > 1:
            score = (widths.count(widths[0]) / len(widths), widths[0])
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _columns(name: str, header: Sequence[str]) -> tuple[str, ...]:
    columns = tuple(column.strip() or f"column {number}" for number, column in enumerate(header, start=1))
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise DataError(f"{name} has two columns named {quoted(twice[0])}", "Give every column its own name.")
    return columns


# JSON


def _json(name: str, text: str) -> Table:
    if text.lstrip().startswith("["):
        try:
            objects = parse_objects(text)
        except ValueError as error:
            raise DataError(
                f"{name} is not a JSON list of objects: {error}", "One JSON object per line is accepted too."
            ) from error
    else:
        objects = _json_lines(name, text)
    return _table_of_objects(name, objects)


def _json_lines(name: str, text: str) -> list[Mapping[str, object]]:
    objects: list[Mapping[str, object]] = []
    bad: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):  # not splitlines: it also splits at U+2028, which JSON allows
        if not line.strip():
            continue
        try:
            objects.append(parse_object(line))
        except ValueError as error:
            bad.append(f"line {number} ({error})")
    if bad:
        raise DataError(
            f"{name} must hold one JSON object per line, but does not on {', '.join(bad[:BAD_ROWS_NAMED])}{_and_more(bad)}",
            "Mend or delete these lines.",
        )
    return objects


def _table_of_objects(name: str, objects: Sequence[Mapping[str, object]]) -> Table:
    if not objects:
        raise DataError(f"{name} has no rows")
    objects = _flatten_chats(name, objects)
    keys = list(dict.fromkeys(key for row in objects for key in row))
    columns = _columns(name, keys)
    return Table(
        name,
        columns,
        tuple({column: to_value(row.get(key)) for key, column in zip(keys, columns, strict=True)} for row in objects),
    )


def _flatten_chats(name: str, objects: Sequence[Mapping[str, object]]) -> Sequence[Mapping[str, object]]:
    """Rows of ``{"messages": [...]}`` as columns input, output, system and history; other rows as they are."""
    made = ("input", "output", "system", "history")
    if not all(isinstance(row.get("messages"), list) and not any(key in row for key in made) for row in objects):
        return objects
    rows, bad = [], []
    for number, row in enumerate(objects, start=1):
        try:
            chat = _chat(row["messages"])
        except ValueError as error:
            bad.append(f"row {number} ({error})")
        else:
            rows.append({**chat, **{key: value for key, value in row.items() if key != "messages"}})
    if bad:
        raise DataError(
            f"{name} holds chats, but {', '.join(bad[:BAD_ROWS_NAMED])}{_and_more(bad)}", "End each chat with the right answer."
        )
    return rows


def _chat(messages: object) -> dict[str, str]:
    turns = []
    for turn in messages if isinstance(messages, list) else []:
        if not isinstance(turn, dict) or not isinstance(turn.get("role"), str):
            raise ValueError("a message has no role")
        turns.append((turn["role"], _content(turn.get("content"))))
    if not turns or turns[-1][0] != "assistant":
        raise ValueError("it does not end with the assistant's answer")
    asked = max((place for place, (role, _) in enumerate(turns) if role == "user"), default=None)
    if asked is None:
        raise ValueError("the user says nothing")
    return {
        "input": turns[asked][1],
        "output": turns[-1][1],
        "system": "\n\n".join(text for role, text in turns[:asked] if role in ("system", "developer")),
        "history": "\n".join(f"{role}: {text}" for role, text in turns[:asked] if role not in ("system", "developer")),
    }


def _content(content: object) -> str:
    """Text of a message whose content is a text or a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _and_more(bad: Sequence[object]) -> str:
    return f" and {len(bad) - BAD_ROWS_NAMED:,} more" if len(bad) > BAD_ROWS_NAMED else ""


# Parquet


def _parquet(name: str, data: bytes) -> Table:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        _columns(name, file.schema_arrow.names)
        table = file.read()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{name} is not a Parquet file: {str(error).splitlines()[0]}") from error
    return _table_of_objects(name, table.to_pylist())
