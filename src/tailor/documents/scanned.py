"""Scanned pages, read by character recognition (rapidocr) where it is installed. Runs in a process of its own.

Its models come inside the package, so nothing is fetched. One page is read at a time, so that a page that takes too long costs
itself and not the file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tailor.documents.office import SEARCHABLE, as_document
from tailor.limits import DOCUMENT_BYTES
from tailor.outside import read_file

PACKAGES = ("rapidocr", "onnxruntime")
INSTALL = f"install the extra `ocr` (pip install 'tailor[ocr]'), or {SEARCHABLE}"

_DPI = 150
"""At 100 dots per inch recognition misses more words of the invoices that it was tried on, at 200 it takes much longer."""


def is_installed() -> bool:
    """Whether scanned pages can be read."""
    return all(find_spec(package) is not None for package in PACKAGES)


def completed(found: dict[str, Any], read: Callable[[int], str], most: int) -> dict[str, Any]:
    """What was found in a PDF, with the text of its scanned pages; those on which `read` finds none are named.

    Args:
        found: what `read_pdf` gives for a file with pages without text.
        read: the text on a page, whose number counts from 0.
        most: pages for which it is asked, the first ones.
    """
    pages = list(found["pages"])
    for number in [number for number, page in enumerate(pages) if not page.strip()][:most]:
        pages[number] = read(number)
    made = as_document(None, pages, paged=True, advice=SEARCHABLE if most else INSTALL)
    for document in made["documents"]:
        document["title"] = found["documents"][0]["title"] if found["documents"] else ""
    return made


def recognise(path: str, page: int) -> str:
    """The text on a page of a PDF, line by line; empty where none is recognised.

    Args:
        path: the file.
        page: the number of the page, from 0.

    Raises:
        ValueError: the file is damaged or protected.
    """
    import pdf_oxide

    try:
        with pdf_oxide.PdfDocument.from_bytes(read_file(Path(path), DOCUMENT_BYTES)) as file:
            picture = file.render_page(page, dpi=_DPI)
    except (RuntimeError, OSError) as error:
        raise ValueError(str(error)) from error
    return "\n".join(_engine()(picture).txts or ())


@cache
def _engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "critical"})
