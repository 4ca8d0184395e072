"""Labels that may be one, spelt in two ways."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import combinations

from tailor.data.finding import Finding
from tailor.errors import quoted

FEWER = 10  # a slip is in so many times fewer rows than what was meant

_JOINED = re.compile(r"(?<=\w)[-_]+(?=\w)")
_NUMBER = re.compile(r"[-+]?\d{1,30}(?:\.\d{1,30})?", re.ASCII)
_LOOKS_LIKE = str.maketrans("аеорсухіјѕԁһАВЕКМНОРСТУХІЈЅοΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxijsdhABEKMHOPCTYXIJSoABEZHIKMNOPTYX")


def misspelt_labels(counts: Counter[str], held: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Pairs of labels that may be one.

    Args:
        counts: rows of each label.
        held: the labels of each row, by its place.
    """
    plain = {label: _plain(label) for label in counts}
    for a, b in combinations(sorted(counts), 2):
        rare, common = sorted((a, b), key=lambda label: (counts[label], label))
        equal = _same_number(a, b)
        slip = counts[rare] * FEWER <= counts[common] and _one_letter_apart(plain[a], plain[b])
        if slip or equal or plain[a] == plain[b]:
            sizes = f"{quoted(common)} ({counts[common]:,} rows) and {quoted(rare)} ({counts[rare]:,})"
            yield Finding(
                "warning",
                f"The labels {sizes} may be one, spelt in two ways.",
                tuple(where for where, labels in held.items() if rare in labels),
                f"If so, write {quoted(common)} in these rows.",
            )


def _plain(label: str) -> str:
    """A label without what people write differently: capitals, spaces, punctuation at its ends. Signs carry meaning and stay.

    Characters that nobody sees, accents as characters of their own, wide forms, and Greek or Cyrillic letters that look like the
    Latin ones around them make no other label either.
    """
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", label) if unicodedata.category(sign) != "Cf")
    if any(sign.isascii() and sign.isalpha() for sign in seen):  # in a word of Latin letters, those of others only look like them
        seen = seen.translate(_LOOKS_LIKE)
    return " ".join(_JOINED.sub(" ", seen).casefold().split()).strip(" .,;:!?\"'") or label


def _same_number(a: str, b: str) -> bool:
    """Whether two labels are one number written in two ways, such as 1 and 1.0, or 01 and 1."""
    if not (_NUMBER.fullmatch(a) and _NUMBER.fullmatch(b)):
        return False
    return Decimal(a) == Decimal(b)


def _one_letter_apart(a: str, b: str) -> bool:
    """Whether one letter added, left out or changed makes `a` into `b`; digits and short words are often meant to differ."""
    short, long = sorted((a, b), key=len)
    if len(long) - len(short) > 1 or len(short) < 5:
        return False
    start = next((place for place, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short))
    same_rest = short[start:] == long[start + 1 :] or (len(short) == len(long) and short[start + 1 :] == long[start + 1 :])
    return same_rest and long[start].isalpha()
