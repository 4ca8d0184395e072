"""Disks that fail, made of APSW's virtual file systems: one that notes down what it is told, and one that is full."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512


@dataclass
class Journal:
    """What a disk was told, in order: (file, "write", offset, data), (file, "truncate", size) or (file, "sync").

    Attributes:
        events: all of it.
        full_from: writes from this number on fail as on a full disk; never where it is None.
        reserve: a file whose removal gives the disk room again.
        writes: how many there were.
    """

    events: list[tuple[Any, ...]] = field(default_factory=list)
    full_from: int | None = None
    writes: int = 0
    reserve: Path | None = None

    def is_full(self) -> bool:
        """Whether the next write fails."""
        return self.full_from is not None and self.writes >= self.full_from and (self.reserve is None or self.reserve.exists())


class NotedDisk(apsw.VFS):
    """The usual file system, with everything that is written noted down in a journal."""

    def __init__(self, name: str, journal: Journal) -> None:
        self.journal = journal
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802  # APSW's name
        return NotedFile(name, flags, self.journal)


class NotedFile(apsw.VFSFile):
    """A file whose writes are noted down, or refused where the disk is full."""

    def __init__(self, name: Any, flags: list[int], journal: Journal) -> None:
        self.journal = journal
        self.name = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "temporary").name
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        journal = self.journal
        journal.writes += 1
        if journal.is_full():
            raise apsw.FullError("the disk is full")
        journal.events.append((self.name, "write", offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self.journal.events.append((self.name, "truncate", size))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.journal.events.append((self.name, "sync"))
        super().xSync(flags)


def after_power_cut(before: dict[str, bytes], events: list[tuple[Any, ...]], chance: random.Random) -> dict[str, bytes]:
    """The files as a power cut leaves them: what was synced is there; of later writes some sectors are, in any order."""
    files = {name: bytearray(data) for name, data in before.items()}
    pending: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for name, kind, *rest in events:
        if kind == "sync":
            for event in pending.pop(name, []):
                _apply(files.setdefault(name, bytearray()), event)
        else:
            pending[name].append((kind, *rest))
    for name, unsynced in pending.items():
        for event in unsynced:
            if event[0] == "truncate":
                if chance.random() < 0.5:
                    _apply(files.setdefault(name, bytearray()), event)
                continue
            _, offset, data = event
            for start in range(0, len(data), SECTOR):
                if chance.random() < 0.5:
                    _apply(files.setdefault(name, bytearray()), ("write", offset + start, data[start : start + SECTOR]))
    return {name: bytes(data) for name, data in files.items()}


def _apply(file: bytearray, event: tuple[Any, ...]) -> None:
    if event[0] == "truncate":
        del file[event[1] :]
        return
    _, offset, data = event
    if len(file) < offset:
        file.extend(bytes(offset - len(file)))
    file[offset : offset + len(data)] = data
