"""Openings that all projects of a user share: the rows of one data file stay seen when another folder measures on them.

It holds hashes and no text. Where it cannot be read or written, openings are counted in each project separately, and this is
reported.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import apsw

from tailor.data.identity import Identity
from tailor.data.looks import Looks, looks
from tailor.errors import StoreError
from tailor.files import open_private, private_folder, refuse_foreign
from tailor.store.database import dump, failure, is_damage, seal

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
NAME = "openings.db"
STATE = "TAILOR_STATE"
_TABLE = """
CREATE TABLE IF NOT EXISTS seen (
    key TEXT NOT NULL PRIMARY KEY, project TEXT NOT NULL, record BLOB NOT NULL, sha256 TEXT NOT NULL, at TEXT NOT NULL)
WITHOUT ROWID
"""


def state_folder() -> Path:
    """Where what all of a user's projects share is kept: ``TAILOR_STATE``, else the platform's folder for such."""
    if given := os.environ.get(STATE):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "tailor"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "tailor"


@dataclass(frozen=True)
class Seen:
    """An opening of some project: its key, the random name of the project's store, when it was, the rows without texts, and how
    rows were dealt to splits.
    """

    key: str
    project: str
    at: str
    rows: tuple[Identity, ...]
    deal: str | None = None


class OpeningsRegistry:
    """The openings of all projects of a user.

    Args:
        folder: where they are kept.

    Attributes:
        trouble: why openings are not shared, in one sentence; empty where they are.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or state_folder()) / NAME
        self.trouble = ""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process read or note down an opening meanwhile: two at the same time would both take theirs for the first.

        The system frees the lock when the process ends. Where there is none to be had, `trouble` will tell why.
        """
        folder = None
        with suppress(StoreError, OSError):
            private_folder(self._path.parent)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(folder, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if folder is not None:
                os.close(folder)

    def read(self) -> list[Seen]:
        """The openings that are whole, oldest first; none where they cannot be read."""
        nothing: list[Seen] = []
        return self._try(self._openings, nothing, make=False)

    def add(self, openings: Iterable[Seen]) -> None:
        """Note openings down; where that cannot be done, `trouble` says so."""
        rows = []
        for seen in openings:
            text = dump({"rows": [_kept(row) for row in seen.rows], "deal": seen.deal})
            sha256 = seal("seen", seen.key, seen.project, text, seen.at)
            rows.append((seen.key, seen.project, zlib.compress(text.encode()), sha256, seen.at))
        if not rows:
            return

        def write(db: apsw.Connection) -> None:
            with db:
                db.executemany("INSERT OR REPLACE INTO seen VALUES (?,?,?,?,?)", rows)

        self._try(write, None, make=True)

    def _openings(self, db: apsw.Connection) -> list[Seen]:
        columns = ", ".join(f"CAST({name} AS BLOB)" for name in ("key", "project", "at", "sha256", "record"))
        rows = [[bytes(column) for column in row] for row in db.execute(f"SELECT {columns} FROM seen ORDER BY at")]
        found = [seen for row in rows if (seen := _seen(*row)) is not None]
        if damaged := len(rows) - len(found):
            self.trouble = f"{damaged} of the openings noted down in {self._path} are damaged and do not count."
        return found

    def _try(self, action: Callable[[apsw.Connection], T], otherwise: T, *, make: bool) -> T:
        try:
            if not make and not self._path.exists():
                return otherwise
            private_folder(self._path.parent)
            for suffix in ("", "-wal", "-shm"):
                refuse_foreign(self._path.with_name(NAME + suffix))
            os.close(open_private(self._path))
            return _with_database(self._path, action)
        except (StoreError, OSError) as error:
            self.trouble = f"Openings of test sets are not shared with your other projects, because {error}"
            if is_damage(error):
                aside = self._path.with_name(f"{NAME}.damaged")
                os.replace(self._path, aside)
                self.trouble += f"; it was moved to {aside}, and a new one is begun"
            self.trouble += "."
            return otherwise


def _with_database(path: Path, action: Callable[[apsw.Connection], T]) -> T:
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            db.set_busy_timeout(2000)
            db.execute("PRAGMA synchronous=FULL")
            db.execute(_TABLE)
            return action(db)
        finally:
            db.close(force=True)
    except apsw.Error as error:
        raise failure(error, path) from error


def _seen(key: bytes, project: bytes, at: bytes, sha256: bytes, record: bytes) -> Seen | None:
    """The opening, if it is whole."""
    try:
        text = zlib.decompress(record).decode("ascii")
        named = key.decode("ascii"), project.decode("ascii"), at.decode("ascii")
    except (zlib.error, UnicodeDecodeError):
        return None
    if seal("seen", named[0], named[1], text, named[2]).encode() != sha256:
        return None
    kept = json.loads(text)
    rows, deal = (kept, None) if isinstance(kept, list) else (kept["rows"], kept["deal"])  # once the rows were all that was kept
    return Seen(*named, tuple(_row(*row) for row in rows), deal)


def _kept(row: Identity) -> list[Any]:
    of_text = looks(row.text) if row.text else row.looks
    return [row.asked, row.values, row.characters, row.answers, of_text.whole, sorted(of_text.without), sorted(of_text.ends)]


def _row(
    asked: list[str],
    values: list[str],
    characters: int,
    answers: str = "",
    whole: str = "",
    without: Sequence[str] = (),
    ends: Sequence[str] = (),
) -> Identity:
    """A row as it was noted down; the first version kept three columns."""
    of_text = Looks(whole, frozenset(without), frozenset(ends))
    return Identity(tuple(asked), tuple(values), characters, answers=answers, looks=of_text)
