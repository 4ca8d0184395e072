"""A classifier on a frozen embedder: the reference that says when no generative model is needed."""

from __future__ import annotations

import hashlib
import json
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
from tailor.models.base import Array
from tailor.models.quiet import quiet_libraries

FILE = "head.json"


@dataclass(frozen=True)
class Head:
    """Multinomial logistic regression.

    Attributes:
        labels: the classes.
        weights: shape (labels, dimensions).
        bias: shape (labels,).
    """

    labels: tuple[str, ...]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def log_probabilities(self, vectors: Array) -> NDArray[np.float64]:
        """Log-probability of each label, shape (len(vectors), labels)."""
        return log_softmax(vectors @ self.weights.T + self.bias)

    @property
    def digest(self) -> str:
        """SHA-256 of the saved form."""
        return hashlib.sha256(self._text().encode()).hexdigest()

    def _text(self) -> str:
        return json.dumps({"labels": self.labels, "weights": self.weights.tolist(), "bias": self.bias.tolist()})

    def save(self, folder: Path) -> None:
        """Write the classifier."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(self._text(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Head:
        """Read a saved classifier.

        Raises:
            StoreError: it is absent or damaged.
        """
        try:
            record = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls(tuple(record["labels"]), np.array(record["weights"]), np.array(record["bias"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{folder} does not hold a classifier: {error}", "run `tailor run` again") from error


def best_strength(vectors: Array, labels: Sequence[str]) -> float:
    """The inverse penalty C that predicts best in cross-validation; 10 where a label has too few rows to try."""
    smallest = min(Counter(labels).values())
    if smallest < 3:
        return 10.0
    with one_thread():
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV

        model, tried = LogisticRegression(max_iter=2000), {"C": [1.0, 10.0, 100.0]}
        search = GridSearchCV(model, tried, cv=min(5, smallest), scoring="neg_log_loss", refit=False)
        return float(search.fit(vectors, _targets(labels)).best_params_["C"])


def fit_head(vectors: Array, labels: Sequence[str], strength: float | None = None) -> Head:
    """The classifier fitted to vectors of shape (n, dimensions); `strength` is the inverse penalty, the best one if left out."""
    strength = best_strength(vectors, labels) if strength is None else strength
    with one_thread():
        return Head(*fit_logistic(vectors, labels, strength))


def fit_logistic(
    features: Any, labels: Sequence[str], strength: float
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Labels, weights and bias of multinomial logistic regression on dense or sparse features. `strength`: inverse penalty."""
    from sklearn.linear_model import LogisticRegression

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
    with quiet_libraries(), _thread_pools().limit(limits=1):
        yield


@cache
def _thread_pools() -> Any:
    """Those of the libraries that do the work, looked for once: looking takes as long as a fit."""
    import sklearn.linear_model  # noqa: F401  # loads them
    import threadpoolctl

    return threadpoolctl.ThreadpoolController()
