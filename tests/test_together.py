"""Trainings side by side: each gives what it gives alone, one that fails harms no other, and none outlives who asked for it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file
from tiny import chat, open_tiny

from tailor.errors import DoesNotFit
from tailor.models import together
from tailor.models.fake import FakeModel
from tailor.models.local import LocalModel
from tailor.models.together import Training, side_by_side, train_together
from tailor.models.training import TrainingRow
from tailor.models.tune import Recipe, read_tuned

RECIPE = Recipe("lora", epochs=2, rank=4, learning_rate=1e-2, batch_rows=4, seed=0)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(together, "device", lambda: "cpu")
    monkeypatch.setattr(together, "LEAST_WORK", 0)


def make_training(model: LocalModel, folder: Path, answer: str, words: int = 1, epochs: int = 2) -> Training:
    prompts = [model.encode(chat(f"row {number} " + "amber " * words)) for number in range(8)]
    rows = [TrainingRow(tuple(prompt), (*model.encode_answer(answer), model.end_token)) for prompt in prompts]
    return Training(model, rows, rows[:2], replace(RECIPE, epochs=epochs), folder)


@pytest.mark.slow
@pytest.mark.usefixtures("two_cores")
def test_side_by_side_each_gives_what_it_gives_alone(tiny_folder: Path, tmp_path: Path) -> None:
    model = open_tiny(tiny_folder)
    first = make_training(model, tmp_path / "tuned" / "first", "charged twice")
    second = make_training(model, tmp_path / "tuned" / "second", "lost card", epochs=1)
    too_long = make_training(model, tmp_path / "tuned" / "long", "lost card", words=2_000)
    seen: list[tuple[int, int]] = []

    trained = train_together(side_by_side([second, first, first, too_long]), lambda done, total: seen.append((done, total)))

    assert set(trained) == {first.folder, second.folder} and min(trained.values()) > 0
    assert seen == sorted(seen) and seen[-1] == (8 * 2 + 8 + 8 * 2,) * 2
    with pytest.raises(DoesNotFit):
        too_long.run()
    for training in (first, second):
        alone = replace(training, folder=tmp_path / "alone" / training.folder.name).run()
        beside = read_tuned(training.folder)
        assert beside is not None and training.is_done and training.run() == beside
        assert (beside.epoch, beside.trained_tokens) == (alone.epoch, alone.trained_tokens)
        weights = load_file(training.folder / "adapter_model.safetensors")
        for name, part in load_file(alone.folder / "adapter_model.safetensors").items():
            np.testing.assert_allclose(weights[name], part, rtol=1e-3, atol=1e-5)
    assert side_by_side([first, second]) == [], "what is there is not trained again"


@pytest.mark.slow
@pytest.mark.usefixtures("two_cores")
def test_whoever_stops_waiting_stops_the_trainings(tiny_folder: Path, tmp_path: Path) -> None:
    model = open_tiny(tiny_folder)
    trainings = [make_training(model, tmp_path / name, name, epochs=500) for name in ("lost card", "charged twice")]

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_together(side_by_side(trainings), stop)
    until = time.monotonic() + 10
    while (left := _children()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left and not any(training.is_done for training in trainings)


def test_one_after_the_other_where_that_is_as_quick(
    two_cores: None, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_tiny(tiny_folder)
    first, second = (make_training(model, tmp_path / name, name) for name in ("lost card", "charged twice"))
    longer = make_training(model, tmp_path / "longer", "lost card", epochs=3)
    assert side_by_side([first, second, longer, first]) == [longer, first, second]
    assert side_by_side([first]) == side_by_side([first, replace(second, model=FakeModel())]) == []
    for name, value in (
        ("BYTES_BESIDES", psutil.virtual_memory().total),
        ("LEAST_WORK", 1e12),
        ("device", lambda: "cuda"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(together, name, value)
            assert side_by_side([first, second]) == []
    assert train_together([]) == {}


def _children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "tailor.models.together" in child.cmdline()]
