"""What people are told about how to label: `guideline.md` in the project's folder, read again whenever it changes."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from tailor.errors import ConfigError, DataError
from tailor.files import write_atomically
from tailor.limits import SETTINGS_BYTES
from tailor.outside import read_file

GUIDELINE = "guideline.md"
LINKED = ("http://", "https://", "mailto:")
"""What a link in a guideline may begin with."""
VERSION_DIGITS = 12


class Guideline:
    """The guideline of a project; safe to use from several threads.

    Args:
        folder: the project's.

    Raises:
        ConfigError: it is there and cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._lock = folder / GUIDELINE, threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._text, self._rendered = "", ("", "")
        self.read()

    @property
    def text(self) -> str:
        """What it says now; empty where there is none."""
        with self._lock:
            return self._now()

    @property
    def version(self) -> str:
        """A digest of what it says now; empty where there is none."""
        return _version(self.text)

    @property
    def html(self) -> str:
        """What it says, as HTML: raw HTML and images in it stay text. A second of work for the longest, once for each version."""
        with self._lock:
            text = self._now()
            if self._rendered[0] != text:
                self._rendered = text, str(_markdown().render(text.encode("utf-8", "replace").decode("utf-8")))
            return self._rendered[1]

    def read(self) -> None:
        """Read it, so that it is known to be readable.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            self._text, self._stamp = self._on_disk()
        except OSError as error:
            raise ConfigError(
                f"{GUIDELINE} cannot be read: {error.strerror}", "People would label without it; let it be read, or move it."
            ) from error

    def write(self, text: str, before: str) -> str:
        """Replace it, and give its new version.

        Args:
            text: what it says from now on.
            before: the version that was changed: another one is not written over.

        Raises:
            DataError: it has become another one since, or is too long.
            StoreError: it cannot be written.
        """
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > SETTINGS_BYTES:
            raise DataError(f"a guideline of {size:,} bytes was given; at most {SETTINGS_BYTES:,} are accepted")
        with self._lock:
            if _version(self._now()) != before:
                raise DataError("the guideline was changed by someone else meanwhile", "Copy your text, and load the page again.")
            write_atomically(self._path, text.encode("utf-8", "replace"), mode=0o644)
            return _version(self._now())

    def _now(self) -> str:
        """What the file says; what it said last, where it cannot be read any more."""
        try:
            if self._stamp != _stamp(self._path):
                self._text, self._stamp = self._on_disk()
        except OSError:
            pass
        return self._text

    def _on_disk(self) -> tuple[str, tuple[int, int] | None]:
        stamp = _stamp(self._path)
        text = "" if stamp is None else read_file(self._path, SETTINGS_BYTES).decode("utf-8", "replace")
        return text, stamp


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes when the file does; None where there is none."""
    if not path.is_file():
        return None
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _version(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:VERSION_DIGITS] if text else ""


def _markdown() -> Any:
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")
    reader.validateLink = lambda url: url.strip().lower().startswith(LINKED)  # type: ignore[method-assign]
    return reader
