"""The elements of a web page that are open at a place, and whether a reader sees what is there.

Elements end as the HTML standard has it where that decides what is seen: many need no end tag, and a stray end tag ends nothing.
https://html.spec.whatwg.org/multipage/parsing.html#parsing-main-inbody
"""

from __future__ import annotations

import re
from collections import defaultdict

from tailor.outside import resolve_references

UNSEEN = {"script", "style", "svg", "template"}
"""Elements whose text is never shown, and those that draw."""
HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
PARAGRAPHS = set(
    "address article aside blockquote body dd details div dl dt fieldset figcaption figure footer form header hr html main nav ol "
    "p pre section summary table ul".split()
)

_VOID = set("area base br col embed hr img input link meta param source track wbr".split())
_TABLE = {"table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption"}
_BLOCKS = {*PARAGRAPHS, *HEADINGS, *_TABLE, *UNSEEN, "li", "dialog"}
_ENDS_PARAGRAPH = _BLOCKS - _TABLE | {"table"}
_SCOPES = ("table", "td", "th", "caption", "template", "svg")
"""What an end tag does not reach out of, unless it is one of a table."""
_ENDED_BY_START = {
    "li": (("li",), ("ul", "ol", *_SCOPES)),
    "dt": (("dt", "dd"), ("dl", *_SCOPES)),
    "dd": (("dt", "dd"), ("dl", *_SCOPES)),
    "tr": (("tr",), ("table",)),
    "td": (("td", "th"), ("tr", "table")),
    "th": (("td", "th"), ("tr", "table")),
}
"""Tag -> the elements that it ends where they are open, and those that keep it from reaching further out."""
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'>]++))?+""")
_MAY_HIDE = re.compile("hidden|style", re.IGNORECASE)
_HIDING = re.compile(
    r"(?:^|;)(?:display:none|visibility:(?:hidden|collapse)|(?:opacity|font-size):0*\.?0*(?:px|em|rem|%|pt)?)(?:!|;|$)"
)


def is_hidden(tag: str, attributes: str) -> bool:
    """Whether an element with such attributes is not seen, as far as it says so itself: style sheets are not read."""
    if tag in UNSEEN:
        return True
    if tag != "dialog" and not _MAY_HIDE.search(attributes):
        return False
    # Of attributes given twice, the first one holds.
    found = {name.lower(): resolve_references(value.strip("\"'")) for name, value in reversed(_ATTRIBUTE.findall(attributes))}
    if "hidden" in found and found["hidden"].lower() != "until-found":
        return True
    style = re.sub(r"/\*.*?\*/|\s", "", found.get("style", "")).lower()
    return bool(_HIDING.search(style)) or (tag == "dialog" and "open" not in found)


class OpenElements:
    """The elements that are open, from the outermost to the innermost."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        self._blocks: list[int] = []  # places of those that an end tag of a word or so does not reach out of
        self._hidden_from: int | None = None

    @property
    def hidden(self) -> bool:
        """Whether what is here is not seen."""
        return self._hidden_from is not None

    def start(self, tag: str, attributes: str) -> None:
        """A start tag."""
        if tag in _ENDS_PARAGRAPH and self._places.get("p"):
            self._end(("p",), _SCOPES)
        if tag in _ENDED_BY_START:
            self._end(*_ENDED_BY_START[tag])
        if tag in _VOID:
            return
        if self._hidden_from is None and is_hidden(tag, attributes):
            self._hidden_from = len(self._names)
        self._places[tag].append(len(self._names))
        if tag in _BLOCKS:
            self._blocks.append(len(self._names))
        self._names.append(tag)

    def end(self, tag: str) -> None:
        """An end tag."""
        places = self._places.get(tag)
        if not places:
            return
        if tag in _TABLE:
            self._end((tag,), () if tag == "table" else ("table",))
        elif tag in _BLOCKS:
            self._end((tag,), _SCOPES)
        elif not self._blocks or places[-1] > self._blocks[-1]:
            self._end((tag,), ())

    def _end(self, tags: tuple[str, ...], within: tuple[str, ...]) -> None:
        """End the innermost of these elements and all inside it, unless one of others stands between."""
        last = max(self._last(tag) for tag in tags)
        if last < 0 or any(self._last(tag) > last for tag in within):
            return
        for name in self._names[last:]:
            self._places[name].pop()
        del self._names[last:]
        while self._blocks and self._blocks[-1] >= last:
            self._blocks.pop()
        if self._hidden_from is not None and last <= self._hidden_from:
            self._hidden_from = None

    def _last(self, tag: str) -> int:
        places = self._places.get(tag)
        return places[-1] if places else -1
