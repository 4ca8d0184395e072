"""The documents next to a question: passages that may answer it, found by their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tailor.access import Access, access
from tailor.documents.reading import read_library
from tailor.errors import TailorError
from tailor.models.head import one_thread
from tailor.project import Project
from tailor.retrieval.chunk import chunk

MOST_SHOWN = 5
"""Passages that are shown at once."""


@dataclass(frozen=True)
class Shown:
    """A passage of a document.

    Attributes:
        document: where it is, and what the document calls itself.
        text: what it says.
        key: by what it may be read, where the project has a filter (`tailor.access`); empty for nobody.
    """

    document: str
    text: str
    key: str


class Passages:
    """The passages of a project's documents. They are read in the background, since documents may be many.

    Args:
        project: with documents.
        pool: where they are read.
    """

    def __init__(self, project: Project, pool: ThreadPoolExecutor) -> None:
        self._allowed = access(project.task.retrieval.filter)
        self._read: Future[tuple[Sequence[Shown], Any, Any]] = pool.submit(_indexed, project, self._allowed)

    def found(self, query: str, asker: Mapping[str, str]) -> dict[str, Any]:
        """The passages that are most like a question, by TF-IDF of their words, as a page takes them; or that it waits for them.

        Args:
            query: what is searched for.
            asker: the columns of the row by which it may read documents: of documents that it may not read, nothing is found.
        """
        if not self._read.done():
            return {"passages": [], "waits": True, "why": ""}
        try:
            passages, words, features = self._read.result()
        except TailorError as error:
            return {"passages": [], "waits": False, "why": f"The documents cannot be read: {error}."}
        if words is None:
            return {"passages": [], "waits": False, "why": "The documents hold no words."}
        likeness = (features @ words.transform([query]).T).toarray().ravel()
        keys = None if self._allowed is None else self._allowed.keys(asker)
        places = (int(place) for place in (-likeness).argsort(kind="stable") if likeness[place] > 0)
        best = list(islice((place for place in places if keys is None or passages[place].key in keys), MOST_SHOWN))
        shown = [{"document": passages[place].document, "text": passages[place].text} for place in best]
        return {"passages": shown, "waits": False, "why": ""}


def _indexed(project: Project, allowed: Access | None) -> tuple[Sequence[Shown], Any, Any]:
    """The passages, what counts words, and the counts; None for both where there are no words."""
    assert project.documents is not None
    documents = read_library(project.documents, project.own_files, project.store).documents
    passages = [
        Shown(f"{document.path} · {document.title}", passage.text, allowed.key(document.metadata) if allowed else "")
        for document in documents
        for passage in chunk(document)
    ]
    with one_thread():
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        try:
            return passages, words, words.fit_transform([passage.text for passage in passages])
        except ValueError:  # no words in any
            return passages, None, None
