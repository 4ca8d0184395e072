"""Documents of other formats than text: read in a process of their own, named where they cannot be read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from tailor.documents.extract import markdown_table
from tailor.documents.reading import Document, read_documents, read_library, unread_by_reason
from tailor.errors import DocumentsError
from tailor.retrieval.chunk import chunk

OFFICE = "http://schemas.openxmlformats.org"
WORD = f'xmlns:w="{OFFICE}/wordprocessingml/2006/main"'


def _docx(body: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
        part = f'<Override PartName="/word/document.xml" ContentType="{kind}"/>'
        types = f'<Types xmlns="{OFFICE}/package/2006/content-types">{part}</Types>'
        file.writestr("[Content_Types].xml", types)
        relation = (
            f'<Relationship Id="a" Type="{OFFICE}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
        )
        file.writestr("_rels/.rels", f'<Relationships xmlns="{OFFICE}/package/2006/relationships">{relation}</Relationships>')
        file.writestr("word/document.xml", f"<w:document {WORD}><w:body>{body}</w:body></w:document>")
    return made.getvalue()


def _paragraph(text: str, style: str = "") -> str:
    styled = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{styled}<w:r><w:t>{text}</w:t></w:r></w:p>"


def _pdf(pages: Sequence[str]) -> bytes:
    """A PDF of these pages, one line each; an empty one stays empty."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, text in enumerate(pages):
        content = f"BT /T 12 Tf 72 700 Td ({text}) Tj ET" if text else ""
        font = "/Resources << /Font << /T 3 0 R >> >>"
        bodies.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R {font} >>")
        bodies.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    made, places = "%PDF-1.7\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(made))
        made += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(bodies) + 1} /Root 1 0 R >>\n"
    return f"{made}{head}startxref\n{len(made)}\n%%EOF\n".encode("latin-1")


def _only(folder: Path) -> Document:
    (document,) = read_documents(folder)
    return document


def test_a_word_file_keeps_its_headings_and_tables(tmp_path: Path) -> None:
    pytest.importorskip("xberg")
    cells = "".join(
        f"<w:tr>{''.join(f'<w:tc>{_paragraph(cell)}</w:tc>' for cell in row)}</w:tr>" for row in (("City", "Rate"), ("Bonn", "90"))
    )
    body = _paragraph("Travel rules", "Heading1") + _paragraph("Book early.") + f"<w:tbl>{cells}</w:tbl>"
    (tmp_path / "travel.docx").write_bytes(_docx(body))
    document = _only(tmp_path)
    assert (document.title, document.pages) == ("Travel rules", ())
    assert "# Travel rules\n\nBook early.\n" in document.text
    assert [line.replace(" ", "") for line in document.text.splitlines() if line.startswith("|")][::2] == [
        "|City|Rate|",
        "|Bonn|90|",
    ]


def test_a_pdf_has_pages_that_passages_name_and_empty_ones_are_told(tmp_path: Path) -> None:
    pytest.importorskip("pdf_oxide")
    (tmp_path / "two-pages.pdf").write_bytes(_pdf(["Leave is 25 days.", "", "Notice is 52 hours."]))
    library = read_library(tmp_path)
    (document,) = library.documents
    assert [document.text[start:].split("\n")[0] for start in document.pages] == ["Leave is 25 days.", "", "Notice is 52 hours."]
    assert [document.page_at(document.text.index(word)) for word in ("Leave", "Notice")] == [1, 3]
    assert chunk(document)[0].title == "Two pages, page 1"
    (unread,) = library.unread
    assert (unread.why, unread.is_part) == ("holds no text on page 2, which may be scanned", True)


def test_a_broken_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    pytest.importorskip("xberg")
    (tmp_path / "good.md").write_text("# Good\n", encoding="utf-8")
    for name in ("a.docx", "b.pdf", "c.xlsx", "d.eml", "e.epub"):
        (tmp_path / name).write_bytes(b"this is no such file")
    library = read_library(tmp_path)
    assert [document.path for document in library.documents] == ["good.md"]
    assert {one.path for one in library.unread} == {"a.docx", "b.pdf", "c.xlsx", "d.eml", "e.epub"}
    assert all(one.advice and not one.is_part for one in library.unread)


def test_a_file_that_unpacks_to_far_more_than_it_is_ends_in_a_finding(tmp_path: Path) -> None:
    pytest.importorskip("xberg")
    (tmp_path / "good.md").write_text("# Good\n", encoding="utf-8")
    (tmp_path / "bomb.docx").write_bytes(_docx(_paragraph("a" * (120 << 20))))
    library = read_library(tmp_path)
    assert [document.path for document in library.documents] == ["good.md"]
    assert [one.path for one in library.unread] == ["bomb.docx"]


def test_an_email_tells_who_wrote_and_names_its_attachments(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ada <ada@example.org>", "desk@example.org", "Notice of 52 hours"
    mail.set_content("The notice is 52 hours now.\n")
    mail.add_alternative("<p>The notice is <b>52 hours</b> now.</p>", subtype="html")
    mail.add_attachment(b"x", maintype="application", subtype="pdf", filename="terms.pdf")
    (tmp_path / "notice.eml").write_bytes(mail.as_bytes())
    library = read_library(tmp_path)
    assert library.documents[0].title == "Notice of 52 hours"
    assert library.documents[0].text.startswith("From: Ada <ada@example.org>\nTo: desk@example.org\n")
    assert library.documents[0].text.endswith("\n\nThe notice is 52 hours now.\n")
    assert [one.why for one in library.unread] == ["has an attachment that is not read, terms.pdf"]


def test_a_table_in_a_folder_becomes_a_table_in_text(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text('City;Rate\nBonn;"90; or\n95"\n', encoding="utf-8")
    assert _only(tmp_path).text == "| City | Rate |\n| --- | --- |\n| Bonn | 90; or 95 |\n"
    assert markdown_table([]) == ""


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_rows_of_a_table_that_is_named_are_documents_with_metadata(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"id": "a", "title": "Leave", "text": "25 days", "tier": "gold", "year": 2026},
        {"id": "b", "title": None, "text": "52 hours", "tier": "all", "year": 2025},
    ]
    path = tmp_path / f"pages{suffix}"
    if suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    else:
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    first, second = read_documents(path)
    assert (first.path, first.title, first.text) == (f"pages{suffix}#a", "Leave", "25 days")
    assert (second.title, dict(second.metadata)) == ("b", {"tier": "all", "year": "2025"})
    assert first.digest != Document(first.path, first.title, first.text).digest, "another tier is another document"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ('{"a": 1}', "no column for the text"),
        ('{"text": "x"}\n{"text": 5}', "row 2 has no text"),
        ('{"text": "x", "id": 1}\n{"text": "y", "id": 1}', "row 2 has the id of another row"),
        ("{", "failed: JSONDecodeError"),
    ],
)
def test_rows_that_are_no_documents_say_why(tmp_path: Path, rows: str, says: str) -> None:
    (tmp_path / "pages.jsonl").write_text(rows, encoding="utf-8")
    with pytest.raises(DocumentsError, match=says):
        read_documents(tmp_path / "pages.jsonl")


def test_a_pattern_names_documents_relative_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    for name in ("docs/a.md", "docs/deep/b.md", "docs/deep/c.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    assert [document.path for document in read_documents(tmp_path / "docs" / "**" / "*.md")] == ["a.md", "deep/b.md"]
    with pytest.raises(DocumentsError, match="holds no documents"):
        read_documents(tmp_path / "docs" / "*.pdf")


def test_files_that_fail_for_one_reason_are_one_sentence(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / f"{name}.txt").write_bytes(b"\xff")
    (tmp_path / "good.md").write_text("x", encoding="utf-8")
    ((sentence, paths, advice),) = unread_by_reason(read_library(tmp_path).unread)
    assert sentence.startswith("5 documents, such as ") and sentence.endswith(
        "and 2 more: each is not UTF-8 text: byte 0 cannot be decoded."
    )
    assert (len(paths), advice) == (5, "save it as UTF-8")


def test_a_table_with_a_long_cell_and_a_mail_in_no_known_encoding_are_read(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text(f"name,says\nBonn,{'x' * 200_000}\n", encoding="utf-8")
    (tmp_path / "odd.eml").write_bytes(b"Subject: Room\nContent-Type: text/plain; charset=klingon\n\nThe room is 7.\n")
    library = read_library(tmp_path)
    assert not library.unread
    assert [len(library.documents[0].text) > 200_000, "The room is 7." in library.documents[1].text] == [True, True]
