"""Reading a folder of documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.documents.reading import Document, documents_digest, read_documents, read_library
from tailor.documents.webpage import read_html
from tailor.errors import DocumentsError


def _write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")


def _only(folder: Path) -> Document:
    (document,) = read_documents(folder)
    return document


def test_documents_come_sorted_with_paths_that_have_forward_slashes(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    _write(tmp_path, z__md="# Z", a__txt="a")
    _write(tmp_path / "b", c__HTML="<p>c")
    assert [document.path for document in read_documents(tmp_path)] == ["a.txt", "b/c.HTML", "z.md"]


def test_front_matter_gives_the_title_and_is_left_out_of_the_text(tmp_path: Path) -> None:
    _write(tmp_path, page__md="---\ntitle: Paid leave\ntags: [a]\n---\n# Other\n\nBody\n")
    assert (_only(tmp_path).title, _only(tmp_path).text) == ("Paid leave", "# Other\n\nBody\n")


@pytest.mark.parametrize("text", ["---\n: [broken\n---\nBody", "---\njust words\n---\nBody", "---\n\nBody", "--- a\nBody"])
def test_a_block_that_is_no_front_matter_stays_in_the_text(tmp_path: Path, text: str) -> None:
    _write(tmp_path, page__md=text)
    assert _only(tmp_path).text == text


def test_title_falls_back_to_the_first_top_heading_and_then_to_the_file_name(tmp_path: Path) -> None:
    _write(tmp_path, a__md="intro\n\n# Travel  rules #\n", going_out__md="## Only a section\n", plain__txt="# not Markdown\n")
    assert [document.title for document in read_documents(tmp_path)] == ["Travel rules", "Going out", "Plain"]


def test_line_ends_and_byte_order_marks_do_not_change_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert _only(tmp_path).text == "one\ntwo\nthree\n"


def test_digest_follows_title_and_text(tmp_path: Path) -> None:
    first, same, other = Document("a", "T", "x"), Document("b", "T", "x"), Document("a", "Tx", "")
    assert first.digest == same.digest != other.digest


def test_digest_of_documents_follows_paths_and_texts_but_not_their_order() -> None:
    first, second = Document("a", "T", "x"), Document("b", "T", "y")
    assert documents_digest([first, second]) == documents_digest([second, first])
    digests = {documents_digest(documents) for documents in ([], [first], [second], [first, second], [Document("c", "T", "x")])}
    assert len(digests) == 5


def test_hidden_files_and_other_kinds_are_skipped(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    _write(tmp_path / ".git", a__md="hidden")
    _write(tmp_path, b__md="seen", c__png="image", d__jsonl='{"text": "rows of a table that is not named"}')
    (tmp_path / ".d.md").write_text("hidden", encoding="utf-8")
    assert _only(tmp_path).path == "b.md"


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    _write(outside, secret__md="secret")
    _write(inside, own__md="own")
    (inside / "link.md").symlink_to(outside / "secret.md")
    (inside / "folder").symlink_to(outside, target_is_directory=True)
    (inside / "dangling.md").symlink_to(inside / "nothing.md")
    (inside / "alias.md").symlink_to(inside / "own.md")
    assert [document.path for document in read_documents(inside)] == ["alias.md", "own.md"]


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("Gebühr".encode("latin-1"))
    with pytest.raises(DocumentsError, match=r"`latin\.txt` is not UTF-8 text: byte 3") as caught:
        read_documents(tmp_path)
    assert "UTF-8" in caught.value.hint


def test_no_documents_and_no_folder_say_what_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(DocumentsError, match=r"\.md, \.markdown, \.txt, \.html, \.htm, \.pdf"):
        read_documents(tmp_path)
    with pytest.raises(DocumentsError, match="is not a folder of documents"):
        read_documents(tmp_path / "absent")


def test_html_keeps_headings_lists_tables_and_code_and_drops_scripts() -> None:
    source = """<!doctype html><html><head><title>Hotel &amp; travel</title><style>p {color: red}</style></head><body>
    <script>if (a < b) alert("<p>no</p>")</script><h1>Travel</h1><p>Book <b>early</b>
    please.<br>Thanks.<h2>Hotels</h2><ul><li>one<li><p>two</p></ul>
    <table><tr><th>City<th>Rate</tr><tr><td>Bonn</td><td></td></tr></table><pre>a  b
  c</pre>last</body></html>"""
    title, text = read_html(source)
    assert title == "Hotel & travel"
    assert text.split("\n") == [
        *["# Travel", "", "Book early please.", "Thanks.", "", "## Hotels", "", "- one", "", "- two", ""],
        *["| City | Rate |", "| Bonn |  |", "", "```", "a  b", "  c", "```", "", "last", ""],
    ]


@pytest.mark.parametrize(
    "page",
    [
        "<p hidden>HIDDEN<p>seen",
        '<div style="color: red; DISPLAY : none !important">HIDDEN<div>HIDDEN</div>HIDDEN</div>seen',
        '<b><div hidden></b>HIDDEN</i></div><span style="visibility:hidden">HIDDEN</span>seen</b>',
        "<table><tr><td hidden>HIDDEN</div><td>seen</table>",
        "<ul><li hidden>HIDDEN<ul><li>HIDDEN</ul>HIDDEN<li>seen</ul>",
        '<svg><title>HIDDEN</title></svg><template>HIDDEN</template><dialog>HIDDEN</dialog><p style="font-size:0.9em">seen',
        '<section><p style="display&#58;none" style="">HIDDEN</section><!-- HIDDEN --><img hidden>seen',
        '<p style="opacity: 0">HIDDEN</p><p style="font-size:0px;margin:0">HIDDEN</p><p hidden=until-found>seen',
    ],
)
def test_what_a_page_hides_from_its_readers_is_no_text_of_it(page: str) -> None:
    title, text = read_html(page)
    assert "HIDDEN" not in title + text and "seen" in text


def test_comments_in_markdown_are_left_out_but_not_in_code(tmp_path: Path) -> None:
    _write(tmp_path, page__md="a<!-- hidden\n\nhidden -->b `<!-- code -->` ` c\n\n```html\n<!-- code -->\n```\n<!-- not closed\n")
    assert _only(tmp_path).text == "ab `<!-- code -->` ` c\n\n```html\n<!-- code -->\n```\n<!-- not closed\n"


def test_documents_without_text_are_named(tmp_path: Path) -> None:
    _write(tmp_path, a__md="\n \n", b__txt="", c__html="<p hidden>x", d__md="---\ntitle: T\n---\n<!-- x -->", e__md="text")
    library = read_library(tmp_path)
    assert [document.path for document in library.documents] == ["e.md"]
    assert sorted((one.path, one.why) for one in library.unread) == [
        (name, "holds no text") for name in ("a.md", "b.txt", "c.html", "d.md")
    ]


@given(st.text(alphabet=st.sampled_from("<>/!=[]-\"'& abpthlidr123#|\n"), max_size=60))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_any_html_is_read(source: str) -> None:
    assert all(isinstance(part, str) for part in read_html(source)), "whatever it holds, it has a title and a text"


@given(
    st.lists(
        st.sampled_from(["<table>", "<tr>", "<td>", "</td>", "</tr>", "</table>", "<li>", "<p>", "<pre>", "</pre>", "<h2>", "<br>"])
    )
)
@settings(deadline=None, derandomize=True, max_examples=200)
def test_no_words_are_lost_whatever_the_tags_around_them(tags: list[str]) -> None:
    words = [f"w{number}" for number in range(len(tags))]
    _, text = read_html(" ".join(f"{tag} {word}" for tag, word in zip(tags, words, strict=True)))
    assert set(words) <= set(text.split())
