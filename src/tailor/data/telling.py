"""What tells a row from others when rows are dealt to splits: its texts, whatever the task's templates read of them."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

MEAN_WORDS = 3
"""Words that the values of a column have on average, from which it holds texts; others hold names, numbers and times, which a
further export of the same rows may write otherwise."""
_WORD = re.compile(r"\w+")

Telling = tuple[str, str]
"""Hashes of a row's longest text, and of all its texts."""


def telling_columns(columns: Mapping[str, Sequence[str]], template: Sequence[str]) -> list[str]:
    """The columns that rows are dealt by: those that hold texts, or those that the template names where none does."""
    return [name for name, values in columns.items() if _holds_texts(values)] or list(template)


def telling(texts: Iterable[str]) -> Telling:
    """What may tell a row with these texts from others, in words and digits alone.

    No place in the file, no name or order of columns, no full stop and no further short text has a say in the longest.
    """
    spelled = sorted({_words(text) for text in texts})
    longest = max(spelled, key=lambda text: (len(text), text), default="")
    return _sha256(longest), _sha256(spelled)


def _holds_texts(values: Sequence[str]) -> bool:
    filled = [value for value in values if value]
    return bool(filled) and sum(len(value.split()) for value in filled) >= MEAN_WORDS * len(filled)


def _words(text: str) -> str:
    """Words and digits alone. Unlike the form that near-duplicates are looked for in, it must never change: rows would move."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_WORD.findall(folded)) or folded


def _sha256(record: object) -> str:
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()
