"""TF-IDF with logistic regression: as scikit-learn computes it, saved without pickle, and answering the same when loaded."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline

from tailor.errors import StoreError
from tailor.models.tfidf import FILE, NUMBERS, Tfidf, fit_tfidf

TOPICS = {
    "bill": ("invoice", "charged", "refund", "payment", "twice"),
    "line": ("outage", "slow", "router", "signal", "down"),
    "move": ("moving", "address", "house", "transfer", "flat"),
}
FILLING = ("please", "my", "the", "is", "I", "can", "you", "help", "today", "a", "still", "again")


def messages(rows: int, *, labels: int = 3, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts in which two words of eight tell the label, one of them of another label now and then."""
    rng, texts, wanted = random.Random(seed), [], []
    for row in range(rows):
        label = list(TOPICS)[row % labels]
        other = rng.choice(list(TOPICS)) if rng.random() < 0.3 else label
        words = [rng.choice(TOPICS[label]), rng.choice(TOPICS[other]), *rng.choices(FILLING, k=6)]
        rng.shuffle(words)
        texts.append(" ".join(words))
        wanted.append(label)
    return texts, wanted


def plain() -> Any:
    """The same classifier, made of scikit-learn's parts as one usually does."""
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return make_pipeline(FeatureUnion([("words", words), ("characters", characters)]), LogisticRegression(C=10, max_iter=2000))


@pytest.mark.parametrize("labels", [2, 3])
def test_it_gives_the_probabilities_of_plain_scikit_learn(labels: int) -> None:
    texts, wanted = messages(60, labels=labels)
    unseen, _ = messages(40, labels=labels, seed=1)
    found = np.exp(fit_tfidf(texts, wanted).log_probabilities(unseen))
    np.testing.assert_allclose(found, plain().fit(texts, wanted).predict_proba(unseen), atol=1e-6)


def test_a_loaded_one_answers_the_same(tmp_path: Path) -> None:
    made = fit_tfidf(*messages(60))
    made.save(tmp_path)
    loaded = Tfidf.load(tmp_path, made.digest)
    unseen, _ = messages(40, seed=1)
    np.testing.assert_array_equal(loaded.log_probabilities(unseen), made.log_probabilities(unseen))
    assert loaded.digest == made.digest and {path.name for path in tmp_path.iterdir()} == {FILE, NUMBERS}
    assert (tmp_path / FILE).read_bytes().startswith(b"{")


def test_texts_without_a_word_are_told_apart_by_their_characters() -> None:
    made = fit_tfidf(["😀😀", "😢", "😀", "😢😢"] * 5, ["good", "bad"] * 10)
    scores = made.log_probabilities(["😀😀😀", "😢", "", "unheard of"])
    assert [made.labels[row] for row in scores[:2].argmax(axis=1)] == ["good", "bad"] and np.isfinite(scores).all()


@pytest.mark.parametrize("damage", ["gone", "cut", "another", "not JSON"])
def test_one_that_is_damaged_or_another_is_refused(damage: str, tmp_path: Path) -> None:
    made = fit_tfidf(*messages(60))
    made.save(tmp_path)
    if damage == "gone":
        (tmp_path / NUMBERS).unlink()
    elif damage == "cut":
        (tmp_path / NUMBERS).write_bytes((tmp_path / NUMBERS).read_bytes()[:-8])
    elif damage == "another":
        fit_tfidf(*messages(60, seed=2)).save(tmp_path)
    else:
        (tmp_path / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match="does not hold the classifier") as caught:
        Tfidf.load(tmp_path, made.digest)
    assert "tailor run" in caught.value.hint
