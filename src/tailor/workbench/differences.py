"""Rows that people label or mark differently, a page at a time, for whoever settles them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tailor.labelling.judgement import Judgement
from tailor.labelling.marked import marks_differ
from tailor.labelling.regionjson import LINKS, REGIONS
from tailor.workbench.desk import Desk
from tailor.workbench.items import Item, shown_label
from tailor.workbench.showing import marks_form, readable, said_before

MOST_DIFFERENCES = 25
"""Rows on a page: each has its text, what everybody said, and buttons."""


@dataclass(frozen=True)
class Differing:
    """That people say different things of a row.

    Attributes:
        row: its name.
        place: its place among the rows, by which pages begin.
        labels: whether labels differ.
        marks: whether marks do.
        is_settled: whether nothing of it is left to settle.
    """

    row: str
    place: int
    labels: bool
    marks: bool
    is_settled: bool


@dataclass(frozen=True)
class Said:
    """What one person said of a row.

    Attributes:
        name: who.
        label: as it is shown.
        marks: what they marked, as JSON for the form; empty where that does not differ.
    """

    name: str
    label: str
    marks: str = ""


@dataclass(frozen=True)
class Difference:
    """A row that people label differently, as a page shows it.

    Attributes:
        row: its name.
        place: where it is in the file.
        texts: its columns with their texts.
        said: what each person said.
        settled: the label that settled it; empty where none did.
        by: who settled it.
        key: of the judgement that settled it.
        choices: the different labels, as they are shown and as JSON; none where labels are the same.
        marks: whether marks differ.
        form: the form in which they are shown, and what it needs, as JSON; empty where they do not, or where the image is gone.
        marked: what settled the marks, as JSON for the form; empty where nothing did.
    """

    row: str
    place: str
    texts: tuple[tuple[str, str], ...]
    said: tuple[Said, ...]
    settled: str
    by: str
    key: str
    choices: tuple[tuple[str, str], ...]
    marks: bool = False
    form: str = ""
    marked: str = ""


def differing(desk: Desk) -> list[Differing]:
    """The rows that people label or mark differently, in the order of the rows."""
    everything, found = desk.said(), []
    for place, row in enumerate(desk.items):
        said = [judgement for judgement in everything.get(row, {}).values() if judgement.values]
        if len(said) < 2:
            continue
        labels = len({canonical(judgement) for judgement in said if judgement.label is not None}) > 1
        marks = desk.task.marks is not None and any(marks_differ(a.values, b.values) for a, b in combinations(said, 2))
        if labels or marks:
            settled = desk.settled(row)
            left = (labels and (settled is None or settled.label is None)) or (marks and not said_before(settled))
            found.append(Differing(row, place, labels, marks, not left))
    return found


def differences_page(desk: Desk, rows: Sequence[Differing], start: int, *, everything: bool) -> dict[str, Any]:
    """The differences from a row on, and where the next page begins.

    Pages begin at places among all rows, so that settling one moves no other to another page.

    Args:
        desk: has the rows.
        rows: those that differ.
        start: place among all rows from which differences are listed.
        everything: whether those that are settled are listed, too.
    """
    listed = [one for one in rows if everything or not one.is_settled]
    here = [one for one in listed if one.place >= start]
    shown = here[:MOST_DIFFERENCES]
    before = [one for one in listed if one.place < start][-MOST_DIFFERENCES:]
    return {
        "rows": [_difference(desk, desk.items[one.row], labels=one.labels, marks=one.marks) for one in shown],
        "open": sum(not one.is_settled for one in rows),
        "settled": sum(one.is_settled for one in rows),
        "everything": everything,
        "before": before[0].place if before else None,
        "after": here[MOST_DIFFERENCES].place if len(here) > MOST_DIFFERENCES else None,
    }


def canonical(judgement: Judgement) -> str:
    """A label as one text: two that say the same have the same."""
    return json.dumps(judgement.label, sort_keys=True)


def _difference(desk: Desk, item: Item, *, labels: bool, marks: bool) -> Difference:
    said = [judgement for judgement in desk.of_row(item.row).values() if judgement.values]
    people = tuple(
        Said(
            one.annotator,
            shown_label(desk.task, one.label),
            json.dumps(said_before(one) or {REGIONS: [], LINKS: []}) if marks else "",
        )
        for one in said
    )
    given = [(shown_label(desk.task, one.label), json.dumps(one.label)) for one in said if one.label is not None]
    settled = desk.settled(item.row)
    form = marks_form(desk.task, desk.project.folder, item.row, item.example) if marks else None
    return Difference(
        item.row,
        item.where,
        tuple(readable(item.example).items()),
        people,
        shown_label(desk.task, settled.label) if settled and settled.label is not None else "",
        settled.annotator if settled else "",
        settled.key if settled else "",
        tuple(dict(given).items()) if labels else (),
        marks,
        json.dumps(form) if form else "",
        json.dumps(before) if marks and (before := said_before(settled)) else "",
    )
