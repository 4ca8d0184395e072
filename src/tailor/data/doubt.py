"""Test rows that show nothing any more, because of what was done to them after they had been seen.

Whoever knows which answers were wrong can make a test set easier and the system no better: by changing the right answers of just
those rows, by rewording them, by taking them out, or by repeating the others. Most who do so mean well, and some of what they
correct was wrong; but they look only where the system was not right. So such rows count as wrong in every limit, and repeats must
make none of them better. What was done to all rows alike chose nothing, and costs nothing.

Nor does a row show anything that stands word for word in what the model reads, such as an example in the instruction, or a page
made of the questions and answers that the data were made of: that it is found there says nothing of what nobody has written down.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tailor.data.identity import Identity, Known
from tailor.data.near_words import UNSPACED, UNSPACED_WEIGHT

LEAST = 5
"""Words of a question that tell it from others; shorter ones may be anywhere."""
ALIKE = 0.9
"""Share of the rows left of an opening that were reworded, from which on this was done to all of them, and chose none."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Doubt:
    """Rows that limits must take for wrong, or leave out.

    Attributes:
        changed: places of test rows whose answers or words were changed after they had been seen.
        gone: rows that were taken out of the test set after they had been seen.
        read: places of test rows that the model reads in its prompt or its documents.
        picked: places of test rows that were seen together with other rows that are now gone: what is left may have been selected.
        again: places of test rows that repeat rows which had been seen. The others must show as much without them.
    """

    changed: frozenset[int] = frozenset()
    gone: int = 0
    read: frozenset[int] = frozenset()
    picked: frozenset[int] = frozenset()
    again: frozenset[int] = frozenset()

    @property
    def places(self) -> frozenset[int]:
        """Of all test rows that limits take for wrong."""
        return self.changed | self.read | self.picked

    @property
    def rows(self) -> int:
        """How many rows limits take for wrong."""
        return len(self.places) + self.gone

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        return {name: len(getattr(self, name)) for name in ("changed", "read", "picked", "again")} | {"gone": self.gone}

    def share(self, test: int) -> float:
        """By how much they could have changed a difference of two systems on a test set of so many rows, either way."""
        return self.rows / (test + self.gone)

    def without_repeats(self, test: int) -> tuple[list[int], Doubt]:
        """The places of a test set of so many rows that repeat nothing, and what of these is in doubt, by their new places."""
        kept = [place for place in range(test) if place not in self.again]
        return kept, Doubt(frozenset(new for new, place in enumerate(kept) if place in self.places), self.gone)


NO_DOUBT = Doubt()


@dataclass(frozen=True)
class Data:
    """The other rows of the data, as they are now.

    Attributes:
        others: rows that are not in the test set.
        deal: by what Tailor deals the rows to splits; empty where the data say which rows are tested.
        labels: whether answers are labels. One that no row has any more was renamed or merged, in all rows alike.
        read: texts that the model reads besides what it is asked.
    """

    others: Sequence[Identity] = ()
    deal: str = "seed 0"
    labels: bool = False
    read: Sequence[str] = ()


@dataclass(frozen=True)
class Shown:
    """An opening of a test set: its rows, and `Data.deal` as it was then; None where that is not known."""

    rows: Sequence[Identity]
    deal: str | None = None


def doubt(rows: Sequence[Identity], data: Data, openings: Sequence[Shown]) -> Doubt:
    """What of a test set was changed after it had been seen.

    Args:
        rows: of the test set.
        data: what else there is.
        openings: those that showed some of the rows, oldest first.
    """
    test, rest = Known(rows), Known(data.others)
    of_row = [_place(test, row, place) for place, row in enumerate(rows)]
    editions = [_edition(shown, test, rest, data) for shown in openings]
    first: dict[int, set[str]] = {}  # place of a test row -> its answers when it was first seen
    for edition in editions:
        first = dict(edition.answers) | first
    reworded, picked, lost = set[int](), set[int](), set[tuple[str, ...]]()
    for edition in editions:
        if len(edition.lost) > len(edition.left):
            picked |= edition.left
        else:
            lost |= {row.asked for row in edition.lost}
            reworded |= set() if edition.alike else edition.reworded - set(first)
    renamed = _renamed(first, [row.answers for row in rows], data) if data.labels else frozenset[str]()
    changed = {place for place, known in enumerate(of_row) if known in reworded}
    for place, known in enumerate(of_row):
        before = first.get(known, set()) - {""}
        if before and rows[place].answers not in before and before.isdisjoint(renamed):
            changed.add(place)
    return Doubt(
        frozenset(changed),
        len(lost),
        _read(rows, data.read),
        frozenset(place for place, known in enumerate(of_row) if known in picked),
        _again(rows, of_row, first, editions, changed),
    )


@dataclass
class _Edition:
    """What became of the rows of one opening.

    Attributes:
        answers: place of a test row -> its answers at this opening.
        times: how often it was shown.
        reworded: places of test rows that say nearly the same as rows that are gone.
        lost: rows that are gone and of which nothing says nearly the same.
    """

    answers: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    times: Counter[int] = field(default_factory=Counter)
    reworded: set[int] = field(default_factory=set)
    lost: list[Identity] = field(default_factory=list)

    @property
    def alike(self) -> bool:
        """Whether all that is left was reworded."""
        return len(self.reworded) >= ALIKE * len(self.left)

    @property
    def left(self) -> set[int]:
        """The test rows that were shown then, in these words or in others."""
        return set(self.answers) | self.reworded


def _edition(shown: Shown, test: Known, rest: Known, data: Data) -> _Edition:
    """What became of the rows of one opening.

    A row that is in another split now left the test set by chance if Tailor deals the rows as it did then, and the test set is no
    smaller. Otherwise someone may have looked for a seed, or for a part of it, with which it is easier.
    """
    by_chance = bool(data.deal) and shown.deal in (None, data.deal) and len(test.rows) >= len(shown.rows)
    found, missing = _Edition(), list[Identity]()
    for row in shown.rows:
        if (place := test.find(row)) is not None:
            found.answers[place].add(row.answers)
            found.times[place] += 1
        elif not (by_chance and rest.find(row) is not None):
            missing.append(row)
    texts = [row.text for row in missing if row.text]
    near = iter(test.nearest(texts))
    for row in missing:
        place = next(near) if row.text else None
        if place is None:
            found.lost.append(row)
        else:
            found.reworded.add(_place(test, test.rows[place], place))
    return found


def _place(test: Known, row: Identity, place: int) -> int:
    """The place that stands for all test rows that are this one."""
    known = test.find(row)
    return place if known is None else known


def _renamed(first: Mapping[int, set[str]], answers: Sequence[str], data: Data) -> frozenset[str]:
    """Labels that were renamed or merged: no row has them any more, and all that had one have the same now, or a new one.

    Where rows of a label that was given up got several of the others, each was chosen by itself.
    """
    used = {*answers, *(row.answers for row in data.others)}
    before = set[str]().union(*first.values())
    became: dict[str, set[str]] = defaultdict(set)
    for place, labels in first.items():
        for label in labels - used:
            became[label].add(answers[place])
    return frozenset(label for label, now in became.items() if len(now) == 1 or now.isdisjoint(before))


def _again(
    rows: Sequence[Identity],
    of_row: Sequence[int],
    first: Mapping[int, set[str]],
    editions: Iterable[_Edition],
    changed: set[int],
) -> frozenset[int]:
    """Test rows that repeat one that was seen, word for word or nearly so, more often than it was shown."""
    times = Counter[int]()
    for edition in editions:
        times |= edition.times
    if not times:
        return frozenset()
    repeats, met = set[int](), Counter[int]()
    for place, known in enumerate(of_row):
        met[known] += 1
        if known in first and met[known] > times[known]:
            repeats.add(place)
    fresh = [place for place, known in enumerate(of_row) if known not in first and place not in changed]
    seen = Known([rows[place] for place in first])
    near = seen.nearest([rows[place].text for place in fresh])
    return frozenset(repeats | {place for place, match in zip(fresh, near, strict=True) if match is not None})


def _read(rows: Sequence[Identity], texts: Sequence[str]) -> frozenset[int]:
    """Places of the rows that stand word for word in one of the texts."""
    asked = {place: _words(row.text) for place, row in enumerate(rows)}
    long = {place: f" {' '.join(words)} " for place, words in asked.items() if _weight(words) >= LEAST}
    pages = [f" {' '.join(_words(text))} " for text in texts] if long else []
    return frozenset(place for place, words in long.items() if any(words in page for page in pages))


def _words(text: str) -> list[str]:
    return _WORD.findall(UNSPACED.sub(r" \g<0> ", text.casefold()))


def _weight(words: Sequence[str]) -> float:
    return sum(UNSPACED_WEIGHT if UNSPACED.fullmatch(word) else 1.0 for word in words)
