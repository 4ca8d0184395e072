"""Text of Office and EPUB files, by xberg, in Markdown's notation. Runs in a process of its own (`tailor.documents.extract`)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from tailor.limits import DOCUMENT_SECONDS
from tailor.outside import whole_characters

INSTALL = "install the extra `documents`: pip install 'tailor[documents]'"
SEARCHABLE = "make its text searchable with a program for character recognition (OCR), and save the file again"

_TYPES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".epub": "application/epub+zip",
    ".odt": "application/vnd.oasis.opendocument.text",
}
_PAGED = (".pptx", ".xlsx")
_FIRST_HEADING = re.compile(r"^#{1,2} +(\S.*)$", re.MULTILINE)
_NO_TITLE = re.compile(
    r"(?:Microsoft \w+ - .*|.*\.(?:docx?|pptx?|xlsx?|tmp)|(?:untitled|document|presentation|slide)[ \d]*)?", re.I
)


def read_office(data: bytes, suffix: str) -> dict[str, Any]:
    """The document in a file; slides and sheets count as pages.

    Raises:
        ValueError: the file is damaged, protected, or not what its name says.
        ImportError: the package that reads it is not installed.
    """
    import xberg

    config = xberg.ExtractionConfig(
        use_cache=False,
        disable_ocr=True,
        enable_quality_processing=False,
        escape_markdown=False,
        output_format="markdown",
        extraction_timeout_secs=int(DOCUMENT_SECONDS),
        pages=xberg.PageConfig(extract_pages=suffix in _PAGED),
    )
    given = xberg.ExtractInput(kind="bytes", bytes=data, mime_type=_TYPES[suffix])
    found = asyncio.run(xberg.extract(given, config))
    if found.errors:
        raise ValueError(found.errors[0].message)
    result = found.results[0]
    pages = [page.content for page in result.pages or ()] if suffix in _PAGED else []
    return as_document(result.metadata.title, pages or [result.content], paged=bool(pages))


def as_document(title: str | None, pages: Sequence[str], paged: bool, advice: str = SEARCHABLE) -> dict[str, Any]:
    """The document that these pages make, with the offset of each; pages without text are named, since most often they are scans.

    Args:
        title: what the file names itself.
        pages: their text.
        paged: whether they are pages, slides or sheets, rather than the whole document in one piece.
        advice: what to do about pages without text.
    """
    pages = [_clean(page) for page in pages]
    starts, length = [], 0
    for page in pages:
        starts.append(length)
        length += len(page) + 1
    text = "\n".join(pages)
    document = {"title": _title(title, text), "text": text, "pages": starts if paged else []}
    return {"documents": [document] if text.strip() else [], "unread": _empty(pages, advice)}


def _clean(text: str) -> str:
    text = whole_characters(text).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n" if text.strip() else ""


def _title(named: str | None, text: str) -> str:
    """What the file names itself, unless that is a program's own wording, else its first heading."""
    if named and not _NO_TITLE.fullmatch(named.strip()):
        return named
    heading = _FIRST_HEADING.search(text)
    return heading[1].strip("# *") if heading else ""


def _empty(pages: Sequence[str], advice: str) -> list[tuple[str, str]]:
    empty = [str(number) for number, page in enumerate(pages, start=1) if not page]
    if len(empty) == len(pages):
        return [("holds no text that can be read: it may be scanned", advice)]
    if not empty:
        return []
    named = ", ".join(empty[:5]) + (f" and {len(empty) - 5} more" if len(empty) > 5 else "")
    return [(f"holds no text on page {named}, which may be scanned", advice)]
