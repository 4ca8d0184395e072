"""Approaches that change what the model may read."""

from __future__ import annotations

from dataclasses import dataclass

from tailor.approaches.approach import TrainingData
from tailor.documents.reading import documents_digest
from tailor.engine import Engine, OnProgress
from tailor.errors import DocumentsError, DoesNotFit
from tailor.system import Knowledge, System

PASSAGES = 1
"""Passages in the prompt: a small model answers better from the best one than from three (docs/log.md); the ladder tries both."""


@dataclass(frozen=True)
class WholeDocuments:
    """Put all documents into the prompt."""

    name: str = "whole-documents"

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System that reads everything.

        Raises:
            DoesNotFit: the documents are longer than the context window; that is a result, too.
            DocumentsError: the task has no documents.
        """
        _need_documents(engine)
        filter = material.task.retrieval.filter
        knowledge = Knowledge(kind="whole", digest=documents_digest(engine.documents), filter=filter)
        made = system.then(self.name, knowledge=knowledge)
        chat, _ = engine.messages(made, material.train[:1])[0]
        model = engine.model_of(made)
        tokens = model.count_tokens(chat) + made.decoding.max_tokens
        if tokens > model.context_tokens:
            raise DoesNotFit(tokens, model.context_tokens, "a prompt with all documents")
        return made


@dataclass(frozen=True)
class Retrieve:
    """Find passages for each question and put them, numbered, into the prompt.

    Args:
        search: by keywords (bm25), by meaning (vector), by both (hybrid), or as a package adds it.
        passages: how many.
        rewrites: search by a question that the model writes out of a conversation (`tailor.rewritten`).
        chunks: how documents are cut (`tailor.retrieval.chunking`); empty for the default.
    """

    search: str = "hybrid"
    passages: int = PASSAGES
    rewrites: bool = False
    chunks: str = ""

    @property
    def name(self) -> str:
        """Such as "rag-hybrid-3"; the number is left out for a single passage."""
        name = f"rag-{self.search}" if self.passages == 1 else f"rag-{self.search}-{self.passages}"
        name = f"{name}-by-{self.chunks}" if self.chunks else name
        return f"{name}-rewritten" if self.rewrites else name

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System that retrieves; its index is brought up to date.

        Raises:
            DocumentsError: the task has no documents.
            ConfigError: there is no such way to search.
        """
        _need_documents(engine)
        # One index serves all three searches, so keywords alone use it too when vectors are there anyway.
        embedder = material.task.embedder
        knowledge = Knowledge(kind="index", search=self.search, passages=self.passages, embedder=embedder)
        knowledge = knowledge.with_(rewrites=self.rewrites, chunks=self.chunks, filter=material.task.retrieval.filter)
        engine.indexes.index(knowledge, on_progress)
        return system.then(self.name, knowledge=knowledge.with_(digest=engine.indexes.digest(knowledge)))


def _need_documents(engine: Engine) -> None:
    if not engine.documents:
        raise DocumentsError("the task has no documents", "name a folder of documents under `documents`")
