"""Twins of Markdown pages in other formats: the same text as PDF, printed by Chromium, and as DOCX, written by pandoc."""

from __future__ import annotations

import base64
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_TEMPLATE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]\[]*)\]\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s+\"[^\"]*\")?\)")
_NOTATION = re.compile(r"[\s#*_|\\~<>`+=\-‑–—•◦▪·☐☒]+")
_STYLE = (
    "<meta charset='utf-8'><style>body{font:11pt serif} table{border-collapse:collapse} td,th{border:1px solid;padding:2px}</style>"
)


def plain_source(page: str) -> str:
    """A Markdown page without its header, its comments and the tags of its site's templates."""
    return _TEMPLATE.sub("", _FRONT_MATTER.sub("", page))


def characters(text: str) -> str:
    """The characters that two renderings of one text share: without white space, Markdown's notation and addresses of links."""
    return _NOTATION.sub("", _LINK.sub(r"\1", text))


def character_f1(found: str, right: str) -> float:
    """F1 of the characters that an alignment of the two texts (their longest common subsequence) pairs, in [0, 1]."""
    from rapidfuzz.distance import Indel

    return float(Indel.normalized_similarity(characters(found), characters(right)))


def write_twins(pages: Sequence[Path], folder: Path) -> dict[str, str]:
    """Write page N as `N.docx` and `N.pdf` into the folder; returns the plain text of each by its name, N.

    Raises:
        FileNotFoundError: pandoc or Chromium is not installed.
    """
    try:
        import pypandoc
    except ImportError as error:
        raise FileNotFoundError("pandoc is not installed; install the extra `bench`") from error
    texts = {}
    with _printer() as printer:
        for number, page in enumerate(pages):
            source = plain_source(page.read_text(encoding="utf-8"))
            texts[str(number)] = pypandoc.convert_text(source, "plain", format="gfm", extra_args=["--wrap=none"])
            pypandoc.convert_text(source, "docx", format="gfm", outputfile=str(folder / f"{number}.docx"))
            html = folder / f"{number}.html"
            html.write_text(_STYLE + pypandoc.convert_text(source, "html", format="gfm"), encoding="utf-8")
            printer.get(html.as_uri())
            (folder / f"{number}.pdf").write_bytes(base64.b64decode(printer.print_page()))
            html.unlink()
    return texts


def tables_in(page: str) -> int:
    """How many tables a Markdown page holds, by their lines of dashes."""
    return len(re.findall(r"^\s*\|?\s*:?-{3,}:?\s*\|[\s:|-]*$", plain_source(page), re.MULTILINE))


@contextmanager
def _printer() -> Iterator[Any]:
    """A headless Chromium."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        raise FileNotFoundError("chromium and chromedriver are not installed; they print the PDF files")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options=options, service=Service(driver))
        try:
            yield browser
        finally:
            browser.quit()
