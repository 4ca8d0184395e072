"""A passage: a piece of a document with its exact place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document.

    Attributes:
        document: path of the document relative to the documents folder, with forward slashes.
        title: title of the document and the headings above the passage, such as "Travel > Hotels".
        start: offset of the first character in the document's text.
        end: offset behind the last character, so that document_text[start:end] == text.
        text: the words.
        score: how well it fits the query, higher is better; 0 where it was not searched for.
    """

    document: str
    title: str
    start: int
    end: int
    text: str
    score: float = 0.0
