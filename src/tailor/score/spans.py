"""Entities: pieces of a text with a type, and how those given match the right ones.

A model writes the type and the words; where they stand is found in the text. Words that are in it several times are found one after
the other: the first entity with these words is their first place, unless it says `nth`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from tailor.score.records import matched
from tailor.score.types import Part, Verdict

TYPE_NAMES = ("type", "label", "labels", "entity", "tag")
"""Names under which files keep the type of a span."""


_SIGNS_ALIKE = ("'’‘ʼ`´", '"“”„«»', "-–—‐‑−")
_ALIKE_OF = {escaped: f"[{re.escape(signs)}]" for signs in _SIGNS_ALIKE for sign in signs for escaped in (sign, re.escape(sign))}
_ALIKE = re.compile("|".join(map(re.escape, sorted(_ALIKE_OF, key=len, reverse=True))))
"""Signs that a model writes for one another, as a regular expression has them."""


@dataclass(frozen=True)
class Span:
    """A piece of a text with a type.

    Attributes:
        type: its type.
        start: place of its first character; -1 where its words are not in the text.
        end: place behind its last one.
        text: its words, as they were given.
    """

    type: str
    start: int
    end: int
    text: str

    def overlaps(self, other: Span) -> bool:
        """Whether both share a character."""
        return self.start >= 0 and other.start >= 0 and self.start < other.end and other.start < self.end


def spans_in(value: Any, source: str, *, placed: bool = True) -> tuple[Span, ...]:
    """The entities that a value lists, in its order; what is none is left out, and so is what is listed twice.

    Accepted are objects with a type and words (`text`, and `nth` where it is not their next place). Where they may be `placed`,
    places come first: objects with `start` and `end`, and lists of start, end and type.
    """
    found: list[Span] = []
    seen: Counter[str] = Counter()
    for item in value if isinstance(value, list) else []:
        span = (_placed(item, source) if placed else None) or _found(item, source, seen)
        if span is not None and span not in found:
            found.append(span)
    return tuple(found)


def marked(value: Any) -> list[Any]:
    """A list of entities, each written in one way: by type, start and end, or by type and words; what is none stays as it is."""
    return [_marked(item) for item in value] if isinstance(value, list) else []


def _marked(item: Any) -> Any:
    if (placed := _given_places(item)) is not None:
        return dict(zip(("type", "start", "end"), placed, strict=True))
    if isinstance(item, Mapping) and isinstance(item.get("text"), str):
        nth = {"nth": item["nth"]} if item.get("nth") else {}
        return {"type": _type_of(item), "text": item["text"], **nth}
    return item


def as_items(spans: Sequence[Span], source: str) -> list[dict[str, Any]]:
    """Entities as a model writes them, in the order of the text: `nth` where it is not the next place of these words."""
    items, seen = [], Counter[str]()
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        places, whole = _places(span.text, source)
        item: dict[str, Any] = {"type": span.type, "text": span.text}
        if (span.start, span.end) in places:
            nth = places.index((span.start, span.end)) + 1
            if nth != seen[span.text] + 1 or nth > whole:
                item["nth"] = nth
            seen[span.text] = nth
        items.append(item)
    return items


def _given_places(item: Any) -> tuple[str, int, int] | None:
    """Type, start and end that an item gives."""
    if isinstance(item, list) and len(item) == 3:
        start, end, kind = item
    elif isinstance(item, Mapping):
        start, end, kind = item.get("start"), item.get("end"), _type_of(item)
    else:
        return None
    if isinstance(start, str) and start.isdecimal() and isinstance(end, str) and end.isdecimal():
        start, end = int(start), int(end)
    if type(start) is not int or type(end) is not int or not isinstance(kind, str) or not 0 <= start < end:
        return None
    return kind, start, end


def _placed(item: Any, source: str) -> Span | None:
    """The span that an item marks by its places, without white space around it."""
    kind, start, end = _given_places(item) or ("", 0, 0)
    words = source[start:end].strip() if end <= len(source) else ""
    if not words:
        return None
    start = source.index(words, start)
    return Span(kind, start, start + len(words), words)


def _found(item: Any, source: str, seen: Counter[str]) -> Span | None:
    """The span that an item names by its words."""
    if not isinstance(item, Mapping) or not isinstance(item.get("text"), str) or not item["text"].strip():
        return None
    words, kind, given = item["text"].strip(), _type_of(item), item.get("nth")
    places, whole = _places(words, source)
    is_given = isinstance(given, int) and given > 0
    nth = int(given or 0) if is_given else seen[words] + 1
    seen[words] = nth
    if nth <= (len(places) if is_given else whole):
        return Span(kind, *places[nth - 1], words)
    return None if whole and not is_given else Span(kind, -1, -1, words)  # said once too often, or not there at all


def _type_of(item: Mapping[str, Any]) -> str:
    given = next((item[name] for name in TYPE_NAMES if item.get(name)), "")
    given = given[0] if isinstance(given, list) and given else given
    return given if isinstance(given, str) else ""


@lru_cache(maxsize=1024)
def _places(words: str, source: str) -> tuple[list[tuple[int, int]], int]:
    """Where the words are, with any white space between them, first those that are no part of longer words; and how many are found
    one after the other: these, or all where there is none. Places may overlap, as those of "a a" in "a a a" do. Quotation marks and
    dashes may be others, and so may the case of words that are found in no other way.
    """
    inside = r"\s+".join(_ALIKE.sub(lambda sign: _ALIKE_OF[sign.group()], re.escape(word)) for word in words.split())
    before, behind = (r"(?<!\w)" if words[:1].isalnum() else ""), (r"(?!\w)" if words[-1:].isalnum() else "")
    whole = [match.span(1) for match in re.finditer(f"(?={before}({inside}){behind})", source)] if inside else []
    others = [match.span(1) for match in re.finditer(f"(?=({inside}))", source) if match.span(1) not in whole] if inside else []
    if inside and not others and not whole:
        whole = [match.span(1) for match in re.finditer(f"(?={before}({inside}){behind})", source, re.IGNORECASE)]
    return [*whole, *others], len(whole) or len(others)


def compare_entities(name: str, types: Sequence[str], wanted: Sequence[Span], said: Sequence[Span]) -> Iterator[Part]:
    """A part for each right entity and each invented one, named by its type, such as "entities.person"; an empty one for none.

    An entity is correct where type (in any case) and both ends are right, and misread where it overlaps a right one and either is
    not; else the right one is missed, and the one given invented. The pairs are those with the most correct ones, then the most of
    the right type, then the longest overlap.
    """
    by_name = {kind.casefold(): kind for kind in types} | {kind: kind for kind in types}
    said = [replace(span, type=by_name.get(span.type) or by_name.get(span.type.casefold(), span.type)) for span in said]
    if not wanted and not said:
        yield Part(name, "empty", "", "", strict=True, near=True)
    longest = 1 + max((span.end - span.start for span in (*wanted, *said)), default=0)
    count = 1 + min(len(wanted), len(said))

    def gain(i: int, j: int) -> float:
        right, given = wanted[i], said[j]
        if not right.overlaps(given):
            return 0.0
        shared = (min(right.end, given.end) - max(right.start, given.start)) / longest
        return count * (count * _is_exact(right, given) + (right.type == given.type)) + shared

    pairs = dict(matched(len(wanted), len(said), gain))
    for i, right in enumerate(wanted):
        given = said[pairs[i]] if i in pairs else None
        verdict: Verdict = "missed" if given is None else "correct" if _is_exact(right, given) else "misread"
        near = given is not None and given.type == right.type
        yield Part(f"{name}.{right.type}", verdict, _shown(right), _shown(given) if given else "", verdict == "correct", near)
    for j, given in enumerate(said):
        if j not in pairs.values():
            of = f"{name}.{given.type}" if given.type in types else name
            yield Part(of, "invented", "", _shown(given), strict=False, near=False)


def _is_exact(right: Span, given: Span) -> bool:
    return (right.type, right.start, right.end) == (given.type, given.start, given.end)


def _shown(span: Span) -> str:
    return f"{span.text} ({span.type})"
