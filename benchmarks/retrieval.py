"""How well and how fast passages are found: XQuAD, CLAP NQ, and a handbook of which one page changes."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tailor.documents.reading import Document, read_documents
from tailor.models.base import Embedder
from tailor.models.catalogue import open_embedder
from tailor.retrieval.chunking import Chunking
from tailor.retrieval.index import Index, Search
from tailor.retrieval.metrics import ndcg_at_k, ranked_documents

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SEARCHES: tuple[Search, ...] = ("bm25", "vector", "hybrid")

_WHOLE = 10_000  # words: every paragraph of these sets is one passage
_CHANGED_PAGES = 5

Question = tuple[str, str]


def retrieval_figures() -> dict[str, float]:
    """nDCG@10 on both sets by each search, seconds, and the ratio of a re-index after one change to a full build."""
    embedder = open_embedder("minilm-l6")
    embedder.embed(["the weights are loaded before anything is timed"])
    figures = _set_figures("xquad", *xquad(), embedder)
    figures |= _set_figures("clapnq", *clapnq(), embedder)
    return figures | reindex_figures(embedder)


def xquad() -> tuple[list[Document], list[Question]]:
    """The 240 English paragraphs, titled as their articles, and the 1,190 questions with the paragraph that answers each."""
    folder = DATA / "squad_xquad"
    documents = [
        Document(row["doc_id"], row["title"].replace("_", " "), row["text"]) for row in _jsonl(folder / "documents.en.jsonl")
    ]
    return documents, [(row["question"], row["doc_id"]) for row in _jsonl(folder / "questions.en.jsonl")]


def clapnq() -> tuple[list[Document], list[Question]]:
    """The 593 passages and the 300 answerable questions with the passage that answers each."""
    folder = DATA / "clapnq_dev"
    documents = [Document(row["doc_id"], row["title"], row["text"]) for row in _jsonl(folder / "corpus.jsonl")]
    questions = {row["id"]: row["question"] for row in _jsonl(folder / "queries.jsonl")}
    pairs = [line.split("\t")[:2] for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    return documents, [(questions[question], document) for question, document in pairs]


def reindex_figures(embedder: Embedder) -> dict[str, float]:
    """Seconds to read and index the handbook, and to do so again after one page changed (the median of five pages)."""
    with tempfile.TemporaryDirectory() as scratch:
        pages, index = Path(scratch, "pages"), Path(scratch, "index")
        shutil.copytree(DATA / "handbook_tts" / "pages", pages, copy_function=shutil.copyfile)
        build = _index_seconds(index, pages, embedder)
        paths = sorted(path for path in pages.rglob("*.md") if path.stat().st_size > 2_000)
        updates = []
        for path in paths[:: len(paths) // _CHANGED_PAGES][:_CHANGED_PAGES]:
            with path.open("a", encoding="utf-8") as page:
                page.write("\nThis page was checked by the office of records.\n")
            updates.append(_index_seconds(index, pages, embedder))
    update = statistics.median(updates)
    return {"reindex_build_seconds": build, "reindex_update_seconds": update, "reindex_ratio": update / build}


def _set_figures(name: str, documents: Sequence[Document], questions: Sequence[Question], embedder: Embedder) -> dict[str, float]:
    texts, relevant = [question for question, _ in questions], [{document} for _, document in questions]
    figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        index = Index.open(Path(scratch), embedder, Chunking(words=_WHOLE))
        figures[f"{name}_build_seconds"] = index.update(documents).seconds
        for search in SEARCHES:
            started = time.perf_counter()
            found = index.search(texts, search, 10)
            figures[f"{name}_query_seconds_{search}"] = (time.perf_counter() - started) / len(texts)
            figures[f"{name}_ndcg10_{search}"] = ndcg_at_k([ranked_documents(passages) for passages in found], relevant, 10)
        found = index.search(texts, "hybrid", 10, "rrf")
        figures[f"{name}_ndcg10_hybrid_rrf"] = ndcg_at_k([ranked_documents(passages) for passages in found], relevant, 10)
    return figures


def _index_seconds(folder: Path, pages: Path, embedder: Embedder) -> float:
    started = time.perf_counter()
    Index.open(folder, embedder).update(read_documents(pages))
    return time.perf_counter() - started


def _jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
