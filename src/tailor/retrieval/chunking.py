"""How documents are cut into passages: what settings name, and what candidates differ in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from tailor.errors import ConfigError, quoted

TARGET_WORDS = 120
MOST_WORDS = 100_000

By = Literal["headings", "sentences", "page"]
_NAME = re.compile(r"(?P<by>[a-z]+)(?:-(?P<words>\d{1,6}))?(?:-overlap-(?P<overlap>\d{1,6}))?(?:-parent-(?P<parent>\d{1,6}))?")


@dataclass(frozen=True)
class Chunking:
    """A way to cut documents.

    Attributes:
        by: where passages end: at headings and blocks, at sentences alone, or where the page ends.
        words: about how many words a passage has; nothing for "page".
        overlap: about how many words of the passage before are repeated, as whole sentences.
        parent: about how many words are shown around a passage that was found; 0 shows the passage itself. Small passages are
            found more exactly, and large ones tell more.
    """

    by: By = "headings"
    words: int = TARGET_WORDS
    overlap: int = 0
    parent: int = 0

    @property
    def name(self) -> str:
        """Such as "headings-120" or "sentences-60-overlap-20"."""
        size = "" if self.by == "page" else f"-{self.words}"
        overlap = f"-overlap-{self.overlap}" if self.overlap else ""
        return f"{self.by}{size}{overlap}{f'-parent-{self.parent}' if self.parent else ''}"

    @property
    def shown_as(self) -> Chunking:
        """The way that cuts what is shown: without a parent, this one."""
        return Chunking("headings", self.parent) if self.parent else self


DEFAULT = Chunking()


def chunking(name: str) -> Chunking:
    """The way to cut that has this name; an empty name is the default.

    Raises:
        ConfigError: there is none.
    """
    found = _NAME.fullmatch(name or DEFAULT.name)
    by: By | None = next((known for known in get_args(By) if found and found["by"] == known), None)
    if found is None or by is None:
        raise ConfigError(
            f"{quoted(name)} is no way to cut documents",
            "Write headings, sentences or page, and words: headings-120, sentences-60-overlap-20 or headings-40-parent-240.",
        )
    numbers = {key: int(found[key]) for key in ("words", "overlap", "parent") if found[key]}
    made = Chunking(by, **numbers)
    if not 1 <= made.words <= MOST_WORDS or made.overlap >= made.words or (made.parent and made.parent <= made.words):
        raise ConfigError(
            f"{quoted(name)} cuts no passages",
            f"A passage has 1 to {MOST_WORDS:,} words, overlaps by fewer, and has a parent of more.",
        )
    if made.by == "page" and made != Chunking("page"):
        raise ConfigError(f"{quoted(name)} cuts no passages", "A page is shown whole: write page alone.")
    return made
