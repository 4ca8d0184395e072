"""The typed findings of the diagnosis; putting them into words and drawing them is other parts' work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from tailor.data.example import SplitName
from tailor.stats.intervals import Interval as Interval

LeverName = Literal["form", "knowledge", "behaviour", "examples"]

LEVEL = 0.80
"""Level of every forecast's interval: a forecast chooses what to try and claims nothing."""

MOST = 0.5
"""Labels are the limit when at least this share of the misses is due to them."""

TELLING = 40
"""Rows per label from which wrong labels can be distinguished from hard rows (docs/log.md)."""


@dataclass(frozen=True)
class Lever:
    """What one remedy would win, by itself.

    Attributes:
        name: `form` (hold the answer to its form), `knowledge` (retrieve passages), `behaviour` (tune the weights) or `examples`
            (show the nearest worked examples).
        forecast: the score on dev that it would reach, with an 80 % interval.
        values: the expected score of each dev row, in dev's order.
        alone: failed dev rows that it would fix (expected number, rounded).
        only: those of them that no other lever would fix.
        how: how the forecast was made, in a sentence.
    """

    name: LeverName
    forecast: Interval
    values: tuple[float, ...]
    alone: int
    only: int
    how: str


@dataclass(frozen=True)
class Suspect:
    """A row whose label is probably wrong.

    Attributes:
        example: id of the row.
        split: where it stands.
        row: its number in its file.
        file: that file's name.
        text: what is asked.
        given: its label.
        likely: the label that fits better.
        given_probability: what a classifier that never saw the row gives the label.
        likely_probability: what it gives the likely one.
    """

    example: str
    split: SplitName
    row: int
    file: str
    text: str
    given: str
    likely: str
    given_probability: float
    likely_probability: float


@dataclass(frozen=True)
class Labels:
    """What was found about the labels.

    Attributes:
        noise: estimated share of wrong labels, with an 80 % interval.
        missed: share of the labels that a classifier misses, which learned from other rows.
        by_labels: the part of `missed` that is due to wrong labels: missed themselves, and misleading where they are learned from.
        ceiling: the highest score on dev that the labels of dev allow: 1 less the lower limit of the share suspected there.
        rows_per_label: the median number of rows that a label has.
    """

    noise: Interval
    missed: float
    by_labels: float
    ceiling: float
    rows_per_label: float

    @property
    def can_be_told(self) -> bool:
        """Whether wrong labels can be distinguished from hard rows: with few rows per label a classifier misses both alike."""
        return self.rows_per_label >= TELLING

    @property
    def are_the_limit(self) -> bool:
        """Whether labels, not the model, are the limit: most misses are due to wrong ones, and there are some for sure."""
        return self.can_be_told and bool(self.noise.low) and self.by_labels >= MOST * self.missed


@dataclass(frozen=True)
class Diagnosis:
    """Why the baseline fails on dev, and what each lever would win.

    Attributes:
        baseline: the baseline's score on dev.
        rows: dev rows.
        failures: dev rows that the baseline fails: their score is below one half.
        levers: best forecast first.
        suspects: rows whose labels look wrong, the surest first.
        labels: what was found about the labels; None when nothing was looked for.
        retrieval_recall: share of dev rows for which a search finds a passage with the answer; None without documents.
        notes: what could not be found out and why, and other things worth knowing, one sentence each.
        seconds: how long the diagnosis took, the baseline's own run not counted.
        model: what the study calls the model whose baseline it is; empty in a study of one.
    """

    baseline: float
    rows: int
    failures: int
    levers: tuple[Lever, ...]
    suspects: tuple[Suspect, ...]
    labels: Labels | None
    retrieval_recall: Annotated[float | None, Field(validation_alias=AliasChoices("retrieval_recall", "reach"))]
    notes: tuple[str, ...]
    seconds: float
    model: str = ""

    def lever(self, name: LeverName) -> Lever | None:
        """A lever's forecast, or None where it does not apply."""
        return next((lever for lever in self.levers if lever.name == name), None)
