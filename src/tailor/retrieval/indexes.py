"""The indexes of a project: one for each embedder and way to cut documents, opened when first needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from tailor.documents.reading import Document
from tailor.models.vectors import CachedEmbedder
from tailor.retrieval.chunking import chunking
from tailor.retrieval.parents import DEPTH, Parents
from tailor.retrieval.passage import Passage
from tailor.retrieval.searches import retriever
from tailor.system import Knowledge

if TYPE_CHECKING:
    from tailor.retrieval.index import Index, OnProgress


class Indexes:
    """Indexes over the same documents.

    Args:
        folder: where they lie.
        documents: what is indexed.
        embedder: opens an embedder by name.
        alone: held while an index is brought up to date, so that no two processes do so.
    """

    def __init__(
        self,
        folder: Path,
        documents: Sequence[Document],
        embedder: Callable[[str], CachedEmbedder],
        alone: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._folder = folder
        self._documents = documents
        self._embedder = embedder
        self._alone = alone
        self._open: dict[tuple[str, str], Index] = {}
        self._parents: dict[str, Parents] = {}

    def index(self, embedder: str, chunks: str = "", on_progress: OnProgress | None = None) -> Index:
        """The index over the documents, brought up to date.

        Args:
            embedder: its name; empty for keyword search alone.
            chunks: how the documents are cut (`tailor.retrieval.chunking`).
            on_progress: called with passages done and passages to do.
        """
        if (embedder, chunks) not in self._open:
            from tailor.retrieval.index import Index

            cached = self._embedder(embedder) if embedder else None
            # The index keeps the vectors of its passages; those of questions cost nothing but time, save behind an endpoint.
            made = cached if cached is None or cached.is_remote else cached.embedder
            index = Index.open(self._folder, made, chunking(chunks))
            if not index.holds(self._documents):
                with self._alone():
                    index.update(self._documents, on_progress)
            self._open[embedder, chunks] = index
        return self._open[embedder, chunks]

    def digest(self, knowledge: Knowledge) -> str:
        """The digest of what is searched, as the documents are now."""
        return retriever(knowledge.search).digest(self.index(knowledge.embedder, knowledge.chunks))

    def find(self, knowledge: Knowledge, questions: Sequence[str]) -> list[list[Passage]]:
        """The passages that are shown for each question, best first."""
        index, cut = self.index(knowledge.embedder, knowledge.chunks), chunking(knowledge.chunks)
        if not cut.parent:
            return retriever(knowledge.search).search(index, questions, knowledge.passages)
        if knowledge.chunks not in self._parents:
            self._parents[knowledge.chunks] = Parents(self._documents, cut)
        parents = self._parents[knowledge.chunks]
        found = retriever(knowledge.search).search(index, questions, knowledge.passages * DEPTH)
        return [parents.of(passages, knowledge.passages) for passages in found]
