"""Which files belong to a data file: the parts of its table, and the test and dev files that go with a training file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tailor.data.formats.saved import is_saved, saved_splits
from tailor.data.roles import ROLE_OF
from tailor.data.table import SUFFIXES
from tailor.files import real_path

_WORD = re.compile(rf"(?<![a-z])({'|'.join(sorted(ROLE_OF, key=len, reverse=True))})(?![a-z])", re.IGNORECASE)
_PART = re.compile(r"(?<=[-_.])\d+(?=-of-\d+$)|(?<!-of-)(?<=[-_.])\d+$|^\d+$")


def files_of(path: Path) -> dict[str, Path]:
    """Files by the setting that names them: `file` alone, or `train` and `test`, and `dev` where there is one.

    Parts of one table, such as `train-00000-of-00002.parquet`, are named together, with a wildcard.
    """
    if splits := _saved(path):
        return _given({ROLE_OF[name.casefold()]: folder for name, folder in splits.items() if name.casefold() in ROLE_OF}, splits)
    role, groups = _role(path)[0], _groups(path)
    if role != "train":
        return {"file": _together(path, groups.get(role, []) if role else [])}
    train = _together(path, groups.pop("train", []))
    found = {name: _together(_like(path, group), group) for name, group in groups.items()}
    if "test" not in found:
        return {"file": train}
    return {"train": train, **{name: found[name] for name in ("dev", "test") if name in found}}


def _saved(path: Path) -> dict[str, Path]:
    """The splits that `datasets` saved together, where the path is their folder or one of them."""
    folder = real_path(path)
    return saved_splits(folder) or (saved_splits(folder.parent) if is_saved(folder) else {})


def _given(roles: dict[str, Path], splits: Mapping[str, Path]) -> dict[str, Path]:
    if {"train", "test"} <= set(roles):
        return {name: roles[name] for name in ("train", "dev", "test") if name in roles}
    return {"file": roles.get("train", next(iter(splits.values())))}


def unused_splits(path: Path) -> list[str]:
    """Names of files called like other splits of the same data that `files_of` leaves out, since no test goes with a training."""
    if splits := _saved(path):
        used = files_of(path).values()
        return sorted(name for name, folder in splits.items() if folder not in used)
    role = _role(path)[0]
    return sorted(file.name for name, group in _groups(path).items() for file in group if name != role) if role else []


def _groups(path: Path) -> dict[str, list[Path]]:
    """The files that are called like splits of the same data, by split."""
    rest, groups = _role(path)[1], dict[str, list[Path]]()
    for other in _neighbours(path):
        other_role, other_rest = _role(other)
        if other_rest == rest and other_role:
            groups.setdefault(other_role, []).append(other)
    return groups


def _neighbours(path: Path) -> Iterator[Path]:
    """Files in the same folder; in the folders unused it, where the folder's own name says which split it holds."""
    folder = real_path(path).parent
    folders = [folder]
    if not _WORD.search(path.stem) and folder.name.casefold() in ROLE_OF:
        folders = [other for other in sorted(folder.parent.iterdir()) if other.is_dir() and other.name.casefold() in ROLE_OF]
    for each in folders:
        yield from (other for other in sorted(each.iterdir()) if other.suffix.lower() in SUFFIXES and other.is_file())


def _role(path: Path) -> tuple[str, str]:
    """Which split a file is called after, and the rest of its name."""
    stem = _PART.sub("*", path.stem)
    stem = re.sub(r"-of-\d+$", "", stem)
    match = _WORD.search(stem)
    if match:
        return ROLE_OF[match[1].casefold()], f"{stem[: match.start()]}|{stem[match.end() :]}".casefold()
    return ROLE_OF.get(real_path(path).parent.name.casefold(), ""), stem.casefold()


def _like(path: Path, group: Sequence[Path]) -> Path:
    """The file of a group that is written like another: in the same format, if there is one."""
    return next((other for other in group if other.suffix == path.suffix), group[0])


def _together(path: Path, group: Sequence[Path]) -> Path:
    """The file, or all parts that it is one of, with a wildcard in place of the number."""
    if not _PART.search(path.stem):
        return path
    pattern = path.with_name(_PART.sub("*", path.stem) + path.suffix)
    parts = sorted(real_path(other) for other in path.parent.glob(pattern.name))
    known = sorted(real_path(other) for other in group if other.suffix == path.suffix)
    return pattern if len(parts) > 1 and parts == known else path
