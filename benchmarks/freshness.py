"""Freshness: facts change in some of 10,000 pages; how fast an index follows, and whose answers follow.

Data: XQuAD English (Artetxe et al. 2020, arXiv:1910.11856), among pieces of a handbook (US General Services Administration, CC0).
"""

from __future__ import annotations

import dataclasses
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import DATA, engine_for
from benchmarks.rag_qa import TASK, lines
from benchmarks.retrieval import xquad
from tailor.approaches.approach import Approach, Chain, TrainingData, starting_system
from tailor.approaches.prompting import ZeroShot
from tailor.approaches.retrieval import Retrieve
from tailor.approaches.tuning import FineTune
from tailor.data.example import Example
from tailor.documents.reading import Document, read_documents
from tailor.evaluate.facts import changes, with_changes
from tailor.evaluate.freshness import freshness
from tailor.models.catalogue import open_embedder
from tailor.retrieval.index import Index
from tailor.task import Task

PAGES = 10_000
WORDS = 60
CHANGED = 100
QUESTIONS = 200
TRAINED = 48


def run() -> dict[str, float]:
    """Seconds of a build and of an update after 1 % of the pages changed, and shares of answers that follow, go stale, are gone."""
    return update_figures() | answer_figures()


def update_figures() -> dict[str, float]:
    """A build of 10,000 short pages, and the update after 100 of them changed; reading the answers back out of the index."""
    pages = _pages()
    facts = changes(examples_of(), pages, CHANGED)
    named = {fact.document for fact in facts}
    others = [page for page in pages if page.path not in named][: CHANGED - len(facts)]
    stamped = {page.path: dataclasses.replace(page, text=f"{page.text}\nRevised in May.", digest="") for page in others}
    changed = [stamped.get(page.path, page) for page in with_changes(pages, facts)]
    embedder = open_embedder("minilm-l6")
    embedder.embed(["the weights are loaded before anything is timed"])
    with tempfile.TemporaryDirectory() as folder:
        index = Index.open(Path(folder), embedder)
        build = index.update(pages).seconds
        started = time.perf_counter()
        update = index.update(changed)
        seconds = time.perf_counter() - started
        found = index.search([fact.example.fields["question"] for fact in facts], "hybrid", 5)
    new = sum(any(fact.new in passage.text for passage in passages) for fact, passages in zip(facts, found, strict=True))
    old = sum(
        any(passage.document == fact.document and fact.old in passage.text for passage in passages)
        for fact, passages in zip(facts, found, strict=True)
    )
    return {
        "pages": float(len(pages)),
        "changed_pages": float(update.added),
        "build_seconds": build,
        "update_seconds": seconds,
        "update_ratio": seconds / build,
        "facts": float(len(facts)),
        "found_new": new / len(facts),
        "found_old": old / len(facts),
    }


def answer_figures() -> dict[str, float]:
    """For retrieval, tuned weights and both: facts known before, and the shares that followed, stayed, and were gone once deleted.

    Weights are tuned on the rows that are asked, so what they know says nothing of other rows; what they follow is what counts.
    """
    documents, _ = xquad()
    examples = examples_of()[:QUESTIONS]
    task = Task.model_validate(TASK.model_dump(exclude_unset=True) | {"tuning": {"epochs": 12}, "metric": "correct"})
    trained = tuple(change.example for change in changes(examples, documents, TRAINED))
    data = TrainingData(task, trained, trained)
    figures: dict[str, float] = {}
    retrieve, tune = Retrieve("hybrid"), FineTune("lora")
    ways: dict[str, Approach] = {"zero_shot": ZeroShot(), "retrieval": retrieve, "tuned": tune, "both": Chain((retrieve, tune))}
    with engine_for(task, documents) as engine:
        start = starting_system(task, (), engine.model)
        for name, approach in ways.items():
            found = freshness(task, approach.fit(start, data, engine), trained, engine)
            assert found is not None
            figures |= {f"{name}_{key}": float(getattr(found, key)) for key in ("changed", "right", "index_seconds")}
            figures |= {f"{name}_{key}": getattr(found, key).mean for key in ("followed", "stale", "gone")} if found.right else {}
    return figures


def _pages() -> list[Document]:
    """The paragraphs of XQuAD, and pieces of the handbook's pages until there are enough, each made another by a number."""
    documents, _ = xquad()
    words = " ".join(page.text for page in read_documents(DATA / "handbook_tts" / "pages")).split()
    draw = random.Random(0)
    while len(documents) < PAGES:
        at = draw.randrange(len(words) - WORDS)
        number = len(documents)
        documents.append(Document(f"page-{number}.md", f"Page {number}", f"{' '.join(words[at : at + WORDS])} {number}\n"))
    return documents


def examples_of() -> list[Example]:
    """The questions in a seeded order, with the paragraph that answers each."""
    rows: list[dict[str, Any]] = lines("squad_xquad/questions.en.jsonl")
    return [
        Example(row["id"], {"question": row["question"]}, tuple(a["text"] for a in row["answers"]), source=row["doc_id"])
        for row in random.Random(0).sample(rows, len(rows))
    ]
