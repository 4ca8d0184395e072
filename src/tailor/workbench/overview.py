"""What the workbench shows of all rows together: where each stands, where people differ, how far everybody is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tailor.kinds.base import kind_of
from tailor.labelled import as_cell, counted
from tailor.labelling.judgement import Judgement
from tailor.workbench.desk import Desk
from tailor.workbench.items import Item
from tailor.workbench.showing import readable

MOST_ROWS = 200
"""Rows that one page lists: a browser draws so many without a wait."""
SHOWN_CHARACTERS = 240


@dataclass(frozen=True)
class Said:
    """What one person said of a row."""

    name: str
    label: str
    cell: str
    at: str


@dataclass(frozen=True)
class Difference:
    """A row that people label differently.

    Attributes:
        row: its name.
        place: where it is in the file.
        texts: its columns with their texts.
        said: what each person said.
        settled: the label that settled it; empty where none did.
        choices: the different labels, as they are shown and as cells.
    """

    row: str
    place: str
    texts: tuple[tuple[str, str], ...]
    said: tuple[Said, ...]
    settled: str
    choices: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Person:
    """How far one person is."""

    name: str
    labelled: int
    skipped: int
    seconds: float | None


@dataclass(frozen=True)
class Progress:
    """How far everybody is.

    Attributes:
        rows: rows to label.
        finished: rows that as many people as wanted have labelled or skipped.
        counted: rows with a label, as most people say or someone settled.
        differing: rows that people label differently, and that nobody settled.
        flagged: rows that someone wants looked at.
        shared: rows that two people or more labelled.
        same: of these, how many all label the same.
        people: who labelled.
        labels: these labels and how often, most frequent first; none where the kind has no closed set.
    """

    rows: int
    finished: int
    counted: int
    differing: int
    flagged: int
    shared: int
    same: int
    people: tuple[Person, ...]
    labels: tuple[tuple[str, int], ...]


def queue_rows(desk: Desk, name: str, start: int) -> dict[str, Any]:
    """The rows from a place on, with where each stands for this person, and the places where pages before and after begin."""
    found = []
    for item in islice(desk.items.values(), start, start + MOST_ROWS):
        said = desk.of_row(item.row)
        own = said.get(name)
        state = "open" if own is None else "skipped" if own.skipped else "labelled"
        if own is None and len(said) >= desk.overlap:
            state = "done by others"
        label = "" if own is None else own.skipped or shown_label(desk, own.label)
        text = " ".join(" ".join(readable(item.example).values()).split())
        short = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
        found.append({"row": item.row, "text": short, "state": state, "label": label, "flagged": own.flagged if own else ""})
    last = start + len(found)
    return {
        "rows": found,
        "first": start + 1,
        "last": last,
        "all": len(desk.items),
        "before": max(0, start - MOST_ROWS) if start else None,
        "after": last if last < len(desk.items) else None,
    }


def disagreements(desk: Desk) -> list[Difference]:
    """The rows that people label differently, those that nobody settled first."""
    settled = {judgement.row: judgement for judgement in _settling(desk)}
    everything, found = desk.said(), []
    for item in desk.items.values():
        said = [judgement for judgement in everything.get(item.row, {}).values() if judgement.label is not None]
        cells = {_canonical(judgement) for judgement in said}
        if len(cells) > 1:
            found.append(_difference(desk, item, said, settled.get(item.row)))
    return sorted(found, key=lambda difference: bool(difference.settled))


def progress(desk: Desk) -> Progress:
    """How far everybody is, and how the labels that count are distributed."""
    labels = desk.labels()
    by_row: dict[str, list[Judgement]] = {}
    for judgement in labels:
        by_row.setdefault(judgement.row, []).append(judgement)
    shared = [given for given in by_row.values() if len(given) > 1]
    differing = [difference for difference in disagreements(desk) if not difference.settled]
    counts = counted(desk.task, (judgement for judgement in desk.judgements.standing() if judgement.row in desk.items), "majority")
    kind = kind_of(desk.task)
    used: Counter[str] = Counter()
    if kind.closed:
        used.update(part for label in counts.values() for part in (label if isinstance(label, list) else [label]))
    everything = desk.said()
    said = [judgement for given in everything.values() for judgement in given.values()]
    return Progress(
        rows=len(desk.items),
        finished=sum(len(given) >= desk.overlap for given in everything.values()),
        counted=len(counts),
        differing=len(differing),
        flagged=sum(bool(judgement.flagged) for judgement in said),
        shared=len(shared),
        same=sum(len({_canonical(judgement) for judgement in given}) == 1 for given in shared),
        people=tuple(_person(name, said) for name in sorted({judgement.annotator for judgement in said})),
        labels=tuple(used.most_common()),
    )


def shown_label(desk: Desk, label: Any) -> str:
    """A label as people read it."""
    if label is None:
        return "marked"
    kind, cell = kind_of(desk.task), as_cell(label)
    return kind.shown(cell) if cell else "(nothing)"


def _difference(desk: Desk, item: Item, said: Sequence[Judgement], settled: Judgement | None) -> Difference:
    people = tuple(Said(one.annotator, shown_label(desk, one.label), as_cell(one.label), one.at) for one in said)
    choices: Mapping[str, str] = {one.label: json.dumps(judged.label) for one, judged in zip(people, said, strict=True)}
    return Difference(
        item.row,
        f"{item.example.file} row {item.example.row}",
        tuple(readable(item.example).items()),
        people,
        shown_label(desk, settled.label) if settled else "",
        tuple(choices.items()),
    )


def _settling(desk: Desk) -> list[Judgement]:
    return [
        judgement for judgement in desk.judgements.standing() if judgement.role == "adjudicated" and judgement.label is not None
    ]


def _person(name: str, said: Sequence[Judgement]) -> Person:
    own = [judgement for judgement in said if judgement.annotator == name]
    seconds = sorted(judgement.seconds for judgement in own if judgement.seconds is not None and not judgement.skipped)
    skipped = sum(bool(judgement.skipped) for judgement in own)
    return Person(name, len(own) - skipped, skipped, seconds[len(seconds) // 2] if seconds else None)


def _canonical(judgement: Judgement) -> str:
    return json.dumps(judgement.label, sort_keys=True)
