"""What packages add, by name: models, approaches and readers; and what is said of one that cannot be had."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from data_helpers import make_task
from tiny import DOCUMENTS, answer_material, classify_material, make_engine, start

from tailor.approaches.approach import TrainingData
from tailor.approaches.named import approach_named
from tailor.data.table import read_table
from tailor.decide.formats import describe_system
from tailor.decide.rungs import ladder
from tailor.engine import Engine, OnProgress
from tailor.errors import ConfigError, DataError, ModelNotFound
from tailor.models.base import Capabilities
from tailor.models.catalogue import open_model
from tailor.models.fake import FakeModel
from tailor.plugins import APPROACHES, MODELS, READERS, RETRIEVERS, Registry
from tailor.retrieval.index import Index
from tailor.retrieval.passage import Passage
from tailor.system import Knowledge, System
from tailor.task import ModelSettings
from tailor.testing import check_retriever


@dataclass(frozen=True)
class Polite:
    """Says please."""

    name: str = "polite"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        return system.then(self.name, prompt={"instruction": f"Please: {system.prompt.instruction}"})


def columns(name: str, data: bytes) -> Iterator[dict[str, str]]:
    """Rows of a file of two columns with an equals sign between them."""
    for line in data.decode().splitlines():
        text, sign, label = line.partition("=")
        if not sign:
            raise ValueError(f"no sign in {line!r}")
        yield {"text": text, "label": label}


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a package had added one of each."""
    things: list[tuple[Registry, str, Any]] = [
        (APPROACHES, "polite", Polite()),
        (MODELS, "clerk", lambda settings: FakeModel(lambda request: "by hand", name=settings.name)),
        (READERS, "eq", columns),
    ]
    for registry, name, thing in things:
        monkeypatch.setattr(registry, "own", {**registry.own, name: "anywhere:THING"})
        monkeypatch.setitem(registry._loaded, name, thing)


@pytest.mark.usefixtures("added")
def test_a_model_is_opened_by_its_name_or_what_stands_in_front_of_a_colon() -> None:
    model = open_model(ModelSettings(name="clerk:east", context_tokens=None))
    assert model.name == "clerk:east" and model.capabilities == FakeModel.capabilities
    with pytest.raises(ModelNotFound, match="did you mean `clerk`") as caught:
        open_model(ModelSettings(name="clerc", context_tokens=None))
    assert "fake, clerk, a folder of safetensors" in caught.value.hint


@pytest.mark.usefixtures("added")
def test_an_approach_is_tried_where_the_task_names_it(tmp_path: Path) -> None:
    data = classify_material(approaches=["polite", "persona > polite"], persona="You are new.")
    engine = make_engine(FakeModel(), tmp_path)
    (rung,) = [rung for rung in ladder(data.task, False, Capabilities()) if rung.name == "prompt"]
    options = {option.name: option for option in rung.candidates(start(data, engine), [])}
    made = options["persona > polite"].approach.fit(start(data, engine), data, engine)
    engine.ledger.close()
    assert "polite" in options and made.prompt.instruction == "Please: Name the colour." and made.prompt.persona
    with pytest.raises(ConfigError, match="did you mean `polite`"):
        approach_named("polit")
    with pytest.raises(ConfigError, match="there is no approach `polight`"):
        ladder(make_task(approaches=["polight"]), False, Capabilities())


@pytest.mark.usefixtures("added")
def test_a_file_is_read_by_what_was_added_for_the_ending_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "rows.eq").write_text("a b=red\nc d=green\n", encoding="utf-8")
    table = read_table(tmp_path / "rows.eq")
    assert table.columns == ("text", "label") and table.rows[1] == {"text": "c d", "label": "green"}
    (tmp_path / "rows.eq").write_text("a b\n", encoding="utf-8")
    with pytest.raises(DataError, match="rows.eq cannot be read: no sign in 'a b'"):
        read_table(tmp_path / "rows.eq")


def test_a_package_that_cannot_be_loaded_stands_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "torn-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torn\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[tailor.kinds]\ntorn = no_such_module:KIND\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    kinds = Registry("tailor.kinds", "kind of task", {"classify": "tailor.kinds.classify:CLASSIFY"})
    assert kinds.names == ("classify", "torn") and list(kinds.usable()) == ["classify"]
    with pytest.raises(
        ConfigError, match="the kind of task `torn` of the package `torn` cannot be loaded: No module named"
    ) as caught:
        kinds.load("torn")
    assert caught.value.hint == "Fix or remove torn."


class Backwards:
    """Finds what keywords find, and shows the last of it first."""

    says = "by keyword, the worst first"

    def digest(self, index: Index) -> str:
        return hashlib.sha256(f"backwards {index.digest}".encode()).hexdigest()

    def search(self, index: Index, queries: Sequence[str], k: int) -> list[list[Passage]]:
        return [passages[::-1][:k] for passages in index.search(queries, "bm25", k + 2)]


def test_a_way_to_search_may_come_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RETRIEVERS, "own", {**RETRIEVERS.own, "backwards": "anywhere:BACKWARDS"})
    monkeypatch.setitem(RETRIEVERS._loaded, "backwards", Backwards())
    data = answer_material(documents="docs", embedder="fake")
    engine = make_engine(FakeModel(), tmp_path, DOCUMENTS)
    questions = [example.fields["text"] for example in data.train[:2]]
    made = approach_named("rag-backwards-2").fit(start(data, engine), data, engine)
    for name in (name for name in RETRIEVERS.names if name != "pgvector"):  # which needs a server
        check_retriever(RETRIEVERS.load(name), engine.indexes.index(made.knowledge), questions)
    plain = approach_named("rag-bm25-2").fit(start(data, engine), data, engine)
    found = engine.retrieve(made, data.train[:2])
    engine.ledger.close()
    assert (
        made.name == "rag-backwards-2" and made.knowledge.digest != plain.knowledge.digest and made.fingerprint != plain.fingerprint
    )
    assert [len(passages) for passages in found] == [2, 2] and describe_system(
        made
    ) == "two passages found by keyword, the worst first"
    with pytest.raises(ConfigError, match="there is no approach `rag-sideways`"):
        approach_named("rag-sideways")
    with pytest.raises(ValueError, match="it should be one of"):
        made.with_(knowledge={"search": "sideways"})


def test_a_way_to_search_that_breaks_a_promise_is_told_which(tmp_path: Path) -> None:
    class Deaf(Backwards):
        def search(self, index: Index, queries: Sequence[str], k: int) -> list[list[Passage]]:
            return [[] for _ in queries]

    engine = make_engine(FakeModel(), tmp_path, DOCUMENTS)
    with pytest.raises(AssertionError, match="one at least"):
        check_retriever(Deaf(), engine.indexes.index(Knowledge(embedder="fake")), ["When are wages paid?"])
    engine.ledger.close()
