"""What makes a row the row that it is, whatever the task calls its columns: by this, openings of the test set are counted.

A row is known again by the texts of its values, normalised: not by the names or the order of columns, its id or its place in the
file. One that was asked with some of its columns is known again when it is asked with others, as long as the file still holds
what was asked. The hashes are kept in stores; `spelled` must therefore never change.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tailor.data.example import Example
from tailor.data.looks import NO_LOOKS, Looks
from tailor.data.near import near_matches

TELLING = 12
"""Characters from which a text is taken to name one row among others; shorter ones must be all that both rows ask."""
MEANT = "%‰#&@*§"
"""Signs that Unicode takes for punctuation, but that mean something."""
TEMPLATE_SHARE, TEMPLATE_ROWS = 0.2, 20
"""A group of near-duplicates with more than this share, and more rows than this, is a template that most rows fill in."""


@dataclass(frozen=True)
class Identity:
    """One row, as it is known again.

    Attributes:
        asked: hashes of the values that are asked, sorted, each once.
        values: hashes of all values of the row but its answer, sorted, each once.
        characters: length of what is asked.
        text: what is asked; empty where only hashes were kept.
        answers: hash of the accepted answers; empty where it is not known.
        old: the key that the first version of the store had for the row; empty where it has none.
        exact: fingerprint of the row, answers included; empty where it is not known.
        looks: hashes of what is asked, where only hashes were kept.
    """

    asked: tuple[str, ...]
    values: tuple[str, ...]
    characters: int = 0
    text: str = ""
    answers: str = ""
    old: str = ""
    exact: str = ""
    looks: Looks = NO_LOOKS


def spelled(text: str) -> str:
    """The text without differences of case, spacing, encoding and the punctuation around words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = (_bare(word) for word in folded.split())
    return " ".join(word for word in words if word) or " ".join(folded.split())


def value_hashes(values: Iterable[str]) -> tuple[str, ...]:
    """Hashes of the values that are not empty, sorted, each once."""
    texts = {text for value in values if (text := spelled(value))}
    return tuple(sorted(_sha256(text)[:16] for text in texts))


def identity(columns: Sequence[str], example: Example) -> Identity:
    """What a row is known again by.

    Args:
        columns: those that the task's `input` names, in its order.
        example: the row.
    """
    asked = [example.fields[column] for column in dict.fromkeys(columns) if column in example.fields]
    hashes = value_hashes(asked) or (_sha256("")[:16],)
    return Identity(
        asked=hashes,
        values=tuple(sorted({*hashes, *example.values, *value_hashes(example.fields.values())})),
        characters=sum(len(spelled(text)) for text in asked),
        text="\n".join(asked),
        answers=_sha256(json.dumps(example.answers)),
        old=example.content,
        exact=example.fingerprint,
    )


class Known:
    """Rows that were seen, to look others up in.

    Args:
        rows: what was seen.
    """

    def __init__(self, rows: Iterable[Identity]) -> None:
        self.rows = tuple(rows)
        self._asked: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._first: dict[str, list[int]] = defaultdict(list)
        self._holding: dict[str, set[int]] = defaultdict(set)
        self._old = {row.old: place for place, row in enumerate(self.rows) if row.old}
        for place, row in enumerate(self.rows):
            self._asked[row.asked].append(place)
            if row.asked and row.characters >= TELLING:
                self._first[row.asked[0]].append(place)
            for value in row.values:
                self._holding[value].add(place)

    def find(self, row: Identity) -> int | None:
        """The place of a seen row that this row is, the latest one; None where it is none of them."""
        found = list(self._asked[row.asked]) if row.asked in self._asked and row.asked else []
        values = set(row.values)
        found += [i for value in values for i in self._first.get(value, ()) if values.issuperset(self.rows[i].asked)]
        if row.asked and row.characters >= TELLING:
            sets = sorted((self._holding.get(value, set()) for value in row.asked), key=len)
            found += set.intersection(*sets)
        if row.old in self._old:
            found.append(self._old[row.old])
        return max(found, default=None)

    def near(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text says nearly the same as a seen row whose text was kept."""
        return [place is not None for place in self.nearest(texts)]

    def nearest(self, texts: Sequence[str]) -> list[int | None]:
        """For each text the place of a seen row, whose text was kept, that says nearly the same; None where there is none.

        A group of more than a fifth of all texts is a template that most rows fill in: such rows are known by their values alone.
        """
        places = [place for place, row in enumerate(self.rows) if row.text]
        if not places or not texts:
            return [None] * len(texts)
        matches = near_matches(texts, [self.rows[place].text for place in places])
        alike = Counter(match for match in matches if match is not None)
        most = max(TEMPLATE_ROWS, TEMPLATE_SHARE * (len(places) + len(texts)))
        return [None if match is None or alike[match] > most else places[match] for match in matches]


def _bare(word: str) -> str:
    """The word without the punctuation around it; signs that mean something, such as currencies, stay."""
    if word.isalnum():
        return word
    start, end = 0, len(word)
    while start < end and _is_mark(word[start]):
        start += 1
    while end > start and _is_mark(word[end - 1]):
        end -= 1
    return word[start:end]


def _is_mark(sign: str) -> bool:
    return unicodedata.category(sign).startswith("P") and sign not in MEANT


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
