"""The manifest of an index: what it holds, written last, so that a killed update leaves the state before it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tailor.files import write_atomically
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
        sha256: seal over all of this; empty in manifests of older versions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: int = 0
    passages: int = 0
    documents: dict[str, str] = {}
    files: dict[str, str] = {}
    words: Words = ENGLISH
    sha256: str = ""

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of an index; an empty one where there is none, or none that can be read."""
        try:
            found = cls.model_validate_json((folder / _NAME).read_bytes())
        except (OSError, ValueError):
            return cls()
        return found if found.sha256 in ("", found.seal) else cls()

    @property
    def seal(self) -> str:
        """SHA-256 over everything else in it."""
        return hashlib.sha256(self.model_dump_json(exclude={"sha256"}).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write the manifest in one step: it is there as a whole or not at all."""
        write_atomically(folder / _NAME, self.model_copy(update={"sha256": self.seal}).model_dump_json())

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
