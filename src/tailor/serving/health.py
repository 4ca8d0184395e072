"""Whether a request would be answered: the files that answers come from, the endpoint behind, and the thread that answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tailor.models.base import Reachable
from tailor.serving.endpoint import Endpoint
from tailor.serving.served import Served

Files = dict[Path, tuple[int, int]]
STUCK_SECONDS = 60.0
"""A batch that takes longer is taken for one that does not end."""


class Health:
    """Looks regularly at what an answer needs.

    Args:
        endpoint: what answers; it is told of trouble.
        reload: called where files have changed, so that what they hold now is read and held to what was measured.
    """

    SECONDS = 1.5
    """Between two looks."""

    def __init__(self, endpoint: Endpoint, reload: Callable[[], None]) -> None:
        self.endpoint, self._reload = endpoint, reload
        self._held: Files = {}
        self._seen: Files = {}
        self._files = ""

    def watch(self, served: Served) -> None:
        """Take the files of a configuration, as they are now, for those that were held to what was measured."""
        self._held = self._seen = files_of(served)
        self._files = self.endpoint.health = ""

    def refused(self, why: str) -> None:
        """What the disk holds now may not answer: that is trouble where its files have changed by themselves."""
        if self._files:
            self._files = self.endpoint.health = why

    def look(self) -> None:
        """Look once."""
        served = self.endpoint.current
        if not self.endpoint.gate:
            self._look_at(files_of(served))
            self.endpoint.health = self._files or self._stuck() or _unreachable(served)

    def _look_at(self, now: Files) -> None:
        if now == self._held:
            self._files = ""
        elif now != self._seen:
            lost = [path for path in self._held if path not in now]
            self._files = f"{lost[0].name} is gone from the disk" if lost else "files that answers come from have changed"
            self._reload()
        self._seen = now

    def _stuck(self) -> str:
        if not self.endpoint.worker.is_alive:
            return "the thread that answers has ended"
        seconds = self.endpoint.worker.busy_seconds
        return f"a batch has taken {seconds:.0f} s and is not done" if seconds > STUCK_SECONDS else ""


def _unreachable(served: Served) -> str:
    return served.model.unreachable() if served.is_billed and isinstance(served.model, Reachable) else ""


def files_of(served: Served) -> Files:
    """The files that answers come from, tuned weights and index, each with its size and when it was last written."""
    store, found = served.project.store, Files()
    folders = [store / served.system.weights.tuned] if served.system.weights.tuned else []
    folders += [store / "indexes"] if served.system.knowledge.kind == "index" else []
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                path = Path(parent, name)
                try:
                    status = path.stat()
                except OSError:
                    continue
                found[path] = status.st_size, status.st_mtime_ns
    return found
