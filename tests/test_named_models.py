"""One of several models by its name: in measuring, comparing and trying; what is said, forecast and expected of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from biller import Biller, climbed, quiz
from data_helpers import sentence
from decide_helpers import make_task
from endpoint import Answer, Endpoint, completion, refusal
from flow import DESK, LABELS, climb, tailor, write_desk
from test_prune import Tunable

import tailor as library
from tailor.approaches.distil import MOST_TAUGHT
from tailor.data.example import Example, Splits
from tailor.decide.estimate import expected_spending
from tailor.diagnose.words import headline
from tailor.errors import ConfigError
from tailor.models.base import Model
from tailor.models.catalogue import open_model
from tailor.models.fake import FakeModel
from tailor.plugins import APPROACHES, MODELS
from tailor.project import write_settings
from tailor.report.html import write_report
from tailor.report.record import to_json
from tailor.saved import load_study
from tailor.settings import ModelSettings
from tailor.task import DataFiles, Task

ROWS: list[dict[str, object]] = [{"text": f"{sentence(i)} {LABELS[i % 3]}", "label": LABELS[i % 3]} for i in range(60)]
PRICED = ("input_per_million", "output_per_million")
BOTH: dict[str, Any] = {"model": "fake:a", "models": ["fake:b"]}


def open_tunable(settings: ModelSettings) -> Model:
    return Tunable(name=settings.name)


@pytest.fixture(autouse=True, scope="module")
def without_a_learning_curve() -> Iterator[None]:
    """It takes most of the time of so small a study, and has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tailor.experiment.learning_curve", lambda *_: None)
        yield


@pytest.fixture
def tunable(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a model that claims to have weights."""
    monkeypatch.setitem(MODELS.own, "tunable", f"{__name__}:open_tunable")
    return "tunable:c"


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of two models."""
    folder = write_desk(tmp_path_factory.mktemp("studied"), **BOTH, ask_again=False, target=1.0)
    climb(folder)
    return folder


def desk(**changes: Any) -> Task:
    return library.Task(**{key: value for key, value in DESK.items() if key != "data"} | BOTH | changes)


# --- by name


def test_settings_written_from_python_keep_a_model_of_the_default_name_beside_others(tmp_path: Path) -> None:
    task = desk(model={"name": "smollm2-135m"}, models=[{"name": "fake:b", "prices": {"input_per_million": 2.0}}])
    kept = write_settings(tmp_path, task, lambda: DataFiles.model_validate({"file": "data.csv"})).task
    assert kept.model_labels == ("smollm2-135m", "fake:b") and kept.prices_of(1).input_per_million == 2.0


def test_an_approach_is_measured_on_the_model_that_is_named(tmp_path: Path) -> None:
    task = desk(name="named")
    first = library.measure(task, ROWS, "zero-shot", folder=tmp_path, quiet=True)
    by_argument = library.measure(task, ROWS, "zero-shot", folder=tmp_path, quiet=True, model="fake:b")
    by_name = library.measure(task, ROWS, "zero-shot on fake:b", folder=tmp_path, quiet=True)
    assert (first.name, by_argument.name) == ("zero-shot on fake:a", "zero-shot on fake:b")
    assert by_name.run.system == by_argument.run.system and by_name.run.system.weights.model == "fake:b"


def test_approaches_on_different_models_are_compared(tmp_path: Path) -> None:
    found = library.compare(desk(), ROWS, ["zero-shot", "zero-shot on fake:b", "few-shot-5"], folder=tmp_path, quiet=True)
    names = [measurement.name for measurement in found.measurements]
    assert names == ["zero-shot on fake:a", "zero-shot on fake:b", "few-shot-5 on fake:a"]
    with pytest.raises(ConfigError, match="is listed twice"):
        library.compare(desk(), ROWS, ["zero-shot", "zero-shot on fake:a"], folder=tmp_path, quiet=True)


def test_a_model_that_is_not_in_the_study_is_told_with_the_nearest_that_is(tmp_path: Path) -> None:
    for asked in ({"approach": "zero-shot on fake:bb"}, {"approach": "zero-shot", "model": "fake:bb"}):
        with pytest.raises(ConfigError, match="has no model `fake:bb`; did you mean `fake:b`") as caught:
            library.measure(desk(), ROWS, **asked, folder=tmp_path, quiet=True)  # type: ignore[arg-type]
        assert caught.value.hint == "Its models are `fake:a`, `fake:b`."
    assert make_task().place_of(make_task().model.name) == 0


def test_try_asks_the_winner_or_the_best_finalist_on_a_model(studied: Path) -> None:
    study = load_study(studied)
    assert study.decision is not None
    won = tailor("try", studied, "billing please").output
    assert f"by {study.decision.chosen}" in won
    said = tailor("try", studied, "billing please", "--model", "fake:b").output
    assert said.splitlines()[0] == "billing" and said.rstrip().endswith(" on fake:b")
    wrong = tailor("try", studied, "billing please", "--model", "fake:c")
    assert wrong.exit_code == 2 and "has no model `fake:c`" in wrong.output


def test_only_the_model_that_answers_is_opened(studied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def watched(settings: ModelSettings, **more: Any) -> Model:
        opened.append(settings.name)
        return open_model(settings, **more)

    monkeypatch.setattr("tailor.open_engine.open_model", watched)
    assert tailor("try", studied, "billing please", "--model", "fake:b").exit_code == 0
    assert opened == ["fake:b"]


def test_show_tells_models_apart_by_price_and_time(studied: Path) -> None:
    shown = tailor("show", studied).output
    head = next(line for line in shown.splitlines() if line.startswith("system") and "role" in line)
    assert head.split("  ")[-1] == "one-off" and "1,000 right" in head and "95 % in" in head
    assert " on fake:a" in shown and " on fake:b" in shown


# --- why each fails


def test_each_model_that_can_be_tuned_is_diagnosed_and_its_training_weighed(tmp_path: Path, tunable: str) -> None:
    named = {"fake:b": 100.0, tunable: 1.0}
    models = [{"name": name, "prices": dict.fromkeys(PRICED, price)} for name, price in named.items()]
    dear = dict.fromkeys(PRICED, 1.0) | {"label": 1e6, "error": 0.01}
    study = climb(write_desk(tmp_path, model="fake:a", models=models, prices=dear, ask_again=False))
    assert study.diagnosis is not None and study.diagnosis.model == "fake:a"
    assert [found.model for found in study.other_diagnoses] == [tunable], "one that cannot be tuned is not worth it"
    page = write_report(study, tmp_path / "report.html").read_text(encoding="utf-8")
    leads = [headline(found) for found in (study.diagnosis, *study.other_diagnoses)]
    for model, lead in zip(("fake:a", tunable), leads, strict=True):
        assert f"{model} fails " in lead and f"{model} fails " in page and f"<h3>{model}</h3>" in page
    assert load_study(tmp_path).other_diagnoses == study.other_diagnoses
    assert all(lead in tailor("show", tmp_path).output for lead in leads)
    (tune,) = [step for step in study.steps if step.rung == "tune"]
    assert tune.status == "cannot pay" and tune.note.startswith(f"Training {tunable} costs about ")
    assert "with answers that cost nothing and are always right it would save at most" in tune.note


# --- what is expected and what endpoints show


def test_preflight_says_only_what_it_asked_for(tmp_path: Path) -> None:
    def seen(said: str, *, refuses: bool = False) -> str:
        def answers(payload: Mapping[str, Any]) -> Answer:
            if refuses and "top_logprobs" in payload:
                return refusal(400, "logprobs is not supported")
            return Answer(completion(said))

        with Endpoint(answers) as endpoint:
            model = {"name": "m", "base_url": endpoint.url, "context_tokens": 8192}
            other = model | {"name": "n"}
            folder = write_desk(tmp_path / f"{said}{refuses}", model=model, models=[other], prices={"label": 0.0})
            output = tailor("check", folder, "--endpoint").output
        return " ".join(output.split())

    assert seen("billing").count("were asked for and are not told") == 2, "of each model"
    assert "are not asked for" in seen("billing", refuses=True)
    assert "no label was written" in seen("hm")


class Added:
    """An approach of a package."""

    name = "added"

    def fit(self, system: Any, data: Any, engine: Any, on_progress: Any = None) -> Any:
        raise AssertionError("an estimate fits nothing")


def expected(task: Task, unlabelled: int = 0) -> tuple[float, float]:
    """The most calls and the most money that a study of two endpoints is expected to take."""
    rows = [Example(str(i), {"x": sentence(i)}, (LABELS[i % 3],)) for i in range(60)]
    splits = Splits(tuple(rows[:20]), tuple(rows[20:40]), tuple(rows[40:]), unlabelled=unlabelled)
    models = [open_model(asked) if asked.is_remote else FakeModel(name=asked.name) for asked in task.asked]
    found = expected_spending(task, splits, models, None)
    assert found is not None and found.money is not None
    return found.calls.high, found.money.high


def priced(name: str, price: float) -> dict[str, Any]:
    return {"name": name, "base_url": "http://127.0.0.1:9/v1", "context_tokens": 8192, "prices": dict.fromkeys(PRICED, price)}


def test_approaches_of_packages_count_for_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [priced("a", 1.0), priced("b", 100.0)]
    calls, paid = expected(make_task(models=models, labels=LABELS))
    monkeypatch.setitem(APPROACHES.own, "added", f"{__name__}:Added")
    monkeypatch.setitem(APPROACHES._loaded, "added", Added())
    more, paid_more = expected(make_task(models=models, labels=LABELS, approaches=["added"]))
    assert more >= calls + 2 * 20 and paid_more > paid


def test_what_the_dearest_teacher_would_take_counts_once_and_only_where_there_is_a_student() -> None:
    remote, student = [priced("a", 1.0), priced("b", 100.0)], "fake:local"
    alone, paid_alone = expected(make_task(models=remote, labels=LABELS), unlabelled=5_000)
    assert alone == expected(make_task(models=remote, labels=LABELS))[0], "nobody can be tuned"
    plain, paid = expected(make_task(models=[*remote, student], labels=LABELS))
    taught, paid_taught = expected(make_task(models=[*remote, student], labels=LABELS), unlabelled=5_000)
    assert taught == plain + MOST_TAUGHT and paid_taught > 1.5 * paid > paid_alone * 0.9


def test_who_answered_is_told_of_each_model(tmp_path: Path) -> None:
    billers = Biller(), Biller()
    billers[0].more, billers[1].more = {"model": "one-2026"}, {"model": "someone-else"}
    with Endpoint(billers[0]) as one, Endpoint(billers[1]) as two:
        models = [{"name": name, "base_url": at.url, "context_tokens": 8192} for name, at in (("one", one), ("two", two))]
        split = {"train": 8, "dev": 12, "test": 12}
        study, _ = climbed(quiz(tmp_path, "", model=models[0], models=models[1:], ask_again=False, split=split))
    record = to_json(study)
    assert record["answered"]["models"].keys() == {"one-2026"} and record["answered"]["sentence"] == ""
    (other,) = record["other_answered"]
    assert other["sentence"].startswith("two was asked for, and the endpoint says that someone-else (")
    page = write_report(study, tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count(other["sentence"]) == 2, "with the decision, and with how it was measured"
