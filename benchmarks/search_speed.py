"""Embedding texts, and building, updating and searching indexes of 1,000 to 100,000 passages, against what they replaced.

Embedding is timed on real texts (passages of the handbook, questions of XQuAD) against the plain way: float32, batches of 64 texts
of about one length. Both sides take turns; a ratio is between medians. The rankings of XQuAD's paragraphs by both are scored.

Indexes hold synthetic text, words by Zipf's law, and random unit vectors, so that nothing but the index is timed. Queries come one
at a time and are six words of some passage. The same LanceDB table is searched by LanceDB itself, without an approximate index, and
its vectors by one product in NumPy, which shows the limit: the time to read them all.
"""

from __future__ import annotations

import statistics
import string
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import data_file
from benchmarks.retrieval import xquad
from benchmarks.timing import seconds_of
from tailor.documents.reading import Document, read_documents
from tailor.models.base import Array, Embedder
from tailor.models.cache import MINILM
from tailor.models.catalogue import open_embedder
from tailor.models.embedder import TransformersEmbedder
from tailor.retrieval.chunk import chunk
from tailor.retrieval.index import Index
from tailor.retrieval.metrics import ndcg_at_k
from tailor.retrieval.snapshot import PASSAGE

REPEATS = 3
PASSAGES, QUESTIONS = 160, 400
PLAIN_BATCH = 64
SIZES = (1_000, 10_000, 100_000)
QUERIES = 40
K = 10
DIMENSIONS = 384
VOCABULARY = 30_000
WORDS = 80


def run() -> dict[str, float]:
    figures = embedding_figures()
    for size in SIZES:
        figures |= index_figures(size)
    return figures


class PlainEmbedder(TransformersEmbedder):
    """The same model in float32, 64 texts at a time, sorted by length and padded to the longest of the batch."""

    def embed(self, texts: Sequence[str]) -> Array:
        """Unit vectors, shape (len(texts), dimensions)."""
        import torch

        ids = self.tokens(texts)
        vectors = np.zeros((len(ids), self.dimensions), dtype=np.float32)
        by_length = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for start in range(0, len(ids), PLAIN_BATCH):
            rows = by_length[start : start + PLAIN_BATCH]
            batch = self._tokenizer.pad({"input_ids": [ids[i] for i in rows]}, return_tensors="pt").to(self._module.device)
            with torch.inference_mode():
                hidden = self._module(**batch).last_hidden_state
                mask = batch["attention_mask"].unsqueeze(-1)
                vectors[rows] = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1).cpu().numpy()
        return vectors

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut to the model's length."""
        encoded = self._tokenizer(list(texts), truncation=True, max_length=self._max_tokens, padding=False)
        ids: list[list[int]] = encoded["input_ids"]
        return ids


def embedding_figures() -> dict[str, float]:
    """Texts and tokens per second, how much faster than the plain way, and what the rankings lose."""
    fast = open_embedder("minilm-l6")
    plain = PlainEmbedder(MINILM.folder, fast.name, fast.digest, "float32")
    pages = read_documents(data_file("handbook_tts/pages"))
    passages = [f"{passage.title}\n{passage.text}" for page in pages for passage in chunk(page)]
    documents, pairs = xquad()
    questions = [question for question, _ in pairs]
    sides: dict[str, Embedder] = {"fast": fast, "plain": plain}
    figures = {}
    for name, texts in (("passages", passages[:: len(passages) // PASSAGES]), ("questions", questions[:QUESTIONS])):
        fast.embed(texts[:PLAIN_BATCH]), plain.embed(texts[:PLAIN_BATCH])  # the weights are loaded before anything is timed
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(REPEATS):
            for side, embedder in sides.items():
                seconds[side].append(seconds_of(partial(embedder.embed, texts))[0])
        median = {side: statistics.median(values) for side, values in seconds.items()}
        tokens = sum(map(len, plain.tokens(texts)))
        figures[f"embed_{name}_per_s"] = len(texts) / median["fast"]
        figures[f"embed_{name}_tokens_per_s"] = tokens / median["fast"]
        figures[f"embed_{name}_ratio_vs_plain"] = median["plain"] / median["fast"]
    paragraphs = [f"{document.title}\n{document.text}" for document in documents]
    relevant = [{document} for _, document in pairs]
    made = [(embedder.embed(paragraphs), embedder.embed(questions)) for embedder in sides.values()]
    for name, (found, asked) in zip(("ndcg10", "ndcg10_plain"), made, strict=True):
        rankings = [[documents[i].path for i in np.argsort(-row, kind="stable")[:K]] for row in asked @ found.T]
        figures[f"embed_xquad_{name}"] = ndcg_at_k(rankings, relevant, K)
    figures["embed_least_cosine"] = min(float((a * b).sum(axis=1).min()) for a, b in zip(*made, strict=True))
    return figures


class RandomEmbedder:
    """Random unit vectors, so that an index of any size is made at once."""

    name = "random"
    is_remote = False
    digest = "random"
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)

    def embed(self, texts: Sequence[str]) -> Array:
        """Other vectors at each call, whatever the texts."""
        vectors = self._random.standard_normal((len(texts), DIMENSIONS), dtype=np.float32)
        unit: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def zipf_documents(name: str, count: int, random: np.random.Generator) -> list[Document]:
    """Documents of 80 words each, the word of rank r with a chance proportional to 1 / r (Zipf 1935)."""
    letters = np.array(list(string.ascii_lowercase))
    spelling = np.random.default_rng(0)
    words = np.array(["".join(letters[spelling.integers(0, 26, spelling.integers(3, 10))]) for _ in range(VOCABULARY)])
    chance = 1 / np.arange(1, VOCABULARY + 1)
    rows = words[random.choice(VOCABULARY, size=(count, WORDS), p=chance / chance.sum())]
    return [Document(f"{name}{i:06}.txt", f"{name} {i}", " ".join(row)) for i, row in enumerate(rows)]


def index_figures(size: int) -> dict[str, float]:
    """Seconds to build, open and update an index, and milliseconds per query."""
    random = np.random.default_rng(size)
    documents = zipf_documents("page", size, random)
    queries = [" ".join(documents[i].text.split()[-6:]) for i in random.integers(0, size, QUERIES)]
    name = f"{size // 1000}k"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        figures = {f"build_s_{name}": Index.open(folder, RandomEmbedder()).update(documents).seconds}
        figures[f"open_s_{name}"], index = seconds_of(lambda: Index.open(folder, RandomEmbedder()))
        figures[f"first_query_s_{name}"] = seconds_of(lambda: index.search(queries[:1], "hybrid", K))[0]
        figures |= _query_figures(name, folder, index, queries)
        changed = documents[: -size // 100] + zipf_documents("new", size // 100, random)
        figures[f"update_s_{name}_1pct"] = index.update(changed).seconds
    return figures


def _query_figures(name: str, folder: Path, index: Index, queries: Sequence[str]) -> dict[str, float]:
    import lancedb
    from lancedb.query import MatchQuery

    (path,) = (path for path in folder.iterdir() if path.is_dir())
    table: Any = lancedb.connect(path).open_table("passages")
    vectors = np.asarray(table.to_arrow()["vector"].combine_chunks().flatten(), dtype=np.float32).reshape(-1, DIMENSIONS)
    asked = RandomEmbedder().embed(queries)

    def fetch(search: Any, score: str) -> Any:
        return search.select([*PASSAGE, score]).limit(K).to_arrow()

    def product(i: int) -> Any:
        scores = vectors @ asked[i]
        return np.argpartition(scores, -K)[-K:]

    sides: dict[str, Callable[[int], Any]] = {
        "vector": lambda i: index.search([queries[i]], "vector", K, vectors=asked[i : i + 1]),
        "vector_lancedb": lambda i: fetch(table.search(asked[i]).distance_type("dot"), "_distance"),
        "vector_numpy": product,
        "bm25": lambda i: index.search([queries[i]], "bm25", K),
        "bm25_lancedb": lambda i: fetch(table.search(MatchQuery(queries[i], "searched"), query_type="fts"), "_score"),
        "hybrid": lambda i: index.search([queries[i]], "hybrid", K, vectors=asked[i : i + 1]),
    }
    figures = {f"query_ms_{side}_{name}": milliseconds(work, len(queries)) for side, work in sides.items()}
    together, _ = seconds_of(lambda: index.search(queries, "vector", K, vectors=asked))
    figures[f"query_ms_vector_batch_{name}"] = 1000 * together / len(queries)
    for search in ("vector", "bm25"):
        figures[f"ratio_{search}_vs_lancedb_{name}"] = (
            figures[f"query_ms_{search}_lancedb_{name}"] / figures[f"query_ms_{search}_{name}"]
        )
    same = [
        {passage.document for passage in sides["vector"](i)[0]} == set(sides["vector_lancedb"](i)["document"].to_pylist())
        for i in range(len(queries))
    ]
    figures[f"same_top{K}_vector_{name}"] = sum(same) / len(same)
    return figures


def milliseconds(work: Callable[[int], Any], count: int) -> float:
    """The median of `count` calls, after two that are not timed."""
    work(0), work(1)
    times = []
    for i in range(count):
        started = time.perf_counter()
        work(i)
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)
