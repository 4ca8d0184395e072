"""Groups of texts that are the same or nearly the same.

Two texts are near-duplicates when the sets of their runs of five characters, after normalisation, have a Jaccard similarity of
at least 0.8: a slip of the pen in a sentence of 50 characters. Candidates come from MinHash signatures in bands (Broder 1997;
Leskovec, Rajaraman, Ullman, *Mining of Massive Datasets*, section 3.4), every candidate is then compared in full. A pair at 0.8
is missed with probability (1 - 0.8^4)^16 = 0.0002. Characters and not words, so that languages without spaces work too.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tailor.data.union import UnionFind

SIMILARITY = 0.8
RUN = 5  # characters
BANDS, ROWS = 16, 4
SKETCH = 1000  # runs kept of a long text, those with the smallest hashes: estimates the similarity to within 0.03
BUCKET = 16  # groups that a text is compared with per band; bounds the work when many texts share most of their words

_WORDS = re.compile(r"\w+")
_SPACE = re.compile(r"\s+")
_Hashes = NDArray[np.uint64]


def normalise(text: str) -> str:
    """The text without differences of case, accents' encoding, punctuation and spacing; other signs are kept if it has no words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_WORDS.findall(folded)) or _SPACE.sub(" ", folded).strip()


def near_groups(texts: Sequence[str]) -> list[int]:
    """For each text the index of the first text of its group; a text without a near-duplicate is its own group.

    Groups are closed: if A is near B and B near C, all three are one group. They do not depend on the order of the texts.
    Takes time in proportion to the amount of text.
    """
    normal = [normalise(text) for text in texts]
    distinct = sorted(set(normal))  # this order makes the groups independent of the order of the texts
    group_of = dict(zip(distinct, _near(distinct), strict=True))
    first: dict[int, int] = {}
    return [first.setdefault(group_of[text], index) for index, text in enumerate(normal)]


def _near(texts: Sequence[str]) -> list[int]:
    """A group number for each of the distinct texts."""
    sketches = [_sketch(text) for text in texts]
    signatures = _signatures(sketches)
    groups = UnionFind(len(texts))
    for band in range(BANDS):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for index, row in enumerate(np.ascontiguousarray(signatures[:, band * ROWS : (band + 1) * ROWS])):
            bucket = buckets[row.tobytes()]
            if groups.find(index) in {groups.find(other) for other in bucket}:
                continue
            for other in bucket:
                if _similarity(sketches[index], sketches[other]) >= SIMILARITY:
                    groups.join(index, other)
            if len(bucket) < BUCKET:
                bucket.append(index)
    return [groups.find(index) for index in range(len(texts))]


def _sketch(text: str) -> _Hashes:
    """Hashes of the text's runs of characters, each once and in order; of a long text the smallest."""
    codes = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32).astype(np.uint64)
    codes = np.pad(codes, (0, max(0, RUN - len(codes))))
    hashes = np.zeros(len(codes) - RUN + 1, dtype=np.uint64)
    for offset in range(RUN):
        hashes = hashes * np.uint64(1_000_003) + codes[offset : len(codes) - RUN + 1 + offset]
    return np.unique(_mix(hashes))[:SKETCH]


def _mix(values: _Hashes) -> _Hashes:
    """Spreads values over all 64 bits (the finaliser of SplitMix64; Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _signatures(sketches: Sequence[_Hashes]) -> NDArray[np.uint32]:
    """MinHash signatures, shape (texts, BANDS * ROWS)."""
    random = np.random.default_rng(0)
    factors, offsets = random.integers(1, 2**63, size=(2, BANDS * ROWS), dtype=np.uint64)
    factors |= np.uint64(1)
    signatures = np.empty((len(sketches), BANDS * ROWS), dtype=np.uint32)
    for index, sketch in enumerate(sketches):
        hashed = (sketch[:, None] * factors + offsets) >> np.uint64(32)  # (runs, signature)
        signatures[index] = hashed.min(axis=0)
    return signatures


def _similarity(a: _Hashes, b: _Hashes) -> float:
    """Jaccard similarity of two sets; of two sketches of long texts, its estimate on their common range."""
    if len(a) == SKETCH or len(b) == SKETCH:
        limit = min(a[-1] if len(a) == SKETCH else b[-1], b[-1] if len(b) == SKETCH else a[-1])
        a, b = a[a <= limit], b[b <= limit]
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)
