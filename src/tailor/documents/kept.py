"""What was parsed out of files is kept, by what the files hold, so that nothing is parsed twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tailor.documents.scanned import PACKAGES as OCR_PACKAGES
from tailor.errors import StoreError
from tailor.files import private_folder, write_atomically

_FORMAT = "2"
_PARSERS = ("xberg", "pdf-oxide", *OCR_PACKAGES)


class Kept:
    """Parsed files in a folder, one each, named by the digest of what was parsed and of what parsed it.

    Nothing depends on the folder: what is not there, or does not fit its seal, is parsed again. What was not asked for between
    opening and `close` is deleted, so that nothing is left of files that are gone.

    Args:
        folder: where they lie; None keeps nothing.

    Raises:
        StoreError: the folder is another user's, or a link.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else private_folder(folder)
        self._used: set[str] = set()
        self._by = [_FORMAT, *map(_version, _PARSERS)]

    def parsed(self, data: bytes, how: tuple[object, ...], parse: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `parse` gives for a file of this content, from the folder if it was kept.

        Args:
            data: the file.
            how: all else that decides what it gives.
            parse: parses it; what it raises is not kept.
        """
        if self._folder is None:
            return parse()
        how_and_by = json.dumps([*how, *self._by]).encode()
        name = hashlib.sha256(hashlib.sha256(data).digest() + how_and_by).hexdigest()
        path = self._folder / f"{name}.json"
        self._used.add(path.name)
        found = _read(path)
        if found is None:
            found = parse()
            text = json.dumps(found)
            with suppress(StoreError):  # a full disk costs the next run some time, and this one nothing
                write_atomically(path, f"{_seal(name, text)}\n{text}")
        return found

    def close(self) -> None:
        """Delete what no file needs any more."""
        if self._folder is not None and self._folder.is_dir():
            for path in self._folder.glob("*.json"):
                if path.name not in self._used:
                    with suppress(OSError):
                        path.unlink()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        seal, _, text = path.read_text(encoding="utf-8").partition("\n")
        found = json.loads(text) if seal == _seal(path.stem, text) else None
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _seal(name: str, text: str) -> str:
    return hashlib.sha256(f"{name}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
