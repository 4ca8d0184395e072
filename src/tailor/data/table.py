"""Tables of text: CSV, TSV, JSONL, JSON, Parquet, CoNLL, chats, and what other tools write.

Each is read into the same `Table`, or refused whole.

Nothing is guessed away: a file with a broken row is refused with the rows named, because a row dropped silently changes
every number that is measured afterwards. What was assumed, skipped or left out is in the table's findings.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tailor.content import MediaPart
from tailor.data.finding import Finding
from tailor.data.formats.annotation import flatten_annotations
from tailor.data.formats.autorag import flatten_autorag
from tailor.data.formats.chat import flatten_chats
from tailor.data.formats.classes import with_class_names
from tailor.data.formats.delimited import read_delimited
from tailor.data.formats.encoding import ACCEPTED, decode, foreign_hint
from tailor.data.formats.fasttext import is_fasttext, read_fasttext
from tailor.data.formats.header import column_names
from tailor.data.formats.imagebytes import without_image_bytes
from tailor.data.formats.instances import flatten_instances
from tailor.data.formats.jsonrows import Object, Read, read_json
from tailor.data.formats.promptfoo import flatten_tests, read_promptfoo
from tailor.data.formats.records import unpack_records
from tailor.data.formats.saved import is_saved, read_saved, saved_splits
from tailor.data.formats.spans import flatten_spans
from tailor.data.formats.tags import is_conll, read_conll
from tailor.data.formats.trained import flatten_trained
from tailor.data.jsontext import Value, as_text, parse, to_value
from tailor.errors import DataError, did_you_mean, quoted
from tailor.files import parts_of
from tailor.limits import DATA_BYTES
from tailor.outside import read_file
from tailor.plugins import READERS
from tailor.project import SETTINGS_FILE

_CSV = (".csv", ".tsv", ".tab", ".txt", ".psv")
_JSON = (".jsonl", ".ndjson", ".json")
_TAGGED = (".tsv", ".tab", ".txt")
_PARQUET = (".parquet", ".pq")
_CONLL = (".conll", ".bio", ".iob", ".iob2", ".bioes", ".bilou")
_YAML = (".yaml", ".yml")
SUFFIXES = (*_CSV, *_JSON, *_PARQUET, *_CONLL, *_YAML)
_FLATTEN = (
    *(flatten_instances, flatten_annotations, flatten_spans, flatten_tests, flatten_autorag, flatten_trained, unpack_records),
    flatten_chats,
)
_DELIMITER = {".tsv": "\t", ".tab": "\t"}
RELATIVE = "Paths in tailor.yaml are relative to its folder, those in Python to the folder that it runs in."


@dataclass(frozen=True)
class Table:
    """Rows of one file, or of several parts of one table.

    Attributes:
        file: name of the file, for messages.
        columns: names of the columns, in the file's order.
        rows: one mapping per row with every column; text, or a list of texts where the file holds a list. Nested values are
            compact JSON text, numbers are spelled as in the file, absent and null values are empty texts.
        places: the file and the number of each row, the first data row being 1; in order unless given.
        findings: what was assumed, skipped or left out when the file was read.
        headerless: whether the names of the columns read like a row of data.
        images: those that rows name, by the words that stand for them (`tailor.data.images`).
    """

    file: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Value], ...]
    places: tuple[tuple[str, int], ...] = ()
    findings: tuple[Finding, ...] = ()
    headerless: bool = False
    images: Mapping[str, MediaPart] = field(default_factory=dict)

    def where(self, index: int) -> tuple[str, int]:
        """The file that a row is in, and its number there."""
        return self.places[index] if self.places else (self.file, index + 1)

    def place(self, index: int) -> str:
        """Where a row is, such as "tickets.csv row 14"; the first data row is 1."""
        file, number = self.where(index)
        return f"{file} row {number}"


HAS, HAS_NOT = ("1", "1.0", "true", "yes", "x"), ("0", "0.0", "false", "no", "")
"""What a column for one label holds in rows that have it, and in those that do not."""


def with_record(table: Table, output: str, *, as_set: bool = False) -> Table:
    """The table with several columns as one, where `output` names them as in "customer, total".

    The object of a row has the value of each column by its name, and null for an empty one; a row that fills none has no object.
    Where columns are labels, 1 for each that a row has and 0 for others, the cell is the list of those that it has. The single
    columns go, so that no template can show one. A table that has a column of this name, or lacks one of these, stays as it is.

    Args:
        table: the table.
        output: a name, or several with commas between them.
        as_set: whether the columns are labels.

    Raises:
        DataError: a column of a label holds something else than 0 and 1.
    """
    names = [name.strip() for name in output.split(",")]
    if output in table.columns or len(names) < 2 or not set(names) <= set(table.columns):
        return table

    def record(row: Mapping[str, Value]) -> str:
        filled = {name: _unpacked(row[name]) or None for name in names}
        return json.dumps(filled, ensure_ascii=False) if any(filled.values()) else ""

    kept = [name for name in table.columns if name not in names]
    cells = [_labels(table, place, names) if as_set else record(row) for place, row in enumerate(table.rows)]
    rows = tuple({name: row[name] for name in kept} | {output: cell} for row, cell in zip(table.rows, cells, strict=True))
    return replace(table, columns=(*kept, output), rows=rows)


def _labels(table: Table, place: int, names: Sequence[str]) -> Value:
    """The names of the columns in which a row has 1; an empty text where it fills none of them."""
    given = {name: as_text(table.rows[place][name]).strip().casefold() for name in names}
    for name, value in given.items():
        if value not in (*HAS, *HAS_NOT):
            raise DataError(
                f"{table.place(place)} has {quoted(value)} in {quoted(name)}, where a column for each label holds 0 or 1",
                "Write 1 in the columns of the labels that the row has, and 0 in the others.",
            )
    return [name for name, value in given.items() if value in HAS] if any(given.values()) else ""


def _unpacked(value: Value) -> object:
    """A cell as it was written: a list, or a text that is a JSON list or object, as such."""
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    try:
        return json.loads(value) if value[:1] in ("[", "{") else value
    except (ValueError, RecursionError):
        return value


def read_table(path: Path, *, columns: Sequence[str] = (), encoding: str = "") -> Table:
    """The rows of a file; its format follows from its name.

    Args:
        path: the file, or several parts of one table with a wildcard, such as `train-*.parquet`.
        columns: names of the columns of a file without a row of names.
        encoding: how a file of text is encoded; UTF-8 or what its byte order mark says unless given.

    Raises:
        DataError: the file is absent, is not what its name says, or has a broken row; the first few are named.
    """
    parts = parts_of(path)
    if parts != [path]:
        return _together(path, parts, columns, encoding)
    if is_saved(path):
        return _table_of_objects(path.name, read_saved(path))
    data = _read_bytes(path)
    suffix = path.suffix.lower()
    if suffix in _PARQUET:
        return _table_of_objects(path.name, _parquet(path.name, data))
    if suffix[1:] in READERS:
        return _added(path.name, suffix[1:], data)
    if suffix not in SUFFIXES:
        raise DataError(f"{quoted(path.name or path, 120)} ends in {quoted(suffix or path.name)}; {ACCEPTED}", foreign_hint(data))
    text, findings = decode(path.name, data, encoding)
    if not text.strip():
        raise DataError(f"{path.name} is empty", "Give a file with a row of column names and one row per example.")
    if suffix in _JSON:
        return _table_of_objects(path.name, read_json(path.name, text, columns=columns), findings)
    if suffix in _CONLL or (suffix in _TAGGED and is_conll(text)):
        return _table_of_objects(path.name, read_conll(path.name, text), findings)
    if suffix in _CSV and is_fasttext(text):
        return _table_of_objects(path.name, read_fasttext(path.name, text), findings)
    if suffix in _YAML:
        return _table_of_objects(path.name, read_promptfoo(path.name, text), findings)
    return _delimited(path.name, text, _DELIMITER.get(suffix, ""), columns, findings)


def _added(name: str, suffix: str, data: bytes) -> Table:
    """The rows that a reader from outside makes of a file."""
    try:
        rows = tuple(READERS.load(suffix)(name, data))
    except (ValueError, OSError) as error:
        raise DataError(f"{name} cannot be read: {error}", f"It was read by what a package adds for .{suffix} files.") from error
    return _table_of_objects(name, (rows, ()))


def table_of_lines(name: str, text: str) -> Table:
    """The rows of a text of JSON Lines, as they would be read from a file of this name."""
    return _table_of_objects(name, read_json(name, text))


def _read_bytes(path: Path) -> bytes:
    try:
        return read_file(path, DATA_BYTES)
    except IsADirectoryError:
        inside = sorted(inner.name for inner in path.iterdir() if inner.suffix.lower() in SUFFIXES and inner.name != SETTINGS_FILE)
        hint = f"Name the file inside it: {', '.join(map(quoted, inside[:5]))}." if inside else "Name the file inside it."
        if splits := saved_splits(path):
            named = ", ".join(quoted(f"{path.name}/{name}") for name in splits)
            hint = f"It holds splits that `datasets` saved; name them as `train`, `dev` and `test` under `data`: {named}."
        raise DataError(f"{quoted(path.name or path, 120)} is a folder; {ACCEPTED}", hint) from None
    except FileNotFoundError:
        neighbours = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        meant = did_you_mean(path.name, neighbours)
        raise DataError(f"There is no file {quoted(path, 200)}{meant}", RELATIVE) from None
    except OSError as error:
        raise DataError(f"{quoted(path.name or path, 120)} cannot be read: {error.strerror}") from error


def _together(path: Path, paths: Sequence[Path], columns: Sequence[str], encoding: str) -> Table:
    """The parts of one table, one behind the other."""
    if not paths:
        raise DataError(f"No file is called like {quoted(path, 200)}", RELATIVE)
    tables = [read_table(part, columns=columns, encoding=encoding) for part in paths]
    for table in tables[1:]:
        if set(table.columns) != set(tables[0].columns):
            only = sorted({*table.columns} ^ {*tables[0].columns})
            raise DataError(
                f"{table.file} and {tables[0].file} are parts of one table, but {quoted(only[0])} is a column of only one",
                "Give all parts the same columns.",
            )
    places = tuple(table.where(index) for table in tables for index in range(len(table.rows)))
    rows = tuple(row for table in tables for row in table.rows)
    findings = tuple(dict.fromkeys(finding for table in tables for finding in table.findings))
    return Table(path.name, tables[0].columns, rows, places, findings, any(table.headerless for table in tables))


def _delimited(name: str, text: str, delimiter: str, columns: Sequence[str], findings: Sequence[Finding]) -> Table:
    if text.lstrip()[:2] in ('{"', "[{") and _is_json(text):
        hint = "Let its name end in .jsonl or .json."
        raise DataError(f"{name} holds JSON, and no table of delimited values", hint)
    sheet = read_delimited(name, text, delimiter=delimiter, columns=columns)
    found = (*findings, *sheet.findings)
    rows: list[Object] = [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows]
    tests, findings_of_tests = flatten_tests(name, rows)
    chats, told = flatten_chats(name, tests)
    told = (*findings_of_tests, *told)
    places = tuple((name, number) for number in sheet.numbers)
    if told:
        table = _table_of_objects(name, (chats, told), found)
        return Table(name, table.columns, table.rows, places, table.findings)
    texts: tuple[Mapping[str, Value], ...] = tuple(dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows)
    return Table(name, sheet.columns, texts, places, found, sheet.headerless)


def _is_json(text: str) -> bool:
    first = text.strip().partition("\n")[0]
    for candidate in (first, text):
        try:
            parse(candidate.strip())
        except ValueError:
            continue
        return True
    return False


def _table_of_objects(name: str, read: Read, before: Sequence[Finding] = ()) -> Table:
    objects, findings = read
    if not objects:
        raise DataError(f"{name} has no rows")
    for flatten in _FLATTEN:
        objects, more = flatten(name, objects)
        findings = (*findings, *more)
    keys = list(dict.fromkeys(key for row in objects for key in row))
    if not keys:
        raise DataError(f"{name} has no columns", "Give every row an object with its values under their names.")
    columns = column_names(name, keys)
    rows = tuple({column: to_value(row.get(key)) for key, column in zip(keys, columns, strict=True)} for row in objects)
    return Table(name, columns, rows, findings=(*before, *findings))


def _parquet(name: str, data: bytes) -> Read:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        column_names(name, file.schema_arrow.names)
        table = file.read()
        rows = table.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{name} is not a Parquet file: {str(error).splitlines()[0]}") from error
    named, findings = without_image_bytes(name, rows)
    objects, more = with_class_names(name, named, _features(file.schema_arrow.metadata))
    return objects, (*findings, *more)


def _features(metadata: Mapping[bytes, bytes] | None) -> object:
    """How Hugging Face `datasets` describes the columns, which it writes into a file's metadata."""
    try:
        described = parse((metadata or {}).get(b"huggingface", b"").decode())
    except ValueError:
        return None
    info = described.get("info") if isinstance(described, dict) else None
    return info.get("features") if isinstance(info, dict) else None
