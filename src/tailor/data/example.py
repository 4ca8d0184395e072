"""One example, and the four splits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from tailor.content import MediaPart
from tailor.errors import quoted

SplitName = Literal["train", "dev", "test", "reserve"]


@dataclass(frozen=True, repr=False)
class Example:
    """One row of the user's data.

    Attributes:
        id: unique within the data.
        fields: every input column, as text; a column that holds media, as the hash of their bytes.
        media: the columns that hold media.
        answers: accepted answers, the preferred one first; empty when the documents do not answer the question.
        source: name of the document that answers it, if the data say so; several as a JSON list.
        quote: the sentence that answers it, if the data say so.
        group: rows with the same non-empty group stay in one split.
        unit: rows with the same non-empty unit count as one observation: near-duplicates and rows of one group. The split sets it.
        row: number of the row in its file, the first data row being 1.
        file: name of that file.
        dealt_by: hash of the text that tells the row from others; the split sets it.
        telling: hashes of what may tell it; the reader sets them, and the split takes one.
        content: the key of the row in version 1 of the store; empty where it was not read from a file.
        values: hashes of all values of the row but its answer, to know it again by; empty where it was not read from a file.
        occurrence: how many rows before it in the file have the same fields.
        checked: columns that an answer is checked by, and that no model sees.
    """

    id: str
    fields: Mapping[str, str]
    answers: tuple[str, ...]
    source: str = ""
    quote: str = ""
    group: str = ""
    row: int = 0
    file: str = ""
    content: str = ""
    values: tuple[str, ...] = ()
    occurrence: int = 0
    unit: str = ""
    dealt_by: str = ""
    telling: tuple[str, str] | None = None
    media: Mapping[str, MediaPart] = field(default_factory=dict)
    checked: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        asked = quoted(" ".join(" ".join(self.fields.values()).split()), 80)
        return f"<Example {quoted(self.id, 20)}: {asked} -> {quoted(self.label, 40)}>"

    @property
    def key(self) -> str:
        """What the row is, whatever the task makes of it: by this it is dealt to a split, and drawn for samples."""
        return self.dealt_by or self.content or self.fingerprint

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that can change the prompt or the score; its id and its place in the file cannot."""
        record: list[object] = [sorted(self.fields.items()), self.answers, self.source, self.quote]
        return _sha256([*record, sorted(self.checked.items())] if self.checked else record)

    @cached_property
    def answer_key(self) -> str:
        """The key of saved answers: SHA-256 over what can change an answer, and a number where rows have the same fields."""
        return answer_key(self.fields, self.occurrence)

    @cached_property
    def old_answer_key(self) -> str:
        """The key under which version 1 of the store saved answers: it held the row number and the accepted answers."""
        return _sha256([self.id, sorted(self.fields.items()), self.answers, self.source, self.quote])

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the documents that answer it; none where the data do not say."""
        if self.source.startswith("["):
            with suppress(ValueError):
                if isinstance(named := json.loads(self.source), list):
                    return tuple(dict.fromkeys(str(name) for name in named if name))
        return (self.source,) if self.source else ()

    @property
    def label(self) -> str:
        """The preferred answer, or an empty text when there is none."""
        return self.answers[0] if self.answers else ""


@dataclass(frozen=True, repr=False)
class Splits:
    """The examples, each in exactly one split; `reserve` stays unopened. `unlabelled` rows are in none."""

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    reserve: tuple[Example, ...] = ()
    seed: int = 0
    how: str = field(default="", compare=False)
    unlabelled: int = field(default=0, compare=False)

    def __repr__(self) -> str:
        sizes = (f"{len(getattr(self, name)):,} {name}" for name in get_args(SplitName))
        return f"<Splits: {', '.join(sizes)} rows>"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the rows of every split, in order."""
        return _sha256([[e.fingerprint for e in part] for part in (self.train, self.dev, self.test, self.reserve)])


def answer_key(fields: Mapping[str, str], occurrence: int) -> str:
    """The key of the saved answers to a row with these fields, and a number where several have the same."""
    return _sha256(["asked", sorted(fields.items()), occurrence])


def _sha256(record: object) -> str:
    return hashlib.sha256(json.dumps(record, ensure_ascii=True).encode()).hexdigest()
