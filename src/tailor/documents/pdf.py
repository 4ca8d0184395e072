"""Text of PDF files, by pdf_oxide, in Markdown's notation. Runs in a process of its own (`tailor.documents.extract`)."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any

from tailor.documents.office import as_document

# Of tables whose cells run over several lines, the library's Markdown puts the ends of cells behind the table. Where words stand in
# another order than in the plain text, the plain text is taken: `python -m benchmarks documents` measures what that
# gives on 50 documents with 20 tables (docs/retrieval.md). Tables that are not kept become lines of text.
_LEAST_ALIKE = 0.9

_WORD = re.compile(r"\w+")
_ADDRESS = re.compile(r"\]\([^()\s]*\)")
_HEADING = re.compile(r"^(#{1,6}) +(\S.*)$", re.MULTILINE)
_LIGATURES = str.maketrans({"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\u00ad": ""})


def read_pdf(data: bytes) -> dict[str, Any]:
    """The document in a PDF, page by page; where some have no text, "pages" has them all, for `tailor.documents.scanned`.

    Raises:
        ValueError: the file is damaged or protected.
        ImportError: the package that reads it is not installed.
    """
    import pdf_oxide

    try:
        with pdf_oxide.PdfDocument.from_bytes(data) as file:
            pages = [_page(file, number) for number in range(len(file))]
    except (RuntimeError, OSError) as error:
        raise ValueError(str(error)) from error
    found = as_document(None, pages, paged=True)
    return found if all(page.strip() for page in pages) else {**found, "pages": pages}


def _page(file: Any, number: int) -> str:
    """A page in Markdown's notation, or as plain text with its headings marked."""
    marked = file.to_markdown(number, detect_headings=True).translate(_LIGATURES)
    plain = file.extract_text(number).translate(_LIGATURES)
    words = _WORD.findall(_ADDRESS.sub("]", marked))
    if SequenceMatcher(None, words, _WORD.findall(plain), autojunk=False).ratio() >= _LEAST_ALIKE:
        return str(marked)
    levels = {_letters(heading): level for level, heading in _HEADING.findall(marked)}
    lines = [(levels.get(_letters(line), ""), line.strip()) for line in plain.split("\n")]
    return "\n".join(f"\n{level} {line}\n" if level and line else line for level, line in lines)


def _letters(text: str) -> str:
    return "".join(_WORD.findall(text))
