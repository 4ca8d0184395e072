"""Hashes by which a text is known again after a small edit, where the text itself may not be kept.

Two texts that differ in one word are the same once it is left out; one with a phrase in front or behind ends or begins with the
other. So a text is kept as the hash of the whole, of all that remains when one word is left out, and of its longer beginnings and
ends. This finds less than a comparison of the texts (`tailor.data.near`), and needs none.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from tailor.data.near_words import UNSPACED, UNSPACED_WEIGHT

LEAST = 5  # words that two texts have in common; each character of a script without spaces counts for 0.6
LONGEST = 64  # words
PHRASE = 24  # words that may be in front or behind

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Looks:
    """A text in hashes.

    Attributes:
        whole: of all words; empty where there are too few.
        without: of all words but one.
        ends: of beginnings and ends that are at least a third of the text.
    """

    whole: str = ""
    without: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()


NO_LOOKS = Looks()


def looks(text: str) -> Looks:
    """The hashes of a text; none where it has fewer than five words, or more than 64."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    seen = "".join(sign for sign in folded if unicodedata.category(sign) != "Cf")
    words, shortest = _WORD.findall(seen), LEAST
    if UNSPACED.search(seen):
        words, shortest = _WORD.findall(UNSPACED.sub(r" \g<0> ", seen)), round(LEAST / UNSPACED_WEIGHT)
    n = len(words)
    if not shortest <= n <= LONGEST:
        return NO_LOOKS
    least = max(shortest, -(-n // 3), n - PHRASE)
    without = {_hash(words[:place] + words[place + 1 :]) for place in range(n) if n > shortest}
    ends = {_hash(part) for cut in range(1, n - least + 1) for part in (words[cut:], words[: n - cut])}
    return Looks(_hash(words), frozenset(without), frozenset(ends))


class SeenTexts:
    """Texts that were seen, as hashes, to look others up in.

    Args:
        texts: what was seen.
    """

    def __init__(self, texts: Iterable[Looks]) -> None:
        kept = [text for text in texts if text.whole]
        self._whole = {text.whole for text in kept}
        self._without = set[str]().union(*(text.without for text in kept))
        self._parts = self._without.union(*(text.ends for text in kept))

    def __contains__(self, text: Looks) -> bool:
        """Whether a seen text is the same but for one word, or for a phrase in front or behind."""
        return bool(text.whole) and (
            text.whole in self._whole
            or text.whole in self._parts
            or not self._without.isdisjoint(text.without)
            or not self._whole.isdisjoint(text.without | text.ends)
        )


def _hash(words: list[str]) -> str:
    return hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:12]
