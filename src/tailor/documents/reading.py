"""Documents: files and folders of many formats, read as text; what cannot be read is named and left out."""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tailor.confined import Confined, ConfinedError
from tailor.documents.kept import Kept
from tailor.documents.places import ACCEPTED, DELIMITED, HTML, MARKDOWN, OFFICE, found_files
from tailor.documents.scanned import completed, is_installed
from tailor.errors import DocumentsError, quoted
from tailor.files import real_path
from tailor.limits import DOCUMENT_BYTES, DOCUMENT_SECONDS, SCANNED_PAGES
from tailor.outside import is_own_report, read_file

_NAMED = 3  # files named in a sentence


@dataclass(frozen=True)
class Document:
    """A page of the user's documents.

    Attributes:
        path: where it is, relative to the documents folder, with forward slashes; rows of a table add their name, as in
            "pages.jsonl#17".
        title: what the document names itself, the first top heading or the file name, in this order.
        text: what it says; offsets of passages refer to this text. Lines end with a single newline character.
        digest: SHA-256 over title and text, and over pages and metadata where there are any.
        pages: offset of the first character of each page, for formats that have pages.
        metadata: the other columns of the row that it was made of, or the plain values of its front matter. Those of front matter
            are not part of `digest`, since searches that filter nothing do not read them; they are of `sealed`.
    """

    path: str
    title: str
    text: str
    digest: str = field(default="")
    pages: tuple[int, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.digest:
            more = json.dumps([self.pages, sorted(self.metadata.items())]) if self.pages or self.metadata else ""
            object.__setattr__(
                self, "digest", hashlib.sha256(f"{self.title}\0{self.text}{more and chr(0)}{more}".encode()).hexdigest()
            )

    @property
    def sealed(self) -> str:
        """The digest with all metadata, for whatever depends on who may read it."""
        return replace(self, digest="").digest if self.metadata else self.digest

    def page_at(self, offset: int) -> int:
        """The number of the page, from 1, that a character is on; 0 for a document without pages."""
        return bisect_right(self.pages, offset)


@dataclass(frozen=True)
class Unread:
    """A file, or a part of one, that could not be read.

    Attributes:
        path: the file, relative to the documents folder.
        why: the rest of the sentence that begins with its name, such as "is not UTF-8 text".
        advice: what to do.
        is_part: whether the rest of the file was read.
    """

    path: str
    why: str
    advice: str
    is_part: bool = False


@dataclass(frozen=True)
class Library:
    """What was found where the documents are: those that could be read, sorted by path, and what could not."""

    documents: list[Document]
    unread: tuple[Unread, ...] = ()


def unread_by_reason(unread: Iterable[Unread]) -> list[tuple[str, list[str], str]]:
    """What could not be read: a sentence for each reason, the files, and what to do; files that are lost as a whole come first."""
    reasons: dict[tuple[bool, str, str], list[str]] = {}
    for one in unread:
        reasons.setdefault((one.is_part, one.why, one.advice), []).append(one.path)
    told = []
    for (is_part, why, advice), paths in sorted(reasons.items()):
        named = ", ".join(quoted(path, 200) for path in paths[:_NAMED])
        more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
        left_out = "The rest of it was read." if is_part else "It is left out of the documents."
        several = (
            f"{len(paths):,} documents, such as {named}{more}: each {why}." if len(paths) > 1 else f"{named} {why}. {left_out}"
        )
        told.append((several, paths, advice))
    return told


def read_library(source: Path, own: Iterable[Path] = (), store: Path | None = None) -> Library:
    """Every document of a folder, of a pattern such as `docs/**/*.pdf`, or of a file whose rows are documents.

    Hidden files and folders are skipped, and so are links that lead out of the folder, what is no file, and files of other kinds.
    Reports of Tailor are skipped wherever they lie, since they show the right answers of test rows. A file that cannot be read
    is named in `unread`, and the others are read.

    Args:
        source: where the documents are.
        own: files that are no documents though they may lie there: data, settings, sheets.
        store: the project's store; where it exists, what was parsed is kept there, and no file parsed twice.

    Raises:
        DocumentsError: there is no such folder or file, or it holds no document that can be read.
    """
    root, paths = found_files(source)
    left_out = {real_path(path) for path in own}
    documents: list[Document] = []
    unread: list[Unread] = []
    with _Reader(source, Kept(store / "documents" if store is not None and store.is_dir() else None)) as reader:
        for path in paths:
            if real_path(path) in left_out:
                continue
            for found in reader.read(path, path.relative_to(root).as_posix()):
                (unread if isinstance(found, Unread) else documents).append(found)  # type: ignore[arg-type]
    if not documents:
        raise _nothing(source, unread)
    return Library(sorted(documents, key=lambda document: document.path), tuple(unread))


def read_documents(source: Path, own: Iterable[Path] = ()) -> list[Document]:
    """The documents of `read_library`.

    Raises:
        DocumentsError: there is no such folder or file, or it holds no document that can be read.
    """
    return read_library(source, own).documents


def documents_digest(documents: Iterable[Document], *, restricted: bool = False) -> str:
    """SHA-256 over the paths and digests of documents, whatever their order; with all metadata where these decide who may read."""
    pairs = sorted((document.path, document.sealed if restricted else document.digest) for document in documents)
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def _nothing(source: Path, unread: list[Unread]) -> DocumentsError:
    if not unread:
        accepted = ", ".join(ACCEPTED)
        return DocumentsError(
            f"{source} holds no documents; accepted are {accepted}", "put the documents there, or name another folder"
        )
    named = "; ".join(f"{quoted(one.path, 200)} {one.why}" for one in unread[:_NAMED])
    more = f"; and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
    return DocumentsError(f"{source} holds no document that can be read: {named}{more}", unread[0].advice)


class _Reader:
    """Reads files one after the other, all parsing in processes of their own; use it as a context manager.

    Args:
        source: what the task names; a table that it names itself is read row by row.
        kept: what was parsed before.
    """

    def __init__(self, source: Path, kept: Kept) -> None:
        self._source, self._kept = source, kept
        self._markup = Confined("tailor.documents.markup:read_markup")
        self._extract = Confined("tailor.documents.extract:extract", seconds=DOCUMENT_SECONDS)
        self._recognise = Confined("tailor.documents.scanned:recognise", seconds=DOCUMENT_SECONDS)

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._kept.close()
        self._markup.close()
        self._extract.close()
        self._recognise.close()

    def read(self, path: Path, name: str) -> Iterator[Document | Unread]:
        """The documents in a file, usually one, and what of it cannot be read."""
        suffix = path.suffix.lower()
        try:
            name.encode()
            plain = suffix in (*MARKDOWN, *HTML, ".txt")
            for found in self._page(path, name, suffix) if plain else self._extracted(path, name, suffix):
                blank = isinstance(found, Document) and not found.text.strip()
                yield Unread(found.path, "holds no text", "write something there, or remove it") if blank else found
        except UnicodeEncodeError:
            yield Unread(name.encode("utf-8", "replace").decode(), "has a name that is not UTF-8 text", "rename the file")
        except UnicodeDecodeError as error:
            yield Unread(name, f"is not UTF-8 text: byte {error.start} cannot be decoded", "save it as UTF-8")
        except OSError as error:
            yield Unread(name, f"cannot be read: {error.strerror}", "make it readable, or move it out of the documents")
        except ConfinedError as error:
            yield Unread(name, f"cannot be read: reading it {error}", "fix it, or move it out of the documents")

    def parse(self, path: Path, suffix: str, by_row: bool) -> dict[str, Any]:
        """What another process finds in a file (`tailor.documents.extract`)."""
        found: dict[str, Any] = self._extract(str(real_path(path)), suffix, by_row)
        if "pages" not in found:
            return found
        return completed(found, partial(self._scanned, path), most=SCANNED_PAGES if is_installed() else 0)

    def _scanned(self, path: Path, page: int) -> str:
        """The text on a scanned page; empty where recognising it fails or goes beyond a limit."""
        try:
            text: str = self._recognise(str(real_path(path)), page)
        except ConfinedError:
            return ""
        return text

    def _page(self, path: Path, name: str, suffix: str) -> Iterator[Document]:
        source = read_file(path, DOCUMENT_BYTES).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        if suffix == ".txt":
            yield Document(name, _spoken(path.stem), source)
        elif not is_own_report(source):
            title, text, metadata = self._markup(source, suffix in HTML)
            page = Document(name, title or _spoken(path.stem), text)
            yield replace(page, metadata=metadata) if metadata else page

    def _extracted(self, path: Path, name: str, suffix: str) -> Iterator[Document | Unread]:
        parse = partial(self.parse, path, suffix, path == self._source and suffix in DELIMITED)
        # Rows of tables are read as quickly as what was kept of them would be.
        kept = suffix in (*OFFICE, ".eml")
        found = self._kept.parsed(read_file(path, DOCUMENT_BYTES), (suffix,), parse) if kept else parse()
        for why, advice in found["unread"]:
            yield Unread(name, why, advice, is_part=bool(found["documents"]))
        for row in found["documents"]:
            rows = "name" in row
            where = f"{name}#{row['name']}" if rows else name
            yield Document(
                where,
                row["title"] or (row["name"] if rows else _spoken(path.stem)),
                row["text"],
                pages=tuple(row.get("pages", ())),
                metadata=row.get("metadata", {}),
            )


def _spoken(stem: str) -> str:
    """A file name as a title: `going-out_of-office` becomes `Going out of office`."""
    words = " ".join(re.split(r"[-_\s]+", stem)).strip()
    return words[:1].upper() + words[1:]
