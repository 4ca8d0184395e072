"""What a change asks of a system, in work, money and time, by hand calculation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from decide_helpers import RATES, make_run, make_system, make_task, right
from tiny import DOCUMENTS, answer_material, classify_material, open_tiny, start

from tailor.approaches.approach import TrainingData
from tailor.approaches.retrieval import Retrieve
from tailor.approaches.tuning import FineTune, Reference
from tailor.decide.cost import cost_of, system_cost
from tailor.decide.formats import format_often
from tailor.decide.prices import machine_rates
from tailor.decide.types import Changing, Pace, Rates, Work
from tailor.decide.upkeep import PER_MONTH, timed_cost, upkeep, with_seconds, work_after
from tailor.engine import Engine
from tailor.evaluate.measure import measure
from tailor.models.fake import FakeEmbedder, FakeModel
from tailor.models.tune import read_tuned
from tailor.retrieval.index import Index
from tailor.system import Decoding, Knowledge, Shot, System

MakeEngine = Callable[..., Engine]
INDEX, WHOLE = Knowledge(kind="index", passages=1, embedder="e"), Knowledge(kind="whole")
FREE = make_task(kind="answer", documents="docs")
AGAIN: tuple[Work, ...] = ("train", "measure")


def system(method: str = "none", knowledge: Knowledge | None = None, shots: int = 0) -> System:
    made = make_system("s", method=method)
    prompt = made.prompt.model_copy(update={"shots": (Shot(input="i", answer="a"),) * shots})
    head = Decoding(method="head") if method == "head" else made.decoding
    return made.model_copy(update={"knowledge": knowledge or Knowledge(), "prompt": prompt, "decoding": head})


@pytest.mark.parametrize(
    ("asked", "label", "rule", "document"),
    [
        (system(), (), ("measure",), ()),
        (system(shots=3), ("measure",), ("measure",), ()),
        (system(knowledge=INDEX), (), ("measure",), ("index",)),
        (system(knowledge=WHOLE), (), ("measure",), ()),
        (system("lora"), AGAIN, AGAIN, AGAIN),
        (system("full"), AGAIN, AGAIN, AGAIN),
        (system("lora", INDEX), AGAIN, AGAIN, ("index",)),
        (system("lora", WHOLE), AGAIN, AGAIN, ()),
    ],
)
def test_each_change_asks_for_what_it_touches(
    asked: System, label: tuple[Work, ...], rule: tuple[Work, ...], document: tuple[Work, ...]
) -> None:
    assert [work_after(kind, FREE, asked) for kind in ("label", "rule", "document")] == [label, rule, document]


def test_a_new_label_of_a_closed_set_is_measured_everywhere_and_no_document_changes_where_there_is_none() -> None:
    task = make_task()
    assert work_after("label", task, system()) == ("measure",)
    assert work_after("label", task, system("head")) == AGAIN
    assert work_after("document", task, system("lora")) == ()
    assert [c.kind for c in cost_of(task, make_run(system(), right(8, 10)), RATES, 0, 0).changing] == ["label", "rule"]


def test_a_change_costs_its_training_its_measuring_or_its_index() -> None:
    run = make_run(system("lora"), right(8, 10), (300, 50))
    cost = cost_of(FREE, run, RATES, 40, 1_000_000, dev_rows=60)
    measuring = 60 * (300 * 1 + 50 * 2) / 1e6
    assert [c.price for c in cost.changing] == pytest.approx([4 + measuring] * 3)
    assert (cost.training, cost.upkeep) == (4.0, 0.0)
    searching = cost_of(
        FREE, make_run(system(knowledge=INDEX), right(8, 10), (300, 50)), RATES, 0, 0, dev_rows=60, document_price=0.5
    )
    assert [c.price for c in searching.changing] == pytest.approx([0.0, measuring, 0.5])


def test_keeping_up_stands_in_the_total_at_the_pace_that_was_given() -> None:
    task = make_task(kind="answer", documents="docs", volume={"answers_per_month": 2000, "months": 6})
    run = make_run(system("lora"), right(8, 10), (300, 50))
    without = cost_of(task, run, RATES, 40, 1_000_000, dev_rows=60)
    cost = cost_of(task, run, RATES, 40, 1_000_000, dev_rows=60, pace=Pace(documents=2.0, rules=0.5))
    each = 4 + 60 * 0.0004
    assert cost.upkeep == pytest.approx(2.5 * each)
    assert without.total is not None and cost.total == pytest.approx(without.total + 6 * 2.5 * each)
    assert replace(cost, total=without.total, upkeep=0.0) == without


def test_an_unknown_price_of_a_change_counts_only_where_it_changes() -> None:
    changes = (Changing("rule", AGAIN, None), Changing("document", ("index",), 0.5))
    assert upkeep(changes, Pace(documents=2.0)) == upkeep(changes, Pace(documents=2.0, rules=0.0)) == 1.0
    assert upkeep(changes, Pace(rules=0.1)) is None and upkeep(changes, Pace()) == 0.0
    unknown = cost_of(FREE, make_run(system("lora"), right(8, 10)), Rates(1.0, 2.0, None, ""), 0, 1000, pace=Pace(rules=1.0))
    assert (unknown.training, unknown.upkeep, unknown.total) == (None, None, None)


def test_time_is_added_up_and_changes_nothing_else() -> None:
    cost = cost_of(FREE, make_run(system("lora", INDEX), right(8, 10)), RATES, 40, 1000)
    timed = with_seconds(cost, {"train": 90.0, "measure": 30.0, "index": 2.0})
    assert [c.seconds for c in timed.changing] == [120.0, 120.0, 2.0]
    unknown = with_seconds(timed, {"train": None, "measure": 30.0, "index": 2.0})
    assert [c.seconds for c in unknown.changing] == [None, None, 2.0]
    assert replace(timed, changing=cost.changing) == cost
    plain = cost_of(FREE, make_run(system(), [1.0]), RATES, 0, 0)
    assert [c.seconds for c in with_seconds(plain, {"measure": 3.0}).changing] == [0, 3, 0]


@pytest.mark.parametrize(
    ("per_month", "words"),
    [
        (PER_MONTH["daily"], "about once a day"),
        (3 * PER_MONTH["daily"], "about 3 times a day"),
        (PER_MONTH["weekly"], "about once a week"),
        (1.5 * PER_MONTH["weekly"], "about 1.5 times a week"),
        (6.9 * PER_MONTH["weekly"], "about once a day"),
        (1.0, "about once a month"),
        (2.04, "about 2 times a month"),
        (0.5, "about 6 times a year"),
        (PER_MONTH["yearly"], "about once a year"),
        (PER_MONTH["yearly"] / 12, "about once in 12 years"),
        (0.0, "never"),
    ],
)
def test_how_often_is_told_in_the_unit_that_fits(per_month: float, words: str) -> None:
    assert format_often(per_month) == words


# --- as measured on real systems


def costs(system: System, data: TrainingData, engine: Engine) -> tuple[list[float | None], list[float | None]]:
    """Seconds and prices of a new label, a changed rule and a changed document."""
    run = measure(data.task, system, "dev", data.dev, engine)
    run = replace(run, answers=tuple(replace(answer, seconds=0.5) for answer in run.answers))
    rates = machine_rates(data.task.prices, 1_000_000)
    timed = timed_cost(data, run, system_cost(data, run, rates, engine), engine)
    return [c.seconds for c in timed.changing], [c.price for c in timed.changing]


def test_tuned_weights_take_the_time_of_their_training_also_when_they_were_kept(
    tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine
) -> None:
    data = classify_material(tuning={"epochs": 1})
    engine = engine_for(open_tiny(tiny_folder), tmp_path)
    tuned = FineTune().fit(start(data, engine), data, engine)
    noted = read_tuned(tmp_path / tuned.weights.tuned)
    assert noted is not None and noted.seconds is not None and noted.seconds > 0
    assert FineTune().fit(start(data, engine), data, engine) == tuned
    assert costs(tuned, data, engine)[0] == pytest.approx([noted.seconds + 0.5 * len(data.dev)] * 2)
    manifest = tmp_path / tuned.weights.tuned / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"seconds"', '"minutes"'), encoding="utf-8")
    assert costs(tuned, data, engine)[0] == [None, None]


def test_a_classifier_is_fitted_again(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = classify_material(), engine_for(FakeModel(), tmp_path)
    seconds, prices = costs(Reference().fit(start(data, engine), data, engine), data, engine)
    assert all(second is not None and second > 0.5 * len(data.dev) for second in seconds)
    assert all(price is not None and price > 0 for price in prices)


def test_a_changed_document_is_tried_on_a_copy_of_the_index(tmp_path: Path, engine_for: MakeEngine) -> None:
    data = answer_material(documents="docs")
    engine = engine_for(FakeModel(), tmp_path, DOCUMENTS)
    retrieving = Retrieve("hybrid").fit(start(data, engine), data, engine)
    before = sorted(path for path in tmp_path.rglob("*") if "indexes" in str(path))
    seconds, prices = costs(retrieving, data, engine)
    assert seconds[2] is not None and 0 < seconds[2] < 60 and seconds[0] == 0.0
    tokens = sum(len(document.text) for document in DOCUMENTS) / 4 / len(DOCUMENTS)
    assert prices[2] == pytest.approx(tokens * (machine_rates(data.task.prices, 22_700_000).input_per_million or 0) / 1e6)
    assert sorted(path for path in tmp_path.rglob("*") if "indexes" in str(path)) == before
    assert engine.refreshed(retrieving) == retrieving


def test_the_trial_embeds_every_passage_of_one_document(tmp_path: Path) -> None:
    class Counting(FakeEmbedder):
        texts = 0

        def embed(self, texts: object) -> object:  # type: ignore[override]
            self.texts += len(texts)  # type: ignore[arg-type]
            return super().embed(texts)  # type: ignore[arg-type]

    embedder = Counting()
    index = Index.open(tmp_path / "indexes", embedder)  # type: ignore[arg-type]
    index.update(DOCUMENTS)
    made, passages = embedder.texts, index.n_passages
    assert index.seconds_to_update(DOCUMENTS) > 0
    assert (embedder.texts - made, index.n_passages) == (1, passages)
