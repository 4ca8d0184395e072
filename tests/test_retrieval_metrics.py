"""Retrieval metrics and fusion, by hand."""

from __future__ import annotations

import math

import pytest

from tailor.retrieval.fusion import minmax, ranked, rrf
from tailor.retrieval.metrics import mrr, ndcg_at_k, ranked_documents, recall_at_k
from tailor.retrieval.passage import Passage


def _passage(document: str, score: float, start: int = 0) -> Passage:
    return Passage(document, document, start, start + 1, "x", score)


def test_ndcg_discounts_by_the_logarithm_of_the_rank_and_divides_by_the_best_possible() -> None:
    # Relevant a and c: the gains are 1/log2(2) + 1/log2(4) = 1.5; at best 1/log2(2) + 1/log2(3).
    assert ndcg_at_k([["a", "b", "c"]], [{"a", "c"}], 10) == pytest.approx(1.5 / (1 + 1 / math.log2(3)))
    assert ndcg_at_k([["b", "a"]], [{"a"}], 10) == pytest.approx(1 / math.log2(3))


def test_ndcg_looks_at_the_first_k_only_and_averages_over_queries() -> None:
    assert ndcg_at_k([["b", "a"], ["a"]], [{"a"}, {"a"}], 1) == 0.5
    assert ndcg_at_k([["a"]], [{"a", "b", "c"}], 1) == 1.0


def test_recall_is_the_share_of_the_relevant_that_was_found() -> None:
    assert recall_at_k([["a", "x", "b"], []], [{"a", "b", "c", "d"}, {"a"}], 2) == pytest.approx(0.125)


def test_mrr_is_the_mean_of_one_over_the_first_relevant_rank() -> None:
    assert mrr([["x", "a", "b"], ["x"], ["a"]], [{"a", "b"}, {"a"}, {"a"}]) == pytest.approx((1 / 2 + 0 + 1) / 3)


def test_metrics_of_nothing_are_zero_and_repeated_names_count_once() -> None:
    assert ndcg_at_k([], []) == recall_at_k([], []) == mrr([], []) == ndcg_at_k([["a"]], [set()]) == 0.0
    assert recall_at_k([["a", "a"]], [{"a", "b"}]) == 0.5


def test_a_document_ranks_where_its_best_passage_does() -> None:
    assert ranked_documents([_passage("b", 3), _passage("a", 2), _passage("b", 1, start=5)]) == ["b", "a"]


def test_equal_scores_are_ordered_by_document_and_place() -> None:
    passages = [_passage("b", 1), _passage("a", 1, start=9), _passage("a", 1, start=2), _passage("c", 2)]
    assert [(p.document, p.start) for p in ranked(passages)] == [("c", 0), ("a", 2), ("a", 9), ("b", 0)]


def test_rrf_adds_one_over_sixty_plus_rank() -> None:
    fused = rrf([[_passage("a", 9), _passage("b", 8)], [_passage("b", 0.9), _passage("c", 0.1)]])
    assert [p.document for p in fused] == ["b", "a", "c"]
    assert [p.score for p in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62])


def test_minmax_adds_half_of_each_score_scaled_between_its_lowest_and_highest() -> None:
    fused = minmax([[_passage("a", 9), _passage("b", 8), _passage("c", 5)], [_passage("b", 0.9), _passage("a", 0.1)]])
    assert [p.document for p in fused] == ["b", "a", "c"]
    assert [p.score for p in fused] == pytest.approx([0.875, 0.5, 0])


def test_minmax_of_a_single_score_and_of_empty_rankings() -> None:
    assert minmax([[_passage("a", 0.3)], []])[0].score == 0.5
    assert minmax([[], []]) == []
