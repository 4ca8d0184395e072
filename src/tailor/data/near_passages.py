"""Near-duplicates by what they hold, wherever it stands: the same words in another order, or a passage word for word.

A reply that quotes the mail it answers is mostly new, and what it is about is in the quotation. Both looks are exact: texts of
the same words are equal once their words are sorted, and a passage shows by the hashes of its runs of words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tailor.data.hashes import Hashes, mix
from tailor.data.near_words import EXTENSIONS, UNSPACED, UNSPACED_WEIGHT

REORDERED_LEAST = 4  # words of texts that only their order tells apart
PASSAGE = 16  # words in a row that two texts have in common
HOLDERS = EXTENSIONS  # texts that have a run of words in common: with more, it is a signature or a form
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

_Indices = NDArray[np.int64]


def reordered_links(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of texts that have the same words in another order.

    Args:
        texts: distinct, their words separated by single spaces.
    """
    first: dict[tuple[str, ...], int] = {}
    for index, text in enumerate(texts):
        words = text.split(" ")
        if len(words) * _weight(text) >= REORDERED_LEAST:
            other = first.setdefault(tuple(sorted(words)), index)
            if other != index:
                yield other, index


def passage_links(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of texts that have a passage in common, which few others have.

    Args:
        texts: distinct, their words separated by single spaces.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        length = round(PASSAGE / _weight(text))
        if text.count(" ") + 1 >= length:
            by_length[length].append(index)
    for length, chosen in by_length.items():
        keys, owners = _runs([texts[index].split(" ") for index in chosen], length)
        yield from ((chosen[a], chosen[b]) for a, b in _sharing(keys, owners).tolist())


def _weight(text: str) -> float:
    return UNSPACED_WEIGHT if UNSPACED.search(text) else 1.0


def _runs(texts: Sequence[Sequence[str]], length: int) -> tuple[Hashes, _Indices]:
    """A hash of every run of so many words, and the text that it is in."""
    numbers: dict[str, int] = {}
    flat = np.array([numbers.setdefault(word, len(numbers)) for words in texts for word in words], dtype=np.int64)
    values = np.random.default_rng(0).integers(1, 2**64, size=len(numbers), dtype=np.uint64)[flat]
    owner = np.repeat(np.arange(len(texts)), [len(words) for words in texts])
    hashes = np.zeros(len(values) - length + 1, dtype=np.uint64)
    for offset in range(length):
        hashes = hashes * _FACTOR + values[offset : len(hashes) + offset]
    inside = owner[: len(hashes)] == owner[length - 1 :]
    return mix(hashes[inside]), owner[: len(hashes)][inside]


def _sharing(keys: Hashes, owners: _Indices) -> _Indices:
    """Pairs of owners of one key, for keys that not more than `HOLDERS` have."""
    order = np.lexsort((owners, keys))
    keys, owners = keys[order], owners[order]
    fresh = np.concatenate(([True], (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])))[: len(keys)]
    keys, owners = keys[fresh], owners[fresh]
    _, run, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    few = (sizes[run] > 1) & (sizes[run] <= HOLDERS)
    run, owners = run[few], owners[few]
    places = [np.flatnonzero(run[step:] == run[:-step]) for step in range(1, HOLDERS)]
    pairs = [np.stack((owners[at], owners[at + step]), axis=1) for step, at in enumerate(places, start=1)]
    return np.unique(np.concatenate(pairs), axis=0)
