"""The learning curve of a task: measured on nested subsets without a leak, continued, and said in words."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_helpers import WORDS, make_example, make_task
from golden_text import Golden
from pydantic import TypeAdapter
from tiny import answer_material, classify_material, make_engine, open_tiny, start

from tailor.approaches.approach import TrainingData
from tailor.approaches.tuning import FineTune
from tailor.data.example import Example
from tailor.data.units import find_units
from tailor.diagnose.curve import (
    LearningCurve,
    Measured,
    continued,
    learned,
    learning_curve,
    measure_lora,
    measure_probe,
    sentence,
    spaced,
)
from tailor.engine import Engine
from tailor.errors import ConfigError
from tailor.models.fake import FakeModel
from tailor.stats.curve import Forecast, LabelsNeeded

MakeEngine = Callable[..., Engine]
COLOURS = ("red", "green", "blue")


def noisy_rows(n: int) -> list[Example]:
    """Texts of eight words, of which a label's own ten words are likelier than others: more rows teach more of these words."""
    draw = random.Random(1)
    rows = []
    for number in range(n):
        label = COLOURS[number % 3]
        own = WORDS[10 * COLOURS.index(label) :][:10]
        words = [draw.choice(own if draw.random() < 0.45 else WORDS) for _ in range(8)]
        rows.append(make_example(number, label, text=" ".join(words)))
    return rows


MATERIAL = TrainingData(make_task(labels=COLOURS), tuple(noisy_rows(200)[:160]), tuple(noisy_rows(200)[160:]))


@pytest.fixture
def engine(engine_for: MakeEngine, tmp_path: Path) -> Engine:
    return engine_for(FakeModel(), tmp_path)


@pytest.fixture(scope="module")
def curve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LearningCurve]:
    engine = make_engine(FakeModel(), tmp_path_factory.mktemp("curve"))
    yield learning_curve(MATERIAL, engine, 0.9)
    engine.ledger.close()


# --- by probe


def test_the_probe_gives_a_rising_curve_that_goes_on_to_four_times_the_labels(curve: LearningCurve) -> None:
    sizes, accuracies = zip(*((point.size, point.accuracy) for point in curve.points), strict=True)
    assert sizes == (20, 30, 46, 70, 106, 160)  # four of five folds of 200 rows hold 160
    assert accuracies[-1] > accuracies[0] + 0.05
    assert curve.rows > 180 and curve.labels == 160
    assert curve.series[0].size == 20 and curve.series[-1].size == 640
    for forecast in curve.series:
        assert forecast.low < forecast.median < forecast.high
    assert curve.needed is not None and curve.needed.target == 0.9 and curve.needed.cap == 640


def test_the_same_rows_give_the_same_curve(curve: LearningCurve, engine: Engine) -> None:
    assert learning_curve(MATERIAL, engine, 0.9) == curve


def test_the_curve_can_be_saved_and_read_back(curve: LearningCurve) -> None:
    form = TypeAdapter(LearningCurve)
    assert form.validate_json(form.dump_json(curve)) == curve


def test_rows_of_a_group_are_never_learned_from_and_tested(engine: Engine) -> None:
    # Rows of a group share their text, and labels are dealt to groups at random: whoever sees a group's row knows the others.
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=8)) for _ in range(40)]
    rows = [make_example(n, "ab"[texts.index(t) % 2], text=t, group=t) for n, t in enumerate(texts * 5)]
    task = make_task(labels=("a", "b"))
    measured = measure_probe(TrainingData(task, find_units(rows, task).examples, ()), engine)
    assert measured is not None and measured.rows == 40
    assert measured.accuracies[:, -1].mean() < 0.75


def test_progress_is_told_up_to_the_end(engine: Engine) -> None:
    rows, told = noisy_rows(100), []
    learning_curve(
        TrainingData(make_task(labels=COLOURS), tuple(rows), ()), engine, 0.9, on_progress=lambda *done: told.append(done)
    )
    assert told == sorted(told) and told[-1] == (120, 120)


def test_sizes_can_be_given(engine: Engine) -> None:
    rows = noisy_rows(100)
    measured = measure_probe(TrainingData(make_task(labels=COLOURS), tuple(rows), ()), engine, (20, 40, 60))
    assert measured is not None and measured.sizes == (20, 40, 60) and measured.accuracies.shape == (4, 3)


def test_few_groups_are_too_few_however_many_rows_they_have(golden: Golden, engine: Engine) -> None:
    rows = [make_example(i, "ab"[i % 2], text=f"{'ab'[i % 2]} {i}", group=f"g{i % 4}") for i in range(120)]
    task = make_task(labels=("a", "b"), data={"file": "a.csv", "group_by": "g"})
    rows = list(find_units(rows, task).examples)
    data = TrainingData(task, tuple(rows[:90]), tuple(rows[90:]))
    golden(learning_curve(data, engine, 0.9).why_not)


def test_few_labels_and_free_answers_are_told_apart(golden: Golden, engine: Engine) -> None:
    few = learning_curve(classify_material(), engine, 0.9)
    golden(sentence(few))
    free = learning_curve(answer_material(), engine, 0.9)
    assert not few.points and not free.points and free.needed is None
    golden(sentence(free))


def test_labels_that_teach_nothing_yet_make_no_curve(golden: Golden, engine: Engine) -> None:
    rows = [replace(row, answers=("rare" if number == 7 else "usual",)) for number, row in enumerate(noisy_rows(60))]
    data = TrainingData(make_task(labels=("usual", "rare")), tuple(rows), ())
    measured = measure_probe(data, engine)
    assert measured is not None and measured.accuracies.mean(axis=0) == pytest.approx([59 / 60] * 6)
    golden(sentence(learning_curve(data, engine, 0.9)))


@pytest.mark.parametrize(
    ("accuracies", "sizes"),
    [([0.5, 0.6, 0.7, 0.8], (10, 20, 40, 80)), ([0.45, 0.39, 0.5, 0.6], (40, 80)), ([0.4, 0.4, 0.4, 0.6], None)],
)
def test_sizes_before_anything_is_learned_are_left_out(accuracies: list[float], sizes: tuple[int, ...] | None) -> None:
    kept = learned(Measured((10, 20, 40, 80), np.array([accuracies]), 100, commonest=0.4))
    assert (kept and kept.sizes) == sizes
    assert kept is None or kept.accuracies.shape == (1, len(kept.sizes))


@pytest.mark.parametrize(("smallest", "largest", "sizes"), [(10, 80, (10, 20, 40, 80)), (10, 19, ()), (10, 20, (10, 13, 16, 20))])
def test_sizes_stand_at_equal_ratios(smallest: int, largest: int, sizes: tuple[int, ...]) -> None:
    assert spaced(smallest, largest, 4) == sizes


# --- by LoRA


@pytest.mark.slow
def test_lora_is_trained_on_nested_subsets_and_measured_on_dev(engine_for: MakeEngine, tiny_folder: Path, tmp_path: Path) -> None:
    quick = {"epochs": 1, "rank": 4, "batch_rows": 4, "learning_rate": 1e-2}
    engine, data = engine_for(open_tiny(tiny_folder), tmp_path), classify_material(n_train=12, tuning=quick)
    FineTune().fit(start(data, engine), data, engine)  # as the ladder does: the whole of train is not trained on again
    measured = measure_lora(data, engine, (4, 12))
    assert measured is not None and measured.sizes == (4, 12) and measured.rows == 6
    assert len(list((tmp_path / "tuned").iterdir())) == 2
    assert measured.commonest == pytest.approx(1 / 3)  # six dev rows of four labels


def test_lora_without_weights_is_a_mistake_that_is_explained(engine: Engine) -> None:
    with pytest.raises(ConfigError, match="cannot be tuned"):
        learning_curve(classify_material(n_train=60), engine, 0.9, "lora")


# --- in words


def told(median: int | None, low: int | None, high: int | None, end: float = 0.96, target: float = 0.95) -> str:
    series = (Forecast(300, 0.9, 0.88, 0.92, 0.8), Forecast(1200, end, end - 0.02, end + 0.02, 0.8))
    measured = continued("probe", 300, Measured((150, 300), np.array([[0.8, 0.9]]), 100), 0.95)
    return sentence(replace(measured, series=series, needed=LabelsNeeded(target, median, low, high, 1200, 0.8)))


@pytest.mark.parametrize(
    ("needed", "said"),
    [
        ((603, 482, 1004), "About 300 more labels would reach 95 % (80 % interval 180 to 700)."),
        ((603, 482, None), "About 300 more labels would reach 95 % (80 % interval 180 to more than 900)."),
        ((352, 300, 377), "About 50 more labels would reach 95 % (80 % interval 0 to 75)."),
        ((300, 300, 300), "Your labels are enough for 95 %."),
        ((301, 300, 520), "Your labels are roughly enough for 95 % (more labels needed: 80 % interval 0 to 220)."),
        ((300, 300, 520), "Your labels are roughly enough for 95 % (more labels needed: 80 % interval 0 to 220)."),
    ],
)
def test_the_labels_needed_are_said_with_their_interval(needed: tuple[int | None, int | None, int | None], said: str) -> None:
    assert told(*needed) == said


@pytest.mark.slow
def test_a_target_out_of_reach_is_said_to_be_so(golden: Golden) -> None:
    golden(told(None, None, None, end=0.905))
    golden(told(None, None, None, end=0.92))
    golden(told(None, 300, None, end=0.97, target=0.975))
    golden(told(None, 900, None, end=0.93))
