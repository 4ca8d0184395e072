"""Who may read which documents: nobody finds what is not theirs, whatever is searched for and however it is spelled."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from flow import tailor, write_rooms
from hypothesis import given
from hypothesis import strategies as st
from tiny import answer_material, make_engine, start

from tailor.access import access
from tailor.approaches.approach import Chain
from tailor.approaches.prompting import FewShot
from tailor.approaches.retrieval import Retrieve, WholeDocuments
from tailor.content import text_of
from tailor.data.example import Example
from tailor.decide.rungs import ladder
from tailor.documents.reading import Document
from tailor.errors import ConfigError
from tailor.models.base import Capabilities
from tailor.models.catalogue import open_embedder
from tailor.models.fake import FakeModel
from tailor.plugins import RETRIEVERS
from tailor.retrieval.chunking import DEFAULT
from tailor.retrieval.index import Index, Search
from tailor.retrieval.passage import Passage
from tailor.task import Task

FILTER = "tier == {{tier}} and region == {{region}}"
VALUES = (
    "gold",
    "silver",
    "' OR 1=1 --",
    "') OR ('1'='1",
    'a"b',
    "gold ",
    "GOLD",
    "金",
    "{{tier}}",
    "x, y",
    "",
    "a\\'b",
    "%",
    "null",
)


def documents(count: int, seed: int = 0) -> list[Document]:
    """Documents whose metadata are drawn from values that are hard to quote; some have none."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        metadata = {name: draw.choice(VALUES) for name in ("tier", "region") if draw.random() < 0.95}
        made.append(Document(f"{number:03}.md", f"Page {number}", f"The key of house {number} is red.", metadata=metadata))
    return made


def may_read(asker: Mapping[str, str], document: Document) -> bool:
    """What the filter means, said again without it."""
    pairs = [(asker.get(name, ""), document.metadata.get(name, "")) for name in ("tier", "region")]
    return all(own.strip() and own == wanted for wanted, own in pairs)


@pytest.mark.parametrize("in_memory", [True, False])
def test_of_ten_thousand_pairs_of_asker_and_document_none_crosses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr("tailor.retrieval.store._IN_MEMORY", 0)
    pages, allowed = documents(100), access(FILTER)
    assert allowed is not None
    index = Index.open(tmp_path, open_embedder("fake"), DEFAULT, allowed)
    index.update(pages)
    draw, pairs, found_some = random.Random(1), 0, 0
    searches: tuple[Search, ...] = ("bm25", "vector", "hybrid")
    for number in range(100):
        asker = {name: draw.choice(VALUES) for name in ("tier", "region")}
        theirs = {page.path for page in pages if may_read(asker, page)}
        keys = allowed.keys(asker)
        (passages,) = index.only(keys).search(["The key of house is red"], searches[number % 3], 100)
        assert {passage.document for passage in passages} == theirs
        pairs, found_some = pairs + len(pages), found_some + bool(theirs)
    assert pairs == 10_000 and found_some > 20


def test_an_index_with_conditions_finds_nothing_for_nobody(tmp_path: Path) -> None:
    index = Index.open(tmp_path, open_embedder("fake"), DEFAULT, access("tier == {{tier}}"))
    index.update([Document("a.md", "A", "A red key.", metadata={"tier": "gold"}), Document("b.md", "B", "A red key.")])
    assert index.n_passages == 2
    assert index.search(["red key"], "hybrid", 5) == [[]] and index.only(frozenset({""})).search([""], "bm25", 5) == [[]]


@given(st.text(min_size=1, max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_only_the_same_text_to_the_letter_is_let_through(column: str, own: str, wanted: str) -> None:
    allowed = access("tier == {{customer tier}}")
    assert allowed is not None
    lets = allowed.key({"tier": own}) in allowed.keys({"customer tier": wanted})
    assert lets is (own == wanted and bool(own.strip()))
    assert allowed.keys({column: wanted} if column != "customer tier" else {}) == frozenset()


def test_a_list_lets_several_values_through_and_conditions_all_hold() -> None:
    allowed = access('tier in ["all", {{tier}}] and region=={{region}}')
    assert allowed is not None and allowed.columns == ("tier", "region") and allowed.names == ("tier", "region")
    keys = allowed.keys({"tier": "gold", "region": "north"})
    assert len(keys) == 2 and allowed.key({"tier": "all", "region": "north"}) in keys
    assert allowed.key({"tier": "all", "region": "south"}) not in keys and allowed.keys({"tier": "gold"}) == frozenset()
    assert allowed.key({"tier": "all", "region": "north"}) in allowed.keys({"region": "north"})


@pytest.mark.parametrize(
    ("filter", "says"),
    [
        ("tier = {{tier}}", "cannot be read from 'tier = {{tier}}' on"),
        ("tier == {{tier}} or region == {{region}}", "joined by `and`"),
        ("tier == {{tier}} and", "cannot be read"),
        ("tier == {{tier}} andregion == {{region}}", "joined by `and`"),
        ("tier == gold", "cannot be read"),
        (" and ".join(f'c{k} in ["1", "2", "3"]' for k in range(4)), "81 combinations"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(filter: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        task(filter)


def task(filter: str) -> Task:
    return answer_material(documents="docs", embedder="fake", retrieval={"filter": filter}).task


HOUSES = [
    Document(f"{tier}.md", tier, f"The {tier} key is number {k}.", metadata={"tier": tier}) for k, tier in ((0, "gold"), (1, "tin"))
]
ROWS = tuple(Example(tier, {"text": "Which key is it?", "tier": tier}, (tier,)) for tier in ("gold", "tin", ""))


def prompts(tmp_path: Path, *steps: Retrieve | WholeDocuments | FewShot) -> list[str]:
    """What the model is told about each row, where rows of each tier were learned from."""
    data = answer_material(documents="docs", embedder="fake", retrieval={"filter": "tier == {{tier}}"})
    data = replace(data, train=ROWS[:2] * 2, dev=ROWS)
    engine = make_engine(FakeModel(), tmp_path, HOUSES)
    try:
        made = Chain(steps).fit(start(data, engine), data, engine)
        chats = engine.messages(made, ROWS)
    finally:
        engine.ledger.close()
    return ["\n".join(text_of(turn.content) for turn in chat) for chat, _ in chats]


STEPS: list[Sequence[Retrieve | WholeDocuments | FewShot]] = [
    (Retrieve("hybrid", 3),),
    (Retrieve("bm25"),),
    (WholeDocuments(),),
    (Retrieve("vector"), FewShot(2, "nearest")),
]


@pytest.mark.parametrize("steps", STEPS)
def test_a_prompt_shows_what_its_row_may_read_and_nothing_else(
    tmp_path: Path, steps: Sequence[Retrieve | WholeDocuments | FewShot]
) -> None:
    gold, tin, nobody = prompts(tmp_path, *steps)
    assert "number 0" in gold and "number 1" not in gold
    assert "number 1" in tin and "number 0" not in tin
    assert "number" not in nobody


def test_a_system_reads_the_columns_of_its_filter_and_has_another_fingerprint(tmp_path: Path) -> None:
    data = answer_material(documents="docs", embedder="fake", retrieval={"filter": "tier == {{customer_tier}}"})
    engine = make_engine(FakeModel(), tmp_path, HOUSES)
    made = Retrieve("bm25").fit(start(data, engine), data, engine)
    engine.ledger.close()
    assert data.task.variables == ("text", "customer_tier") == made.variables
    assert made.with_(knowledge={"filter": ""}).fingerprint != made.fingerprint


def test_a_search_of_a_package_that_does_not_filter_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless:
        says = "without asking who asks"

        def digest(self, index: Index) -> str:
            return index.digest

        def search(self, index: Index, queries: Sequence[str], k: int) -> list[list[Passage]]:
            return [[Passage("gold.md", "gold", 0, 3, "The")] for _ in queries]

    monkeypatch.setattr(RETRIEVERS, "own", {**RETRIEVERS.own, "careless": "anywhere:CARELESS"})
    monkeypatch.setitem(RETRIEVERS._loaded, "careless", Careless())
    with pytest.raises(ConfigError, match="`careless` found documents that this row may not read"):
        prompts(tmp_path, Retrieve("careless"))


def test_weights_are_not_tuned_where_rows_may_not_read_everything() -> None:
    tunes = Capabilities(tunes=True)
    open_to_all = {rung.name for rung in ladder(answer_material(documents="docs").task, True, tunes)}
    assert "tune" in open_to_all and "tune" not in {rung.name for rung in ladder(task(FILTER), True, tunes)}


def test_check_names_documents_that_nobody_may_read_and_rows_that_may_read_none(tmp_path: Path) -> None:
    write_rooms(tmp_path, documents="pages.jsonl", retrieval={"filter": 'tier == "gold"'})
    pages = [{"id": f"p{k}", "text": f"The code of room {k} is {k}."} | ({"tier": "tin"} if k else {}) for k in range(3)]
    (tmp_path / "pages.jsonl").write_text("\n".join(map(json.dumps, pages)), encoding="utf-8")
    said = " ".join(tailor("check", tmp_path).output.split())
    assert "1 of 3 documents have no value for `tier`, so that nobody may read them" in said
    assert "questions may read no document at all" in said
