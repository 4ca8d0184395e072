"""Comparing short answers: token F1, equality, containment.

Texts are compared as `tailor.language.tokens` reads them: what carries meaning counts, what is only form does not. The metrics
`squad_f1` and `squad_exact` use SQuAD's published normal form instead, so that they can be set next to published figures.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from tailor.language.detect import is_unspaced
from tailor.language.tokens import contains as contains
from tailor.language.tokens import same, tokens

CITATION = re.compile(r"\s*\[(\d+(?:\s*[,;]\s*\d+)*)\]")
_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CHARACTERS_PER_WORD = 2
"""Of scripts without spaces; Chinese and Japanese words have about two characters."""


def normalise(text: str, language: str = "") -> str:
    """The text's comparable tokens, with single spaces between them; the same text for answers that are the same."""
    return " ".join(tokens(text, language)) or " ".join(text.split())


@lru_cache(maxsize=4096)
def squad_normal(text: str) -> str:
    """SQuAD's normal form: lower case, no ASCII punctuation, no English articles, single spaces.

    The steps of the published evaluation script, in its order (Rajpurkar et al. 2016, arXiv:1606.05250). It makes -5 equal to 5,
    and 1,5 to 15.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def token_f1(answer: str, accepted: Iterable[str], language: str = "") -> float:
    """F1 over shared tokens, the best over the accepted answers; 1 when both sides are empty."""
    return _best_f1(answer, accepted, lambda text: tokens(text, language))


def squad_f1(answer: str, accepted: Iterable[str]) -> float:
    """F1 over shared words in SQuAD's normal form, the best over the accepted answers; 1 when both sides are empty."""
    return _best_f1(answer, accepted, lambda text: squad_normal(text).split())


def exact_match(answer: str, accepted: Iterable[str], language: str = "") -> bool:
    """Whether the answer equals an accepted one, as tokens."""
    return any(same(answer, other, language) for other in accepted)


def squad_exact(answer: str, accepted: Iterable[str]) -> bool:
    """Whether the answer equals an accepted one in SQuAD's normal form."""
    return squad_normal(answer) in {squad_normal(other) for other in accepted}


def citations(text: str) -> tuple[int, ...]:
    """The numbers cited in the text, such as [1] or [2, 3], in order."""
    return tuple(int(number) for marks in CITATION.findall(text) for number in re.findall(r"\d+", marks))


def without_citations(text: str) -> str:
    """The text without its citation marks."""
    return CITATION.sub("", text).strip()


def count_words(text: str) -> int:
    """Words, as separated by white space; two characters of a script without spaces are one, a sign that stands alone is none."""
    unspaced = 0 if text.isascii() else sum(map(is_unspaced, text))
    spaced = "".join(" " if is_unspaced(c) else c for c in text) if unspaced else text
    words = sum(any(character.isalnum() for character in word) for word in spaced.split())
    return words + -(-unspaced // _CHARACTERS_PER_WORD)


def _best_f1(answer: str, accepted: Iterable[str], words: Callable[[str], Sequence[str]]) -> float:
    return max((_f1(words(answer), words(other)) for other in accepted), default=0.0)


def _f1(answer: Sequence[str], accepted: Sequence[str]) -> float:
    if not answer or not accepted:
        return float(list(answer) == list(accepted))
    shared = sum((Counter(answer) & Counter(accepted)).values())
    return 2 * shared / (len(answer) + len(accepted))
