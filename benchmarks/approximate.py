"""Approximate indexes of LanceDB against comparing every passage, on real texts: recall, time, and whether two builds agree.

About 76,000 passages and messages of public sets (XQuAD, CLAP NQ, the handbook, banking77, clinc150, SciTLDR, GSM8K, E2E NLG) by
the built-in embedder, searched for 200 questions of XQuAD and CLAP NQ. Embedding them takes a quarter of an hour; PASSAGES asks for
fewer, of which the documents come first. Times are of processors, so that other programs count little. A passage as similar as the
tenth best counts as found. Each index is built twice: what differs is chance.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.common import data_file
from benchmarks.rag_qa import lines
from benchmarks.retrieval import clapnq, xquad
from tailor.documents.reading import Document, read_documents
from tailor.models.base import Array
from tailor.models.catalogue import open_embedder
from tailor.retrieval.chunk import chunk
from tailor.retrieval.chunking import Chunking

PASSAGES = int(os.environ.get("PASSAGES", "100000"))
QUESTIONS = 200
WORDS = 40
DEPTHS = (10, 50)
COLUMNS = {
    **{f"banking77/{part}.csv": "text" for part in ("train", "test")},
    **{f"clinc150/{part}.csv": "text" for part in ("train", "test", "val")},
    **{f"e2e_nlg/{part}.csv": "ref" for part in ("dev", "test")},
}
LISTS = {
    **{f"scitldr/{part}.jsonl": ("abstract",) for part in ("train", "dev", "test")},
    **{f"gsm8k/{part}.jsonl": ("question", "answer") for part in ("train", "test")},
}


def run() -> dict[str, float]:
    """Of each index and setting: recall@10 and @50, processor milliseconds, share of questions on which two builds agree."""
    texts = list(dict.fromkeys(all_texts()))[:PASSAGES]
    asked = [row["question"] for name in ("squad_xquad/questions.en.jsonl", "clapnq_dev/queries.jsonl") for row in lines(name)]
    chosen = [asked[place] for place in np.random.default_rng(0).permutation(len(asked))[:QUESTIONS]]
    embedder = open_embedder("minilm-l6")
    vectors, questions = embedder.embed(texts), embedder.embed(chosen)
    similar = questions @ vectors.T
    started = time.process_time()
    for question in questions:
        np.argpartition(vectors @ question, -DEPTHS[-1])
    figures = {"passages": float(len(texts)), "exact_ms": 1000 * (time.process_time() - started) / len(questions)}
    for name, (index, settings) in indexes(len(texts)).items():
        figures |= index_figures(name, index, settings, vectors, questions, similar)
        print(figures, file=sys.stderr, flush=True)
    return figures


def indexes(size: int) -> dict[str, tuple[Any, list[dict[str, int]]]]:
    """Each index, and how it is searched: partitions looked into, candidates, and how many times ten are compared exactly."""
    from lancedb.index import HnswSq, IvfFlat, IvfPq

    parts = max(1, int(size**0.5))
    probes: list[dict[str, int]] = [{"nprobes": count} for count in (5, 20, 40)]
    return {
        "ivf_flat": (IvfFlat(distance_type="dot", num_partitions=parts), probes),
        "ivf_pq": (
            IvfPq(distance_type="dot", num_partitions=parts, num_sub_vectors=48),
            [{**one, "refine_factor": 5} for one in probes],
        ),
        "hnsw_sq": (
            HnswSq(distance_type="dot", num_partitions=1),
            [{"ef": 100}, {"ef": 300}, {"ef": 300, "refine_factor": 5}],
        ),
    }


def index_figures(
    name: str, index: Any, settings: Sequence[Mapping[str, int]], vectors: Array, questions: Array, similar: Array
) -> dict[str, float]:
    """What one kind of index gives, over two builds of it."""
    import lancedb
    import pyarrow

    figures: dict[str, float] = {}
    found: list[list[list[list[int]]]] = []
    flat = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), vectors.shape[1])
    for build in range(2):
        with tempfile.TemporaryDirectory() as folder:
            table: Any = lancedb.connect(folder).create_table(
                "passages", pyarrow.table({"id": range(len(vectors)), "vector": flat})
            )
            started = time.process_time()
            table.create_index("vector", config=index)
            figures[f"{name}_build_s"] = time.process_time() - started
            found.append([])
            for setting in settings:
                called = "_".join([name, *(f"{key}{value}" for key, value in setting.items())])
                started = time.process_time()
                found[build].append([nearest(table, question, setting) for question in questions])
                figures[f"{called}_ms"] = 1000 * (time.process_time() - started) / len(questions)
                for depth in DEPTHS:
                    figures[f"{called}_recall{depth}"] = recall(found[build][-1], similar, depth)
    for setting, first, second in zip(settings, *found, strict=True):
        called = "_".join([name, *(f"{key}{value}" for key, value in setting.items())])
        same = [a[: DEPTHS[0]] == b[: DEPTHS[0]] for a, b in zip(first, second, strict=True)]
        figures[f"{called}_builds_agree"] = sum(same) / len(same)
    return figures


def nearest(table: Any, question: Array, setting: Mapping[str, int]) -> list[int]:
    """Numbers of the passages that an index finds, best first."""
    search = table.search(question).distance_type("dot")
    for name, value in setting.items():
        search = getattr(search, name)(value)
    found: list[int] = search.select(["id", "_distance"]).limit(DEPTHS[-1]).to_arrow()["id"].to_pylist()
    return found


def recall(found: Sequence[Sequence[int]], similar: Array, depth: int) -> float:
    """Mean share of the nearest passages that were found."""
    least = np.partition(similar, -depth, axis=1)[:, -depth] - 1e-6
    shares = [sum(row[one] >= low for one in some[:depth]) / depth for some, row, low in zip(found, similar, least, strict=True)]
    return float(np.mean(shares))


def all_texts() -> Iterator[str]:
    """Passages of documents first, then messages, abstracts, exercises and descriptions."""
    documents = [*xquad()[0], *clapnq()[0], *read_documents(data_file("handbook_tts/pages"))]
    for code in ("de", "es"):
        for row in lines(f"squad_xquad/documents.{code}.jsonl"):
            documents.append(Document(row["doc_id"], row["title"], row["text"]))
    for document in documents:
        yield from (f"{passage.title}\n{passage.text}" for passage in chunk(document, Chunking(words=WORDS)))
    for name, column in COLUMNS.items():
        with data_file(name).open(encoding="utf-8", newline="") as file:
            yield from (row[column] for row in csv.DictReader(file))
    for name, columns in LISTS.items():
        for row in lines(name):
            for column in columns:
                said = row[column]
                yield from said if isinstance(said, list) else [said]
