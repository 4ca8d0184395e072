"""The indexes of a project: one for each embedder and way to cut documents, opened when first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tailor.access import Access, access
from tailor.documents.reading import Document
from tailor.errors import ConfigError, quoted
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
        self._open: dict[tuple[str, str, tuple[str, ...]], Index] = {}
        self._parents: dict[str, Parents] = {}

    def index(self, knowledge: Knowledge, on_progress: OnProgress | None = None) -> Index:
        """The index that is searched, brought up to date.

        Args:
            knowledge: its embedder (none for keyword search alone), how documents are cut, and who may read them.
            on_progress: called with passages done and passages to do.
        """
        embedder, allowed = knowledge.embedder, access(knowledge.filter)
        chunks = replace(chunking(knowledge.chunks), parent=0).name  # what is shown around a passage changes no index
        opened = (embedder, chunks, allowed.names if allowed else ())
        if opened not in self._open:
            from tailor.retrieval.index import Index

            cached = self._embedder(embedder) if embedder else None
            # The index keeps the vectors of its passages; those of questions cost nothing but time, save behind an endpoint.
            made = cached if cached is None or cached.is_remote else cached.embedder
            index = Index.open(self._folder, made, chunking(chunks), allowed)
            if not index.holds(self._documents):
                with self._alone():
                    index.update(self._documents, on_progress)
            self._open[opened] = index
        return self._open[opened]

    def digest(self, knowledge: Knowledge) -> str:
        """The digest of what is searched, as the documents are now."""
        return retriever(knowledge.search).digest(self.index(knowledge))

    def find(self, knowledge: Knowledge, questions: Sequence[str], rows: Sequence[Mapping[str, str]] = ()) -> list[list[Passage]]:
        """The passages that are shown for each question, best first.

        Args:
            knowledge: how to search.
            questions: what to search for.
            rows: the columns of whoever asks each of them, where these decide what may be read.

        Raises:
            ConfigError: a way to search found what must not be read.
        """
        index, allowed = self.index(knowledge), access(knowledge.filter)
        if allowed is None:
            return self._find(knowledge, index, questions)
        found: list[list[Passage]] = [[] for _ in questions]
        together: dict[frozenset[str], list[int]] = {}
        for place, row in enumerate(rows):
            together.setdefault(allowed.keys(row), []).append(place)
        for keys, places in together.items():
            if keys:
                asked = self._find(knowledge, index.only(keys), [questions[place] for place in places])
                self._check(allowed, keys, asked, knowledge.search)
                for place, passages in zip(places, asked, strict=True):
                    found[place] = passages
        return found

    def _find(self, knowledge: Knowledge, index: Index, questions: Sequence[str]) -> list[list[Passage]]:
        cut = chunking(knowledge.chunks)
        if not cut.parent:
            return retriever(knowledge.search).search(index, questions, knowledge.passages)
        if knowledge.chunks not in self._parents:
            self._parents[knowledge.chunks] = Parents(self._documents, cut)
        parents = self._parents[knowledge.chunks]
        found = retriever(knowledge.search).search(index, questions, knowledge.passages * DEPTH)
        return [parents.of(passages, knowledge.passages) for passages in found]

    def _check(self, allowed: Access, keys: frozenset[str], found: Sequence[Sequence[Passage]], search: str) -> None:
        """A second look, for ways to search of packages: nothing is shown that may not be read."""
        documents = {passage.document for passages in found for passage in passages}
        if any(allowed.key(self._metadata[document]) not in keys for document in documents):
            raise ConfigError(f"the search {quoted(search)} found documents that this row may not read", "Use another search.")

    @cached_property
    def _metadata(self) -> dict[str, Mapping[str, str]]:
        return {document.path: document.metadata for document in self._documents}
