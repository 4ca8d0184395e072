"""An index of 1,000,000 passages: building, updating and searching it within 8 GB, against LanceDB's own search and pgvector.

The passages are 80 synthetic words each, by Zipf's law, with random unit vectors of 384 dimensions. Queries come one at a time and
are six words of some passage. pgvector is measured where PostgreSQL is installed with it, and searches without an approximate
index, as Tailor uses it. The variable PASSAGES asks for fewer of them.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.postgres_server import missing, running_server
from benchmarks.search_speed import K, RandomEmbedder, zipf_documents
from benchmarks.timing import seconds_of
from tailor.documents.reading import Document
from tailor.retrieval.chunking import Chunking
from tailor.retrieval.index import Index
from tailor.retrieval.snapshot import PASSAGE

SIZE = int(os.environ.get("PASSAGES", "1000000"))
PER_DOCUMENT = 50
WORDS = 60
"""Asked for of a passage, so that each paragraph of 80 words is one."""
QUERIES = 40
AT_ONCE = 1_000
CHANGED = 0.01


def run() -> dict[str, float]:
    """Seconds to build and to update, milliseconds per query (median and 95th percentile), and peak memory in GB."""
    random = np.random.default_rng(SIZE)
    pages = pages_of("page", SIZE // PER_DOCUMENT, random)
    queries = [" ".join(pages[i].text.split()[-6:]) for i in random.integers(0, len(pages), QUERIES)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        index = Index.open(folder, RandomEmbedder(), Chunking(words=WORDS))
        figures = {"build_s": index.update(pages).seconds, "passages": float(index.n_passages), "memory_build_gb": memory()}
        print(figures, flush=True)
        figures |= query_figures(folder, index, queries)
        print(figures, flush=True)
        number = round(len(pages) * CHANGED)
        changed = [*pages[:-number], *pages_of("new", number, random)]
        figures["update_s_1pct"] = index.update(changed).seconds
        figures |= {"update_share": figures["update_s_1pct"] / figures["build_s"], "memory_gb": memory()}
        print(figures, flush=True)
        if not missing():
            figures |= pgvector_figures(index, queries)
    return figures


def pages_of(name: str, count: int, random: np.random.Generator) -> list[Document]:
    """Pages of fifty paragraphs, each of which becomes a passage."""
    pages: list[Document] = []
    while len(pages) < count:
        some = min(AT_ONCE, count - len(pages))
        texts = [paragraph.text for paragraph in zipf_documents(name, some * PER_DOCUMENT, random)]
        for place in range(0, len(texts), PER_DOCUMENT):
            text = "\n\n".join(texts[place : place + PER_DOCUMENT])
            pages.append(Document(f"{name}{len(pages):06}.md", f"{name} {len(pages)}", text))
    return pages


def query_figures(folder: Path, index: Index, queries: Sequence[str]) -> dict[str, float]:
    """Milliseconds per query by each search, by LanceDB alone, and from memory where it is let."""
    import lancedb
    from lancedb.query import MatchQuery

    (path,) = (path for path in folder.iterdir() if path.is_dir())
    table: Any = lancedb.connect(path).open_table("passages")
    asked = RandomEmbedder().embed(queries)

    def fetch(search: Any, score: str) -> Any:
        return search.select([*PASSAGE, score]).limit(K).to_arrow()

    def by_vector(i: int) -> Any:
        return index.search([queries[i]], "vector", K, vectors=asked[i : i + 1])

    sides: dict[str, Callable[[int], Any]] = {
        "vector": by_vector,
        "vector_lancedb": lambda i: fetch(table.search(asked[i]).distance_type("dot"), "_distance"),
        "bm25": lambda i: index.search([queries[i]], "bm25", K),
        "bm25_lancedb": lambda i: fetch(table.search(MatchQuery(queries[i], "searched"), query_type="fts"), "_score"),
        "hybrid": lambda i: index.search([queries[i]], "hybrid", K, vectors=asked[i : i + 1]),
    }
    figures: dict[str, float] = {}
    for name, work in sides.items():
        figures |= times_of(name, work, len(queries))
    exact = [{passage.document for passage in by_vector(i)[0]} for i in range(len(queries))]
    figures["memory_search_gb"] = memory()
    make = partial(table.create_index, metric="dot", vector_column_name="vector", index_type="IVF_PQ")
    figures["ivf_build_s"] = seconds_of(make)[0]
    figures |= times_of("vector_ivf", lambda i: fetch(table.search(asked[i]).distance_type("dot"), "_distance"), len(queries))
    near = [set(fetch(table.search(vector).distance_type("dot"), "_distance")["document"].to_pylist()) for vector in asked]
    figures["recall_ivf"] = float(np.mean([len(a & b) / len(a) for a, b in zip(exact, near, strict=True)]))
    return figures


def pgvector_figures(index: Index, queries: Sequence[str]) -> dict[str, float]:
    """Seconds to copy the index into a table, and milliseconds per query there, the connection included."""
    from tailor.retrieval.postgres import PGVECTOR

    with running_server("-c shared_buffers=1GB -c max_parallel_workers_per_gather=0") as where, patch.dict(os.environ, where):
        figures = {"pgvector_copy_s": seconds_of(lambda: PGVECTOR.search(index, queries[:1], K))[0]}
        return figures | times_of("pgvector", lambda i: PGVECTOR.search(index, [queries[i]], K), len(queries))


def times_of(name: str, work: Callable[[int], Any], count: int) -> dict[str, float]:
    """Median and 95th percentile of `count` calls in milliseconds, after one that is not timed."""
    work(0)
    times = []
    for i in range(count):
        started = time.perf_counter()
        work(i)
        times.append(1000 * (time.perf_counter() - started))
    return {f"{name}_p50_ms": float(np.median(times)), f"{name}_p95_ms": float(np.quantile(times, 0.95))}


def memory() -> float:
    """The most that this process has held so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
