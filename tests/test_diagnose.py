"""The diagnosis of small tasks: what each lever is expected to win, and that asking for it is never paid for twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_helpers import make_example, make_task
from pydantic import TypeAdapter
from tiny import DOCUMENTS, answer_material, open_tiny, start

from tailor.approaches.approach import TrainingData
from tailor.approaches.retrieval import Retrieve
from tailor.diagnose.classes import classes
from tailor.diagnose.context import Context, LeverForecast, levers
from tailor.diagnose.diagnosis import FEW_LABELS, ONE_LABEL, diagnose
from tailor.diagnose.span_probe import best_span, marked
from tailor.diagnose.types import Diagnosis
from tailor.engine import Engine
from tailor.errors import DocumentsError
from tailor.evaluate.measure import measure
from tailor.evaluate.run import Run
from tailor.models.base import Capabilities
from tailor.models.fake import FakeModel

QUICK = {"batch_rows": 1}
"""A step of training for every row, so that few rows are steps enough."""

Make = Callable[..., Engine]


def baseline(data: TrainingData, engine: Engine) -> Run:
    return measure(data.task, start(data, engine), "dev", data.dev, engine)


def diagnosed(data: TrainingData, engine: Engine) -> Diagnosis:
    return diagnose(data, engine, baseline(data, engine))


def colours(n_train: int = 40, n_dev: int = 20, **changes: Any) -> TrainingData:
    """Texts whose words tell the label, though not by its name."""
    words = {"warm": "ember sun fire", "cold": "ice snow frost", "wet": "rain river sea"}
    names = list(words)
    rows = [make_example(i, names[i % 3], text=f"{words[names[i % 3]]} number {i}") for i in range(n_train + n_dev)]
    return TrainingData(make_task(labels=names, tuning=QUICK, **changes), tuple(rows[:n_train]), tuple(rows[n_train:]))


def closed(answers: tuple[str, ...] = ("yes", "no")) -> TrainingData:
    """Free answers that repeat: texts whose words tell which of them is right."""
    words = ("open door light", "shut wall dark")
    rows = [make_example(i, answers[i % 2], text=f"{words[i % 2]} {i}") for i in range(40)]
    task = make_task(kind="answer", instruction="Answer.", output="answer", metric="exact", max_words=5, tuning=QUICK)
    return TrainingData(task, tuple(rows[:24]), tuple(rows[24:]))


# --- classes


def test_what_words_tell_is_forecast_for_tuning_and_for_examples(engine_for: Make, tmp_path: Path) -> None:
    found = diagnosed(colours(), engine_for(FakeModel(), tmp_path))
    assert found.rows == 20 and 0 < found.failures < 20 and found.baseline == 1 - found.failures / 20
    tuned, shown = found.lever("behaviour"), found.lever("examples")
    assert tuned is not None and shown is not None
    assert tuned.forecast.mean == 1 and tuned.forecast.level == 0.8
    # The nearest example is right for every row, but a model that is shown it takes it over for nine rows of ten.
    assert shown.forecast.mean == pytest.approx(1 - found.failures / 200)
    assert tuned.alone == found.failures and shown.alone == round(0.9 * found.failures)
    assert (tuned.only, shown.only) == (round(0.1 * found.failures), 0)
    assert tuned.forecast.low is not None and tuned.forecast.low < 1
    # Scored labels are held to their form, and there is nothing to retrieve from.
    assert found.lever("form") is None and found.lever("knowledge") is None and found.retrieval_recall is None


def test_few_steps_of_training_get_only_a_part_of_the_way(engine_for: Make, tmp_path: Path) -> None:
    known = colours()
    slow = known.task.model_copy(update={"tuning": known.task.tuning.model_copy(update={"batch_rows": 8})})
    data = TrainingData(slow, known.train, known.dev)
    found = diagnosed(data, engine_for(FakeModel(), tmp_path))
    tuned = found.lever("behaviour")
    # Three passes over five batches: 15 steps of 50.
    assert tuned is not None and "only 15 steps" in tuned.how
    assert tuned.forecast.mean == pytest.approx(found.baseline + 15 / 50 * (1 - found.baseline))


def test_a_diagnosis_can_be_saved_and_read_again(engine_for: Make, tmp_path: Path) -> None:
    found, record = diagnosed(colours(), engine_for(FakeModel(), tmp_path)), TypeAdapter(Diagnosis)
    assert found.labels is not None
    assert record.validate_json(record.dump_json(found)) == found


def test_a_local_model_is_probed_on_its_own_states(engine_for: Make, tmp_path: Path, tiny_folder: Path) -> None:
    engine = engine_for(open_tiny(tiny_folder), tmp_path)
    tuned = diagnosed(colours(), engine).lever("behaviour")
    assert tuned is not None and tuned.forecast.mean >= 0.9
    assert "the embedder's vectors" in tuned.how and "the frozen model's states" in tuned.how


def test_written_labels_that_cannot_be_read_are_a_matter_of_form(engine_for: Make, tmp_path: Path) -> None:
    model = FakeModel(lambda request: "ember warm" if int(request.messages[-1].text.split()[-1]) % 2 else "who knows")
    model.capabilities = Capabilities()
    data = colours()
    found = diagnosed(data, engine_for(model, tmp_path))
    held = found.lever("form")
    assert held is not None and held.how.startswith("10 answers cannot be read")
    # Half of them can be read, a third of those are right: the others would be worth as much, and a quarter of that is counted.
    rate = 2 * found.baseline
    assert held.forecast.mean == pytest.approx(found.baseline + rate / 8)
    assert held.forecast.low is not None and held.forecast.low < held.forecast.mean


@pytest.mark.parametrize(("n_train", "n_dev"), [(2, 1), (3, 2), (6, 3)])
def test_a_handful_of_rows_is_diagnosed_with_what_they_cannot_tell(
    engine_for: Make, tmp_path: Path, n_train: int, n_dev: int
) -> None:
    found = diagnosed(colours(n_train, n_dev), engine_for(FakeModel(), tmp_path))
    assert found.rows == n_dev and found.labels is None and FEW_LABELS in found.notes
    assert any("single training row" in note for note in found.notes) == (n_train < 6)


def test_rows_of_one_label_forecast_nothing(engine_for: Make, tmp_path: Path) -> None:
    known = colours()
    same = tuple(example for example in known.train if example.label == "warm")
    found = diagnosed(TrainingData(known.task, same, known.dev), engine_for(FakeModel(), tmp_path))
    assert found.levers == () and ONE_LABEL in found.notes


def test_labels_that_no_training_row_has_are_named(engine_for: Make, tmp_path: Path) -> None:
    known = colours()
    seen = tuple(example for example in known.train if example.label != "wet")
    found = diagnosed(TrainingData(known.task, seen, known.dev), engine_for(FakeModel(), tmp_path))
    assert any(note.startswith("1 label of the dev rows has no training row") for note in found.notes)
    tuned = found.lever("behaviour")
    assert tuned is not None and tuned.forecast.mean <= 1 - sum(e.label == "wet" for e in known.dev) / 20


# --- free answers


def test_free_answers_that_repeat_are_probed_as_classes_and_held_to_their_set(engine_for: Make, tmp_path: Path) -> None:
    model = FakeModel(lambda request: "it is hard to say")
    found = diagnosed(closed(), engine_for(model, tmp_path))
    tuned, held = found.lever("behaviour"), found.lever("form")
    assert found.baseline == 0 and tuned is not None and tuned.forecast.mean == 1
    assert held is not None and held.how.startswith("All 2 answers of the training rows were scored")
    assert 0 < held.forecast.mean < 1


def test_right_answers_among_other_words_are_a_matter_of_form(engine_for: Make, tmp_path: Path) -> None:
    data = answer_material(metric="exact")
    data = TrainingData(data.task, data.train, data.train)
    model = FakeModel({"wages": "They come on the 25th of each month.", "bonus": "It is March or 30 days.", "hotel": "No idea."})
    held = diagnosed(data, engine_for(model, tmp_path)).lever("form")
    # The first answer holds the right one alone; the second names another known answer too. A quarter of each is counted.
    assert held is not None and held.values[:3] == pytest.approx((0.25, 0.125, 0.0))


def test_answers_that_stand_in_the_input_are_marked(engine_for: Make, tmp_path: Path, tiny_folder: Path) -> None:
    days = ("monday", "friday", "sunday", "tuesday")
    rows = [make_example(i, f"{days[i % 4]} {i}", text=f"please come on {days[i % 4]} {i} to us") for i in range(40)]
    task = make_task(kind="answer", instruction="Copy the day.", output="answer", metric="exact", max_words=5, tuning=QUICK)
    data = TrainingData(task, tuple(rows[:28]), tuple(rows[28:]))
    tuned = diagnosed(data, engine_for(open_tiny(tiny_folder), tmp_path)).lever("behaviour")
    assert tuned is not None and "marks the answer" in tuned.how and tuned.forecast.mean >= 0.8


def test_the_span_with_the_best_sum_is_taken() -> None:
    assert best_span(np.array([0.1, 0.9, 0.4, 0.9, 0.2])) == (1, 4)
    assert best_span(np.array([0.9, 0.0, 0.8, 0.8])) == (2, 4)
    assert best_span(np.array([0.1, 0.3, 0.2])) == (1, 2)


def test_pieces_of_the_answer_are_marked_by_their_place_in_the_text() -> None:
    example = make_example(0, "30 days")
    mark = marked(["You have", " 3", "0 da", "ys", " off"], example)
    assert mark is not None and mark.tolist() == [False, True, True, True, False]
    assert marked(["nothing", " here"], example) is None


# --- knowledge


def test_passages_are_forecast_from_calls_that_the_ladder_uses_again(engine_for: Make, tmp_path: Path) -> None:
    data = answer_material(max_words=20)
    data = TrainingData(data.task, data.train[:2], (*data.train, *data.dev))
    model = FakeModel()
    engine = engine_for(model, tmp_path, DOCUMENTS)
    first = baseline(data, engine)
    found = diagnose(data, engine, first)
    read = found.lever("knowledge")
    assert read is not None and found.retrieval_recall == pytest.approx(5 / 6)
    assert "contains the answer to 5 of 5 questions" in read.how
    asked = len(model.requests)
    run = measure(data.task, Retrieve("hybrid").fit(first.system, data, engine), "dev", data.dev, engine)
    assert len(model.requests) == asked and read.values == tuple(run.values)
    again = diagnose(data, engine, first)
    assert len(model.requests) == asked and again.levers == found.levers


def test_documents_that_cannot_be_searched_are_a_note(engine_for: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise DocumentsError("the documents are gone")

    monkeypatch.setattr(Retrieve, "fit", refuse)
    found = diagnosed(answer_material(), engine_for(FakeModel(), tmp_path, DOCUMENTS))
    assert found.lever("knowledge") is None and found.retrieval_recall is None
    assert "What passages would gain could not be forecast: the documents are gone." in found.notes


def test_rows_without_an_answer_are_learned_as_not_found(engine_for: Make, tmp_path: Path) -> None:
    found = diagnosed(closed(("yes", "")), engine_for(FakeModel(), tmp_path))
    tuned = found.lever("behaviour")
    assert tuned is not None and tuned.forecast.mean == 1


def test_rows_not_asked_are_expected_to_do_as_those_of_their_kind() -> None:
    from tailor.diagnose.knowledge import _spread

    values, error = _spread(np.array([1.0, 0.0, 0.0]), ["found", "found", "missed", "found", "missed", "none"])
    assert values.tolist() == pytest.approx([1, 0, 0, 0.5, 0, 1 / 3]) and error > 0
    assert _spread(np.array([1.0, 0.0]), ["found", "missed"])[1] == 0


# --- levers


def test_few_rows_that_are_all_alike_are_not_sure_to_stay_so() -> None:
    few, many = (LeverForecast("behaviour", np.ones(n), 0.01, "").interval() for n in (4, 400))
    assert few.low is not None and many.low is not None and few.low < 0.85 and many.low > 0.98


def test_alone_counts_what_a_lever_mends_and_only_what_no_other_does(engine_for: Make, tmp_path: Path) -> None:
    data = colours(6, 6)
    run = baseline(data, engine_for(FakeModel(lambda request: "warm"), tmp_path))
    right = np.array(run.values)
    assert set(right) <= {0.0, 1.0}
    failed = np.flatnonzero(right == 0)
    one, two = right.copy(), right.copy()
    one[failed[:2]] = 1
    two[failed[1:3]] = 1
    first, second = levers([LeverForecast("behaviour", one, 0.1, ""), LeverForecast("examples", two, 0.1, "")], run)
    assert (first.alone, first.only, second.alone, second.only) == (2, 1, 2, 1)
    (capped, _) = levers([LeverForecast("behaviour", one, 0.1, ""), LeverForecast("examples", two, 0.1, "")], run, ceiling=0.0)
    # What labels allow bounds the upper limit, never below the forecast itself.
    assert capped.forecast.high == capped.forecast.mean == one.mean()


def test_answers_are_a_closed_set_only_where_they_repeat(engine_for: Make, tmp_path: Path) -> None:
    engine = engine_for(FakeModel(), tmp_path)
    for data, is_closed in ((closed(), True), (answer_material(), False), (closed(("yes", "yes")), False), (colours(), True)):
        assert (classes(Context(data, engine, baseline(data, engine))) is not None) is is_closed
