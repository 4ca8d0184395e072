"""Answers and passages in other languages: verbatim answers found in their paragraphs, and search, on XQuAD.

Data: XQuAD (Artetxe et al. 2020, arXiv:1910.11856), in every language that lies next to this checkout. The embedder is the built-in
one, which learned from English, or the one that the variable EMBEDDER names.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import DATA, data_file
from benchmarks.retrieval import SEARCHES
from tailor.documents.reading import Document
from tailor.models.base import Embedder
from tailor.models.catalogue import open_embedder
from tailor.retrieval.chunking import Chunking
from tailor.retrieval.index import Index
from tailor.retrieval.metrics import ndcg_at_k, ranked_documents
from tailor.score.text import contains

_WHOLE = 10_000  # words: every paragraph is one passage


def run() -> dict[str, float]:
    """By language: share of answers found in their own paragraph, and nDCG@10 of each search over the 240 paragraphs."""
    data_file("squad_xquad/questions.en.jsonl")
    codes = sorted(path.name.split(".")[1] for path in (DATA / "squad_xquad").glob("questions.*.jsonl"))
    embedder = open_embedder(os.environ.get("EMBEDDER", "minilm-l6"))
    figures = {f"found_{code}": found_share(code) for code in codes}
    for code in codes:
        figures |= ndcg_figures(code, embedder)
    return figures


def found_share(code: str) -> float:
    """Share of a language's questions whose first answer, word for word a part of its paragraph, is found there."""
    paragraphs = {row["doc_id"]: row["text"] for row in _rows("documents", code)}
    rows = _rows("questions", code)
    return sum(contains(paragraphs[row["doc_id"]], row["answers"][0]["text"]) for row in rows) / len(rows)


def ndcg_figures(code: str, embedder: Embedder) -> dict[str, float]:
    """nDCG@10 of each search, one paragraph being right for each question."""
    documents = [Document(row["doc_id"], row["title"].replace("_", " "), row["text"]) for row in _rows("documents", code)]
    rows = _rows("questions", code)
    questions, relevant = [row["question"] for row in rows], [{row["doc_id"]} for row in rows]
    with tempfile.TemporaryDirectory() as scratch:
        index = Index.open(Path(scratch), embedder, Chunking(words=_WHOLE))
        index.update(documents)
        vectors = index.vectors_of(questions)
        found = {search: index.search(questions, search, 10, vectors=vectors) for search in SEARCHES}
    return {f"{search}_{code}": ndcg_at_k([ranked_documents(one) for one in all_], relevant, 10) for search, all_ in found.items()}


def _rows(kind: str, code: str) -> list[dict[str, Any]]:
    text = data_file(f"squad_xquad/{kind}.{code}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]
