"""Ways to cut, to order and to widen a search: measured by search alone first, and only what finds more races by answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from studies import answer_study
from test_reranked import Keeper
from tiny import answer_material, make_engine, start

from tailor.approaches.retrieval import Rerank, Retrieve, Widen
from tailor.data.example import Example, Splits
from tailor.decide.amounts import Asker
from tailor.decide.estimate import StudyPlan
from tailor.decide.rungs import NamedSearch, ladder
from tailor.decide.searchrace import ASKED, ForeseenSearch, SearchRace, nearest
from tailor.decide.types import Rates
from tailor.documents.reading import Document
from tailor.engine import Engine
from tailor.evaluate.found import found_by
from tailor.evaluate.measure import measure
from tailor.evaluate.run import Run
from tailor.evaluate.searched import Ranked
from tailor.models.base import Capabilities
from tailor.models.fake import FakeModel
from tailor.report.html import render_report
from tailor.retrieval.passage import Passage
from tailor.saved import STUDY

FILLER = "The harbour office keeps lists of boats and of the people who row them out. "
ROOMS = [
    Document(
        f"house-{house}.md",
        f"House {house}",
        "\n\n".join(f"Room {house}{k} has the code {house}{k}77. {FILLER * 3}" for k in range(8)),
    )
    for house in range(1, 7)
]


class Told:
    """Keeps the sentences that an observer is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def began(self, rung: str, system: str) -> None:
        """Nothing."""

    def progress(self, done: int, total: int) -> None:
        """Nothing."""

    def ended(self, step: Any) -> None:
        """Nothing."""

    def pays(self, spent: Any) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Keep it."""
        self.said.append(text)


def rows(count: int = 24) -> tuple[Example, ...]:
    numbers = [f"{house}{k}" for house in range(1, 7) for k in range(8)][:count]
    return tuple(Example(f"q{n}", {"text": f"What is the code of room {n}?"}, (f"{n}77",)) for n in numbers)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = make_engine(FakeModel(), tmp_path, ROOMS)
    yield made
    made.ledger.close()


def race_on(engine: Engine, dev: tuple[Example, ...], runs: Sequence[Run] = (), **settings: Any) -> SearchRace:
    data = replace(answer_material(documents="docs", embedder="fake", **settings), dev=dev)
    return SearchRace(data.task, data, engine, Told(), list(runs))


def test_ways_to_cut_are_compared_within_the_same_words_and_only_those_that_find_more_go_on(engine: Engine) -> None:
    race = race_on(engine, rows())
    assert race.cuts(start(race.data, engine)) == () and not race.trials  # a rung that is not climbed measures nothing
    with race.racing():
        going = race.cuts(start(race.data, engine))
    trials = {trial.name: trial for trial in race.trials}
    assert going and {one.name for one in going} == {name for name, trial in trials.items() if trial.races} and len(going) <= 2
    for trial in race.trials:
        assert trial.recall is not None and trial.rows == 24 and trial.against in ("rag-hybrid", "rag-hybrid-3")
        assert trial.races <= (trial.recall.mean > trial.other), trial
    model = engine.model
    assert isinstance(model, FakeModel) and not model.requests  # search asks no model
    (rung,) = [rung for rung in ladder(race.task, True, Capabilities(), search=race) if rung.name == "retrieve"]
    approaches = [proposal.approach for proposal in rung.candidates(start(race.data, engine), [])]
    assert approaches[-len(going) :] == list(going)


def test_few_rows_and_documents_of_one_passage_try_nothing(engine: Engine, tmp_path: Path) -> None:
    race = race_on(engine, rows(8))
    with race.racing():
        assert race.cuts(start(race.data, engine)) == () and not race.trials
    short = [Document(f"{row.id}.md", row.id, f"Room {row.id[1:]}: {row.answers[0]}.") for row in rows()]
    other = race_on(engine.with_documents(short, tmp_path / "short"), rows())
    with other.racing():
        assert other.cuts(start(other.data, engine)) == () and not other.trials


def test_no_other_cut_is_tried_unasked_where_an_endpoint_would_embed_and_charge_for_it(engine: Engine) -> None:
    race = race_on(engine, rows())
    race.task = race.task.model_copy(update={"embedder": "e@http://localhost:9/v1"})
    with race.racing():
        assert race.cuts(start(race.data, engine)) == () and not race.trials
    assert ForeseenSearch(race.task).cuts(start(race.data, engine)) == ()


def test_documents_nearest_to_the_questions_are_the_sample() -> None:
    documents = [Document(f"{k}.md", f"{k}", "word " * 100) for k in range(9)]
    found = [tuple(Passage(f"{k}.md", "", 0, 4, "word") for k in order) for order in ((3, 5), (4, 6))]
    first = (Example("a", {}, ("x",), source="8.md"), Example("b", {}, ("x",)))
    sample = nearest(documents, Ranked(first, tuple(found)), 400)
    assert [document.path for document in sample] == ["3.md", "4.md", "5.md", "8.md"]


def test_the_model_orders_passages_where_a_right_one_is_found_and_not_shown(tmp_path: Path) -> None:
    pages = [Document(f"{k}.md", f"Page {k}", f"Lamp lamp lamp {k}, said the keeper.") for k in range(4)]
    pages.append(Document("right.md", "Light", "A lamp burns for nine hours."))
    dev = tuple(Example(f"q{k}", {"text": f"lamp lamp keeper {k}"}, ("nine hours",)) for k in range(40))
    engine = make_engine(Keeper(), tmp_path, pages)
    data = replace(answer_material(documents="docs", embedder="fake"), dev=dev)
    run = measure(data.task, Retrieve("bm25").fit(start(data, engine), data, engine), "dev", dev, engine)
    poor = race_on(engine, dev, [])
    with poor.racing():
        assert poor.orders(run) == () and "more than 25 % of the work so far" in poor.trials[0].why
    race = race_on(engine, dev, [run] * 60)
    model = engine.model
    assert isinstance(model, FakeModel)
    asked = len(model.requests)
    with race.racing():
        going = race.orders(run)
    assert Rerank() in going and 0 < len(model.requests) - asked <= 12 * ASKED
    reranked = next(trial for trial in race.trials if trial.name == "rag-bm25 > reranked")
    assert reranked.races and reranked.calls == 5 * ASKED and reranked.other == 0 and reranked.recall and reranked.recall.mean == 1
    named = race_on(engine, dev, [run] * 60, retrieval={"rerank": ["model"], "queries": ["hyde"]})
    with named.racing():
        assert named.orders(run)[:2] == (Rerank(), Widen("hyde")) == NamedSearch(named.task).orders(run)
    engine.ledger.close()


def test_paid_calls_are_made_for_a_search_only_where_the_settings_name_it(tmp_path: Path) -> None:
    class Paid(Keeper):
        capabilities = replace(Keeper.capabilities, billed=True)

    engine = make_engine(Paid(), tmp_path, ROOMS)
    race = race_on(engine, rows())
    run = measure(race.task, Retrieve("vector").fit(start(race.data, engine), race.data, engine), "dev", rows(), engine)
    model = engine.model
    assert isinstance(model, FakeModel)
    asked = len(model.requests)
    with race.racing():
        assert race.orders(run) == () and len(model.requests) == asked
    assert race.trials and all("paid for" in trial.why or "shown already" in trial.why for trial in race.trials)
    engine.ledger.close()


def test_the_report_lists_what_was_measured_and_why_it_did_or_did_not_race(engine: Engine, tmp_path: Path) -> None:
    race = race_on(engine, rows())
    with race.racing():
        race.cuts(start(race.data, engine))
    run = measure(race.task, Retrieve("hybrid").fit(start(race.data, engine), race.data, engine), "dev", rows(), engine)
    found = found_by(race.task, [run], engine)
    study = replace(answer_study(), found=found, searches=tuple(race.trials))
    page = render_report(study)
    for trial in race.trials:
        assert trial.name in page and f"{trial.fate}: {trial.why}" in page
    assert STUDY.validate_python(STUDY.dump_python(study, mode="json")).searches == study.searches


def test_the_estimate_counts_what_is_asked_to_find_passages() -> None:
    splits = Splits(train=rows(4), dev=rows(24), test=rows(30))

    def calls(**settings: Any) -> tuple[float, float]:
        task = answer_material(documents="docs", embedder="fake", **settings).task
        found = StudyPlan(task, splits, FakeModel(), ROOMS).estimate(Asker(Rates(1.0, 1.0, None, "given")))
        return found.calls.high, found.tokens_in.high

    plain = calls()
    widened, ordered = (calls(retrieval=settings) for settings in ({"queries": ["hyde"]}, {"rerank": ["model"]}))
    assert plain[0] < widened[0] < ordered[0] and plain[1] < widened[1] < ordered[1]
    assert ordered[0] - plain[0] >= 10 * (widened[0] - plain[0]) / 2  # ten calls for each answer, next to one
