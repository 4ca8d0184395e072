"""What the workbench shows of all rows together: where each stands, where people differ, how far everybody is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

from tailor.kinds.base import kind_of
from tailor.labelled import as_cell, counted
from tailor.labelling.judgement import Judgement
from tailor.labelling.marked import marks_differ
from tailor.labelling.regionjson import LINKS, REGIONS
from tailor.workbench.desk import Desk
from tailor.workbench.items import Item
from tailor.workbench.showing import marks_form, readable, said_before

MOST_ROWS = 200
"""Rows that one page lists: a browser draws so many without a wait."""
SHOWN_CHARACTERS = 240
NO_MARKS: Mapping[str, list[Any]] = {REGIONS: [], LINKS: []}


@dataclass(frozen=True)
class Said:
    """What one person said of a row.

    Attributes:
        name: who.
        label: as it is shown.
        cell: as a cell holds it.
        at: when.
        marks: what they marked, as JSON for the form; empty where that does not differ.
    """

    name: str
    label: str
    cell: str
    at: str
    marks: str = ""


@dataclass(frozen=True)
class Difference:
    """A row that people label differently.

    Attributes:
        row: its name.
        place: where it is in the file.
        texts: its columns with their texts.
        said: what each person said.
        settled: the label that settled it; empty where none did.
        choices: the different labels, as they are shown and as cells; none where labels are the same.
        marks: whether marks differ.
        form: the form in which they are shown, and what it needs, as JSON; empty where they do not, or where the image is gone.
        marked: what settled the marks, as JSON for the form; empty where nothing did.
    """

    row: str
    place: str
    texts: tuple[tuple[str, str], ...]
    said: tuple[Said, ...]
    settled: str
    choices: tuple[tuple[str, str], ...]
    marks: bool = False
    form: str = ""
    marked: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it is left to settle."""
        return bool(self.settled or not self.choices) and bool(self.marked or not self.marks)


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
    """The rows that people label or mark differently, those that nobody settled first."""
    everything, found = desk.said(), []
    for item in desk.items.values():
        said = [judgement for judgement in everything.get(item.row, {}).values() if judgement.values]
        labels = {_canonical(judgement) for judgement in said if judgement.label is not None}
        marks = desk.task.marks is not None and any(marks_differ(a.values, b.values) for a, b in combinations(said, 2))
        if len(labels) > 1 or marks:
            found.append(_difference(desk, item, said, labels=len(labels) > 1, marks=marks))
    return sorted(found, key=lambda difference: difference.is_settled)


def progress(desk: Desk) -> Progress:
    """How far everybody is, and how the labels that count are distributed."""
    labels = desk.labels()
    by_row: dict[str, list[Judgement]] = {}
    for judgement in labels:
        by_row.setdefault(judgement.row, []).append(judgement)
    shared = [given for given in by_row.values() if len(given) > 1]
    differing = [difference for difference in disagreements(desk) if not difference.is_settled]
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


def _difference(desk: Desk, item: Item, said: Sequence[Judgement], *, labels: bool, marks: bool) -> Difference:
    people = tuple(
        Said(
            one.annotator,
            shown_label(desk, one.label),
            "" if one.label is None else as_cell(one.label),
            one.at,
            json.dumps(said_before(one) or NO_MARKS) if marks else "",
        )
        for one in said
    )
    labelled = [(one.label, judged.label) for one, judged in zip(people, said, strict=True) if judged.label is not None]
    choices = {shown: json.dumps(label) for shown, label in labelled} if labels else {}
    settled = desk.settled(item.row)
    form = marks_form(desk.task, desk.project.folder, item.row, item.example) if marks else None
    return Difference(
        item.row,
        f"{item.example.file} row {item.example.row}",
        tuple(readable(item.example).items()),
        people,
        shown_label(desk, settled.label) if settled and settled.label is not None else "",
        tuple(choices.items()),
        marks,
        json.dumps(form) if form else "",
        json.dumps(before) if marks and (before := said_before(settled)) else "",
    )


def _person(name: str, said: Sequence[Judgement]) -> Person:
    own = [judgement for judgement in said if judgement.annotator == name]
    seconds = sorted(judgement.seconds for judgement in own if judgement.seconds is not None and not judgement.skipped)
    skipped = sum(bool(judgement.skipped) for judgement in own)
    return Person(name, len(own) - skipped, skipped, seconds[len(seconds) // 2] if seconds else None)


def _canonical(judgement: Judgement) -> str:
    return json.dumps(judgement.label, sort_keys=True)
