"""Hashes of runs of characters, for all texts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Runs:
    """The distinct runs of characters of texts, by their hashes.

    Attributes:
        hashes: each run of a text once, texts one after the other, in the order of their hashes.
        text: the text of each.
        starts: where each text begins; one more entry for the end.
    """

    hashes: Hashes
    text: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str], length: int) -> Runs:
        """The runs of so many characters; `length - 1` more in front and behind make the ends of a text count as its middle."""
        room = "\0" * (length - 1)
        codes = characters([f"{room}{text}{room}" for text in texts])
        sizes = np.array([len(text) for text in texts], dtype=np.int64) + 2 * (length - 1)
        owner = np.repeat(np.arange(len(texts)), sizes)
        hashes = np.zeros(max(0, len(codes) - length + 1), dtype=np.uint64)
        for offset in range(length):
            hashes = hashes * np.uint64(1_000_003) + codes[offset : len(hashes) + offset]
        inside = owner[: len(hashes)] == owner[length - 1 :]
        hashes, owner = mix(hashes[inside]), owner[: len(hashes)][inside]
        order = np.lexsort((hashes, owner))
        hashes, owner = hashes[order], owner[order]
        fresh = np.concatenate(([True], (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])))[: len(hashes)]
        hashes, owner = hashes[fresh], owner[fresh]
        return cls(hashes, owner, np.searchsorted(owner, np.arange(len(texts) + 1)))


def characters(texts: Sequence[str]) -> Hashes:
    """The code points of all texts, one after the other."""
    joined = "".join(texts).encode("utf-32-le", errors="surrogatepass")
    return np.frombuffer(joined, dtype=np.uint32).astype(np.uint64)


def mix(values: Hashes) -> Hashes:
    """Spreads values over all 64 bits (the finaliser of SplitMix64; Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
