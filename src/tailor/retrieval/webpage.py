"""HTML as text: blocks become lines, headings, lists and tables keep their form in Markdown's notation."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_LEFT_OUT = {"script", "style", "svg", "template"}
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_PARAGRAPHS = {
    *(
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
    ),
    *("form", "header", "hr", "html", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "ul"),
}


def read_html(source: str) -> tuple[str, str]:
    """Title and text of a web page. Scripts and styles are left out; headings become lines such as "## Hotels"."""
    page = _Page()
    page.feed(source)
    page.close()
    page.break_line(end_row=True)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(page.lines)).strip("\n")
    return " ".join("".join(page.title).split()), text + "\n" if text else ""


class _Page(HTMLParser):
    """Collects the lines of a page. Tags need not be closed: the next block ends the one before."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.lines: list[str] = []
        self._line: list[str] = []
        self._prefix = ""
        self._left_out = 0
        self._in_title = False
        self._in_pre = False
        self._row: list[list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _LEFT_OUT:
            self._left_out += 1
        elif tag == "title" and not self.title:
            self._in_title = True
        elif tag == "tr":
            self.break_line(end_row=True)
            self._row = []
        elif tag in ("td", "th") and self._row is not None:
            self._row.append([])
        elif tag == "br":
            self.break_line()
        elif tag == "li" or tag in _HEADINGS or tag in _PARAGRAPHS:
            self._start_block(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _LEFT_OUT:
            self._left_out = max(0, self._left_out - 1)
        elif tag == "title":
            self._in_title = False
        elif tag in ("tr", "table"):
            self.break_line(end_row=True)
        elif tag == "li" or tag in _HEADINGS or tag in _PARAGRAPHS:
            self._end_block(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _LEFT_OUT:
            self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self._left_out:
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

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Skip `<![...` sections the standard library stumbles over."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            return self.parse_bogus_comment(i)

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
            self._prefix = f"{_HEADINGS[tag]} " if tag in _HEADINGS else self._prefix
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
        if tag == "li" or tag in _HEADINGS:
            self._prefix = ""
        if tag != "li":
            self.lines.append("")
