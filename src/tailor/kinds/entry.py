"""How people give a right answer on a page: what a page for labels draws, told as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = Literal["choice", "choices", "fields", "text"]
"""One of the choices; any of them; a value for each field; a text."""


@dataclass(frozen=True)
class EntryField:
    """A field that people fill in.

    Attributes:
        name: its place in the JSON, such as "total", or "address.city" for one in an object.
        says: what is written there, in a word or two.
        choices: the values that it may have; types of entities where it holds entities.
        form: "line" for a value, "json" for lists and objects, "words" for words taken from the text, "entities" for a list of
            typed pieces of the text.
    """

    name: str
    says: str
    choices: tuple[str, ...] = ()
    form: Literal["line", "json", "words", "entities"] = "line"


@dataclass(frozen=True)
class Entry:
    """How a right answer is given.

    Attributes:
        shape: what there is to do.
        choices: the labels, where the answer is made of them.
        adds: whether people may add a label that nobody used before.
        fields: the fields, where the answer has some.
        lines: how many lines a text usually has.
        nothing: what is answered where there is no answer; empty where there always is one.
        source: whether people may say which words of a document the answer rests on.
        asks: what people are asked; empty where the task's instruction holds nothing that only a model must be told.
    """

    shape: Shape
    choices: tuple[str, ...] = ()
    adds: bool = False
    fields: tuple[EntryField, ...] = ()
    lines: int = 1
    nothing: str = ""
    source: bool = False
    asks: str = ""
