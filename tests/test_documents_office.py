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

from tailor.access import access
from tailor.documents import scanned
from tailor.documents.extract import markdown_table
from tailor.documents.pdf import read_pdf
from tailor.documents.reading import Document, documents_digest, read_documents, read_library, unread_by_reason
from tailor.errors import DocumentsError
from tailor.retrieval.chunk import chunk
from tailor.retrieval.index import Index

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


def test_scanned_pages_are_named_with_what_reads_them_where_nothing_here_does(tmp_path: Path) -> None:
    pytest.importorskip("pdf_oxide")
    if scanned.is_installed():
        pytest.skip("character recognition is installed")
    (tmp_path / "scan.pdf").write_bytes(_scan(["Leave is 25 days."]))
    with pytest.raises(DocumentsError, match="may be scanned") as error:
        read_documents(tmp_path)
    assert "pip install 'tailor[ocr]'" in error.value.hint


@pytest.mark.slow
def test_scanned_pages_are_read_where_character_recognition_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("pdf_oxide")
    if not scanned.is_installed():
        pytest.skip("character recognition is not installed")
    pages = ["Leave is 25 days for everyone who has worked here for a year.", "", "Notice of visitors is given 52 hours before."]
    (tmp_path / "scan.pdf").write_bytes(_scan(pages))
    library = read_library(tmp_path)
    (document,) = library.documents
    assert [document.text[start:].split("\n")[0] for start in document.pages] == pages
    assert [(one.why, one.is_part) for one in library.unread] == [("holds no text on page 2, which may be scanned", True)]


def test_pages_that_recognition_reads_join_those_with_text_and_the_others_stay_named() -> None:
    pytest.importorskip("pdf_oxide")
    page = read_pdf(_pdf(["Leave is 25 days.", "", ""]))
    made = scanned.completed(page, {1: "Notice is 52 hours.", 2: ""}.__getitem__, most=2)
    (document,) = made["documents"]
    assert document["text"] == "Leave is 25 days.\n\nNotice is 52 hours.\n\n"
    assert [why for why, _ in made["unread"]] == ["holds no text on page 3, which may be scanned"]


def _scan(pages: Sequence[str]) -> bytes:
    """A PDF of pictures of these pages."""
    import pdf_oxide

    with pdf_oxide.PdfDocument.from_bytes(_pdf(pages)) as file:
        return bytes(file.flatten_to_images(dpi=150))


def test_a_broken_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    pytest.importorskip("xberg")
    (tmp_path / "good.md").write_text("# Good\n", encoding="utf-8")
    for name in ("a.docx", "b.pdf", "c.xlsx", "d.eml", "e.epub"):
        (tmp_path / name).write_bytes(b"this is no such file")
    library = read_library(tmp_path)
    assert [document.path for document in library.documents] == ["good.md"]
    assert {one.path for one in library.unread} == {"a.docx", "b.pdf", "c.xlsx", "d.eml", "e.epub"}
    assert all(one.advice and not one.is_part for one in library.unread)


@pytest.mark.slow
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


PACKAGE = f"{OFFICE}/package/2006"
MAIN = f"{OFFICE}/officeDocument/2006/relationships"


def _zip(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(name, text, zipfile.ZIP_STORED if name == "mimetype" else None)
    return made.getvalue()


def _parts(types: dict[str, str], relations: dict[str, dict[str, str]]) -> dict[str, str]:
    """The table of contents of an Office file: content types by part, and who points where."""
    overrides = "".join(f'<Override PartName="/{part}" ContentType="{kind}"/>' for part, kind in types.items())
    default = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    files = {"[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">{default}{overrides}</Types>'}
    for place, targets in relations.items():
        said = "".join(
            f'<Relationship Id="r{n}" Type="{MAIN}/{kind}" Target="{target}"/>' for n, (target, kind) in enumerate(targets.items())
        )
        files[place] = f'<Relationships xmlns="{PACKAGE}/relationships">{said}</Relationships>'
    return files


def _pptx(slides: Sequence[tuple[str, str]]) -> bytes:
    kind = "application/vnd.openxmlformats-officedocument.presentationml"
    names = [f"slides/slide{number}.xml" for number, _ in enumerate(slides, start=1)]
    types = {"ppt/presentation.xml": f"{kind}.presentation.main+xml"} | {f"ppt/{name}": f"{kind}.slide+xml" for name in names}
    relations = {
        "_rels/.rels": {"ppt/presentation.xml": "officeDocument"},
        "ppt/_rels/presentation.xml.rels": dict.fromkeys(names, "slide"),
    }
    spaces = f'xmlns:p="{OFFICE}/presentationml/2006/main" xmlns:a="{OFFICE}/drawingml/2006/main" xmlns:r="{MAIN}"'
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="r{n}"/>' for n, _ in enumerate(slides))
    main = f"<p:presentation {spaces}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"
    files = _parts(types, relations) | {"ppt/presentation.xml": main}
    for name, (title, body) in zip(names, slides, strict=True):
        shapes = "".join(
            f'<p:sp><p:nvSpPr><p:cNvPr id="{n}" name="s"/><p:cNvSpPr/><p:nvPr><p:ph type="{role}"/></p:nvPr></p:nvSpPr><p:spPr/>'
            f"<p:txBody><a:bodyPr/><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
            for n, (role, text) in enumerate((("title", title), ("body", body)), start=2)
        )
        group = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
        files[f"ppt/{name}"] = f"<p:sld {spaces}><p:cSld><p:spTree>{group}{shapes}</p:spTree></p:cSld></p:sld>"
    return _zip(files)


def _xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    types = {"xl/workbook.xml": f"{kind}.sheet.main+xml", "xl/worksheets/sheet1.xml": f"{kind}.worksheet+xml"}
    relations = {
        "_rels/.rels": {"xl/workbook.xml": "officeDocument"},
        "xl/_rels/workbook.xml.rels": {"worksheets/sheet1.xml": "worksheet"},
    }
    space = f'xmlns="{OFFICE}/spreadsheetml/2006/main" xmlns:r="{MAIN}"'
    cells = [
        "".join(f'<c r="{chr(65 + column)}{row}" t="inlineStr"><is><t>{text}</t></is></c>' for column, text in enumerate(cells))
        for row, cells in enumerate(rows, start=1)
    ]
    lines = "".join(f'<row r="{row}">{found}</row>' for row, found in enumerate(cells, start=1))
    book = f'<workbook {space}><sheets><sheet name="Rates" sheetId="1" r:id="r0"/></sheets></workbook>'
    sheet = f"<worksheet {space}><sheetData>{lines}</sheetData></worksheet>"
    return _zip(_parts(types, relations) | {"xl/workbook.xml": book, "xl/worksheets/sheet1.xml": sheet})


def _epub(title: str, chapters: Sequence[str]) -> bytes:
    container = "urn:oasis:names:tc:opendocument:xmlns:container"
    items = "".join(f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n, _ in enumerate(chapters))
    spine = "".join(f'<itemref idref="c{n}"/>' for n, _ in enumerate(chapters))
    meta = f'<dc:title xmlns:dc="http://purl.org/dc/elements/1.1/">{title}</dc:title>'
    inside = f"<metadata>{meta}</metadata><manifest>{items}</manifest><spine>{spine}</spine>"
    package = f'<package xmlns="http://www.idpf.org/2007/opf" version="3.0">{inside}</package>'
    file = '<rootfile full-path="b.opf" media-type="application/oebps-package+xml"/>'
    root = f'<container xmlns="{container}" version="1.0"><rootfiles>{file}</rootfiles></container>'
    pages = {
        f"c{n}.xhtml": f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>{body}</body></html>'
        for n, body in enumerate(chapters)
    }
    return _zip({"mimetype": "application/epub+zip", "META-INF/container.xml": root, "b.opf": package} | pages)


def _odt(heading: str, text: str) -> bytes:
    space = "urn:oasis:names:tc:opendocument:xmlns"
    body = f'<text:h text:outline-level="1">{heading}</text:h><text:p>{text}</text:p>'
    names = f'xmlns:office="{space}:office:1.0" xmlns:text="{space}:text:1.0"'
    inside = f"<office:body><office:text>{body}</office:text></office:body>"
    content = f"<office:document-content {names}>{inside}</office:document-content>"
    kind = "application/vnd.oasis.opendocument.text"
    entry = f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
    manifest = f'<manifest:manifest xmlns:manifest="{space}:manifest:1.0">{entry}</manifest:manifest>'
    return _zip({"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest})


def test_slides_sheets_books_and_open_documents_keep_what_they_say(tmp_path: Path) -> None:
    pytest.importorskip("xberg")
    (tmp_path / "talk.pptx").write_bytes(_pptx([("Leave", "Thirty days a year."), ("Pay", "On the 25th.")]))
    (tmp_path / "rates.xlsx").write_bytes(_xlsx([("City", "Rate"), ("Delft", "118"), ("Ghent", "97")]))
    chapters = ["<h1>Doors</h1><p>Locked at ten.</p>", "<h1>Bikes</h1><p>In the yard.</p>"]
    (tmp_path / "book.epub").write_bytes(_epub("House rules", chapters))
    (tmp_path / "note.odt").write_bytes(_odt("Boats", "Two may be hired."))
    library = read_library(tmp_path)
    assert not library.unread
    found = {document.path: document for document in library.documents}
    talk, rates, book, note = (found[name] for name in ("talk.pptx", "rates.xlsx", "book.epub", "note.odt"))
    assert "Thirty days a year." in talk.text and talk.page_at(talk.text.index("On the 25th.")) == 2
    row = next(line for line in rates.text.splitlines() if "Ghent" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["Ghent", "97"] and len(rates.pages) == 1
    places = [book.text.index(text) for text in ("# Doors", "Locked at ten.", "# Bikes", "In the yard.")]
    assert book.title == "House rules" and places == sorted(places)
    assert "# Boats" in note.text and "Two may be hired." in note.text


def test_a_file_is_parsed_once_and_what_is_gone_is_kept_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages, store = tmp_path / "docs", tmp_path / "store"
    pages.mkdir()
    store.mkdir()
    (pages / "a.eml").write_bytes(b"Subject: Boats\n\nTwo may be hired.\n")
    (pages / "b.pdf").write_bytes(_pdf(["Bikes are in the yard."]))
    first = read_library(pages, store=store)
    kept = sorted((store / "documents").iterdir())
    assert len(kept) == len(first.documents) == 2

    def parse(*file: object) -> None:
        raise AssertionError(file)

    monkeypatch.setattr("tailor.documents.reading._Reader.parse", parse)
    again = read_library(pages, store=store)
    assert again == first and sorted((store / "documents").iterdir()) == kept
    kept[0].write_text("x" * 64 + "\n" + json.dumps({"documents": [], "unread": []}), encoding="utf-8")
    with pytest.raises(AssertionError):  # what does not fit its seal is parsed again
        read_library(pages, store=store)
    monkeypatch.undo()
    (pages / "b.pdf").unlink()
    assert len(read_library(pages, store=store).documents) == 1 == len(list((store / "documents").iterdir()))


def test_rows_of_a_delimited_table_that_is_named_are_documents_and_one_in_a_folder_is_a_table(tmp_path: Path) -> None:
    path = tmp_path / "pages.csv"
    path.write_text("id,text,tier\na,Boats are hired out.,all\nb,Bikes are not.,staff\n", encoding="utf-8")
    named = read_documents(path)
    assert [(one.path, one.text, dict(one.metadata)) for one in named] == [
        ("pages.csv#a", "Boats are hired out.", {"tier": "all"}),
        ("pages.csv#b", "Bikes are not.", {"tier": "staff"}),
    ]
    (table,) = read_documents(tmp_path)
    assert table.path == "pages.csv" and table.text.startswith("| id | text | tier |") and not table.metadata
    path.write_text("city,rate\nDelft,118\n", encoding="utf-8")
    assert read_documents(path)[0].text == "| city | rate |\n| --- | --- |\n| Delft | 118 |\n"


def test_front_matter_decides_who_may_read_and_leaves_the_digest_as_it_was(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("# A\n\nText.\n", encoding="utf-8")
    (plain,) = read_documents(tmp_path)
    header = "tier: staff\nyear: 2025\nsince: 2024-03-01\nopen: yes\ntags: [a, b]\n"
    page.write_text(f"---\n{header}---\n# A\n\nText.\n", encoding="utf-8")
    (marked,) = read_documents(tmp_path)
    assert dict(marked.metadata) == {"tier": "staff", "year": "2025", "since": "2024-03-01", "open": "true"}
    assert marked.digest == plain.digest == plain.sealed != marked.sealed
    staff = access('tier == "staff"')
    with_access, without = (Index.open(tmp_path / "index", None, access=found) for found in (staff, None))
    for index in (with_access, without):
        index.update([marked])
    page.write_text("---\ntier: board\n---\n# A\n\nText.\n", encoding="utf-8")
    changed = read_documents(tmp_path)
    assert not with_access.holds(changed) and without.holds(changed)
    assert documents_digest([marked]) == documents_digest(changed)
    assert documents_digest([marked], restricted=True) != documents_digest(changed, restricted=True)
