"""Near-duplicates by their words: another word in one place, a word more or less, a phrase in front or behind.

Both looks are exact, and need no comparison of pairs: texts that differ in one place are equal once the place is taken out, and a
text with a phrase behind begins with the text. Hashes of what remains when a place is taken out, and of all beginnings and ends,
are sorted, and equal ones lie side by side (the neighbourhood of deletions; Mor and Fraenkel 1982).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailor.data.hashes import Hashes, mix

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""A character of a script that writes no spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""

SHARED_LEAST = 2.0  # words that two texts have in common
SHARED_WELL = 3.0  # with fewer, no third text may have them in common
UNSPACED_WEIGHT = 0.6  # words that a character of an unspaced script counts for
PLACE = 1  # words that may differ in one place
UNSPACED_PLACE = 4  # characters of an unspaced script that may differ in one place
PHRASE = 12  # words that a phrase may have
LONGEST = 64  # words; what is longer is compared by `tailor.data.minhash`
FILLINGS = 8  # texts that differ in one place: with more, the rest is a template
FEW_FILLINGS = 2  # the same, where they share less than `SHARED_WELL`
EXTENSIONS = 12  # texts that begin or end with a text: with more, it is a common phrase

_Indices = NDArray[np.int64]


def word_links(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of texts that differ in one place, or by a phrase in front or behind; enough of them to join their groups.

    Args:
        texts: distinct, their words separated by single spaces.
    """
    words = [text.split(" ") for text in texts]
    for unspaced in (False, True):
        chosen = [
            index for index, text in enumerate(texts) if bool(UNSPACED.search(text)) == unspaced and len(words[index]) <= LONGEST
        ]
        if chosen:
            table = _Table.of([words[index] for index in chosen], UNSPACED_WEIGHT if unspaced else 1.0)
            most = UNSPACED_PLACE if unspaced else PLACE
            for links in (_one_place(table, most), _phrase(table)):
                yield from ((chosen[a], chosen[b]) for a, b in links.tolist())


@dataclass(frozen=True)
class _Table:
    """All words of all texts in one row.

    Attributes:
        lengths: words per text.
        starts: where each text begins in `begin` and `end`, which have one entry more per text than it has words.
        begin: hash of the text's first words: none, one, two, ...
        end: hash of its words from here on; the last entry of a text is that of none.
        weight: what a word counts for.
    """

    lengths: _Indices
    starts: _Indices
    begin: Hashes
    end: Hashes
    weight: float

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], weight: float) -> _Table:
        numbers: dict[str, int] = {}
        flat = np.array([numbers.setdefault(word, len(numbers)) for text in texts for word in text], dtype=np.int64)
        values = np.random.default_rng(0).integers(1, 2**64, size=len(numbers), dtype=np.uint64)[flat]
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        powers = np.cumprod(np.full(LONGEST + 1, 0x9E3779B97F4A7C15, dtype=np.uint64))
        of_text = np.repeat(np.arange(len(texts)), lengths)
        place = np.arange(len(flat)) - (np.cumsum(lengths) - lengths)[of_text]
        forward = np.concatenate(([np.uint64(0)], np.cumsum(values * powers[place])))
        backward = np.concatenate(([np.uint64(0)], np.cumsum(values * powers[lengths[of_text] - place - 1])))
        starts = np.cumsum(lengths + 1) - lengths - 1
        entry = np.repeat(np.arange(len(texts)), lengths + 1)
        here = np.arange(len(entry)) - entry  # place in the row of words
        first = starts - np.arange(len(texts))
        return cls(
            lengths, starts, forward[here] - forward[first[entry]], backward[(first + lengths)[entry]] - backward[here], weight
        )

    @property
    def text(self) -> _Indices:
        """Text of each entry."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths + 1)

    @property
    def place(self) -> _Indices:
        """Words before each entry in its text."""
        return np.arange(len(self.begin)) - self.starts[self.text]


def _one_place(table: _Table, widest: int) -> _Indices:
    """Links between texts that are equal once up to `widest` words in one place are taken out."""
    keys, owners, most = [], [], []
    text, place = table.text, table.place
    for width in range(widest + 1):
        shared = (table.lengths[text] - width) * table.weight
        entries = np.flatnonzero(
            (place + width <= table.lengths[text]) & (shared >= SHARED_LEAST) & (shared >= 2 * width * table.weight)
        )
        keys.append(mix(mix(table.begin[entries]) + table.end[entries + width] * np.uint64(3) + place[entries].astype(np.uint64)))
        owners.append(text[entries])
        most.append(np.where(shared[entries] >= SHARED_WELL, FILLINGS, FEW_FILLINGS))
    return _smallest_shared(np.concatenate(keys), np.concatenate(owners), np.concatenate(most))


def _smallest_shared(keys: Hashes, owners: _Indices, most: _Indices) -> _Indices:
    """Links among the owners of each key that is, for one of them, the key with the fewest owners.

    A key of more than `most` owners gives none.
    """
    order = np.lexsort((owners, keys))
    keys, owners, most = keys[order], owners[order], most[order]
    fresh = np.concatenate(([True], (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])))[: len(keys)]
    keys, owners, most = keys[fresh], owners[fresh], most[fresh]
    _, run, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    shared = (sizes[run] > 1) & (sizes[run] <= most)
    run, owners = run[shared], owners[shared]
    least = np.full(int(owners.max(initial=-1)) + 1, FILLINGS + 1)
    np.minimum.at(least, owners, sizes[run])
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[run[sizes[run] == least[owners]]] = True
    run, owners = run[chosen[run]], owners[chosen[run]]
    same = [np.flatnonzero(run[step:] == run[:-step]) for step in range(1, FILLINGS)]
    return np.concatenate([np.stack((owners[at], owners[at + step]), axis=1) for step, at in enumerate(same, start=1)])


def _phrase(table: _Table) -> _Indices:
    """Links between a text and the longest one that it begins or ends with."""
    text, place = table.text, table.place
    able = np.flatnonzero(table.lengths * table.weight >= SHARED_WELL)
    whole = {True: table.begin[(table.starts + table.lengths)[able]], False: table.end[table.starts[able]]}
    links = [np.empty((0, 2), dtype=np.int64)]
    for in_front, hashes, words in ((True, table.begin, place), (False, table.end, table.lengths[text] - place)):
        order = np.argsort(whole[in_front])
        known = whole[in_front][order]
        more = table.lengths[text] - words
        entries = np.flatnonzero((more > 0) & (more <= 2 * words) & (more * table.weight <= PHRASE) & (words > 0))
        found = np.searchsorted(known, hashes[entries])
        entries, found = entries[found < len(known)], found[found < len(known)]
        hit = known[found] == hashes[entries]
        links.append(np.stack((able[order][found[hit]], text[entries[hit]]), axis=1))
    both = np.concatenate(links)
    longest = np.zeros(len(table.lengths), dtype=np.int64)
    np.maximum.at(longest, both[:, 1], table.lengths[both[:, 0]])
    both = both[table.lengths[both[:, 0]] == longest[both[:, 1]]]
    counts = np.bincount(both[:, 0], minlength=len(table.lengths))
    kept: _Indices = both[counts[both[:, 0]] <= EXTENSIONS]
    return kept
