"""Labels that the chosen system of the last study suggests, and the rows for which it may not.

A suggestion is quick to accept, also where it is wrong. So a share of the rows stays blind, drawn by their names: what people say
of those, next to the others, shows how far suggestions lead them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from tailor.asking import Answering, answers
from tailor.kinds.base import Kind, kind_of, score
from tailor.kinds.entry import Entry
from tailor.labelling.judgement import LABEL, Suggestion
from tailor.score.confidence import confidence
from tailor.score.fields import read_object
from tailor.workbench.items import Item

BLIND_SHARE = 0.3
MOST = 500
"""Rows that are asked about before the pages open."""


def is_blind(row: str) -> bool:
    """Whether nobody is shown a suggestion for a row: always the same for the same row."""
    return int.from_bytes(hashlib.sha256(f"blind\0{row}".encode()).digest()[:4], "big") < BLIND_SHARE * 2**32


def suggestions(found: Answering, entry: Entry, items: Iterable[Item]) -> dict[str, Suggestion]:
    """What a system suggests, by row; nothing for rows that stay blind and where its answer cannot be read.

    Args:
        found: who answers.
        entry: how people give an answer.
        items: rows without a label, those that are given out first in front.

    Raises:
        TailorError: the system cannot be asked.
    """
    task, system = found.project.task, found.system
    asked = [item for item in items if not is_blind(item.row)][:MOST]
    told = answers(found.project, system, [item.example.fields for item in asked])
    made: dict[str, Suggestion] = {}
    for item, answer in zip(asked, told, strict=True):
        read = score(task, system, item.example, answer)
        label = None if read.outcome in ("unparsed", "refused", "failed", "cut") else _as_given(kind_of(task), entry, read.answer)
        if label is not None:
            made[item.row] = Suggestion({LABEL: label}, system.name, confidence(answer, several=system.decoding.several))
    return made


def _as_given(kind: Kind, entry: Entry, answer: str) -> Any:
    """An answer as a page gives it; None where it holds no label that the page has."""
    if entry.shape == "fields":
        return read_object(answer)
    if entry.shape == "text":
        return answer.strip() or None
    labels = list(kind.labels_in(answer))
    if not set(labels) <= set(entry.choices):
        return None
    return labels if entry.shape == "choices" else next(iter(labels), None)
