"""HTML as text: blocks become lines, headings, lists and tables keep their form in Markdown's notation."""

from __future__ import annotations

import re

from tailor.documents.elements import HEADINGS, PARAGRAPHS, UNSEEN, OpenElements
from tailor.outside import resolve_references

# Each piece of markup is found in one pass that never goes back (possessive quantifiers), whatever it holds.
_TAG = re.compile(r"""<(/?)([a-zA-Z][^\s/>]*+)((?:[^>"'=]++|=\s*+(?:"[^"]*+"|'[^']*+')?|["'])*+)>""")
_NAME = re.compile("</?[a-zA-Z]")
_OTHER = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<!", ">"), ("<?", ">"), ("</", ">"))
_RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style")}


def read_html(source: str) -> tuple[str, str]:
    """Title and text of a web page. Headings become lines such as "## Hotels".

    What a reader of the page does not see is left out as far as the page itself says so: scripts, comments, templates, and elements
    with `hidden` or a style that hides them.
    """
    page = _Page()
    _feed(page, source)
    page.break_line(end_row=True)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(page.lines)).strip("\n")
    return " ".join("".join(page.title).split()), text + "\n" if text else ""


def _feed(page: _Page, source: str) -> None:
    """Hand tags and text to the page, in time proportional to the length.

    Markup follows the HTML standard where it is whole. What is begun and never ended (a comment, a declaration) is left out to the
    end, as browsers do; a "<" that begins no markup, and a tag without its ">", are text. The standard library's parser takes
    time that grows with the square of the length on such pages, in many versions.
    """
    at = 0
    while at < len(source):
        start = source.find("<", at)
        if start < 0:
            page.handle_data(resolve_references(source[at:]))
            return
        if start > at:
            page.handle_data(resolve_references(source[at:start]))
        if tag := _TAG.match(source, start):
            at = _hand_tag(page, source, tag)
            continue
        if _NAME.match(source, start):
            page.handle_data(resolve_references(source[start:]))  # no ">" follows, so nothing that follows is a tag
            return
        opening, closing = next((pair for pair in _OTHER if source.startswith(pair[0], start)), ("<", ""))
        if not closing:
            page.handle_data("<")
            at = start + 1
            continue
        end = source.find(closing, start + 2)
        if end < 0:
            return
        at = end + len(closing)


def _hand_tag(page: _Page, source: str, tag: re.Match[str]) -> int:
    """Tell the page of a tag; returns where reading goes on, which is behind the content of a script or style."""
    name = tag[2].lower()
    if tag[1]:
        page.handle_endtag(name)
    elif not tag[3].endswith("/"):
        page.handle_starttag(name, tag[3])
        if name in _RAW:
            closing = _RAW[name].search(source, tag.end())
            return closing.start() if closing else len(source)
    elif name not in UNSEEN:
        page.handle_starttag(name, tag[3])
    return tag.end()


class _Page:
    """Collects the lines of a page. Tags need not be closed: the next block ends the one before."""

    def __init__(self) -> None:
        self.title: list[str] = []
        self.lines: list[str] = []
        self._line: list[str] = []
        self._prefix = ""
        self._open = OpenElements()
        self._in_title = False
        self._in_pre = False
        self._row: list[list[str]] | None = None

    def handle_starttag(self, tag: str, attributes: str) -> None:
        """A tag begins."""
        self._open.start(tag, attributes)
        if self._open.hidden:
            return
        if tag == "title" and not self.title:
            self._in_title = True
        elif tag == "tr":
            self.break_line(end_row=True)
            self._row = []
        elif tag in ("td", "th") and self._row is not None:
            self._row.append([])
        elif tag == "br":
            self.break_line()
        elif tag == "li" or tag in HEADINGS or tag in PARAGRAPHS:
            self._start_block(tag)

    def handle_endtag(self, tag: str) -> None:
        """A tag ends."""
        was_hidden = self._open.hidden
        self._open.end(tag)
        if was_hidden:
            return
        if tag == "title":
            self._in_title = False
        elif tag in ("tr", "table"):
            self.break_line(end_row=True)
        elif tag == "li" or tag in HEADINGS or tag in PARAGRAPHS:
            self._end_block(tag)

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        if self._open.hidden:
            return
        if self._in_title:
            self.title.append(data)
        elif self._row:
            self._row[-1].append(data)
        elif self._in_pre:
            first, *rest = data.split("\n")
            self._line.append(first)
            for line in rest:
                self.break_line()
                self._line.append(line)
        else:
            self._line.append(data)

    def break_line(self, end_row: bool = False) -> None:
        """End the line, so that what was collected becomes one; inside a table's row only `end_row` ends it."""
        if self._row and not end_row:
            self._row[-1].append(" ")
            return
        if self._row:
            self.lines.append("| " + " | ".join(" ".join("".join(cell).split()) for cell in self._row) + " |")
        self._row = None
        joined = "".join(self._line)
        words = joined.rstrip() if self._in_pre else " ".join(joined.split())
        if words:
            self.lines.append(self._prefix + words)
            self._prefix = ""
        self._line = []

    def _start_block(self, tag: str) -> None:
        self.break_line()
        if self._row:
            return
        if tag == "li":
            self._prefix = "- "
        else:
            self.lines.append("")
            self._prefix = f"{HEADINGS[tag]} " if tag in HEADINGS else self._prefix
        if tag == "pre" and not self._in_pre:
            self.lines.append("```")
            self._in_pre = True

    def _end_block(self, tag: str) -> None:
        self.break_line()
        if self._row:
            return
        if tag == "pre" and self._in_pre:
            self.lines.append("```")
            self._in_pre = False
        if tag == "li" or tag in HEADINGS:
            self._prefix = ""
        if tag != "li":
            self.lines.append("")
