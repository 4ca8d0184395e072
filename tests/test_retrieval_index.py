"""The index: updates and searches."""

from __future__ import annotations

import asyncio
import builtins
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.documents.reading import Document
from tailor.errors import ConfigError
from tailor.models.base import Array
from tailor.retrieval.chunking import Chunking
from tailor.retrieval.index import Fusion, Index, Search
from tailor.retrieval.passage import Passage

pytest.importorskip("lancedb")

SEARCHES: tuple[Search, ...] = ("bm25", "vector", "hybrid")
QUERIES = ["how much is a hotel night", "who books the trains", "zebra", "leave for parents"]


class HashingEmbedder:
    """Unit vectors made of the hashed words of a text; remembers what it was asked to embed."""

    name = "hashing"
    is_remote = False
    dimensions = 32

    def __init__(self, digest: str = "1") -> None:
        self.digest = digest
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> Array:
        self.seen += texts
        vectors = np.full((len(texts), self.dimensions), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, int(hashlib.md5(word.encode()).hexdigest(), 16) % self.dimensions] += 1
        unit: Array = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return unit


def page(path: str, text: str) -> Document:
    return Document(path, path.split(".")[0].title(), text)


PAGES = [
    page("hotels.md", "A hotel night costs at most 120 dollars. Book the hotel early."),
    page("trains.md", "Trains are booked by the travel desk. A zebra may not travel by train."),
    page("leave.md", "Parents have twelve weeks of leave. Ask your lead first."),
    page('o\'brien \\ "x".md', "Notes of Mr O'Brien about hotels in Zürich; the crossing is closed."),
]


def search_all(index: Index, queries: Sequence[str] = QUERIES, k: int = 10) -> list[list[list[Passage]]]:
    return [index.search(queries, search, k) for search in SEARCHES]


def new_index(folder: Path, documents: Sequence[Document]) -> Index:
    index = Index.open(folder, HashingEmbedder())
    index.update(documents)
    return index


def _documents(passages: Sequence[Passage]) -> list[str]:
    return [passage.document for passage in passages]


def test_each_search_finds_the_page_that_answers(tmp_path: Path) -> None:
    index = new_index(tmp_path, PAGES)
    for found in search_all(index):
        assert [_documents(passages)[0] for passages in found] == ["hotels.md", "trains.md", "trains.md", "leave.md"]
        assert all(PAGES[0].text[p.start : p.end] == p.text for p in found[0] if p.document == "hotels.md")
        assert all([p.score for p in passages] == sorted((p.score for p in passages), reverse=True) for passages in found)


def test_words_are_stemmed_accents_do_not_matter_and_titles_are_searched(tmp_path: Path) -> None:
    index = new_index(tmp_path, PAGES)
    assert _documents(index.search(["booking"], "bm25", 1)[0]) == ["hotels.md"]
    assert _documents(index.search(["zurich"], "bm25", 5)[0]) == [PAGES[3].path]
    assert "leave" not in PAGES[1].text and _documents(index.search(["Trains"], "bm25", 1)[0]) == ["trains.md"]


def test_bm25_scores_follow_the_formula(tmp_path: Path) -> None:
    index = Index.open(tmp_path, None)
    index.update([Document("a", "alpha", "beta beta gamma"), Document("b", "delta", "beta"), Document("c", "delta", "epsilon")])
    # k1 = 1.2, b = 0.75; texts with titles have 4, 2 and 2 words; "beta" is in 2 of 3.
    idf, average = float(np.log(1 + (3 - 2 + 0.5) / (2 + 0.5))), 8 / 3
    expected = [idf * f * 2.2 / (f + 1.2 * (0.25 + 0.75 * length / average)) for f, length in ((2, 4), (1, 2))]
    assert sorted((p.score for p in index.search(["beta"], "bm25", 3)[0]), reverse=True) == pytest.approx(
        sorted(expected)[::-1], abs=1e-4
    )


def test_vectors_are_compared_exactly(tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    pages = [page(f"p{number:03}.md", f"text {number} {number % 7} {number % 11}") for number in range(300)]
    index = Index.open(tmp_path, embedder)
    index.update(pages)
    texts = [f"{page.title}\n{page.text}" for page in pages]
    scores = (embedder.embed(QUERIES + ["text 5 3"]) @ embedder.embed(texts).T).round(5)
    for row, passages in zip(scores, index.search([*QUERIES, "text 5 3"], "vector", 20), strict=True):
        best = sorted(range(len(pages)), key=lambda i: (-row[i], pages[i].path))[:20]
        assert [p.score for p in passages] == pytest.approx([row[i] for i in best], abs=2e-5)


def test_memory_and_disk_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [page(f"p{number:03}.md", f"text {number} {number % 7} zebra {number % 11}") for number in range(300)]
    pages += [Document(f"q{number}.md", "Same", "text and zebra") for number in range(30)]
    queries = ["text 5 3", "zebra", "text and zebra 7", "nothing known"]
    found = search_all(new_index(tmp_path, pages), queries, 20)
    monkeypatch.setattr("tailor.retrieval.store._IN_MEMORY", 0)
    on_disk = search_all(Index.open(tmp_path, HashingEmbedder()), queries, 20)
    for in_memory, read in zip(found, on_disk, strict=True):
        for these, those in zip(in_memory, read, strict=True):
            assert [p.score for p in these] == pytest.approx([p.score for p in those], abs=2e-5)
            assert {(p.document, p.title, p.start, p.end, p.text) for p in these} == {
                (p.document, p.title, p.start, p.end, p.text) for p in those
            }


def test_scores_by_vectors_do_not_depend_on_the_other_queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.retrieval.snapshot._SCORES_AT_ONCE", 900)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((50, HashingEmbedder.dimensions), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = new_index(tmp_path, [page(f"p{number:03}.md", f"text {number} {number % 13}") for number in range(300)])
    together = index.search(["any"] * 50, "vector", 10, vectors=vectors)
    assert together == [index.search(["any"], "vector", 10, vectors=vectors[i : i + 1])[0] for i in range(50)]


def test_vectors_at_hand_are_not_computed_again(tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    index = Index.open(tmp_path, embedder)
    index.update(PAGES)
    for search in SEARCHES:
        expected = index.search(["", *QUERIES], search, 3)
        vectors = embedder.embed(["", *QUERIES])
        embedder.seen.clear()
        assert index.search(["", *QUERIES], search, 3, vectors=vectors) == expected
        assert embedder.seen == []


def test_many_equal_scores_are_cut_by_document_name(tmp_path: Path) -> None:
    pages = [Document(f"p{number:03}.txt", "Same", "the same text everywhere") for number in range(200)]
    index = new_index(tmp_path, pages[::-1])
    for search in SEARCHES:
        assert _documents(index.search(["same text"], search, 5)[0]) == [f"p{number:03}.txt" for number in range(5)]


@pytest.mark.parametrize("fusion", ["rrf", "minmax"])
def test_a_batch_of_queries_finds_what_each_finds_alone(tmp_path: Path, fusion: Fusion) -> None:
    index = new_index(tmp_path, PAGES)
    for search in SEARCHES:
        alone = [index.search([query], search, 3, fusion)[0] for query in QUERIES]
        assert index.search(QUERIES, search, 3, fusion) == alone


def test_several_threads_and_a_running_event_loop_may_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = search_all(new_index(tmp_path, PAGES))

    async def as_in_a_notebook(index: Index) -> list[list[list[Passage]]]:
        return search_all(index)

    for limit in (1_000, 0):  # from memory, then from the disk
        monkeypatch.setattr("tailor.retrieval.store._IN_MEMORY", limit)
        index = Index.open(tmp_path, HashingEmbedder())
        assert asyncio.run(as_in_a_notebook(index)) == expected
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(search_all, [index] * 8)) == [expected] * 8


def test_update_counts_and_touches_only_what_changed(tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    index = Index.open(tmp_path, embedder)
    progress: list[tuple[int, int]] = []
    first = index.update(PAGES, on_progress=lambda done, total: progress.append((done, total)))
    assert (first.added, first.removed, first.kept) == (4, 0, 0)
    assert progress == [(4, 4)]
    embedder.seen.clear()
    changed = [page("hotels.md", "A hotel night costs 130 dollars."), *PAGES[1:3], page("new.md", PAGES[3].text)]
    second = index.update(changed)
    assert (second.added, second.removed, second.kept) == (2, 1, 2)
    assert embedder.seen == ["Hotels\nA hotel night costs 130 dollars.", "New\n" + PAGES[3].text]
    third = index.update(changed)
    assert (third.added, third.removed, third.kept, len(embedder.seen)) == (0, 0, 4, 2)


def test_the_same_text_is_embedded_once(tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    index = Index.open(tmp_path, embedder)
    pages = [Document(f"copy{number}.md", "Title", "the same words") for number in range(3)]
    index.update(pages[:2])
    index.update([pages[2]])
    assert embedder.seen == ["Title\nthe same words"]


def test_an_unchanged_passage_of_a_changed_page_keeps_its_vector(tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    index = Index.open(tmp_path, embedder)
    sections = [f"## S{number}\n\n" + f"word{number} " * 100 for number in range(5)]
    index.update([page("long.md", "\n\n".join(sections))])
    embedder.seen.clear()
    sections[2] += "changed"
    index.update([page("long.md", "\n\n".join(sections))])
    assert len(embedder.seen) == 1 and embedder.seen[0].endswith("changed")


def test_deleted_text_is_found_no_more(tmp_path: Path) -> None:
    index = new_index(tmp_path, PAGES)
    index.update([PAGES[0]])
    assert all("hotels.md" in _documents(passages) or not passages for found in search_all(index) for passages in found)
    assert index.search(["zebra"], "bm25", 5) == [[]]
    index.update([])
    assert all(passages == [] for found in search_all(index) for passages in found)
    assert index.n_passages == 0


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=5, unique_by=lambda pair: pair[0]),
        min_size=1,
        max_size=3,
    )
)
@settings(deadline=None, derandomize=True, max_examples=12)
def test_after_any_edits_the_index_equals_one_made_at_once(history: list[list[tuple[int, int]]]) -> None:
    texts = ["hotel night zebra", "trains and hotels and a zebra crossing", "parents leave " * 5, "crossing " * 200]
    states = [[page(f"page{number}.md", f"{texts[kind]} {number}") for number, kind in state] for state in history]
    with tempfile.TemporaryDirectory() as name:
        index = Index.open(Path(name, "a"), HashingEmbedder())
        for documents in states:
            index.update(documents)
        fresh = new_index(Path(name, "b"), states[-1][::-1])
        assert index.digest == fresh.digest
        assert search_all(index) == search_all(fresh)


def test_many_updates_are_tidied_and_change_nothing_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.retrieval.store._TIDY_EVERY", 6)
    index = Index.open(tmp_path / "a", HashingEmbedder())
    for number in range(6):
        index.update([*PAGES, page("diary.md", f"zebra day {number}")])
    reopened, fresh = (
        Index.open(tmp_path / "a", HashingEmbedder()),
        new_index(tmp_path / "b", [*PAGES, page("diary.md", "zebra day 5")]),
    )
    assert search_all(index) == search_all(reopened) == search_all(fresh)
    assert index.digest == reopened.digest == fresh.digest


def test_digest_follows_documents_passage_size_and_embedder(tmp_path: Path) -> None:
    indexes = [Index.open(tmp_path, HashingEmbedder()), Index.open(tmp_path, HashingEmbedder("2")), Index.open(tmp_path, None)]
    indexes.append(Index.open(tmp_path, HashingEmbedder(), Chunking(words=50)))
    for index in indexes:
        index.update(PAGES)
    assert len({index.digest for index in indexes}) == 4
    before = indexes[0].digest
    indexes[0].update(PAGES[:2])
    assert indexes[0].digest != before


def test_an_index_is_there_when_opened_again(tmp_path: Path) -> None:
    first = new_index(tmp_path, PAGES)
    second = Index.open(tmp_path, HashingEmbedder())
    assert search_all(second) == search_all(first)
    assert second.update(PAGES).kept == 4


HOSTILE = [
    '"',
    "'",
    '"hotel',
    "hotel AND (",
    "NOT hotel",
    "hotel^9 title:hotel~2 hot*",
    "*",
    "?",
    "\\",
    "' OR '1'='1",
    "{}",
    "; DROP TABLE x",
]
HOSTILE += [
    "😀 hotel",
    "hotel\x00night",
    "\ud800 hotel",
    "a" * 5000,
    "hotel " * 3000,
    "--",
    "/* */",
    "\u202ehotel",
    "日本語",
    "+hotel -night",
]


def test_nothing_in_a_query_is_an_operator(tmp_path: Path) -> None:
    index = new_index(tmp_path, PAGES)
    for search in SEARCHES:
        assert len(index.search(HOSTILE, search, 3)) == len(HOSTILE)
    plain = index.search(["hotel not night"], "bm25", 5)
    assert index.search(['+hotel NOT "night"'], "bm25", 5) == plain
    assert _documents(index.search(["NOT hotel"], "bm25", 1)[0]) == ["hotels.md"]


def test_an_empty_query_finds_nothing(tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    index = Index.open(tmp_path, embedder)
    assert index.search(["hotel"], "bm25", 3) == [[]]
    index.update(PAGES)
    for search in SEARCHES:
        found = index.search(["", " \n", "hotel"], search, 2)
        assert found[:2] == [[], []] and found[2]
    assert index.search([], "hybrid", 3) == []


def test_hostile_documents_are_kept_as_they_are(tmp_path: Path) -> None:
    pages = [Document("../x';--.md", "T'\"", "zero\x00byte zebra 😀 ' OR 1=1")]
    index = new_index(tmp_path, pages)
    assert [p.text for p in index.search(["zebra"], "hybrid", 1)[0]] == [pages[0].text]
    index.update([])
    assert index.search(["zebra"], "hybrid", 1) == [[]]


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    index = Index.open(tmp_path, None)
    index.update(PAGES)
    with pytest.raises(ConfigError, match="needs an embedder"):
        index.search(["hotel"], "hybrid", 3)
    with pytest.raises(ValueError, match="not at least 1"):
        index.search(["hotel"], "bm25", 0)
    with pytest.raises(ValueError, match="same path"):
        index.update([PAGES[0], PAGES[0]])


def test_an_open_index_sees_what_another_has_written_after_its_next_update(tmp_path: Path) -> None:
    first, second = new_index(tmp_path, PAGES), Index.open(tmp_path, HashingEmbedder())
    second.update([*PAGES, page("new.md", "quokka")])
    assert first.search(["quokka"], "bm25", 1) == [[]]
    assert first.update([*PAGES, page("new.md", "quokka")]).kept == 5
    assert _documents(first.search(["quokka"], "bm25", 1)[0]) == ["new.md"]


def test_a_missing_package_names_the_extra_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "lancedb":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "lancedb", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="lancedb") as caught:
        Index.open(tmp_path, None)
    assert "tailor[rag]" in caught.value.hint
