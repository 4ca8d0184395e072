"""Comparing short answers: normal form, token F1, containment.

The normal form is SQuAD's (Rajpurkar et al. 2016): lower case, no punctuation, no articles, single spaces. It differs where
deleting punctuation would make different things equal: a point or colon between digits stays ("1.5" is not "15"), a dash or slash
becomes a space ("24/7"). Percent and currency signs go, so that "9 %" is "9%"; so does a comma between digits: "1,050" is "1050".
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

BETWEEN_DIGITS = re.compile(r"(?<=\d)[.:](?=\d)")
ARTICLES = re.compile(r"\b(?:a|an|the)\b")
CITATION = re.compile(r"\s*\[(\d+(?:\s*[,;]\s*\d+)*)\]")
KEPT = {".": "\ue000", ":": "\ue001"}


class _Marks(dict[int, str]):
    """What becomes of each character: punctuation and symbols go, dashes and slashes become spaces, the rest stays."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Pd" or character in "/\\":
            kept = " "
        else:
            kept = "" if category[0] in "PS" else character
        self[code] = kept
        return kept


_MARKS = _Marks({ord(stand_in): mark for mark, stand_in in KEPT.items()})


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """The text in normal form; its articles stay if nothing else would be left, so that the answer "A" is not empty."""
    text = BETWEEN_DIGITS.sub(lambda match: KEPT[match.group()], unicodedata.normalize("NFKC", text).lower())
    plain = text.translate(_MARKS)
    return " ".join(ARTICLES.sub(" ", plain).split()) or " ".join(plain.split())


def token_f1(answer: str, accepted: Iterable[str]) -> float:
    """F1 over shared tokens, the best over the accepted answers; 1 when both sides are empty in normal form."""
    return max((_f1(normalise(answer).split(), normalise(other).split()) for other in accepted), default=0.0)


def _f1(answer: list[str], accepted: list[str]) -> float:
    if not answer or not accepted:
        return float(answer == accepted)
    shared = sum((Counter(answer) & Counter(accepted)).values())
    return 2 * shared / (len(answer) + len(accepted))


def exact_match(answer: str, accepted: Iterable[str]) -> bool:
    """Whether the answer equals an accepted one in normal form."""
    return normalise(answer) in {normalise(other) for other in accepted}


def contains(text: str, part: str) -> bool:
    """Whether the whole tokens of `part` stand in a row in `text`, in normal form; never for an empty `part`."""
    needle = normalise(part)
    return bool(needle) and f" {needle} " in f" {normalise(text)} "


def citations(text: str) -> tuple[int, ...]:
    """The numbers cited in the text, such as [1] or [2, 3], in order."""
    return tuple(int(number) for marks in CITATION.findall(text) for number in re.findall(r"\d+", marks))


def without_citations(text: str) -> str:
    """The text without its citation marks."""
    return CITATION.sub("", text).strip()


def count_words(text: str) -> int:
    """Words, as separated by white space; a sign that stands alone, such as the one in "9 %", is none."""
    return sum(any(character.isalnum() for character in word) for word in text.split())
