"""Approaches that change what the model may read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tailor.approaches.approach import TrainingData
from tailor.documents.reading import documents_digest
from tailor.engine import Engine, OnProgress
from tailor.errors import ConfigError, DocumentsError, DoesNotFit
from tailor.reranked import BY_MODEL
from tailor.system import Knowledge, System
from tailor.widened import HYDE

PASSAGES = 1
"""Passages in the prompt: a small model answers better from the best one than from three (docs/log.md); the ladder tries both."""


@dataclass(frozen=True)
class WholeDocuments:
    """Put all documents into the prompt."""

    name: str = "whole-documents"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System that reads everything.

        Raises:
            DoesNotFit: the documents are longer than the context window; that is a result, too.
            DocumentsError: the task has no documents.
        """
        _need_documents(engine)
        filter = data.task.retrieval.filter
        digest = documents_digest(engine.documents, restricted=bool(filter))
        knowledge = Knowledge(kind="whole", digest=digest, filter=filter)
        made = system.then(self.name, knowledge=knowledge)
        chat, _ = engine.messages(made, data.train[:1])[0]
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

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System that retrieves; its index is brought up to date.

        Raises:
            DocumentsError: the task has no documents.
            ConfigError: there is no such way to search.
        """
        _need_documents(engine)
        # One index serves all three searches, so keywords alone use it too when vectors are there anyway.
        embedder = data.task.embedder
        knowledge = Knowledge(kind="index", search=self.search, passages=self.passages, embedder=embedder)
        knowledge = knowledge.with_(rewrites=self.rewrites, chunks=self.chunks, filter=data.task.retrieval.filter)
        engine.indexes.index(knowledge, on_progress)
        return system.then(self.name, knowledge=knowledge.with_(digest=engine.indexes.digest(knowledge)))


@dataclass(frozen=True)
class Rerank:
    """Put the first ten passages into another order before the best of them are shown.

    Args:
        by: "model" for the generative model, by how probable it is that a passage answers; else a cross-encoder, by folder or name.
    """

    by: str = BY_MODEL

    @property
    def name(self) -> str:
        """Such as "reranked" or "reranked-by-ms-marco-MiniLM-L6-v2"."""
        return "reranked" if self.by == BY_MODEL else f"reranked-by-{Path(self.by).name}"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System whose passages are put in order.

        Raises:
            ConfigError: the system retrieves nothing, or the model tells no probabilities.
            ModelNotFound: there is no such cross-encoder.
        """
        _need_search(system, self.name)
        if self.by == BY_MODEL:
            if not engine.model_of(system).capabilities.scores:
                raise ConfigError("the model tells no probabilities to put passages in order by", "Name a cross-encoder instead.")
            return system.then(self.name, knowledge={"rerank": BY_MODEL})
        encoder = engine.searching.cross_encoder(self.by)
        return system.then(self.name, knowledge={"rerank": self.by, "rerank_digest": encoder.digest})


@dataclass(frozen=True)
class Widen:
    """Search by more than the question: by what the model writes for it (`tailor.widened`)."""

    way: Literal["hyde", "several"] = "hyde"

    @property
    def name(self) -> str:
        """Such as "hyde" or "several-queries"."""
        return "hyde" if self.way == HYDE else "several-queries"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System that searches by more.

        Raises:
            ConfigError: the system retrieves nothing.
        """
        _need_search(system, self.name)
        return system.then(self.name, knowledge={"queries": self.way})


def _need_search(system: System, name: str) -> None:
    if system.knowledge.kind != "index":
        raise ConfigError(f"{name} changes how passages are found, and {system.name} finds none", f"Write rag-hybrid > {name}.")


def _need_documents(engine: Engine) -> None:
    if not engine.documents:
        raise DocumentsError("the task has no documents", "name a folder of documents under `documents`")
