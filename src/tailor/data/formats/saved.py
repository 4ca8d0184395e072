"""Folders of Hugging Face `datasets`: what `save_to_disk` writes, Arrow files with a description next to them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tailor.data.finding import Finding
from tailor.data.formats.classes import with_class_names
from tailor.data.formats.imagebytes import without_image_bytes
from tailor.errors import DataError, quoted
from tailor.limits import DATA_BYTES
from tailor.outside import read_file

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"

Object = Mapping[str, object]
Read = tuple[Sequence[Object], tuple[Finding, ...]]


def is_saved(path: Path) -> bool:
    """Whether a path is a folder with one set of rows that `datasets` saved."""
    return path.is_dir() and (path / STATE).is_file()


def saved_splits(path: Path) -> dict[str, Path]:
    """The folders of the splits that `datasets` saved together, by name; none where the path is no such folder."""
    if not (path / SPLITS).is_file():
        return {}
    named = _described(path / SPLITS).get("splits")
    return {str(name): path / str(name) for name in named if is_saved(path / str(name))} if isinstance(named, list) else {}


def read_saved(path: Path) -> Read:
    """The rows of such a folder, with class names in place of their numbers.

    Raises:
        DataError: a file is missing or damaged, or a number has no name.
    """
    import pyarrow
    from pyarrow import ipc

    listed = _described(path / STATE).get("_data_files")
    names = [str(item.get("filename")) for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
    rows: list[Object] = []
    for name in names:
        if Path(name).name != name:
            raise DataError(f"{path.name}/{STATE} names {quoted(name)}, which is no file in its folder", "Save the set again.")
        try:
            with ipc.open_stream(io.BytesIO(read_file(path / name, DATA_BYTES))) as stream:
                rows += stream.read_all().to_pylist()
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{path.name}/{name} cannot be read: {str(error).splitlines()[0]}", "Save the set again.") from error
    features = _described(path / INFO).get("features") if (path / INFO).is_file() else None
    plain, findings = without_image_bytes(path.name, rows)
    named, more = with_class_names(path.name, plain, features)
    return named, (Finding("note", f"{path.name} is a folder that `datasets` saved: {len(rows):,} rows."), *findings, *more)


def _described(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(read_file(path, DATA_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path.parent.name}/{path.name} cannot be read: {error}", "Save the set again.") from error
    return found if isinstance(found, dict) else {}
