"""Suspected label errors, by confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068), with `cleanlab`.

Every row gets the probabilities of all labels from a classifier on the embedder that learned from other rows only. How many labels
are wrong follows from how often another label is as probable as it is where it is given; which ones, from how improbable the given
one is. Rows that lie among those of another label look the same whether their label or their text is to blame.

As many rows are suspected as labels are estimated to be wrong, so that the list and the estimate say the same. Counting only rows
where another label is confidently the likelier one missed a quarter of planted errors (docs/log.md).
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailor.diagnose.types import LEVEL
from tailor.models.base import Array
from tailor.models.head import one_thread
from tailor.stats.clusters import usual_size
from tailor.stats.intervals import Floats, Interval, counted_limits

FOLDS = 5
PENALTY = 10.0
"""Inverse strength of the ridge penalty: on unit vectors it gives probabilities that are neither flat nor certain (docs/log.md)."""
ROWS_PER_LABEL = 10
"""Fewest rows per label, on average: with seven, a tenth of clean labels was suspected (docs/log.md)."""
MOST_MISSED = 0.5
"""Most that a classifier may miss of what chance misses. Labels drawn at random look wrong in nine of ten rows (docs/log.md)."""
OWN_ERRORS = 0.2
"""Share of a classifier's own misses that look like label errors: 7 to 22 % on clean data (docs/log.md)."""
OWN_ERRORS_MOST, DOUBT = 0.3, 0.01
"""There are label errors for sure only where so large a share of own errors among the misses is refuted at this level: with few
rows, half of a classifier's misses may look like label errors by chance."""


@dataclass(frozen=True)
class LabelErrors:
    """What confident learning found; arrays are in the order of the rows.

    Attributes:
        suspects: places of the suspected rows, the surest first; as many as labels are estimated to be wrong.
        sure: so many of them, from the first, are confidently of another label.
        likely: for each row the likeliest label.
        given_probability: for each row the probability of its own label.
        likely_probability: for each row that of the likeliest.
        noise: estimated share of wrong labels, with an 80 % interval.
        missed: share of the labels that the classifier misses.
        by_chance: share that one would miss who draws labels by how frequent they are.
        by_labels: the part of `missed` that is due to wrong labels.
    """

    suspects: tuple[int, ...]
    sure: int
    likely: tuple[str, ...]
    given_probability: Floats
    likely_probability: Floats
    noise: Interval
    missed: float
    by_chance: float
    by_labels: float

    @property
    def can_tell(self) -> bool:
        """Whether the classifier learned the labels well enough to doubt any; where it did not, it would doubt half of them."""
        return self.missed <= MOST_MISSED * self.by_chance


def can_look() -> bool:
    """Whether cleanlab is installed."""
    return importlib.util.find_spec("cleanlab") is not None


def enough(labels: Sequence[str], groups: Sequence[str] = ()) -> bool:
    """Whether there are rows enough to tell a wrong label from a hard row: ten per label, three of each, more than one label.

    Rows with the same label in the same group count once, for they say the same.
    """
    together = groups or [""] * len(labels)
    units = {(label, group or place) for place, (label, group) in enumerate(zip(labels, together, strict=True))}
    counts = Counter(label for label, _ in units)
    return len(counts) > 1 and len(units) >= ROWS_PER_LABEL * len(counts) and min(counts.values()) >= 3


def find_errors(vectors: Array, labels: Sequence[str], groups: Sequence[str] = ()) -> LabelErrors:
    """Rows whose labels look wrong, and how many of all labels are.

    The noise lies between what is left of the sure suspects when a fifth of the classifier's other misses is taken off, and what
    the calibrated joint distribution of given and true labels says; each end has the limit of its sampling error. The lower end is
    0 unless more of the misses are surely suspected than a classifier's own errors explain.

    Args:
        vectors: of the rows, shape (rows, dimensions), of length 1.
        labels: of the rows; `enough` of them.
        groups: rows of one non-empty group are never learned from while another of them is judged.
    """
    names = sorted(set(labels))
    given = np.array([names.index(label) for label in labels])
    probabilities = crossed(vectors, given, groups)
    wrong = probabilities.argmax(axis=1) != given
    places = np.arange(len(given))
    ranked, sure, noise = suspected(given, probabilities, usual_size(groups) if groups else 1.0)
    own = _own_misses(vectors, given, ranked[:sure], groups, noise.mean)
    due = 0.0 if own is None else max(0.0, float(wrong.mean()) - (1 - noise.mean) * own)
    return LabelErrors(
        tuple(ranked),
        sure,
        tuple(names[i] for i in probabilities.argmax(axis=1)),
        probabilities[places, given],
        probabilities.max(axis=1),
        noise,
        float(wrong.mean()),
        1 - float(((np.bincount(given) / len(given)) ** 2).sum()),
        due,
    )


def suspected(given: NDArray[np.int64], probabilities: Floats, alike: float = 1.0) -> tuple[list[int], int, Interval]:
    """Places of the rows whose labels look wrong, the surest first, how many of them are sure, and the share of wrong labels.

    Args:
        given: number of each row's label.
        probabilities: of all labels, from classifiers that did not learn from the row, shape (rows, labels).
        alike: so many rows count as one observation.
    """
    with one_thread():
        from cleanlab.count import estimate_joint, num_label_issues

        sure = int(num_label_issues(given, probabilities))
        joint = 1 - float(np.trace(estimate_joint(given, probabilities)))
    missed = probabilities.argmax(axis=1) != given
    noise = _noise(sure, int(missed.sum()), joint, len(given), alike)
    ranked = np.argsort(probabilities[np.arange(len(given)), given], kind="stable")
    found = [int(place) for place in ranked[: round(noise.mean * len(given))] if missed[place]]
    return found, min(sure, len(found)), noise


def crossed(vectors: Array, given: NDArray[np.int64], groups: Sequence[str] = ()) -> Floats:
    """Probabilities of all labels, shape (rows, labels), each row's from a classifier that did not learn from it or its group.

    A label that no other group has cannot be doubted: it gets the probability 1 in its row.

    Args:
        vectors: of the rows.
        given: number of each row's label, every number from 0 up present.
        groups: as for `find_errors`.
    """
    with one_thread():
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

        together = [group or f"\0{i}" for i, group in enumerate(groups)]
        folds = min(FOLDS, int(np.bincount(given).min()), len(set(together)) or FOLDS)
        kind = StratifiedGroupKFold if any(groups) else StratifiedKFold
        split = kind(max(2, folds), shuffle=True, random_state=0).split(vectors, given, together if any(groups) else None)
        found = np.zeros((len(given), int(given.max()) + 1))
        for learned, judged in split:
            known = np.unique(given[learned])
            if len(known) > 1:
                model = LogisticRegression(C=PENALTY, max_iter=2000).fit(vectors[learned], given[learned])
                found[np.ix_(judged, known)] = model.predict_proba(vectors[judged])
                unknown = judged[~np.isin(given[judged], known) | (len(known) < 2)]
                found[unknown] = 0
                found[unknown, given[unknown]] = 1
    return found


def _noise(suspects: int, missed: int, joint: float, rows: int, alike: float = 1.0) -> Interval:
    """The share of wrong labels, midway between the sure suspects' and the joint distribution's (docs/log.md), with limits.

    `alike` rows count as one observation.
    """
    most = min(rows, round(max(joint * rows, suspects)))
    _, high = counted_limits(most, rows, LEVEL, alike)
    low, _ = counted_limits(max(0, round(suspects - OWN_ERRORS * (missed - suspects))), rows, LEVEL, alike)
    if not suspects or counted_limits(suspects, missed, 1 - 2 * DOUBT, alike)[0] <= OWN_ERRORS_MOST:
        low = 0.0
    return Interval((suspects + most) / 2 / rows, low, high, rows, LEVEL, "confident learning")


def _own_misses(
    vectors: Array, given: NDArray[np.int64], suspects: Sequence[int], groups: Sequence[str], noise: float
) -> float | None:
    """Share of rightly labelled rows that a classifier misses which learned from no suspected row; None if too few would be left.

    The wrong labels that were not suspected are taken off: nobody can give them.
    """
    kept = np.setdiff1d(np.arange(len(given)), suspects)
    names, left = np.unique(given[kept], return_inverse=True)
    if len(names) < 2 or np.bincount(left).min() < 2 or (any(groups) and len({groups[i] or i for i in kept}) < 2):
        return None
    probabilities = crossed(vectors[kept], left, [groups[i] for i in kept] if groups else ())
    unseen = (noise - len(suspects) / len(given)) / (1 - len(suspects) / len(given))
    return max(0.0, float((probabilities.argmax(axis=1) != left).mean()) - unseen)
