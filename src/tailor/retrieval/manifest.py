"""The manifest of an index: what it holds, written last, so that a killed update leaves the state before it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tailor.retrieval.words import ENGLISH, Words

_NAME = "manifest.json"
_HINT = "latest_version_hint.json"  # LanceDB's only file that is ever written twice


class Manifest(BaseModel):
    """What the last complete update left.

    Attributes:
        version: version of the table.
        passages: rows of the table at that version.
        documents: path -> digest of the documents.
        files: path -> SHA-256 of the table's files; empty while old ones are being cleared away.
        words: how the word index tells words apart.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: int = 0
    passages: int = 0
    documents: dict[str, str] = {}
    files: dict[str, str] = {}
    words: Words = ENGLISH

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of an index; an empty one where there is none, or none that can be read."""
        try:
            return cls.model_validate_json((folder / _NAME).read_bytes())
        except (OSError, ValueError):
            return cls()

    def write(self, folder: Path) -> None:
        """Write the manifest in one step: it is there as a whole or not at all."""
        new = folder / f"{_NAME}.new"
        with new.open("w", encoding="utf-8") as file:
            file.write(self.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, folder / _NAME)

    def is_intact(self, folder: Path) -> bool:
        """Whether every file it names is there, unchanged."""
        try:
            return all(_sha256(folder / name) == digest for name, digest in self.files.items())
        except OSError:
            return False


def checksums(folder: Path, known: Mapping[str, str]) -> dict[str, str]:
    """Path -> SHA-256 of every file of an index that never changes once it is there; those that are `known` are not read again."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((_NAME, _HINT)))
    names = [path.relative_to(folder).as_posix() for path in paths]
    return {name: known.get(name) or _sha256(path) for name, path in zip(names, paths, strict=True)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
