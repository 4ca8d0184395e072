"""Small passages are searched, and the larger ones that they lie in are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tailor.documents.reading import Document
from tailor.retrieval.chunk import chunk, parent_of
from tailor.retrieval.chunking import Chunking
from tailor.retrieval.passage import Passage

DEPTH = 4
"""Small passages that are searched for each large one that is shown: the best of them often lie in the same."""


class Parents:
    """The larger passages of documents, cut when first needed."""

    def __init__(self, documents: Iterable[Document], chunking: Chunking) -> None:
        self._documents = {document.path: document for document in documents}
        self._chunking = chunking.shown_as
        self._cut: dict[str, list[Passage]] = {}

    def of(self, passages: Sequence[Passage], k: int) -> list[Passage]:
        """The first `k` larger passages that these lie in, in their order; none is shown twice."""
        shown: dict[tuple[str, int], Passage] = {}
        for passage in passages:
            if passage.document not in self._cut:
                self._cut[passage.document] = chunk(self._documents[passage.document], self._chunking)
            parent = parent_of(passage, self._cut[passage.document])
            shown.setdefault((parent.document, parent.start), parent)
        return list(shown.values())[:k]
