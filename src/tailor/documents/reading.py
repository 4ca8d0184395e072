"""Documents: a folder of Markdown, text and HTML files, read as plain text."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tailor.confined import Confined, ConfinedError
from tailor.errors import DocumentsError
from tailor.limits import DOCUMENT_BYTES
from tailor.outside import is_own_report, read_file

MARKDOWN = (".md", ".markdown")
HTML = (".html", ".htm")
ACCEPTED = (*MARKDOWN, ".txt", *HTML)


@dataclass(frozen=True)
class Document:
    """A page of the user's documents.

    Attributes:
        path: where it is, relative to the documents folder, with forward slashes.
        title: from the front matter, the HTML title, the first top heading or the file name, in this order.
        text: what it says; offsets of passages refer to this text. Lines end with a single newline character.
        digest: SHA-256 over title and text.
    """

    path: str
    title: str
    text: str
    digest: str = field(default="")

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", hashlib.sha256(f"{self.title}\0{self.text}".encode()).hexdigest())


def read_documents(folder: Path, own: Iterable[Path] = ()) -> list[Document]:
    """Every document below a folder, sorted by path.

    Hidden files and folders are skipped, and so are links that lead out of the folder, what is no file, and files of other kinds.
    Reports of Tailor are skipped wherever they lie, since they show the right answers of test rows.

    Args:
        folder: where the documents are.
        own: files that are no documents though they may lie there: data, settings, sheets.

    Raises:
        DocumentsError: there is no such folder, it holds no document, or a document cannot be read.
    """
    if not folder.is_dir():
        raise DocumentsError(f"{folder} is not a folder of documents", f"create it with documents ({_accepted()}) inside")
    left_out = {path.resolve() for path in own}
    with Confined("tailor.documents.markup:read_markup") as read_markup:
        found = [_read(folder, path, read_markup) for path in _paths(folder) if path.resolve() not in left_out]
    documents = [document for document in found if document is not None]
    if not documents:
        raise DocumentsError(
            f"{folder} holds no documents; accepted are {_accepted()}", "put the documents there, or name another folder"
        )
    return sorted(documents, key=lambda document: document.path)


def documents_digest(documents: Iterable[Document]) -> str:
    """SHA-256 over the paths and digests of documents, whatever their order."""
    pairs = sorted((document.path, document.digest) for document in documents)
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def _accepted() -> str:
    return ", ".join(ACCEPTED)


def _paths(folder: Path) -> list[Path]:
    root = folder.resolve()
    paths = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            accepted = path.suffix.lower() in ACCEPTED and not name.startswith(".")
            if accepted and path.resolve().is_relative_to(root) and path.is_file():
                paths.append(path)
    return paths


def _read(folder: Path, path: Path, read_markup: Confined) -> Document | None:
    """The document in a file; None where it is a report of Tailor."""
    name = path.relative_to(folder).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DocumentsError(f"the file name {name!r} is not UTF-8 text", "rename the file") from error
    source, suffix = _source(path), path.suffix.lower()
    if suffix == ".txt":
        return Document(name, _spoken(path.stem), source)
    if is_own_report(source):
        return None
    try:
        title, text = read_markup(source, suffix in HTML)
    except ConfinedError as error:
        raise DocumentsError(f"{path} cannot be read: reading it {error}", "fix it, or move it out of the documents") from error
    return Document(name, title or _spoken(path.stem), text)


def _source(path: Path) -> str:
    try:
        source = read_file(path, DOCUMENT_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise DocumentsError(
            f"{path} cannot be read: {error.strerror}", "make it readable, or move it out of the documents"
        ) from error
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text: byte {error.start} cannot be decoded"
        raise DocumentsError(message, "save it as UTF-8, or move it out of the documents") from error
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _spoken(stem: str) -> str:
    """A file name as a title: `going-out_of-office` becomes `Going out of office`."""
    words = " ".join(re.split(r"[-_\s]+", stem)).strip()
    return words[:1].upper() + words[1:]
