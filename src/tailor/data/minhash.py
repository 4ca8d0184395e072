"""Near-duplicates among longer texts: those that share 0.8 of their runs of five characters or more, long ones 0.55.

An edit of every tenth word leaves two texts 0.65 alike, of every seventh 0.55: it breaks the runs on both sides of each word.
Long texts that are made apart from each other are hardly ever that alike, unless they hold the same building blocks, such as a
signature: links between the two limits do not count for a text that has more than sixteen of them.

Candidates come from MinHash signatures in bands (Broder 1997; Leskovec, Rajaraman, Ullman, *Mining of Massive Datasets*, section
3.4); every candidate is then compared in full. A pair at 0.8 is missed with probability (1 - 0.8^4)^16 = 0.0002, one of long texts
at 0.55 with (1 - 0.55^3)^21 = 0.02.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tailor.data.hashes import Hashes, Runs

SIMILARITY = 0.8
LONG_SIMILARITY = 0.55  # of long texts
RUN = 5  # characters
SHORTEST = 40  # characters; a shorter text is not 0.8 like another unless it is a typo away from it
LONG = 90  # characters: about eighteen words
NEIGHBOURS = 16  # of a long text that is less than 0.8 like them: with more, they share building blocks
HASHES = 64  # of a signature
BANDS = ((16, 4, SHORTEST), (21, 3, LONG))  # bands of so many hashes each, among texts of so many characters
SKETCH = 1000  # runs kept of a long text, those with the smallest hashes: estimates the similarity to within 0.03
BUCKET = 16  # groups that a text is compared with per band; bounds the work when many texts share most of their words
BLOCK = 500_000  # runs hashed at once


def jaccard_links(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of texts that are alike by their runs of characters; enough of them to join their groups.

    Args:
        texts: distinct, in an order that depends on nothing but the texts.
    """
    chosen = [index for index, text in enumerate(texts) if len(text) >= SHORTEST]
    runs = Runs.of([texts[index] for index in chosen], RUN)
    sketches = [runs.hashes[start:end][:SKETCH] for start, end in zip(runs.starts[:-1], runs.starts[1:], strict=True)]
    signatures = _signatures(sketches)
    weak: dict[tuple[int, int], float] = {}
    for bands, rows, least in BANDS:
        able = [place for place, index in enumerate(chosen) if len(texts[index]) >= least]
        for band in range(bands):
            buckets: dict[bytes, list[int]] = defaultdict(list)
            keys = np.ascontiguousarray(signatures[able, band * rows : (band + 1) * rows])
            for place, row in zip(able, keys, strict=True):
                bucket = buckets[row.tobytes()]
                for other in bucket:
                    pair = (chosen[other], chosen[place])
                    if pair in weak:
                        continue
                    similarity = _similarity(sketches[place], sketches[other])
                    if similarity >= SIMILARITY:
                        yield pair
                        break
                    if least == LONG and similarity >= LONG_SIMILARITY:
                        weak[pair] = similarity
                else:
                    if len(bucket) < BUCKET:
                        bucket.append(place)
    counts = Counter(index for pair in weak for index in pair)
    yield from (pair for pair in weak if max(counts[index] for index in pair) <= NEIGHBOURS)


def _signatures(sketches: Sequence[Hashes]) -> NDArray[np.uint32]:
    """MinHash signatures, shape (texts, HASHES)."""
    random = np.random.default_rng(0)
    factors, offsets = random.integers(1, 2**63, size=(2, HASHES), dtype=np.uint64)
    factors |= np.uint64(1)
    signatures = np.empty((len(sketches), HASHES), dtype=np.uint32)
    ends = np.cumsum([len(sketch) for sketch in sketches])
    first = 0
    while first < len(sketches):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        runs = np.concatenate(sketches[first:last])
        starts = np.concatenate(([0], ends[first : last - 1] - before))
        for number in range(HASHES):
            hashed = ((runs * factors[number] + offsets[number]) >> np.uint64(32)).astype(np.uint32)
            signatures[first:last, number] = np.minimum.reduceat(hashed, starts)
        first = last
    return signatures


def _similarity(a: Hashes, b: Hashes) -> float:
    """Jaccard similarity of two sets; of two sketches of long texts, its estimate on their common range."""
    if len(a) == SKETCH or len(b) == SKETCH:
        limit = min(a[-1] if len(a) == SKETCH else b[-1], b[-1] if len(b) == SKETCH else a[-1])
        a, b = a[a <= limit], b[b <= limit]
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)
