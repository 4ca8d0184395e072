"""Fusion: two rankings of passages become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tailor.retrieval.passage import Passage

_RRF_CONSTANT = 60


def ranked(passages: Sequence[Passage]) -> list[Passage]:
    """Best first; equal scores in the order of documents and of places in them."""
    return sorted(passages, key=lambda passage: (-passage.score, passage.document, passage.start))


def rrf(rankings: Sequence[Sequence[Passage]]) -> list[Passage]:
    """Reciprocal rank fusion: a passage scores the sum of 1 / (60 + rank), ranks counted from 1.

    Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009.
    """
    return _summed([[1 / (_RRF_CONSTANT + rank) for rank in range(1, len(ranking) + 1)] for ranking in rankings], rankings)


def minmax(rankings: Sequence[Sequence[Passage]]) -> list[Passage]:
    """Convex combination with equal weights: a passage scores the mean of its scores, each ranking scaled to [0, 1].

    A passage that one ranking lacks gets 0 from it. Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid retrieval",
    ACM TOIS 2023 (there TM2C2; here with the lowest score found instead of the theoretical minimum).
    """
    return _summed([[share / len(rankings) for share in _scaled(ranking)] for ranking in rankings], rankings)


def _scaled(ranking: Sequence[Passage]) -> list[float]:
    scores = [passage.score for passage in ranking]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 1.0 for score in scores]


def _summed(shares: Sequence[Sequence[float]], rankings: Sequence[Sequence[Passage]]) -> list[Passage]:
    passages = {(passage.document, passage.start): passage for ranking in rankings for passage in ranking}
    scores = dict.fromkeys(passages, 0.0)
    for row, ranking in zip(shares, rankings, strict=True):
        for share, passage in zip(row, ranking, strict=True):
            scores[passage.document, passage.start] += share
    return ranked([replace(passage, score=scores[place]) for place, passage in passages.items()])
