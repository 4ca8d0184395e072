"""How good rankings are: each query has a ranking of names, best first, and a set of relevant names."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from tailor.retrieval.passage import Passage

Rankings = Sequence[Sequence[str]]
Relevant = Sequence[Collection[str]]


def ranked_documents(passages: Sequence[Passage]) -> list[str]:
    """The documents of ranked passages, each at its best passage's place."""
    return list(dict.fromkeys(passage.document for passage in passages))


def ndcg_at_k(rankings: Rankings, relevant: Relevant, k: int = 10) -> float:
    """Mean normalised discounted cumulative gain of the first k, in [0, 1], for relevance that is either 0 or 1.

    The gain of a relevant name at rank r (from 1) is 1 / log2(r + 1); the sum is divided by that of the best possible ranking.
    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 2002, in the form used by trec_eval.
    """
    return _mean([gain_of(ranking, names, k) for ranking, names in zip(rankings, relevant, strict=True)])


def recall_at_k(rankings: Rankings, relevant: Relevant, k: int = 10) -> float:
    """Mean share of the relevant names that are among the first k."""
    return _mean([recall_of(ranking, names, k) for ranking, names in zip(rankings, relevant, strict=True)])


def mrr(rankings: Rankings, relevant: Relevant) -> float:
    """Mean reciprocal rank: 1 / rank of the first relevant name, 0 where there is none (Voorhees, TREC-8, 1999)."""
    return _mean([reciprocal_rank(ranking, names) for ranking, names in zip(rankings, relevant, strict=True)])


def gain_of(ranking: Sequence[str], names: Collection[str], k: int = 10) -> float:
    """The normalised discounted cumulative gain of one query, as in `ndcg_at_k`."""
    ideal = sum(_gain(rank) for rank in range(1, min(k, len(names)) + 1))
    return sum(_gain(rank) for rank in _hits(ranking, names, k)) / ideal if ideal else 0.0


def recall_of(ranking: Sequence[str], names: Collection[str], k: int = 10) -> float:
    """The share of one query's relevant names that are among the first k."""
    return len(_hits(ranking, names, k)) / len(names) if names else 0.0


def reciprocal_rank(ranking: Sequence[str], names: Collection[str]) -> float:
    """1 / rank of one query's first relevant name, 0 where there is none."""
    first = _hits(ranking, names, len(ranking))[:1]
    return 1 / first[0] if first else 0.0


def _hits(ranking: Sequence[str], names: Collection[str], k: int) -> list[int]:
    """Ranks, from 1, of the relevant names among the first k; a name counts once."""
    seen: set[str] = set()
    ranks = []
    for rank, name in enumerate(ranking[:k], start=1):
        if name in names and name not in seen:
            ranks.append(rank)
        seen.add(name)
    return ranks


def _gain(rank: int) -> float:
    return 1 / math.log2(rank + 1)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
