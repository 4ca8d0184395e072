"""How far a text overlaps with reference texts: chrF and ROUGE-L. They describe; a field that asks for a chrF is decided by it.

Both score a contradiction nearly like a paraphrase, and neither ranks systems reliably; they are shown because people ask for them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tailor.language.detect import is_unspaced

ORDERS = range(1, 7)
BETA = 2  # recall counts this many times as much as precision
_WORD = re.compile(r"[^\W_]+")


def chrf(text: str, references: Iterable[str]) -> float:
    """chrF2 of the reference that gives most, in [0, 1]: runs of one to six characters in common, white space left out.

    Popović 2015 (WMT), as sacreBLEU has it by default: precision and recall are means over the lengths that both texts have.
    """
    runs = _runs(text)
    return max((_chrf(runs, _runs(reference)) for reference in references), default=0.0)


def rouge_l(text: str, references: Iterable[str]) -> float:
    """ROUGE-L of the reference that gives most, in [0, 1]: F1 of the longest common subsequence of words, in small letters.

    Lin 2004 (ACL workshop on text summarization), over a whole text and without stemming. Words are runs of letters and digits of
    any script; each character of a script without spaces is one.
    """
    words = _words(text)
    return max((_rouge_l(words, _words(reference)) for reference in references), default=0.0)


def _runs(text: str) -> tuple[Counter[str], ...]:
    joined = "".join(text.split())
    return tuple(Counter(joined[start : start + n] for start in range(len(joined) - n + 1)) for n in ORDERS)


def _chrf(runs: tuple[Counter[str], ...], wanted: tuple[Counter[str], ...]) -> float:
    both = [((one & other).total(), one.total(), other.total()) for one, other in zip(runs, wanted, strict=True) if one and other]
    if not any(shared for shared, _, _ in both):
        return 0.0
    precision = sum(shared / total for shared, total, _ in both) / len(both)
    recall = sum(shared / total for shared, _, total in both) / len(both)
    return (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)


def _words(text: str) -> list[str]:
    spaced = text if text.isascii() else "".join(f" {c} " if is_unspaced(c) else c for c in text)
    return _WORD.findall(spaced.lower())


def _rouge_l(words: list[str], wanted: list[str]) -> float:
    common = _longest_common(words, wanted)
    return 2 * common / (len(words) + len(wanted)) if common else 0.0


def _longest_common(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence, a row of the table at a time as the bits of a number (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    everything = row = (1 << len(one)) - 1
    for word in other:
        matched = row & places.get(word, 0)
        row = ((row + matched) | (row - matched)) & everything
    return len(one) - row.bit_count()
