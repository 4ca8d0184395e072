"""Text of files that are not plain text. Runs in a process of its own: what it reads was written elsewhere.

Every reader returns documents as dicts with `name`, `title` and `text`, and, where there are any, `pages` (the offset at which each
begins) and `metadata`; and pairs of what could not be read and what to do about it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from pathlib import Path
from typing import Any

from tailor.documents.markup import plain_value, read_markup
from tailor.documents.office import INSTALL, read_office
from tailor.documents.pdf import read_pdf
from tailor.documents.places import OFFICE
from tailor.limits import DATA_BYTES, DOCUMENT_BYTES, DOCUMENT_CHARACTERS, DOCUMENT_ROWS
from tailor.outside import read_file, whole_characters

TEXT = ("text", "contents", "content", "body", "page_content")
TITLE = ("title", "heading", "subject")
NAME = ("id", "doc_id", "_id", "path", "url", "source", "name")

Found = dict[str, Any]


def extract(path: str, suffix: str, by_row: bool = False) -> Found:
    """The documents in a file, and what of it could not be read.

    Args:
        path: the file.
        suffix: what it is.
        by_row: whether each row of a CSV or TSV file with a column for the text is a document; else the table is one.

    Raises:
        ValueError: the file is damaged, or is not what its name says.
        OSError: it cannot be opened, or is too large.
    """
    place = Path(path)
    if suffix in (".jsonl", ".parquet"):
        return {"documents": _records(place, suffix), "unread": []}
    data = read_file(place, DOCUMENT_BYTES)
    if suffix in OFFICE:
        try:
            found = read_pdf(data) if suffix == ".pdf" else read_office(data, suffix)
        except ImportError:
            return {"documents": [], "unread": [("needs a package that is not installed", INSTALL)]}
    elif by_row and (rows := _as_records(_rows(data, suffix))):
        return {"documents": _documents(rows), "unread": []}
    elif suffix == ".eml":
        found = _mail(data)
    else:
        found = _one("", markdown_table(_rows(data, suffix)))
    for document in found["documents"]:
        document["title"] = " ".join(whole_characters(document["title"]).split())[:200]
        if len(document["text"]) > DOCUMENT_CHARACTERS:
            raise ValueError(f"it holds {len(document['text']):,} characters, more than the {DOCUMENT_CHARACTERS:,} accepted")
    return found


def markdown_table(rows: Iterable[Sequence[str]]) -> str:
    """Rows as a table in Markdown's notation; the first row is the header."""
    lines = ["| " + " | ".join(" ".join(cell.split()) for cell in row) + " |" for row in rows if any(cell.strip() for cell in row)]
    if lines:
        lines.insert(1, "|" + " --- |" * (lines[0].count(" | ") + 1))
    return "\n".join(lines) + "\n" if lines else ""


def _one(title: str, text: str, unread: Sequence[tuple[str, str]] = ()) -> Found:
    return {"documents": [{"title": title, "text": text}], "unread": list(unread)}


def _rows(data: bytes, suffix: str) -> Iterable[list[str]]:
    text = data.decode("utf-8-sig")
    try:
        dialect: Any = csv.Sniffer().sniff(text[:65536], ",;\t|") if suffix == ".csv" else csv.excel_tab
    except csv.Error:
        dialect = csv.excel
    csv.field_size_limit(DOCUMENT_CHARACTERS)
    return csv.reader(io.StringIO(text, newline=""), dialect)


def _mail(data: bytes) -> Found:
    """An e-mail: who wrote when to whom, and what; attachments are named."""
    message = message_from_bytes(data, policy=policy.default)
    if not isinstance(message, EmailMessage) or not message.keys():
        raise ValueError("it has no headers of an e-mail")
    head = [f"{name}: {message[name]}" for name in ("From", "To", "Cc", "Date", "Subject") if message[name]]
    body = message.get_body(("plain", "html"))
    text = "" if body is None else _content(body)
    if body is not None and body.get_content_subtype() == "html":
        text = read_markup(text, True)[1]
    named = [part.get_filename() or part.get_content_type() for part in message.iter_attachments()]
    unread = [(f"has an attachment that is not read, {name}", "save it among the documents") for name in named]
    lines = "\n".join(head) + "\n\n" + text.replace("\r\n", "\n").replace("\r", "\n").strip() + "\n"
    return _one(str(message["Subject"] or ""), whole_characters(lines), unread)


def _content(body: MIMEPart) -> str:
    """The text of a part, as UTF-8 where the part names an encoding that nobody knows."""
    try:
        return str(body.get_content())
    except LookupError:
        content = body.get_payload(decode=True)
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _records(path: Path, suffix: str) -> list[Found]:
    """Each row of a table as a document: its text, title and name; all other columns that hold plain values are metadata."""
    data = read_file(path, DATA_BYTES)
    if suffix == ".parquet":
        from pyarrow import parquet

        rows: list[Any] = parquet.read_table(io.BytesIO(data)).to_pylist()
    else:
        rows = [json.loads(line) for line in data.decode("utf-8-sig").split("\n") if line.strip()]
    return _documents(rows)


def _as_records(rows: Iterable[Sequence[str]]) -> list[dict[str, str]]:
    """The rows of a delimited table by their column's names; none where no column is for the text."""
    header, *others = [list(row) for row in rows] or [[]]
    names = [name.strip() for name in header]
    if not any(name in TEXT for name in names):
        return []
    return [dict(zip(names, row, strict=False)) for row in others if any(cell.strip() for cell in row)]


def _documents(rows: Sequence[Any]) -> list[Found]:
    if len(rows) > DOCUMENT_ROWS:
        raise ValueError(f"it has {len(rows):,} rows, more than the {DOCUMENT_ROWS:,} accepted")
    if not rows or not isinstance(rows[0], Mapping) or (text := _column(rows[0], TEXT)) is None:
        raise ValueError(f"its rows have no column for the text; accepted are {', '.join(TEXT)}")
    title, name = _column(rows[0], TITLE), _column(rows[0], NAME)
    found: dict[str, Found] = {}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or not isinstance(row.get(text), str):
            raise ValueError(f"row {number} has no text under {text!r}")
        called = whole_characters(str(row.get(name) or number) if name else str(number))
        if called in found:
            raise ValueError(f"row {number} has the {name} of another row, {called[:80]!r}")
        others = {key: row[key] for key in row if key not in (text, title, name)}
        found[called] = {
            "name": called,
            "title": " ".join(whole_characters(str(row.get(title) or "") if title else "").split())[:200],
            "text": whole_characters(row[text]).replace("\r\n", "\n").replace("\r", "\n"),
            "metadata": {str(key): plain for key, value in others.items() if (plain := plain_value(value)) is not None},
        }
    return list(found.values())


def _column(row: Mapping[str, object], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in row), None)
