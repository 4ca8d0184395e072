"""Suspected errors where rows have several labels: each label is judged by itself, as one of two classes.

Thyagarajan et al. (2022, arXiv:2211.13895) find errors in such rows label by label, too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tailor.diagnose.labels import ROWS_PER_LABEL, find_errors
from tailor.models.base import Array

MOST_LABELS = 40
"""Labels that are judged, the commonest first: each takes ten fits of a classifier."""


@dataclass(frozen=True)
class WrongSet:
    """A row whose set of labels looks wrong.

    Attributes:
        place: of the row.
        likely: its labels with those changed that look wrong.
        given_probability: the least that one of these has as it is.
        likely_probability: and what it has changed.
    """

    place: int
    likely: frozenset[str]
    given_probability: float
    likely_probability: float


@dataclass(frozen=True)
class WrongSets:
    """Rows whose sets look wrong, the surest first, and which labels were judged."""

    rows: tuple[WrongSet, ...]
    judged: tuple[str, ...]


def find_wrong_sets(vectors: Array, sets: Sequence[frozenset[str]], groups: Sequence[str] = ()) -> WrongSets:
    """Rows whose labels look wrong, label by label.

    A label is judged where ten rows have it and ten do not, and where a classifier learns it well enough to doubt it.

    Args:
        vectors: of the rows, shape (rows, dimensions), of length 1.
        sets: the labels of each row.
        groups: rows of one non-empty group are never learned from while another of them is judged.
    """
    counts = Counter(label for held in sets for label in held)
    common = [label for label, n in counts.most_common() if ROWS_PER_LABEL <= n <= len(sets) - ROWS_PER_LABEL][:MOST_LABELS]
    doubted: dict[int, dict[str, tuple[float, float]]] = defaultdict(dict)
    judged = []
    for label in common:
        found = find_errors(vectors, ["has" if label in held else "lacks" for held in sets], groups)
        if not found.can_tell:
            continue
        judged.append(label)
        for place in found.suspects:
            doubted[place][label] = float(found.given_probability[place]), float(found.likely_probability[place])
    rows = []
    for place, labels in doubted.items():
        given, likely = min(labels.values())
        rows.append(WrongSet(place, sets[place] ^ frozenset(labels), given, likely))
    return WrongSets(tuple(sorted(rows, key=lambda row: (row.given_probability, row.place))), tuple(sorted(judged)))
