"""Retrieval next to the default pipelines of LlamaIndex and LangChain: the same documents, embedder, model and questions.

XQuAD English (Artetxe et al. 2020, arXiv:1910.11856): 240 paragraphs and seeded questions. Each side cuts, indexes and searches as
its own documentation starts: LlamaIndex by `SentenceSplitter` into its in-memory index, LangChain by pieces of 1,000 characters
with 200 repeated into its in-memory store. All embed with Tailor's embedder, so only the pipelines differ; texts that one side asks
for are not kept for another. Sides take turns, question by question, so that other programs slow all of them alike.

Answers of the same built-in model, greedy and 48 tokens at most, from as many passages as each shows by default (1, 2 and 4),
Tailor's and LlamaIndex's by their own default prompts. A rival that is not installed is left out: `pip install llama-index-core
langchain-core langchain-text-splitters` into an environment of its own.
QUESTIONS and ANSWERS ask for other numbers; ANSWERS=0 generates nothing and ends within minutes.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import engine_for
from benchmarks.rag_qa import TASK, lines
from benchmarks.retrieval import xquad
from benchmarks.timing import seconds_of
from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.retrieval import Retrieve
from tailor.data.example import Example
from tailor.documents.reading import Document
from tailor.models.base import Embedder, Reply, Request, message
from tailor.models.catalogue import open_embedder, open_model
from tailor.retrieval.index import Index
from tailor.retrieval.metrics import ndcg_at_k
from tailor.score.text import token_f1
from tailor.settings import ModelSettings
from tailor.stats.paired import paired_max_t

QUESTIONS = int(os.environ.get("QUESTIONS", "300"))
ANSWERS = int(os.environ.get("ANSWERS", "60"))
DEPTH = 10
AT_ONCE = 12

Hits = list[tuple[str, str]]
"""Document and text of what is found, best first."""
Search = Callable[[str, int], Hits]


def run() -> dict[str, float]:
    """Of each side: seconds to index, milliseconds per question, nDCG@10; with answers, what `answer_figures` gives."""
    documents, _ = xquad()
    rows = random.Random(0).sample(lines("squad_xquad/questions.en.jsonl"), QUESTIONS)
    embedder = open_embedder("minilm-l6")
    embedder.embed(["the weights are loaded before anything is timed"])
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        there = sides(Path(scratch))
        searches: dict[str, Search] = {}
        for name, (make, _) in there.items():
            figures[f"{name}_index_s"], searches[name] = seconds_of(partial(make, documents, embedder))
        figures |= search_figures(searches, embedder, rows)
        print(figures, file=sys.stderr, flush=True)
        if ANSWERS:
            figures |= answer_figures(
                {name: (searches[name], shown) for name, (_, shown) in there.items()}, documents, rows[:ANSWERS]
            )
    return figures


def search_figures(searches: Mapping[str, Search], embedder: Embedder, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """nDCG@10, and median and 95th percentile of milliseconds per question; next to them embedding alone, which all sides do."""
    found: dict[str, list[list[str]]] = {name: [] for name in searches}
    times: dict[str, list[float]] = {name: [] for name in [*searches, "embedding"]}
    for search in searches.values():
        search("the first question opens what searches need", DEPTH)
    for number, row in enumerate(rows):
        names = [*searches, "embedding"]
        for name in names[number % len(names) :] + names[: number % len(names)]:
            if name == "embedding":
                seconds, _ = seconds_of(partial(embedder.embed, [row["question"]]))
            else:
                seconds, hits = seconds_of(partial(searches[name], row["question"], DEPTH))
                found[name].append(list(dict.fromkeys(document for document, _ in hits)))
            times[name].append(1000 * seconds)
    figures = {f"{name}_ndcg10": ndcg_at_k(found[name], [{row["doc_id"]} for row in rows], DEPTH) for name in searches}
    for name, values in times.items():
        figures |= {f"{name}_search_ms": float(np.median(values)), f"{name}_search_p95_ms": float(np.quantile(values, 0.95))}
    return figures


def sides(scratch: Path) -> dict[str, tuple[Callable[[Sequence[Document], Embedder], Search], int]]:
    """Each side that is installed: what indexes documents, and how many passages it shows by default."""
    found: dict[str, tuple[Callable[[Sequence[Document], Embedder], Search], int]] = {
        "tailor": (lambda documents, embedder: tailor_side(scratch, documents, embedder), 1)
    }
    if importlib.util.find_spec("llama_index"):
        found["llamaindex"] = (llamaindex_side, 2)
    if importlib.util.find_spec("langchain_core") and importlib.util.find_spec("langchain_text_splitters"):
        found["langchain"] = (langchain_side, 4)
    return found


def tailor_side(folder: Path, documents: Sequence[Document], embedder: Embedder) -> Search:
    """The default index, searched by both words and vectors."""
    index = Index.open(folder, embedder)
    index.update(documents)

    def search(question: str, k: int) -> Hits:
        return [(passage.document, passage.text) for passage in index.search([question], "hybrid", k)[0]]

    return search


def llamaindex_side(documents: Sequence[Document], embedder: Embedder) -> Search:
    """A `VectorStoreIndex` with its defaults."""
    core: Any = importlib.import_module("llama_index.core")
    base: Any = importlib.import_module("llama_index.core.base.embeddings.base")

    class Same(base.BaseEmbedding):  # type: ignore[misc]
        """Tailor's embedder behind LlamaIndex's door."""

        def _get_query_embedding(self, query: str) -> list[float]:
            return list(map(float, embedder.embed([query])[0]))

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_query_embedding(text)

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return [list(map(float, row)) for row in embedder.embed(texts)]

    pages = [core.Document(text=page.text, metadata={"title": page.title}, doc_id=page.path) for page in documents]
    index = core.VectorStoreIndex.from_documents(pages, embed_model=Same())

    def search(question: str, k: int) -> Hits:
        return [(hit.node.ref_doc_id, hit.node.get_content()) for hit in index.as_retriever(similarity_top_k=k).retrieve(question)]

    return search


def langchain_side(documents: Sequence[Document], embedder: Embedder) -> Search:
    """An `InMemoryVectorStore` over pieces of 1,000 characters."""
    splitters: Any = importlib.import_module("langchain_text_splitters")
    parts: Any = importlib.import_module("langchain_core.documents")
    doors: Any = importlib.import_module("langchain_core.embeddings")
    stores: Any = importlib.import_module("langchain_core.vectorstores")

    class Same(doors.Embeddings):  # type: ignore[misc]
        """Tailor's embedder behind LangChain's door."""

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            """Vectors of texts."""
            return [list(map(float, row)) for row in embedder.embed(texts)]

        def embed_query(self, text: str) -> list[float]:
            """The vector of a question."""
            return self.embed_documents([text])[0]

    pages = [parts.Document(page_content=page.text, metadata={"source": page.path, "title": page.title}) for page in documents]
    store = stores.InMemoryVectorStore(Same())
    store.add_documents(splitters.RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(pages))

    def search(question: str, k: int) -> Hits:
        return [(hit.metadata["source"], hit.page_content) for hit in store.similarity_search(question, k=k)]

    return search


def llamaindex_prompt(question: str, context: str) -> str:
    """LlamaIndex's default prompt for questions."""
    prompts: Any = importlib.import_module("llama_index.core.prompts.default_prompts")
    return str(prompts.DEFAULT_TEXT_QA_PROMPT.format(context_str=context, query_str=question))


def plain_prompt(question: str, context: str) -> str:
    """The passages, the question, and the same instruction as in Tailor's prompt; LangChain's core has no prompt of its own."""
    return f"{context}\n\nQuestion: {question}\n{TASK.instruction}"


PROMPTS = {"llamaindex": llamaindex_prompt, "langchain": plain_prompt}


def answer_figures(
    sides: Mapping[str, tuple[Search, int]], documents: list[Document], rows: Sequence[dict[str, Any]]
) -> dict[str, float]:
    """Of each side: token F1, seconds and tokens per answer; and Tailor's lead in F1, its limits at 95 % for all pairs together."""
    asked = {
        name: own_requests(documents, rows) if name == "tailor" else requests_of(name, search, shown, rows)
        for name, (search, shown) in sides.items()
    }
    model = open_model(ModelSettings())
    model.reply([message_of("The weights are loaded before anything is timed.")])
    replies: dict[str, list[Reply]] = {name: [] for name in asked}
    seconds = dict.fromkeys(asked, 0.0)
    for start in range(0, len(rows), AT_ONCE):
        for name, requests in asked.items():
            took, some = seconds_of(partial(model.reply, requests[start : start + AT_ONCE]))
            seconds[name] += took
            replies[name] += some
    figures: dict[str, float] = {}
    scores = {
        name: [token_f1(reply.text, [a["text"] for a in row["answers"]]) for reply, row in zip(some, rows, strict=True)]
        for name, some in replies.items()
    }
    for name, some in replies.items():
        figures |= {f"{name}_f1": float(np.mean(scores[name])), f"{name}_answer_s": seconds[name] / len(rows)}
        figures[f"{name}_tokens_in"] = float(np.mean([reply.tokens_in for reply in some]))
        figures[f"{name}_tokens_out"] = float(np.mean([reply.tokens_out for reply in some]))
    names = list(scores)
    for pair in paired_max_t(np.array(list(scores.values())).T, 0.95) if len(names) > 1 else ():
        if names[pair.first] == "tailor" and pair.low is not None and pair.high is not None:
            rival = names[pair.second]
            figures |= {f"f1_over_{rival}": pair.mean, f"f1_over_{rival}_low": pair.low, f"f1_over_{rival}_high": pair.high}
    return figures


def own_requests(documents: list[Document], rows: Sequence[dict[str, Any]]) -> list[Request]:
    """What Tailor's default system with retrieval asks."""
    with engine_for(TASK, documents) as engine:
        examples = tuple(Example(row["id"], {"question": row["question"]}, ()) for row in rows)
        data = TrainingData(TASK, examples[:1], ())
        system = Retrieve("hybrid").fit(starting_system(TASK, (), engine.model), data, engine)
        return [request for request, _ in engine.render(system, examples)]


def requests_of(name: str, search: Search, shown: int, rows: Sequence[dict[str, Any]]) -> list[Request]:
    """What a rival asks: LlamaIndex by its own prompt, LangChain by a plain one."""
    found = [(row["question"], [text for _, text in search(row["question"], shown)]) for row in rows]
    return [message_of(PROMPTS[name](question, "\n\n".join(texts))) for question, texts in found]


def message_of(prompt: str) -> Request:
    """A request with nothing but a prompt."""
    return Request((message("user", prompt),))
