"""Rows as a notebook has them: a DataFrame, a list of dicts, an Arrow table or a file."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from tailor.card import card, table_html
from tailor.data.images import copied
from tailor.data.jsontext import as_text, to_value
from tailor.data.table import Table, read_table, table_of_lines
from tailor.errors import DataError, StoreError, plainly, quoted
from tailor.files import real_path, write_atomically
from tailor.task import DataFiles

ACCEPTED = "a pandas DataFrame, a list of dicts, an Arrow table (pyarrow, polars and others) or the path of a data file"
SHOWN_ROWS, SHOWN_CHARACTERS = 5, 120
SPLITS = ("train", "dev", "test")


class ArrowStream(Protocol):
    """Whatever gives its rows by the Arrow C stream interface, as tables of pyarrow and polars do."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows."""
        ...


Rows = str | Path | Iterable[Mapping[str, Any]] | ArrowStream
"""Rows, or the file that they are in. A pandas DataFrame is one of these too: it has an Arrow stream."""


class Dataset:
    """Rows to measure on, with the columns that a task names.

    Rows from memory are written as they are into the folder of a study; a file stays where it is. Missing values (None, NaN, NaT)
    are empty; dates become ISO text; the index of a DataFrame is left out.

    Args:
        rows: all rows, which Tailor splits. A pandas DataFrame, a list of dicts, an Arrow table (pyarrow, polars and others) or the
            path of a data file.
        train: rows to learn from, where the split is given.
        dev: rows to choose by; cut from `train` if left out.
        test: rows of the sealed test set, given together with `train`.

    Raises:
        DataError: these are no rows, or `rows` and `train` are both given.
    """

    @plainly
    def __init__(
        self, rows: Rows | None = None, *, train: Rows | None = None, dev: Rows | None = None, test: Rows | None = None
    ) -> None:
        given = {name: part for name, part in (("file", rows), ("train", train), ("dev", dev), ("test", test)) if part is not None}
        if set(given) not in ({"file"}, {"train", "test"}, {"train", "dev", "test"}):
            raise DataError(
                f"a dataset is given as {' and '.join(map(quoted, given)) or 'nothing'}",
                "Give all rows, which Tailor splits; or `train` and `test`, and `dev` if you have it.",
            )
        self._parts: dict[str, Path | list[dict[str, Any]]] = {name: _taken(part) for name, part in given.items()}

    @cached_property
    def tables(self) -> dict[str, Table]:
        """The rows by the setting that names them: `file`, or `train`, `dev` and `test`.

        Raises:
            DataError: a file cannot be read.
        """
        return {name: _table(name, part) for name, part in self._parts.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        return next(iter(self.tables.values())).columns

    def __len__(self) -> int:
        """The number of rows, of all splits together."""
        return sum(len(table.rows) for table in self.tables.values())

    def __repr__(self) -> str:
        sizes = [f"{len(table.rows):,} {name} rows" for name, table in self.tables.items()]
        sizes = [f"{len(self):,} rows"] if "file" in self.tables else sizes
        return f"<Dataset: {', '.join(sizes)}, columns {quoted(', '.join(self.columns), 100)}>"

    def _repr_html_(self) -> str:
        rows = next(iter(self.tables.values())).rows[:SHOWN_ROWS]
        shown = [{name: _short(value) for name, value in row.items()} for row in rows]
        return card(f"Dataset of {len(self):,} rows", ["The first rows:"], table_html(shown))

    def texts(self) -> list[dict[str, str]]:
        """The rows as a task reads them, each cell as text; rows from memory as they are."""
        return [
            {name: as_text(to_value(value)) for name, value in row.items()}
            for name, part in self._parts.items()
            for row in (part if isinstance(part, list) else self.tables[name].rows)
        ]

    def keep(self, folder: Path, settings: DataFiles) -> DataFiles:
        """Put rows from memory into a folder, for their owner only, and name the files; a file is named where it lies.

        Where rows name images, all of them are put there, with copies of the images.

        Args:
            folder: where the study is.
            settings: what else the task says about its data.

        Raises:
            DataError: the task names a file itself, or a row names no image that can be used.
            StoreError: a file cannot be written.
        """
        if settings.file or settings.train:
            raise DataError("the task names its data, and rows are given too", "Leave `file`, `train`, `dev` and `test` out of it.")
        named = {}
        for name, part in self._parts.items():
            if settings.images:
                rows, base = (part, Path()) if isinstance(part, list) else (self.tables[name].rows, part.expanduser().parent)
                named[name] = _file_name(name)
                _write(folder / named[name], copied(rows, settings.images, base, folder))
            elif isinstance(part, Path):
                named[name] = os.path.relpath(real_path(part.expanduser()), real_path(folder))
            else:
                named[name] = _file_name(name)
                _write(folder / named[name], part)
        for name in ("file", *SPLITS):  # of a call before, with rows given in another way
            if named.get(name) != _file_name(name):
                (folder / _file_name(name)).unlink(missing_ok=True)
        return settings.model_copy(update=named)


def as_dataset(rows: Dataset | Rows) -> Dataset:
    """The rows as a Dataset, which they may be already."""
    return rows if isinstance(rows, Dataset) else Dataset(rows)


def _file_name(name: str) -> str:
    return "rows.jsonl" if name == "file" else f"{name}.jsonl"


def _taken(rows: object) -> Path | list[dict[str, Any]]:
    """A path as it is, and rows as plain values."""
    if isinstance(rows, str | Path):
        return Path(rows)
    found = list(_records(rows))
    if not found:
        raise DataError("a dataset has no rows", f"Accepted are {ACCEPTED}.")
    return found


def _records(rows: object) -> Iterator[dict[str, Any]]:
    pandas = sys.modules.get("pandas")  # whoever has a DataFrame has loaded it
    if pandas is not None and isinstance(rows, pandas.DataFrame):
        twice = rows.columns[rows.columns.duplicated()]
        if len(twice):
            raise DataError(f"the DataFrame has several columns {quoted(twice[0])}", "Give every column its own name.")
        rows = rows.astype(object).where(rows.notna(), None).to_dict("records")
    elif hasattr(rows, "__arrow_c_stream__"):
        import pyarrow

        rows = pyarrow.table(rows).to_pylist()
    if isinstance(rows, Mapping | bytes) or not isinstance(rows, Iterable):
        raise DataError(f"{quoted(type(rows).__name__)} is not a table of rows", f"Accepted are {ACCEPTED}.")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise DataError(f"row {number} is not a dict but {quoted(type(row).__name__)}", f"Accepted are {ACCEPTED}.")
        yield {str(name): _plain(value, f"row {number}, column {quoted(name)}") for name, value in row.items()}


def _plain(value: Any, place: str) -> object:
    """The value as JSON has it: numbers of other libraries, dates and sets are brought to it; what is missing is None."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item, place) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, place) for item in value]
    if hasattr(value, "isoformat"):
        return str(value.isoformat()) if value == value else None  # NaT equals nothing, not even itself
    if type(value).__name__ in ("Decimal", "NAType", "UUID"):
        return None if type(value).__name__ == "NAType" else str(value)
    if type(value).__name__ == "datetime64":
        return _plain(value.astype("datetime64[us]").item(), place)  # of nanoseconds it would give a number
    for method in ("tolist", "item"):  # arrays and scalars of numpy and the like
        if hasattr(value, method):
            return _plain(getattr(value, method)(), place)
    raise DataError(
        f"{place} holds a {quoted(type(value).__name__)}", "Text, numbers, dates, and lists or dicts of them are accepted."
    )


def _lines(rows: list[dict[str, Any]]) -> bytes:
    """JSON Lines; half of a surrogate pair, which UTF-8 has no place for, stands as its escape."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "backslashreplace")


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    try:
        write_atomically(path, _lines(rows))
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error


def _table(name: str, part: Path | list[dict[str, Any]]) -> Table:
    if isinstance(part, Path):
        return read_table(part.expanduser().absolute())
    return table_of_lines(_file_name(name), _lines(part).decode())  # by the reader that a run reads them with


def _short(value: str | list[str]) -> str:
    text = value if isinstance(value, str) else ", ".join(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
