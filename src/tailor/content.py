"""What is asked, in parts: pieces of text and images, in the order in which a model reads them.

`question` is the one way from a row to what is asked. Whoever reads text alone (an embedder, an index, a plain classifier, a
scorer) takes `text_of` it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tailor.conversation import Turn, asked_in, place_asked, transcript, turns_in
from tailor.retrieval.passage import Passage
from tailor.task import VARIABLE, columns_in

FENCE = re.compile(r"<(?=\s*/?\s*passages\b)", re.IGNORECASE)
END_OF_PASSAGES = "</passages>\n\nQuestion: "
IMAGE_TOKENS = 1000
"""What an image is taken for: providers' published rules make 765 (OpenAI) and 1,398 (Anthropic) of 1,024 by 1,024 pixels."""
REMINDER = "\nAnswer in a few words, taken from the passages."
"""Comes after the question: small models lose an instruction that comes before the passages (docs/log.md)."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class MediaPart:
    """An image, named by its content; its bytes stay in their file until a model is asked.

    Attributes:
        sha256: of its bytes.
        mime: what its bytes are, such as "image/png".
        path: where the file lies, relative to the project's folder. An image is the same wherever it lies.
    """

    sha256: str
    mime: str
    path: str = field(compare=False)

    @property
    def words(self) -> str:
        """Its hash as sixteen words, by which it stands among texts: texts that are told apart by words tell images apart so."""
        return " ".join(self.sha256[place : place + 4] for place in range(0, len(self.sha256), 4))

    @property
    def medium(self) -> str:
        """What sort of media it is, as models say what they read: "image"."""
        return self.mime.partition("/")[0]


Content = tuple[TextPart | MediaPart, ...]


class Row(Protocol):
    """What a template is filled from: an example of the user's data, or a worked example."""

    @property
    def fields(self) -> Mapping[str, str]:
        """Columns as text."""
        ...

    @property
    def media(self) -> Mapping[str, MediaPart]:
        """Columns that hold media."""
        ...


def question(template: str, row: Row) -> Content:
    """What a row asks: the template with the row's columns in it, media as parts of their own, and of a conversation what the user
    said last; `around` gives the rest of it.

    Raises:
        KeyError: the template names a column that the row has not.
    """
    if not row.media:
        return (TextPart(VARIABLE.sub(lambda match: asked_in(row.fields[match.group(1)]), template)),)
    pieces: list[str | MediaPart] = []
    end = 0
    for match in VARIABLE.finditer(template):
        name = match.group(1)
        pieces += [template[end : match.start()], row.media.get(name) or asked_in(row.fields[name])]
        end = match.end()
    return content(*pieces, template[end:])


def whole(template: str, row: Row) -> Content:
    """What a row asks with all of its conversation, as people read it.

    Raises:
        KeyError: the template names a column that the row has not.
    """
    asked = question(template, row)
    before, after = around(template, row)
    if not before and not after:
        return asked
    head = transcript(turn for turn in before if turn.role != "system")
    return content(f"{head}\nuser: ", *asked, f"\n{transcript(after)}" if after else "")


def around(template: str, row: Row) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
    """The turns before and behind the question, of the first column of the template that holds a conversation; mostly none.

    Raises:
        KeyError: the template names a column that the row has not.
    """
    for name in columns_in(template):
        if turns := turns_in(row.fields[name]):
            place = place_asked(turns)
            return turns[:place], turns[place + 1 :]
    return (), ()


def content(*pieces: str | TextPart | MediaPart) -> Content:
    """The pieces as parts; texts that follow each other are one part, so that a text alone stays one text."""
    parts: list[TextPart | MediaPart] = []
    for piece in pieces:
        part = TextPart(piece) if isinstance(piece, str) else piece
        if isinstance(part, TextPart) and parts and isinstance(last := parts[-1], TextPart):
            parts[-1] = TextPart(last.text + part.text)
        elif not isinstance(part, TextPart) or part.text:
            parts.append(part)
    return tuple(parts) or (TextPart(""),)


def text_of(content: Content) -> str:
    """The text in it, for readers of text alone; media are left out."""
    return "".join(part.text for part in content if isinstance(part, TextPart))


def described(content: Content) -> str:
    """The text in it, and the name of each file, for people."""
    return "".join(part.text if isinstance(part, TextPart) else f"[{part.path}]" for part in content)


def media_in(content: Content) -> tuple[MediaPart, ...]:
    """The media in it."""
    return tuple(part for part in content if isinstance(part, MediaPart))


def as_json(content: Content) -> str | list[dict[str, str]]:
    """What fingerprints take of it: a text alone as it is; otherwise each part, media by their bytes and not by where they lie."""
    if not media_in(content):
        return text_of(content)
    return [{"text": part.text} if isinstance(part, TextPart) else {"sha256": part.sha256, "mime": part.mime} for part in content]


def with_passages(asked: Content, passages: Sequence[Passage], reminds: bool, fence: bool = True) -> Content:
    """What is asked, behind its numbered passages.

    Args:
        asked: the question.
        passages: what was retrieved; numbered from 1 in this order.
        reminds: say again behind the question that a short answer is wanted.
        fence: whether a fence sets the passages apart from the question.
    """
    shown = "\n".join(f"[{i}] {fenced(p.title)}: {fenced(p.text)}" for i, p in enumerate(passages, start=1))
    head = f"<passages>\n{shown or '(nothing was found)'}\n{END_OF_PASSAGES}" if fence else f"{shown}\n\n"
    return content(head, *asked, REMINDER if reminds else "")


def without_passages(text: str) -> str:
    """What is asked in a text that `with_passages` made; any other text as it is."""
    _, end, asked = text.partition(END_OF_PASSAGES)
    return asked.removesuffix(REMINDER) if end and text.startswith("<passages>\n") else text


def fenced(text: str) -> str:
    """Outside text that can neither close the fence that it is in nor open another."""
    return FENCE.sub("&lt;", text).strip()
