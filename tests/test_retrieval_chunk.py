"""Documents to passages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.approaches.named import approach_named
from tailor.approaches.retrieval import Retrieve
from tailor.documents.reading import Document, read_documents
from tailor.errors import ConfigError
from tailor.retrieval.chunk import chunk, count_words
from tailor.retrieval.chunking import DEFAULT, By, Chunking, chunking
from tailor.retrieval.parents import Parents
from tailor.retrieval.passage import Passage

HANDBOOK = Path(__file__).resolve().parents[2] / "shared" / "data" / "handbook_tts" / "pages"

LINES = [
    "",
    " ",
    "word " * 30,
    "One. Two! Three? ",
    "# Top",
    "## Section",
    "###### Deep #",
    "#",
    "- item",
    "  2) item",
    "| a | b |",
    "|--|--|",
]
LINES += ["```", "~~~", "===", "---", "\u00a0", "\x1c\x85", "日本語。" * 30, "x" * 900, "\t", "*", "> quote", "été\u2028line"]
WAYS: tuple[By, ...] = ("headings", "sentences", "page")


def _document(text: str, title: str = "Page") -> Document:
    return Document("page.md", title, text)


def _words(n_words: int, name: str = "word") -> str:
    return " ".join(f"{name}{number}" for number in range(n_words))


def _assert_whole(document: Document, passages: list[Passage]) -> None:
    place = 0
    for passage in passages:
        assert document.text[passage.start : passage.end] == passage.text == passage.text.strip() != ""
        assert passage.start >= place
        assert not document.text[place : passage.start].strip()
        place = passage.end
    assert not document.text[place:].strip()


@given(st.lists(st.sampled_from(LINES), max_size=40).map("\n".join), st.integers(1, 150))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_passages_are_exact_do_not_overlap_and_leave_out_nothing(text: str, target: int) -> None:
    document = _document(text)
    _assert_whole(document, chunk(document, Chunking(words=target)))


@given(
    st.text(max_size=300) | st.lists(st.sampled_from(LINES), max_size=20).map("\n".join), st.integers(1, 20), st.sampled_from(WAYS)
)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_any_text_is_chunked_whole_in_every_way(text: str, target: int, way: By) -> None:
    document = _document(text)
    _assert_whole(document, chunk(document, Chunking(way, target)))


@given(
    st.lists(st.sampled_from(LINES), max_size=20).map("\n".join), st.integers(2, 30), st.integers(1, 20), st.sampled_from(WAYS[:2])
)
@settings(deadline=None, derandomize=True, max_examples=200)
def test_an_overlap_repeats_the_end_of_the_passage_before_and_nothing_else(text: str, target: int, overlap: int, way: By) -> None:
    document = _document(text)
    plain = chunk(document, Chunking(way, target))
    for before, alone, passage in zip([None, *plain], plain, chunk(document, Chunking(way, target, overlap=overlap)), strict=False):
        assert document.text[passage.start : passage.end] == passage.text
        assert passage.end == alone.end and (before is None or passage.start >= before.start)
        assert passage.start == alone.start or count_words(document.text[passage.start : alone.start]) <= overlap


def test_sentences_fill_a_passage_across_headings() -> None:
    text = "# One\n\nFirst here. Second here.\n\n# Two\n\nThird here. Fourth here.\n"
    assert len(chunk(_document(text), Chunking("headings", 12))) == 2
    (passage,) = chunk(_document(text), Chunking("sentences", 12))
    assert (passage.title, passage.text) == ("Page", text.strip())


def test_a_page_is_a_passage() -> None:
    document = Document("a.pdf", "Leave", "one\n\ntwo\n", pages=(0, 5))
    assert [(p.title, p.text) for p in chunk(document, Chunking("page"))] == [("Leave, page 1", "one"), ("Leave, page 2", "two")]


def test_a_small_passage_is_shown_with_what_is_around_it() -> None:
    document = _document("\n\n".join(f"{_words(20, name)}." for name in ("alpha", "beta", "gamma", "delta")))
    cut = chunking("headings-20-parent-40")
    small = chunk(document, cut)
    assert len(small) == 4
    shown = Parents([document], cut).of([small[3], small[2], small[0]], 2)
    assert [passage.text for passage in shown] == [
        f"{_words(20, 'gamma')}.\n\n{_words(20, 'delta')}.",
        f"{_words(20, 'alpha')}.\n\n{_words(20, 'beta')}.",
    ]


@pytest.mark.parametrize("name", ["headings-120", "sentences-60-overlap-20", "headings-40-parent-240", "page"])
def test_a_way_to_cut_has_a_name_that_it_is_found_by(name: str) -> None:
    assert chunking(name).name == name
    assert chunking("") == DEFAULT


@pytest.mark.parametrize(
    "name", ["lines-5", "headings-0", "sentences-20-overlap-20", "headings-50-parent-50", "page-20", "headings 120"]
)
def test_what_is_no_way_to_cut_says_what_is(name: str) -> None:
    with pytest.raises(ConfigError, match="is no way to cut documents|cuts no passages"):
        chunking(name)


def test_one_line_may_be_as_long_as_a_book() -> None:
    document = _document(_words(100_000) + "\n" + " " * 100_000 + "\n" + _words(10))
    _assert_whole(document, chunk(document))


def test_a_text_of_white_space_has_no_passages() -> None:
    assert chunk(_document(" \n\n\t")) == []


def test_titles_name_the_page_and_the_sections_above() -> None:
    text = f"# Page\n\n## Hotels\n\n{_words(100)}\n\n### Rates `x`\n\n{_words(100)}\n\n## Trains ##\n\n{_words(100)}\n"
    assert [p.title for p in chunk(_document(text))] == ["Page > Hotels", "Page > Hotels > Rates x", "Page > Trains"]


def test_underlined_headings_count() -> None:
    text = f"Travel\n======\n\n{_words(100)}\n\nHotels\n---\n{_words(100)}\n"
    assert [p.title for p in chunk(_document(text))] == ["Page > Travel", "Page > Travel > Hotels"]


def test_small_sections_are_joined_but_not_across_a_top_heading() -> None:
    small = "".join(f"## S{number}\n\n{_words(30)}\n\n" for number in range(3))
    passages = chunk(_document(f"# One\n\n{small}# Two\n\n{_words(30)}\n"))
    assert [(p.title, "S2" in p.text) for p in passages] == [("Page > One", True), ("Page > Two", False)]


def test_a_heading_is_never_the_end_of_a_passage_with_text_behind_it() -> None:
    text = "\n\n".join(f"## Section {number}\n\n{_words(150)}" for number in range(4))
    assert all(not p.text.splitlines()[-1].startswith("#") for p in chunk(_document(text)))


def test_a_heading_without_text_is_kept() -> None:
    assert [p.text for p in chunk(_document("## Questions?\n"))] == ["## Questions?"]


def test_a_hash_inside_code_is_no_heading() -> None:
    passages = chunk(_document(f"```\n# comment\n```\n\n{_words(20)}\n"))
    assert [p.title for p in passages] == ["Page"]


def test_a_small_table_stays_whole_and_a_large_one_ends_at_its_rows() -> None:
    row = "| " + _words(8) + " |"
    small = "\n".join(["| head | head |", "|---|---|", *[row] * 8])
    assert any(small in p.text for p in chunk(_document(f"{_words(100)}\n\n{small}\n\n{_words(100)}")))
    large = chunk(_document("\n".join(["| head | head |", "|---|---|", *[row] * 60])))
    assert len(large) > 3
    assert all(p.text.startswith("|") and p.text.endswith("|") for p in large)


def test_a_long_paragraph_is_divided_between_sentences_into_equal_parts() -> None:
    paragraph = " ".join(f"This is sentence number {number} of the long paragraph." for number in range(60))
    passages = chunk(_document(paragraph))
    assert all(p.text.startswith("This is") and p.text.endswith("paragraph.") for p in passages)
    assert all(80 <= count_words(p.text) <= 160 for p in passages)


def test_text_without_spaces_is_divided_too() -> None:
    passages = chunk(_document("東京都は日本の首都である。" * 200))
    assert all(p.text.endswith("。") and count_words(p.text) <= 200 for p in passages)


@pytest.mark.skipif(not HANDBOOK.is_dir(), reason="the handbook data are not here")
def test_handbook_passages_are_whole_and_mostly_of_the_size_asked_for() -> None:
    sizes = []
    for document in read_documents(HANDBOOK):
        passages = chunk(document)
        _assert_whole(document, passages)
        sizes += [count_words(p.text) for p in passages]
    assert sum(60 <= size <= 180 for size in sizes) / len(sizes) > 0.9
    assert max(sizes) < 250


def test_an_approach_by_name_cuts_documents_in_its_way() -> None:
    found = approach_named("rag-hybrid-3-by-sentences-60-overlap-20")
    assert isinstance(found, Retrieve)
    assert (found.passages, found.chunks, found.name) == (3, "sentences-60-overlap-20", "rag-hybrid-3-by-sentences-60-overlap-20")
    with pytest.raises(ConfigError, match="is no way to cut documents"):
        approach_named("rag-hybrid-by-lines")
