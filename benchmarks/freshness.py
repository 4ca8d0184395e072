"""Freshness: facts change in some of 10,000 pages; how fast an index follows, and whose answers follow.

Data: XQuAD English (Artetxe et al. 2020, arXiv:1910.11856), among pieces of a handbook (US General Services Administration, CC0).
"""

from __future__ import annotations

import dataclasses
import random
import tempfile
import time
from collections.abc import Sequence
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
from tailor.evaluate.freshness import Freshness, freshness
from tailor.models.catalogue import open_embedder
from tailor.retrieval.index import Index
from tailor.task import Task

PAGES = 10_000
WORDS = 60
CHANGED = 100
TRAINED = 48
BLOCKS = 3
"""Of rows; in each of them up to 60 facts are changed."""
EPOCHS, LEARNED_BY_HEART = 3, 12


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

    Weights alone are tuned on the rows that are asked, since they know nothing of others; what they follow is what counts. Weights
    that read passages are tuned on rows about other documents.
    """
    documents, _ = xquad()
    examples = examples_of()
    task = Task.model_validate(TASK.model_dump(exclude_unset=True) | {"metric": "correct"})
    known = [change.example for change in changes(examples, documents, TRAINED)]
    held_out = {example.source for example in examples[:TRAINED]}
    others = [example for example in examples if example.source not in held_out]
    blocks = [others[at::BLOCKS] for at in range(BLOCKS)]
    retrieve, tune = Retrieve("hybrid"), FineTune("lora")
    ways: dict[str, tuple[Approach, list[Example], list[list[Example]], int]] = {
        "zero_shot": (ZeroShot(), known, blocks, EPOCHS),
        "retrieval": (retrieve, known, blocks, EPOCHS),
        "tuned": (tune, known, [known], LEARNED_BY_HEART),
        "both": (Chain((retrieve, tune)), examples[:TRAINED], blocks, EPOCHS),
    }
    figures: dict[str, float] = {}
    with engine_for(task, documents) as engine:
        start = starting_system(task, (), engine.model)
        for name, (approach, rows, asked, epochs) in ways.items():
            tuning = task.tuning.model_copy(update={"epochs": epochs})
            data = TrainingData(task.model_copy(update={"tuning": tuning}), tuple(rows), tuple(rows))
            system = approach.fit(start, data, engine)
            found = [freshness(task, system, block, engine) for block in asked]
            figures |= _pooled(name, [each for each in found if each is not None])
    return figures


def _pooled(name: str, found: Sequence[Freshness]) -> dict[str, float]:
    """The figures of several blocks of rows as one."""
    right = sum(each.right for each in found)
    figures = {
        f"{name}_changed": float(sum(each.changed for each in found)),
        f"{name}_right": float(right),
        f"{name}_index_seconds": max(each.index_seconds for each in found),
    }
    for key in ("followed", "stale", "gone") if right else ():
        figures[f"{name}_{key}"] = sum(getattr(each, key).mean * each.right for each in found) / right
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
