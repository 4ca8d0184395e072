"""Search in a real PostgreSQL with pgvector."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_access import FILTER, VALUES, documents, may_read
from tiny import answer_material, make_engine, start

from benchmarks.postgres_server import missing, running_server
from tailor.access import access
from tailor.approaches.named import approach_named
from tailor.documents.reading import Document
from tailor.errors import ConfigError, StoreError
from tailor.models.catalogue import open_embedder
from tailor.models.fake import FakeModel
from tailor.retrieval.chunking import DEFAULT
from tailor.retrieval.index import Index
from tailor.retrieval.searches import retriever
from tailor.testing import check_retriever

DOORS = ("red", "blue", "green") * 6
PAGES = [Document(f"{k:02}.md", f"Page {k}", f"House {k} has a {colour} door.") for k, colour in enumerate(DOORS)]
QUERIES = ["Which house has a red door?", "blue door", "'; DROP SCHEMA tailor CASCADE; --"]


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """A server that libpq finds by the environment."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if why := missing():
        pytest.skip(why)
    with running_server() as where, pytest.MonkeyPatch.context() as patch:
        for name, value in where.items():
            patch.setenv(name, value)
        yield


def filled(folder: Path, pages: list[Document]) -> Index:
    index = Index.open(folder, open_embedder("fake"))
    index.update(pages)
    return index


def test_it_keeps_a_retrievers_promises_and_finds_what_exact_search_finds(server: None, tmp_path: Path) -> None:
    index, pgvector = filled(tmp_path, PAGES), retriever("pgvector")
    check_retriever(pgvector, index, QUERIES)
    there, here = pgvector.search(index, QUERIES, 5), index.search(QUERIES, "vector", 5)
    assert [[passage.document for passage in found] for found in there] == [
        [passage.document for passage in found] for found in here
    ]
    assert [p.score for p in there[0]] == pytest.approx([p.score for p in here[0]], abs=2e-5)


def test_what_changed_and_went_changes_and_goes_there_too(server: None, tmp_path: Path) -> None:
    index, pgvector = filled(tmp_path, PAGES), retriever("pgvector")
    before = pgvector.digest(index)
    pgvector.search(index, QUERIES, 3)
    changed = replace(PAGES[0], text="House 0 was pulled down, \0 and nothing is left.", digest="")
    index.update([changed, *PAGES[2:]])
    (found,) = pgvector.search(index, ["House 0 was pulled down"], len(PAGES))
    assert len(found) == len(PAGES) - 1 and found[0].text.startswith("House 0 was pulled down")
    assert "01.md" not in {passage.document for passage in found} and pgvector.digest(index) != before


def test_searches_of_a_table_that_is_up_to_date_wait_for_nobody(server: None, tmp_path: Path) -> None:
    import psycopg

    index, pgvector = filled(tmp_path, PAGES), retriever("pgvector")
    expected = pgvector.search(index, QUERIES, 3)
    with psycopg.connect() as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"passages_{index.name}",))  # somebody changes it
        assert pgvector.search(index, QUERIES, 3) == expected


def test_two_folders_of_documents_share_a_table_and_neither_finds_the_others(server: None, tmp_path: Path) -> None:
    pgvector = retriever("pgvector")
    sides = [filled(tmp_path / str(side), PAGES[side::2]) for side in range(2)]
    for side, index in [*enumerate(sides)] * 2:
        (found,) = pgvector.search(index, ["Which house has a red door?"], len(PAGES))
        assert {passage.document for passage in found} == {page.path for page in PAGES[side::2]}


def test_of_ten_thousand_pairs_of_asker_and_document_none_crosses_there(server: None, tmp_path: Path) -> None:
    pages, allowed = documents(100, seed=3), access(FILTER)
    assert allowed is not None
    index = Index.open(tmp_path, open_embedder("fake"), DEFAULT, allowed)
    index.update(pages)
    draw, pairs, found_some, pgvector = random.Random(2), 0, 0, retriever("pgvector")
    assert pgvector.search(index, ["key"], 100) == [[]]
    for _ in range(100):
        asker = {name: draw.choice(VALUES) for name in ("tier", "region")}
        theirs = {page.path for page in pages if may_read(asker, page)}
        (passages,) = pgvector.search(index.only(allowed.keys(asker)), ["The key of house is red"], 100)
        assert {passage.document for passage in passages} == theirs
        pairs, found_some = pairs + len(pages), found_some + bool(theirs)
    assert pairs == 10_000 and found_some > 20


def test_a_system_answers_with_what_it_finds_there(server: None, tmp_path: Path) -> None:
    data = answer_material(documents="docs", embedder="fake")
    engine = make_engine(FakeModel(), tmp_path, PAGES)
    made = approach_named("rag-pgvector-2").fit(start(data, engine), data, engine)
    found = engine.retrieve(made, data.dev[:2])
    engine.ledger.close()
    assert made.name == "rag-pgvector-2" and [len(passages) for passages in found] == [2, 2]


def test_without_a_server_it_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    monkeypatch.setenv("PGHOST", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no PostgreSQL to search in") as caught:
        retriever("pgvector").search(filled(tmp_path, PAGES[:1]), ["door"], 1)
    assert "PGHOST" in caught.value.hint


def test_what_goes_wrong_in_the_database_is_told_as_such(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.retrieval.postgres._FIND", "SELECT nothing FROM {table}")
    with pytest.raises(StoreError, match="PostgreSQL failed"):
        retriever("pgvector").search(filled(tmp_path, PAGES[:1]), ["door"], 1)
