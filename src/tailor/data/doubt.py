"""Test rows that show nothing any more, because of what was done to them after they had been seen.

Whoever knows which answers were wrong can make a test set easier and the system no better: by changing the right answers of just
those rows, by rewording them, by taking them out. Most who do so mean well, and some of what they correct was wrong; but they look
only where the system was not right. So such rows count as wrong in every limit. What was done to all rows alike chose nothing, and
costs nothing.

Nor does a row show anything that stands word for word in what the model reads, such as an example in the instruction, or a page
made of the questions and answers that the data were made of: that it is found there says nothing of what nobody has written down.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tailor.data.identity import Identity, Known

LEAST = 5
"""Words of a question that tell it from others; shorter ones may stand anywhere."""
KEPT = 0.5
"""Share of an opening's rows that the data still hold word for word; with fewer, these are other data, and nothing was chosen."""


_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Doubt:
    """Rows that limits must take for wrong.

    Attributes:
        changed: places of test rows whose answers or words were changed after they had been seen.
        gone: rows that were taken out of the test set after they had been seen.
        read: places of test rows that the model reads in its prompt or its documents.
    """

    changed: frozenset[int] = frozenset()
    gone: int = 0
    read: frozenset[int] = frozenset()

    @property
    def places(self) -> frozenset[int]:
        """Of all test rows that are in doubt."""
        return self.changed | self.read

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.places) + self.gone

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        return {"changed": len(self.changed), "gone": self.gone, "read": len(self.read)}

    def share(self, test: int) -> float:
        """By how much they could have changed a difference of two systems on a test set of so many rows, either way."""
        return self.rows / (test + self.gone)


NO_DOUBT = Doubt()


@dataclass(frozen=True)
class Data:
    """The other rows of the data, as they are now.

    Attributes:
        others: rows that are not in the test set.
        dealt: whether Tailor deals the rows to splits. Then a row that left the test set unchanged left it by chance.
        labels: whether answers are labels. One that no row has any more was renamed or merged, in all rows alike.
        read: texts that the model reads besides what it is asked.
    """

    others: Sequence[Identity] = ()
    dealt: bool = True
    labels: bool = False
    read: Sequence[str] = ()


def doubt(rows: Sequence[Identity], data: Data, openings: Sequence[Sequence[Identity]]) -> Doubt:
    """What of a test set was changed after it had been seen.

    Args:
        rows: of the test set.
        data: what else there is.
        openings: the rows of each opening that showed some of them, oldest first.
    """
    test, rest = Known(rows), Known(data.others)
    used = {row.answers for row in (*rows, *data.others)}
    first: dict[int, set[str]] = {}  # place of a test row -> its answers when it was first seen
    missing: dict[tuple[str, ...], Identity] = {}
    for shown in openings:
        here = [test.find(row) for row in shown]
        there = [place is None and rest.find(row) is not None for place, row in zip(here, shown, strict=True)]
        if sum(place is not None for place in here) + sum(there) < KEPT * len(shown):
            continue
        answers: dict[int, set[str]] = defaultdict(set)
        for row, place, elsewhere in zip(shown, here, there, strict=True):
            if place is not None:
                answers[place].add(row.answers)
            elif not (elsewhere and data.dealt):
                missing[row.asked] = row
        first = dict(answers) | first
    changed = set[int]()
    for place, row in enumerate(rows):
        known = test.find(row)
        before = first.get(place if known is None else known, set()) - {""}
        renamed = data.labels and before.isdisjoint(used)
        if before and row.answers not in before and not renamed:
            changed.add(place)
    reworded, gone = _reworded(test, first, list(missing.values()))
    return Doubt(frozenset(changed | reworded), gone, _read(rows, data.read))


def _reworded(test: Known, first: dict[int, set[str]], missing: Sequence[Identity]) -> tuple[set[int], int]:
    """Missing rows that test rows say nearly the same as were reworded; where such a row was seen as it is, it was put back."""
    gone, reworded = 0, set[int]()
    for row, place in zip(missing, test.nearest([row.text for row in missing]), strict=True):
        if not row.text or place is None:
            gone += 1
        elif test.find(test.rows[place]) not in first:
            reworded.add(place)
    return reworded, gone


def _read(rows: Sequence[Identity], texts: Sequence[str]) -> frozenset[int]:
    """Places of the rows that stand word for word in one of the texts."""
    asked = {place: _words(row.text) for place, row in enumerate(rows)}
    long = {place: words for place, words in asked.items() if words.count(" ") > LEAST}
    pages = [_words(text) for text in texts] if long else []
    return frozenset(place for place, words in long.items() if any(words in page for page in pages))


def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.casefold()))} "
