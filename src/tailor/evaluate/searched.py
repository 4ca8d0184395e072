"""Ways to find passages measured by search alone, on dev rows: what races by answers is chosen by this, since it asks no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailor.data.example import Example
from tailor.engine import Engine
from tailor.evaluate.found import DEPTH, names_of
from tailor.retrieval.chunk import count_words
from tailor.retrieval.metrics import gain_of, recall_of
from tailor.retrieval.passage import Passage
from tailor.stats.intervals import Interval, mean_interval
from tailor.system import System

LEVEL = 0.95


@dataclass(frozen=True)
class SearchTrial:
    """A way to find passages that was measured by search alone.

    Attributes:
        name: what its system is called.
        against: what it is compared with.
        shown: passages in the prompt.
        words: mean words of these.
        rows: dev rows that count.
        recall: mean share of the right documents among the passages shown; where none is named, of rows with a right passage there.
        other: the same of what it is compared with, which shows as many words.
        gain: nDCG of its first ten; None where only their order was looked at.
        calls: calls of the model that this took.
        races: whether it goes on to race by answers.
        why: what decided that, as a sentence without its end.
        among: words of the documents that were searched, where these were not all of them; else 0.
    """

    name: str
    against: str
    shown: int
    words: float
    rows: int
    recall: Interval | None
    other: float
    gain: float | None = None
    calls: int = 0
    races: bool = False
    why: str = ""
    among: int = 0

    @property
    def fate(self) -> str:
        """What became of it."""
        return "goes on" if self.races else "not tried" if self.recall is None else "does not go on"


@dataclass(frozen=True)
class Ranked:
    """What a system finds for some rows: the first ten passages of each."""

    rows: tuple[Example, ...]
    passages: tuple[tuple[Passage, ...], ...]

    def recall(self, shown: int) -> list[float]:
        """For each row the share of its right documents among the first so many; 0 or 1 where none is named."""
        named = (names_of(row, found[:shown]) for row, found in zip(self.rows, self.passages, strict=True))
        return [recall_of(names, relevant, DEPTH) for names, relevant in named]

    def words(self, shown: int) -> float:
        """Mean words of the first so many passages."""
        return float(np.mean([sum(count_words(passage.text) for passage in found[:shown]) for found in self.passages]))

    def interval(self, shown: int) -> Interval:
        """The mean recall with its limits."""
        return mean_interval(self.recall(shown), LEVEL, groups=[row.unit for row in self.rows])

    @property
    def gain(self) -> float:
        """Mean nDCG of the first ten."""
        named = (names_of(row, found) for row, found in zip(self.rows, self.passages, strict=True))
        return float(np.mean([gain_of(names, relevant, DEPTH) for names, relevant in named]))

    def within(self, words: float) -> int:
        """How many passages have at most so many words together, in the mean; 0 where the first has more."""
        return max((shown for shown in range(1, DEPTH + 1) if self.words(shown) <= words), default=0)

    def first(self, count: int) -> Ranked:
        """The same of the first rows."""
        return Ranked(self.rows[:count], self.passages[:count])


def ranked_by(system: System, rows: Sequence[Example], engine: Engine) -> Ranked:
    """What a system's search finds for rows, whatever it shows of that.

    Raises:
        TailorError: the documents cannot be searched, or a call for the search failed.
    """
    deep = system.with_(knowledge={"passages": DEPTH, "best_last": False})
    return Ranked(tuple(rows), tuple(engine.retrieve(deep, rows)))
