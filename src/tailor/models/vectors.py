"""Vectors that are computed once: an embedder with a cache, in memory and in a file."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import apsw
import numpy as np

from tailor.files import refuse_foreign
from tailor.models.base import Array, Embedder
from tailor.models.prompted import prompts_for

_TABLE = "CREATE TABLE IF NOT EXISTS sealed (key BLOB NOT NULL PRIMARY KEY, vector BLOB NOT NULL, seal BLOB NOT NULL) WITHOUT ROWID"
_log = logging.getLogger(__name__)


class CachedEmbedder:
    """An embedder that computes the vector of a text once, in this process and in all later ones that use the same file.

    Nothing depends on the file: vectors that are not in it, or not whole, are computed. A damaged file is deleted.

    Args:
        embedder: computes what is not known; used by itself where vectors are kept elsewhere.
        path: SQLite file, made at the first call; several embedders may share it.
        keeps: whether what is computed is kept, in memory and in the file. What is only served would pile up there.
    """

    def __init__(self, embedder: Embedder, path: Path, *, keeps: bool = True) -> None:
        self.embedder = embedder
        self._keeps = keeps
        self.name = embedder.name
        self.digest = embedder.digest
        self.dimensions = embedder.dimensions
        self.is_remote = embedder.is_remote
        self.prompts = prompts_for(embedder)
        self._path = path
        self._db: apsw.Connection | None = None
        self._usable = True
        self._known: dict[str, Array] = {}

    def embed(self, texts: Sequence[str]) -> Array:
        """Array of shape (len(texts), dimensions), float32, rows of length 1."""
        known = self._known if self._keeps else {}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known |= self._read(missing)
            new = [text for text in missing if text not in known]
            if new:
                made = dict(zip(new, self.embedder.embed(new), strict=True))
                if self._keeps:
                    self._write(made)
                known |= made
        return np.stack([known[text] for text in texts]) if texts else np.zeros((0, self.dimensions), np.float32)

    def _read(self, texts: Iterable[str]) -> dict[str, Array]:
        found: dict[str, Array] = {}
        try:
            if db := self._opened():
                for text in texts:
                    key = self._key(text)
                    for vector, seal in db.execute("SELECT vector, seal FROM sealed WHERE key=?", (key,)):
                        if isinstance(vector, bytes) and len(vector) == 4 * self.dimensions and _seal(key, vector) == seal:
                            found[text] = np.frombuffer(vector, dtype="<f4").astype(np.float32)
        except apsw.Error as error:
            self._give_up(error)
        return found

    def _write(self, vectors: dict[str, Array]) -> None:
        keyed = [(self._key(text), vector.astype("<f4").tobytes()) for text, vector in vectors.items()]
        rows = [(key, vector, _seal(key, vector)) for key, vector in keyed]
        try:
            if db := self._opened():
                with db:
                    db.executemany("INSERT OR REPLACE INTO sealed VALUES (?,?,?)", rows)
        except apsw.Error as error:
            self._give_up(error)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self.digest}\0{text}".encode("utf-8", "surrogatepass")).digest()

    def _opened(self) -> apsw.Connection | None:
        """The file, or None where it could not be used before."""
        if self._db is None and self._usable:
            for suffix in ("", "-wal", "-shm"):
                refuse_foreign(self._path.with_name(self._path.name + suffix))
            db = apsw.Connection(str(self._path))
            self._db = db
            db.set_busy_timeout(2000)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")  # what a power cut takes is computed again
            db.execute("DROP TABLE IF EXISTS vectors")  # of an older version, where a vector did not vouch for its text
            db.execute(_TABLE)
            self._drop_damaged(db)
        return self._db

    def _drop_damaged(self, db: apsw.Connection) -> None:
        """Take out vectors that do not fit their seal, so that their loss is reported before they are missed."""
        rows = db.execute("SELECT CAST(key AS BLOB), CAST(vector AS BLOB), seal FROM sealed")
        damaged = [key for key, vector, seal in rows if _seal(_bytes(key), _bytes(vector)) != seal]
        if damaged:
            _log.warning("%d vectors in %s are damaged and are computed again where they are needed", len(damaged), self._path)
            db.executemany("DELETE FROM sealed WHERE key=?", [(key,) for key in damaged])

    def _give_up(self, error: apsw.Error) -> None:
        """Go on without the file. A damaged one is deleted, so that the next process makes another."""
        _log.warning("vectors are not kept in %s: %s", self._path, error)
        self._usable = False
        if self._db is not None:
            self._db.close(force=True)
            self._db = None
        if isinstance(error, apsw.CorruptError | apsw.NotADBError):
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


def _seal(key: bytes, vector: bytes) -> bytes:
    """The first half of a SHA-256 over both, so that a vector is not taken for another text's."""
    return hashlib.sha256(key + vector).digest()[:16]


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""
