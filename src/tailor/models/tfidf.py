"""TF-IDF with logistic regression: the reference that knows nothing but the words and characters of the training rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailor.errors import StoreError
from tailor.files import write_atomically
from tailor.models.base import Array
from tailor.models.head import as_log_probabilities, fit_logistic, fit_logistic_of_sets, one_thread

FILE, NUMBERS = "tfidf.json", "tfidf.safetensors"
VIEWS: dict[str, dict[str, Any]] = {
    "words": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}
"""How a text is read: single words and pairs, and runs of 2 to 5 characters that stay inside a word; a text has length 1 in each.

In cross-validation on three subsets of two public sets this came within half a point of the best of five ways; words alone fell ten
points behind where labels have ten rows each (docs/log.md).
"""
MOST_TERMS = 30_000
"""Terms of a view, the most frequent ones, so that the classifier of a large project stays some tens of megabytes."""
STRENGTH = 10.0
"""The inverse penalty: from 3 to 100 accuracy changed by one point at most there (docs/log.md)."""


@dataclass(frozen=True)
class Tfidf:
    """Logistic regression on the TF-IDF of words and characters: multinomial, or one for each label where there may be several.

    Attributes:
        labels: the classes.
        terms: the terms of each of `VIEWS`, in the order of its columns.
        rarity: the inverse document frequency of all terms, those of the views one behind the other.
        weights: shape (labels, terms).
        bias: shape (labels,).
        several: whether each label is decided by itself.
    """

    labels: tuple[str, ...]
    terms: tuple[tuple[str, ...], ...]
    rarity: NDArray[np.float64]
    weights: NDArray[np.float32]
    bias: NDArray[np.float64]
    several: bool = False

    def log_probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Log-probability of each label, or of each with yes and with no; shape (len(texts), choices)."""
        logits = self._features(texts) @ self.weights.T.astype(np.float64) + self.bias
        return as_log_probabilities(logits, several=self.several)

    @property
    def digest(self) -> str:
        """SHA-256 of the saved form."""
        return _digest(*self._saved())

    def save(self, folder: Path) -> None:
        """Write the classifier: terms as JSON, numbers as safetensors."""
        text, numbers = self._saved()
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / NUMBERS, numbers)
        write_atomically(folder / FILE, text)

    @classmethod
    def load(cls, folder: Path, digest: str) -> Tfidf:
        """Read a saved classifier.

        Raises:
            StoreError: it is absent, damaged or another one than `digest` says.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            text, numbers = (folder / FILE).read_bytes(), (folder / NUMBERS).read_bytes()
            if _digest(text, numbers) != digest:
                raise ValueError("it is another one, or was changed")
            record, held = json.loads(text), load(numbers)
            terms = tuple(tuple(record["terms"][view]) for view in VIEWS)
            several = bool(record.get("several"))
            return cls(tuple(record["labels"]), terms, held["rarity"], held["weights"], held["bias"], several)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise StoreError(
                f"{folder} does not hold the classifier: {error}", "run `tailor run` again; it is made again"
            ) from error

    def _saved(self) -> tuple[bytes, bytes]:
        from safetensors.numpy import save

        record: dict[str, object] = {"labels": self.labels, "terms": dict(zip(VIEWS, self.terms, strict=True))}
        record |= {"several": True} if self.several else {}
        numbers = save({"rarity": self.rarity, "weights": self.weights, "bias": self.bias})
        return json.dumps(record).encode(), numbers

    @cached_property
    def _vectorisers(self) -> list[Any]:
        """Those of scikit-learn, given the terms and their rarity instead of fitted."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        made, start = [], 0
        for settings, terms in zip(VIEWS.values(), self.terms, strict=True):
            if terms:
                vectoriser = TfidfVectorizer(**settings, sublinear_tf=True, vocabulary={term: i for i, term in enumerate(terms)})
                vectoriser.idf_ = self.rarity[start : start + len(terms)]
                made.append(vectoriser)
            start += len(terms)
        return made

    def _features(self, texts: Sequence[str]) -> Any:
        """Sparse TF-IDF, shape (len(texts), terms)."""
        from scipy.sparse import hstack

        return hstack([vectoriser.transform(texts) for vectoriser in self._vectorisers]).tocsr()


def fit_tfidf(texts: Sequence[str], labels: Sequence[str]) -> Tfidf:
    """The classifier fitted to texts and their labels."""
    return _fit(texts, lambda features: fit_logistic(features, labels, STRENGTH))


def fit_tfidf_of_sets(texts: Sequence[str], sets: Sequence[Sequence[str]]) -> Tfidf:
    """A classifier for each label, fitted to texts and the set of labels of each."""
    return replace(_fit(texts, lambda features: fit_logistic_of_sets(features, sets, STRENGTH)), several=True)


def _fit(texts: Sequence[str], fit: Callable[[Any], tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]]) -> Tfidf:
    with one_thread():
        from scipy.sparse import hstack

        views = [_fitted(settings, texts) for settings in VIEWS.values()]
        names, weights, bias = fit(hstack([seen.features for seen in views if seen.terms]).tocsr())
    rarity = np.concatenate([seen.rarity for seen in views])
    return Tfidf(names, tuple(seen.terms for seen in views), rarity, np.ascontiguousarray(weights, dtype=np.float32), bias)


@dataclass(frozen=True)
class _View:
    terms: tuple[str, ...]
    rarity: NDArray[np.float64]
    features: Any


def _fitted(settings: dict[str, Any], texts: Sequence[str]) -> _View:
    """One view of the texts; it has no terms where no text has any, such as words where all texts are emoji."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(**settings, sublinear_tf=True, max_features=MOST_TERMS)
    read = vectoriser.build_analyzer()
    if not any(read(text) for text in texts):
        return _View((), np.zeros(0), None)
    features = vectoriser.fit_transform(texts)
    return _View(tuple(vectoriser.get_feature_names_out()), np.asarray(vectoriser.idf_, dtype=np.float64), features)


def word_vectors(texts: Sequence[str], dimensions: int = 128) -> Array:
    """Texts as vectors of length 1, from their words and characters alone (latent semantic analysis: truncated SVD of TF-IDF).

    For what must not load or ask a model. A text without any term has a vector of zeros.

    Args:
        texts: all texts; the vectors depend on all of them.
        dimensions: at most so many; fewer where there are few texts or terms.
    """
    with one_thread():
        from scipy.sparse import hstack
        from sklearn.decomposition import TruncatedSVD
        from sklearn.preprocessing import normalize

        found = [view.features for settings in VIEWS.values() if (view := _fitted(settings, texts)).features is not None]
        if not found:
            return np.zeros((len(texts), 1), np.float32)
        features = hstack(found).tocsr()
        most = min(dimensions, *(side - 1 for side in features.shape))
        with np.errstate(invalid="ignore"):  # equal texts have no variance to explain, and it is not asked for
            reduced = TruncatedSVD(most, random_state=0).fit_transform(features) if most > 0 else features.toarray()
        return np.asarray(normalize(reduced), dtype=np.float32)


def _digest(text: bytes, numbers: bytes) -> str:
    return hashlib.sha256(hashlib.sha256(text).digest() + numbers).hexdigest()
