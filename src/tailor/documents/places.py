"""Where documents are: a folder, a pattern, or a single file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tailor.errors import DocumentsError
from tailor.files import real_path

MARKDOWN = (".md", ".markdown")
HTML = (".html", ".htm")
OFFICE = (".pdf", ".docx", ".pptx", ".xlsx", ".epub", ".odt")
RECORDS = (".jsonl", ".parquet")
DELIMITED = (".csv", ".tsv")
PAGES = (*MARKDOWN, ".txt", *HTML, *OFFICE)
ACCEPTED = (*PAGES, *DELIMITED, ".eml")

_PATTERN = re.compile(r"[*?\[]")


def found_files(source: Path) -> tuple[Path, list[Path]]:
    """The folder that names of documents are relative to, and the files of documents in it.

    Rows of tables are documents only where the table is named itself, since a table in a folder may hold anything.

    Raises:
        DocumentsError: there is no such folder or file.
    """
    if source.is_dir():
        return source, _within(source)
    if source.is_file() and source.suffix.lower() in (*ACCEPTED, *RECORDS):
        return source.parent, [source]
    root = root_of(source)
    if root == source:
        raise DocumentsError(
            f"{source} is not a folder of documents", f"create it with documents ({', '.join(ACCEPTED)}) inside, or name a pattern"
        )
    wanted = set(root.glob(str(source.relative_to(root)))) if root.is_dir() else set()
    return root, [path for path in _within(root, (*ACCEPTED, *RECORDS)) if path in wanted]


def root_of(source: Path) -> Path:
    """The folder that a pattern such as `docs/**/*.pdf` begins with, `docs`; what is none, or exists by that name, as it is."""
    first = next((place for place, part in enumerate(source.parts) if _PATTERN.search(part)), None)
    return source if first is None or source.exists() else Path(*source.parts[:first])


def _within(folder: Path, accepted: tuple[str, ...] = ACCEPTED) -> list[Path]:
    """The files below a folder with these endings; none that is hidden, and no link out of it."""
    root = real_path(folder)
    paths = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            wanted = path.suffix.lower() in accepted and not name.startswith(".")
            if wanted and real_path(path).is_relative_to(root) and path.is_file():
                paths.append(path)
    return paths
