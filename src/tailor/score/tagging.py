"""How good sets of labels are: the F1 of each example (Tsoumakas and Katakis 2007), and the counts of each label.

The F1 of examples equals scikit-learn's `f1_score` with `average` "samples": a set that is rightly empty is worth 1
(`zero_division=1`). `tailor.stats.f1` has those over all decisions about labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Sets = Sequence[frozenset[str]]


def example_f1(given: frozenset[str], right: frozenset[str]) -> float:
    """Overlap of two sets in [0, 1]: twice what they share, divided by what they hold together; 1 where both are empty."""
    held = len(given) + len(right)
    return 2 * len(given & right) / held if held else 1.0


@dataclass(frozen=True)
class LabelCounts:
    """How often a label was given and right, in rows.

    Attributes:
        label: the label.
        both: rows that have it and got it.
        given: rows that got it.
        right: rows that have it.
    """

    label: str
    both: int
    given: int
    right: int

    @property
    def f1(self) -> float:
        """In [0, 1]; a label is only counted where it is given or right in some row."""
        return 2 * self.both / (self.given + self.right)

    @property
    def missed(self) -> int:
        """Rows that have it and did not get it."""
        return self.right - self.both

    @property
    def extra(self) -> int:
        """Rows that got it and do not have it."""
        return self.given - self.both


def label_counts(given: Sets, right: Sets) -> tuple[LabelCounts, ...]:
    """The counts of each label that is given or right in some row, by name."""
    both, said, wanted = (_counted(sets) for sets in ([a & b for a, b in zip(given, right, strict=True)], given, right))
    return tuple(LabelCounts(label, both[label], said[label], wanted[label]) for label in sorted({*said, *wanted}))


def label_matrix(sets: Sets, labels: Sequence[str]) -> NDArray[np.bool_]:
    """Which labels each set holds, shape (sets, labels)."""
    return np.array([[label in held for label in labels] for held in sets], dtype=np.bool_).reshape(len(sets), len(labels))


def _counted(sets: Iterable[frozenset[str]]) -> Counter[str]:
    return Counter(label for labels in sets for label in labels)
