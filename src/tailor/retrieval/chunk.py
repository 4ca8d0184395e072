"""Documents to passages: pieces of about equal size that end where the text ends a thought."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tailor.documents.reading import Document
from tailor.retrieval.chunking import DEFAULT, Chunking
from tailor.retrieval.passage import Passage

_STARTS = r"[ \t]*(?:$|\#{1,6}(?:[ \t]|$)|```|~~~|\||(?:[-*+]|\d{1,9}[.)])[ \t])"
_MORE = rf"(?:\n(?!{_STARTS})[^\n]*\S[^\n]*)*"
_BLOCK = re.compile(
    rf"""
      ^[ ]{{0,3}}(?P<level>\#{{1,6}})(?:[ \t]+(?P<heading>[^\n]*))?$
    | ^(?!{_STARTS})(?P<underlined>(?>[^\n]*\S[^\n]*))\n[ ]{{0,3}}(?P<underline>=+|-{{2,}})[ \t]*$
    | ^[ ]{{0,3}}(?P<code>```|~~~)(?:.|\n)*?(?:^[ ]{{0,3}}(?P=code)[`~]*[ \t]*$|\Z)
    | ^[ \t]*(?P<table>\|)[^\n]*(?:\n[ \t]*\|[^\n]*)*
    | ^[^\n]*\S[^\n]*{_MORE}
    """,
    re.MULTILINE | re.VERBOSE,
)
_LINE_END = re.compile(r"\n")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]*_]*\s+|(?<=[。！？।؟])")
_WORD_END = re.compile(r"\s+")

_HEADING_CHARACTERS = 120
# An English word and its space take about six bytes of UTF-8. Scripts without spaces, and long addresses, are counted by their
# bytes instead, so that a passage of them does not outgrow what an embedder reads.
_BYTES_PER_WORD = 8

_Span = tuple[int, int]


@dataclass(frozen=True)
class _Block:
    """A paragraph, list item, table, piece of code, or a heading of some `level`; `trail` holds the headings above it."""

    start: int
    end: int
    trail: tuple[str, ...]
    level: int = 0
    by_line: bool = False


@dataclass(frozen=True)
class _Unit:
    """What is never divided: a block, or a part of a long one, with the headings before it; `opens` is their top level."""

    start: int
    end: int
    words: int
    trail: tuple[str, ...]
    opens: int = 0


def chunk(document: Document, chunking: Chunking = DEFAULT) -> list[Passage]:
    """The passages of a document, in order; they leave out nothing but white space, and overlap only where that is asked for.

    Passages have between two thirds and four thirds of the words asked for where the text allows it. By "headings" they end where
    headings, paragraphs, list items and tables do; only what is longer than a passage is divided, at lines, sentences or words.
    Sections that are too small are joined, but not across a top heading ("# ..."). A heading stays with the text below it. By
    "sentences" they end behind sentences, wherever these stand, so that all have about the same size. By "page" a passage is a page
    of a document that has pages, else the document. `document.text[p.start:p.end] == p.text` holds for every passage.
    """
    least, most = chunking.words * 2 // 3, max(1, chunking.words * 4 // 3)
    if chunking.by == "page":
        groups: Iterable[Sequence[_Unit]] = _pages(document)
    elif chunking.by == "sentences":
        groups = _balanced(list(_units(document.text, most, by_sentence=True)), most)
    else:
        groups = (group for section in _sections(_units(document.text, most), least) for group in _balanced(section, most))
    passages = [_passage(document, group) for group in groups]
    return _overlapping(document, passages, chunking.overlap) if chunking.overlap else passages


def parent_of(passage: Passage, parents: Sequence[Passage]) -> Passage:
    """The one of a document's larger passages, in their order, that holds most of a smaller one, with the smaller one's score."""
    middle = (passage.start + passage.end) // 2
    found = next((parent for parent in parents if middle < parent.end), parents[-1])
    return replace(found, score=passage.score)


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, in order, without white space around them."""
    return [text[start:end] for start, end in _cut(text, (0, len(text)), _SENTENCE_END)]


def count_words(text: str) -> int:
    """Words of a text, at least one for every eight bytes of UTF-8; runs of white space count as one space."""
    words = text.split()
    return max(len(words), len(" ".join(words).encode("utf-8", "replace")) // _BYTES_PER_WORD)


def _passage(document: Document, units: Sequence[_Unit]) -> Passage:
    start, end = units[0].start, units[-1].end
    above = os.path.commonprefix([unit.trail for unit in units])
    page = f", page {number}" if (number := document.page_at(start)) else ""
    title = " > ".join([document.title + page, *(heading for heading in above if heading != document.title)])
    return Passage(document.path, title, start, end, document.text[start:end])


def _sections(units: Iterable[_Unit], least: int) -> Iterator[list[_Unit]]:
    """Runs of units under one heading, small ones joined with the next."""
    section: list[_Unit] = []
    for unit in units:
        if section and unit.opens and (unit.opens == 1 or sum(u.words for u in section) >= least):
            yield section
            section = []
        section.append(unit)
    if section:
        yield section


def _balanced(units: Sequence[_Unit], most: int) -> Iterator[list[_Unit]]:
    """As few groups of at most about `most` words as possible, of about equal size."""
    total = sum(unit.words for unit in units)
    n_groups = max(1, -(-total // most))
    groups: list[list[_Unit]] = [[] for _ in range(n_groups)]
    before = 0
    for unit in units:
        middle = before + unit.words / 2
        groups[min(n_groups - 1, int(middle * n_groups / max(1, total)))].append(unit)
        before += unit.words
    return (group for group in groups if group)


def _pages(document: Document) -> Iterator[list[_Unit]]:
    """Each page of a document as one unit; the whole document where it has no pages."""
    starts = document.pages or (0,)
    for start, end in zip(starts, (*starts[1:], len(document.text)), strict=True):
        for first, last in _trimmed(document.text, start, end):
            yield [_Unit(first, last, 0, ())]


def _overlapping(document: Document, passages: Sequence[Passage], overlap: int) -> list[Passage]:
    """The passages, each begun earlier by the last sentences of the one before that have so many words together, at most."""
    made = list(passages[:1])
    for before, passage in zip(passages, passages[1:], strict=False):
        start = passage.start
        for first, _ in reversed(list(_cut(document.text, (before.start, before.end), _SENTENCE_END))):
            if count_words(document.text[first : passage.start]) > overlap:
                break
            start = first
        made.append(replace(passage, start=start, text=document.text[start : passage.end]))
    return made


def _units(text: str, most: int, by_sentence: bool = False) -> Iterator[_Unit]:
    headings: list[_Block] = []
    for block in _blocks(text):
        if block.level:
            headings.append(block)
            continue
        for start, end in _parts(text, block, most, by_sentence):
            yield _unit(text, start, end, block.trail, headings)
            headings = []
    if headings:
        yield _unit(text, headings[-1].start, headings[-1].end, headings[-1].trail, headings)


def _unit(text: str, start: int, end: int, trail: tuple[str, ...], headings: Sequence[_Block]) -> _Unit:
    first = headings[0].start if headings else start
    return _Unit(first, end, count_words(text[first:end]), trail, min((heading.level for heading in headings), default=0))


def _parts(text: str, block: _Block, most: int, by_sentence: bool) -> Iterator[_Span]:
    """The block, or pieces of it of at most about `most` words; or its sentences, or lines where it is made of lines."""
    ends = (_LINE_END, _SENTENCE_END, _WORD_END) if block.by_line else (_SENTENCE_END, _WORD_END)
    span = (block.start, block.end)
    for piece in _cut(text, span, ends[0]) if by_sentence else [span]:
        yield from _divide(text, piece, most, ends)


def _divide(text: str, span: _Span, most: int, ends: Sequence[re.Pattern[str]]) -> Iterator[_Span]:
    start, end = span
    words = count_words(text[start:end])
    if words <= most:
        yield span
        return
    if not ends:
        step = max(1, (end - start) * most // words)
        yield from ((place, min(end, place + step)) for place in range(start, end, step))
        return
    pieces = (piece for part in _cut(text, span, ends[0]) for piece in _divide(text, part, most, ends[1:]))
    units = [_Unit(first, last, count_words(text[first:last]), ()) for first, last in pieces]
    yield from ((group[0].start, group[-1].end) for group in _balanced(units, most))


def _cut(text: str, span: _Span, end_of: re.Pattern[str]) -> Iterator[_Span]:
    """The parts of a span between the places where the pattern matches, without white space around them."""
    start, end = span
    for match in end_of.finditer(text, start, end):
        yield from _trimmed(text, start, match.end())
        start = match.end()
    yield from _trimmed(text, start, end)


def _trimmed(text: str, start: int, end: int) -> Iterator[_Span]:
    piece = text[start:end]
    if stripped := piece.strip():
        first = start + len(piece) - len(piece.lstrip())
        yield first, first + len(stripped)


def _blocks(text: str) -> Iterator[_Block]:
    """The blocks of a Markdown text, in order. Any text is one, and every line that is not blank belongs to exactly one block."""
    trail: list[tuple[int, str]] = []
    for match in _BLOCK.finditer(text):
        level = len(match["level"] or "") or (1 if (match["underline"] or "").startswith("=") else 2 if match["underline"] else 0)
        if level:
            trail = [above for above in trail if above[0] < level]
            trail.append((level, _heading_text(match["heading"] or match["underlined"] or "")))
        names = tuple(name for _, name in trail if name)
        for start, end in _trimmed(text, *match.span()):
            yield _Block(start, end, names, level, by_line=bool(match["code"] or match["table"]))


def _heading_text(raw: str) -> str:
    words = re.sub(r"(?:^|\s)#+\s*$", "", raw).replace("*", "").replace("`", "").split()
    return " ".join(words)[:_HEADING_CHARACTERS]
