"""What the workbench shows of all rows together: where each stands, where people differ, how far everybody is."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailor.kinds.base import kind_of
from tailor.labelling.judgement import Judgement
from tailor.workbench.desk import Desk
from tailor.workbench.differences import canonical, differing
from tailor.workbench.items import Item, shown_label
from tailor.workbench.showing import readable

MOST_ROWS = 200
"""Rows that one page lists: a browser draws so many without a wait."""
SHOWN_CHARACTERS = 240
SHOWN = ("open", "labelled", "skipped", "flagged")
"""What the rows can be narrowed down to: of the first two, what one person did; of the others, what anybody did."""


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
        counted: rows with a label that counts.
        differing: rows that people label differently, and that nobody settled.
        flagged: rows that someone wants looked at.
        shared: rows that two people or more labelled.
        same: of these, how many all label the same.
        people: who labelled.
        labels: the labels that count and how often, most frequent first; none where the kind has no closed set.
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


def queue_rows(desk: Desk, name: str, start: int, show: str = "") -> dict[str, Any]:
    """The rows from a place on, with where each stands for this person, and the places where pages before and after begin.

    Args:
        desk: has the rows.
        name: for whom.
        start: place among all rows from which they are listed.
        show: one of `SHOWN`; anything else stands for all rows.
    """
    show, said = show if show in SHOWN else "", desk.said()
    others = {row for row, given in said.items() if name not in given and len(given) >= desk.overlap}
    places = [place for place, row in enumerate(desk.items) if _is_listed(said.get(row, {}), name, show, done=row in others)]
    at = bisect_left(places, start)
    items = list(desk.items.values())
    here, before = places[at : at + MOST_ROWS], places[max(0, at - MOST_ROWS) : at]
    return {
        "rows": [_queue_row(desk, items[place], name, said.get(items[place].row, {})) for place in here],
        "first": at + 1,
        "last": at + len(here),
        "all": len(places),
        "others": 0 if show else sum(not _calls(said[row], "") for row in others),
        "before": before[0] if before else None,
        "after": places[at + MOST_ROWS] if at + MOST_ROWS < len(places) else None,
        "show": show,
        "shows": SHOWN,
    }


def _is_listed(said: Mapping[str, Judgement], name: str, show: str, *, done: bool) -> bool:
    """Whether a row is listed for someone: not where others gave it what it needs, unless one of them flagged or skipped it."""
    own = said.get(name)
    if show in ("skipped", "flagged"):
        return _calls(said, show)
    if show == "labelled":
        return own is not None and not own.skipped
    if show == "open":
        return own is None and not done
    return not done or _calls(said, show)


def _calls(said: Mapping[str, Judgement], show: str) -> bool:
    """Whether someone flagged a row or skipped it; of the two, what is to be shown."""
    return any((one.flagged and show != "skipped") or (one.skipped and show != "flagged") for one in said.values())


def _queue_row(desk: Desk, item: Item, name: str, said: Mapping[str, Judgement]) -> dict[str, Any]:
    own = said.get(name)
    state = "open" if own is None else "labelled"
    if own is None and len(said) >= desk.overlap:
        state = "labelled by others"
    if skips := [one.skipped for one in said.values() if one.skipped]:
        state = f"skipped: {own.skipped if own is not None and own.skipped else skips[0]}"
    flags = [one.annotator for one in said.values() if one.flagged]
    text = " ".join(" ".join(readable(item.example).values()).split())
    return {
        "row": item.row,
        "text": text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…",
        "state": state,
        "label": "" if own is None or own.skipped else shown_label(desk.task, own.label),
        "flagged": ", ".join(flags),
    }


def progress(desk: Desk) -> Progress:
    """How far everybody is, and how the labels that count are distributed."""
    labels = desk.labels()
    by_row: dict[str, list[Judgement]] = {}
    for judgement in labels:
        by_row.setdefault(judgement.row, []).append(judgement)
    shared = [given for given in by_row.values() if len(given) > 1]
    derived = desk.aggregation().labels.items()
    counts = {row: one.label for (row, _), one in derived if row in desk.items and one.label is not None and not one.tied}
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
        differing=sum(not one.is_settled for one in differing(desk)),
        flagged=sum(bool(judgement.flagged) for judgement in said),
        shared=len(shared),
        same=sum(len({canonical(judgement) for judgement in given}) == 1 for given in shared),
        people=tuple(_person(name, said) for name in sorted({judgement.annotator for judgement in said})),
        labels=tuple(used.most_common()),
    )


def _person(name: str, said: Sequence[Judgement]) -> Person:
    own = [judgement for judgement in said if judgement.annotator == name]
    seconds = sorted(judgement.seconds for judgement in own if judgement.seconds is not None and not judgement.skipped)
    skipped = sum(bool(judgement.skipped) for judgement in own)
    return Person(name, len(own) - skipped, skipped, seconds[len(seconds) // 2] if seconds else None)
