"""Near-duplicates by typos: texts at most two slips apart, a slip being a character changed, added or left out, or two exchanged.

Spaces do not count. Candidates share one of their rarest runs of three characters: two slips break at most eight runs, so that of
the nine rarest of each text one is common to both (the prefix filter; Chaudhuri, Ganti, Kaushik 2006; Xiao, Wang, Lin 2008).
Their lengths and their counts of characters rule out most of them, and the distance of the others is computed (Damerau 1964,
restricted: no part is edited twice).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tailor.data.hashes import Runs, characters

RUN = 3  # characters
SLIPS = 2
BROKEN = SLIPS * (RUN + 1)  # runs that so many slips may break
SHORTEST = {1: 8, 2: 12}  # characters of a text that may have so many slips
LONGEST = 400  # characters; two slips in a longer text are found by `tailor.data.minhash`
NEIGHBOURS = 32  # texts that a text is compared with per run: bounds the work where many share their rarest runs
KINDS = 32  # kinds of characters counted
BLOCK = 1_000_000  # pairs looked at at once

_Indices = NDArray[np.int64]


def typo_links(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of texts that are one or two slips apart.

    Args:
        texts: distinct and sorted.
    """
    chosen = [index for index, text in enumerate(texts) if SHORTEST[1] <= len(text) <= LONGEST]
    looked = [texts[index].replace(" ", "") for index in chosen]
    if not looked:
        return
    lengths = np.array([len(text) for text in looked], dtype=np.int64)
    spaced = np.array([len(texts[index]) for index in chosen])
    starts = np.cumsum(lengths) - lengths
    codes = characters(looked)
    counts = np.zeros((len(looked), KINDS), dtype=np.int16)
    np.add.at(counts, (np.repeat(np.arange(len(looked)), lengths), (codes % KINDS).astype(np.int64)), 1)
    members, sizes = _rarest(looked)
    for step in range(1, NEIGHBOURS + 1):
        first = np.flatnonzero(sizes > step)
        for block in range(0, len(first), BLOCK):
            here = first[block : block + BLOCK]
            a, b = members[here], members[here + step]
            near = np.abs(lengths[a] - lengths[b]) <= SLIPS
            a, b = a[near], b[near]
            near = np.abs(counts[a] - counts[b]).sum(axis=1) <= 2 * SLIPS
            a, b = a[near], b[near]
            allowed = np.where(np.minimum(spaced[a], spaced[b]) >= SHORTEST[2], 2, 1)
            near = _distances(codes, starts, lengths, a, b) <= allowed
            yield from ((chosen[i], chosen[j]) for i, j in zip(a[near].tolist(), b[near].tolist(), strict=True))


def _rarest(texts: Sequence[str]) -> tuple[_Indices, _Indices]:
    """Texts by their rarest runs: those with one run side by side; and for each the texts with its run from it on."""
    runs = Runs.of(texts, RUN)
    _, number, frequency = np.unique(runs.hashes, return_inverse=True, return_counts=True)
    order = np.lexsort((number, frequency[number], runs.text))
    rank = np.arange(len(order)) - runs.starts[runs.text]  # texts stay in their places
    kept = order[rank <= BROKEN]
    number, text = number[kept], runs.text[kept]
    order = np.lexsort((text, number))
    number, text = number[order], text[order]
    ends = np.searchsorted(number, number, side="right")
    return text, ends - np.arange(len(text))


def _distances(codes: NDArray[np.uint64], starts: _Indices, lengths: _Indices, a: _Indices, b: _Indices) -> NDArray[np.int8]:
    """Edit distance of each pair, or `SLIPS + 1` where it is more. Only the middle of the table is filled in (Ukkonen 1985)."""
    far = np.int8(SLIPS + 1)
    width = 2 * SLIPS + 1
    longest = int(lengths[a].max(initial=0))
    before = np.full((len(a), width), far, dtype=np.int8)  # column k: the other text's place is k - SLIPS further on
    before[:, SLIPS:] = np.arange(SLIPS + 1)
    before_that = np.full_like(before, far)
    result = np.where(lengths[a] == 0, before[np.arange(len(a)), np.clip(lengths[b] - lengths[a] + SLIPS, 0, width - 1)], far)

    def at(text: _Indices, place: _Indices | int) -> NDArray[np.int64]:
        inside = (place >= 0) & (place < lengths[text])
        return np.where(inside, codes[np.clip(starts[text] + place, 0, len(codes) - 1)].astype(np.int64), -1)

    for row in range(1, longest + 1):
        now = np.full_like(before, far)
        mine, mine_before = at(a, row - 1), at(a, row - 2)
        for column in range(width):
            place = row + column - SLIPS  # characters of the other text
            if place < 0:
                continue
            if place == 0:
                now[:, column] = min(row, SLIPS + 1)
                continue
            other, other_before = at(b, place - 1), at(b, place - 2)
            best = before[:, column] + (mine != other)
            if column > 0:
                best = np.minimum(best, now[:, column - 1] + 1)
            if column < width - 1:
                best = np.minimum(best, before[:, column + 1] + 1)
            if row > 1 and place > 1:
                exchanged = (mine == other_before) & (mine_before == other)
                best = np.where(exchanged, np.minimum(best, before_that[:, column] + 1), best)
            now[:, column] = np.minimum(best, far)
        done = lengths[a] == row
        column_of = np.clip(lengths[b] - lengths[a] + SLIPS, 0, width - 1)
        result = np.where(done, now[np.arange(len(a)), column_of], result)
        before_that, before = before, now
    return result.astype(np.int8)
