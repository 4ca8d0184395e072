"""Ways to search an index, by name: by words, by vectors, by both, and what packages add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tailor.plugins import RETRIEVERS
from tailor.retrieval.passage import Passage

if TYPE_CHECKING:
    from tailor.retrieval.index import Index, Search


class Retriever(Protocol):
    """A way to search an index.

    Attributes:
        says: how passages are found, as in "passages found ...".
    """

    @property
    def says(self) -> str:
        """How passages are found."""
        ...

    def digest(self, index: Index) -> str:
        """SHA-256 that changes when other passages may be found: of the index's digest, and of what is added to it."""
        ...

    def search(self, index: Index, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """For each query the k best passages, best first; fewer where fewer fit, none for an empty query."""
        ...


@dataclass(frozen=True)
class BuiltInSearch:
    """A search of the index's own."""

    name: Search
    says: str

    def digest(self, index: Index) -> str:
        """That of the index."""
        return index.digest

    def search(self, index: Index, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """As `Index.search` finds them."""
        return index.search(queries, self.name, k)


BM25 = BuiltInSearch("bm25", "by keyword")
VECTOR = BuiltInSearch("vector", "by meaning")
HYBRID = BuiltInSearch("hybrid", "by keyword and meaning")


def retriever(name: str) -> Retriever:
    """The way to search of this name.

    Raises:
        ConfigError: there is none, or the package that adds it is not installed any more.
    """
    found: Retriever = RETRIEVERS.load(name)
    return found
