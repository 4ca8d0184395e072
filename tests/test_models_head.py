"""The classifier on an embedder, against scikit-learn's own search."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from tailor.models.head import STRENGTHS, best_strength, fit_head


@pytest.mark.parametrize(("labels", "apart", "expected"), [(2, 0.1, 1.0), (3, 0.27, 10.0), (5, 1.0, 100.0)])
def test_the_strength_is_the_one_that_a_grid_search_finds(labels: int, apart: float, expected: float) -> None:
    random = np.random.default_rng(labels)
    wanted = np.arange(12 * labels) % labels
    vectors = apart * random.normal(size=(labels, 32))[wanted] + random.normal(size=(len(wanted), 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": STRENGTHS}, cv=5, scoring="neg_log_loss", refit=False)
    assert (
        best_strength(vectors, [f"label {place}" for place in wanted]) == search.fit(vectors, wanted).best_params_["C"] == expected
    )


def test_more_labels_than_half_the_rows_are_learned_without_a_warning_on_the_screen() -> None:
    vectors = np.eye(30, dtype=np.float32)
    labels = [f"label {n % 20:02}" for n in range(30)]
    assert fit_head(vectors, labels, 10.0).labels == tuple(sorted(set(labels)))  # warnings are errors here
    assert fit_head(vectors, labels).labels == tuple(sorted(set(labels)))
