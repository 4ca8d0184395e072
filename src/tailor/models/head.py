"""A classifier on a frozen embedder: the reference that says when no generative model is needed."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailor.errors import StoreError
from tailor.files import write_atomically
from tailor.models.base import Array

FILE = "head.json"
STRENGTHS = (1.0, 10.0, 100.0)
"""Inverse penalties that are tried."""
UNLIKELY = float(np.log(np.finfo(np.float32).eps))
"""The least log-probability that a label counts with when they are compared: one row that is hopeless says no more."""
SETS_STRENGTH = 30.0
"""The inverse penalty of a classifier for each of several labels, on unit vectors."""
CERTAIN = 20.0
"""Log-odds of a label that every row has."""


@dataclass(frozen=True)
class Head:
    """Logistic regression: multinomial, or one for each label where a row may have several.

    Attributes:
        labels: the classes.
        weights: shape (labels, dimensions).
        bias: shape (labels,).
        several: whether each label is decided by itself.
    """

    labels: tuple[str, ...]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    several: bool = False

    def log_probabilities(self, vectors: Array) -> NDArray[np.float64]:
        """Log-probability of each label, or of each with yes and with no; shape (len(vectors), choices)."""
        return as_log_probabilities(vectors @ self.weights.T + self.bias, several=self.several)

    @property
    def digest(self) -> str:
        """SHA-256 of the saved form."""
        return hashlib.sha256(self._text().encode()).hexdigest()

    def _text(self) -> str:
        record: dict[str, object] = {"labels": self.labels, "weights": self.weights.tolist(), "bias": self.bias.tolist()}
        return json.dumps(record | ({"several": True} if self.several else {}))

    def save(self, folder: Path) -> None:
        """Write the classifier."""
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / FILE, self._text())

    @classmethod
    def load(cls, folder: Path) -> Head:
        """Read a saved classifier.

        Raises:
            StoreError: it is absent or damaged.
        """
        try:
            record = json.loads((folder / FILE).read_text(encoding="utf-8"))
            weights, bias = np.array(record["weights"]), np.array(record["bias"])
            return cls(tuple(record["labels"]), weights, bias, bool(record.get("several")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{folder} does not hold a classifier: {error}", "run `tailor run` again") from error


def best_strength(vectors: Array, labels: Sequence[str]) -> float:
    """The inverse penalty C that predicts best in cross-validation; 10 where a label has too few rows to try."""
    smallest = min(Counter(labels).values())
    if smallest < 3:
        return 10.0
    names, targets = np.asarray(labels, dtype=object), _targets(labels)

    def loss(strength: float, taught: NDArray[np.int64], held: NDArray[np.int64]) -> float:
        head = Head(*fit_logistic(vectors[taught], names[taught].tolist(), strength))
        return -float(head.log_probabilities(vectors[held])[np.arange(len(held)), targets[held]].clip(min=UNLIKELY).mean())

    with one_thread():
        from sklearn.model_selection import StratifiedKFold

        parts = list(StratifiedKFold(min(5, smallest)).split(vectors, targets))
        losses = [np.mean([loss(strength, taught, held) for taught, held in parts]) for strength in STRENGTHS]
    return STRENGTHS[int(np.argmin(losses))]


def fit_head(vectors: Array, labels: Sequence[str], strength: float | None = None) -> Head:
    """The classifier fitted to vectors of shape (n, dimensions); `strength` is the inverse penalty, the best one if left out."""
    strength = best_strength(vectors, labels) if strength is None else strength
    with one_thread():
        return Head(*fit_logistic(vectors, labels, strength))


def fit_head_of_sets(vectors: Array, sets: Sequence[Sequence[str]]) -> Head:
    """A classifier for each label, fitted to vectors of shape (n, dimensions) and the set of labels of each."""
    with one_thread():
        return Head(*fit_logistic_of_sets(vectors, sets, SETS_STRENGTH), several=True)


def fit_logistic_of_sets(
    features: Any, sets: Sequence[Sequence[str]], strength: float
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Labels, weights and bias of a logistic regression for each label (one against the rest), on dense or sparse features.

    A label that every row has is always given.
    """
    from sklearn.linear_model import LogisticRegression

    names = tuple(sorted({label for labels in sets for label in labels}))
    weights, bias = np.zeros((len(names), features.shape[1])), np.full(len(names), CERTAIN)
    for place, name in enumerate(names):
        has = np.array([name in labels for labels in sets])
        if not has.all():
            model = LogisticRegression(C=strength, max_iter=2000).fit(features, has)
            weights[place], bias[place] = model.coef_[0], model.intercept_[0]
    return names, weights, bias


def as_log_probabilities(logits: NDArray[np.float64], *, several: bool) -> NDArray[np.float64]:
    """Logits as log-probabilities of the labels, or, where there may be several, of each with yes and with no, side by side."""
    if not several:
        return log_softmax(logits)
    pairs: NDArray[np.float64] = -np.logaddexp(0.0, np.stack([-logits, logits], axis=2))
    return pairs.reshape(len(logits), -1)


def fit_logistic(
    features: Any, labels: Sequence[str], strength: float
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Labels, weights and bias of multinomial logistic regression on dense or sparse features. `strength`: inverse penalty."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # It takes many labels on few rows for numbers to be forecast; here they are labels, and new ones have few rows.
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%", UserWarning)
        model = LogisticRegression(C=strength, max_iter=2000).fit(features, _targets(labels))
    names = tuple(sorted(set(labels)))
    weights, bias = np.asarray(model.coef_, dtype=np.float64), np.asarray(model.intercept_, dtype=np.float64)
    if len(names) == 2:
        # For two classes scikit-learn keeps one row, that of the second class.
        weights, bias = np.vstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return names, weights, bias


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits as log-probabilities, row by row."""
    top = logits.max(axis=1, keepdims=True)
    normalised: NDArray[np.float64] = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return normalised


def _targets(labels: Sequence[str]) -> NDArray[np.int64]:
    """The label's place among all of them, sorted, for each row."""
    return np.unique(np.asarray(labels, dtype=object), return_inverse=True)[1]


@contextmanager
def one_thread() -> Iterator[None]:
    """The matrices are small: on a busy machine, waiting for more threads takes longer than the work."""
    with _thread_pools().limit(limits=1):
        yield


@cache
def _thread_pools() -> Any:
    """Those of the libraries that do the work, looked for once: looking takes as long as a fit."""
    import sklearn.linear_model  # noqa: F401  # loads them
    import threadpoolctl

    return threadpoolctl.ThreadpoolController()
