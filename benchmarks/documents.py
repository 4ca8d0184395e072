"""Documents of an office as text: PDF and DOCX twins of Markdown pages, real files, and files that are made to do harm.

Data: pages and downloads of a handbook (US General Services Administration, CC0), sample invoices (invoice2data, MIT).
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path

from benchmarks.common import data_file
from benchmarks.twins import character_f1, tables_in, write_twins
from tailor.documents.places import ACCEPTED
from tailor.documents.reading import Library, read_library
from tailor.errors import DocumentsError
from tailor.limits import DOCUMENT_SECONDS

EVERY = 5
WITH_TABLES = 8
LEAST_BYTES = 1_500
_BOMB_BYTES = 500 << 20


def run() -> dict[str, float]:
    """F1 of characters by format, tables found, pages per second, files read or named, and hostile files survived."""
    return _twins() | _real() | _hostile()


def _twins() -> dict[str, float]:
    folder = data_file("handbook_tts/pages")
    long = [path for path in sorted(folder.rglob("*.md")) if path.stat().st_size > LEAST_BYTES]
    chosen = long[::EVERY]
    chosen += [path for path in long if path not in chosen and tables_in(path.read_text(encoding="utf-8"))][:WITH_TABLES]
    tables = [tables_in(path.read_text(encoding="utf-8")) for path in chosen]
    figures: dict[str, float] = {"twins": float(len(chosen)), "tables": float(sum(tables))}
    with tempfile.TemporaryDirectory() as scratch:
        texts = write_twins(chosen, Path(scratch))
        for suffix in ("pdf", "docx"):
            read_library(Path(scratch, f"0.{suffix}"))  # the reader's first start is not timed
            started = time.perf_counter()
            documents = {document.path: document for document in read_library(Path(scratch, f"*.{suffix}")).documents}
            seconds = time.perf_counter() - started
            found = [documents.get(f"{number}.{suffix}") for number in range(len(chosen))]
            scores = [character_f1(one.text, texts[str(place)]) if one else 0.0 for place, one in enumerate(found)]
            named = [min(right, tables_in(one.text)) if one else 0 for right, one in zip(tables, found, strict=True)]
            figures |= {
                f"{suffix}_text_f1": sum(scores) / len(scores),
                f"{suffix}_text_f1_least": min(scores),
                f"{suffix}_tables_found": float(sum(named)),
            }
            if suffix == "pdf":
                pages = sum(len(document.pages) for document in documents.values())
                figures |= {"pdf_pages": float(pages), "pdf_pages_per_second": pages / seconds}
            else:
                figures["docx_files_per_second"] = len(chosen) / seconds
    return figures


def _real() -> dict[str, float]:
    """Every file of two public sets that has the ending of a document: read, or named with a reason."""
    figures: dict[str, float] = {}
    for name in ("handbook_tts", "invoices"):
        folder = data_file(name)
        library = read_library(folder)
        wanted = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix.lower() in ACCEPTED}
        read, named = {document.path for document in library.documents}, {one.path for one in library.unread}
        for one in library.unread:
            print(f"  {name}: {one.path} {one.why}", file=sys.stderr)
        figures |= {
            f"{name}_files": float(len(wanted)),
            f"{name}_read": float(len(read)),
            f"{name}_read_or_named": float(len(wanted & (read | named))),
        }
    return figures


def _hostile() -> dict[str, float]:
    """Files that unpack to far more than they are, or never end: each is to become a finding, within the limit on time."""
    figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, data in hostile_files().items():
            folder = Path(scratch, name)
            folder.mkdir()
            (folder / name).write_bytes(data)
            (folder / "good.md").write_text("# Good\n\nIt is read all the same.\n", encoding="utf-8")
            started = time.perf_counter()
            try:
                library = read_library(folder)
            except DocumentsError:
                library = Library([])
            seconds = time.perf_counter() - started
            for one in library.unread:
                print(f"  {name} ({len(data):,} bytes): {one.why}, after {seconds:.1f} s", file=sys.stderr)
            read = [len(document.text) for document in library.documents if document.path != "good.md"]
            print(f"  {name}: {read} characters read" if read else f"  {name}: nothing of it read", file=sys.stderr)
            figures[f"survived_{name.replace('.', '_')}"] = float(
                any(document.path == "good.md" for document in library.documents)
                and (bool(library.unread) or sum(read) < 1000)
                and seconds < DOCUMENT_SECONDS + 30
            )
    return figures


def hostile_files() -> dict[str, bytes]:
    """A zip bomb in a DOCX, a page of 500 MB in a PDF, and a PDF whose page tree and whose forms contain themselves."""
    return {
        "bomb.docx": _docx_bomb(),
        "huge-page.pdf": _pdf([_stream(_flate_bomb(), "/Filter /FlateDecode")]),
        "page-tree-loop.pdf": _pdf([_stream(b"")], kids="2 0 R"),
        "form-loop.pdf": _pdf(
            [
                _stream(b"/F Do"),
                _stream(b"/F Do /F Do", "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F 5 0 R >> >>"),
            ]
        ),
    }


def _docx_bomb() -> bytes:
    """A DOCX of which the one part that holds the text unpacks to 500 MB."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
        file.writestr("[Content_Types].xml", f'<Types><Override PartName="/word/document.xml" ContentType="{kind}"/></Types>')
        relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
        file.writestr(
            "_rels/.rels", f'<Relationships><Relationship Id="a" Type="{relation}" Target="word/document.xml"/></Relationships>'
        )
        with file.open("word/document.xml", "w") as part:
            part.write(
                b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>'
            )
            for _ in range(_BOMB_BYTES >> 20):
                part.write(b"a" * (1 << 20))
            part.write(b"</w:t></w:r></w:p></w:body></w:document>")
    return made.getvalue()


def _flate_bomb() -> bytes:
    """Half a gigabyte of text on one page, packed."""
    packer = zlib.compressobj(9)
    line = b"BT /T 9 Tf (word word word word) Tj ET\n"
    block = line * ((1 << 20) // len(line))
    return b"".join(packer.compress(block) for _ in range(_BOMB_BYTES >> 20)) + packer.flush()


def _stream(data: bytes, entries: str = "") -> bytes:
    return f"<< /Length {len(data)} {entries} >>\nstream\n".encode() + data + b"\nendstream"


def _pdf(streams: list[bytes], kids: str = "3 0 R") -> bytes:
    """A PDF of one page, whose content is the first of these streams; the others are objects 5 and up."""
    resources = "/Resources << /Font << /T << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> /XObject << /F 5 0 R >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count 1 >>".encode(),
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R {resources} >>".encode(),
        *streams,
    ]
    made, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(made))
        made += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
    return made + f"{head}startxref\n{len(made)}\n%%EOF\n".encode()
