"""Several answers of a conversation learned in one pass, and trainings that go on where they were stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from test_tuning import RECIPE, make_rows, plain_loss
from tiny import open_tiny

from tailor.conversation import Turn
from tailor.models.base import Message, message
from tailor.models.checkpoints import KEPT_DAYS, Checkpoints, remove_stale
from tailor.models.local import LocalModel
from tailor.models.training import Collator, TrainingRow, checked, joined
from tailor.models.tune import recipe_key, tune

TURNS = (
    Turn("user", "Hello"),
    Turn("assistant", "charged twice"),
    Turn("user", "amber 7"),
    Turn("assistant", "refund missing?"),
    Turn("user", "and now"),
    Turn("assistant", "charged"),
)


@pytest.fixture
def model(tiny_folder: Path) -> LocalModel:
    return open_tiny(tiny_folder)


def rows_of(model: LocalModel, turns: tuple[Turn, ...] = TURNS) -> list[TrainingRow]:
    """A row for each answer of a conversation, asked by the turns before it."""
    chat: list[Message] = [message("system", "Answer."), *(message(turn.role, turn.text) for turn in turns)]
    return [
        TrainingRow(tuple(model.encode(chat[:place])), (*model.encode_answer(turn.text), model.end_token))
        for place, turn in enumerate(turns, start=1)
        if turn.role == "assistant"
    ]


def test_answers_of_one_conversation_are_learned_in_one_row(model: LocalModel) -> None:
    first, second, third = rows_of(model)
    (one,) = joined([second, third, first])
    assert (one.prompt, one.answer) == (third.prompt, third.answer)
    learned = [one.tokens[place] for place in one.learned]
    assert learned == [*first.answer, *second.answer, *third.answer]
    assert one.before_answers == first.prompt


def test_rows_that_nothing_goes_on_from_stay_as_they_are(model: LocalModel) -> None:
    rows = [*make_rows(model, 4), *make_rows(model, 2)]
    assert joined(rows) == rows
    first, second, _ = rows_of(model)
    other = replace(second, answer=(*model.encode_answer("charged too much"), model.end_token))
    kept = joined([first, second, other])
    assert sorted(len(row.earlier) for row in kept) == [0, 1]  # the first answer is learned once


@pytest.mark.parametrize("packs", [True, False])
def test_the_loss_of_several_answers_is_that_of_each_by_itself(model: LocalModel, packs: bool) -> None:
    apart, others = rows_of(model), make_rows(model, 2)
    together = [*joined(apart), *others]
    shared = together[0].before_answers[:3] if packs else ()
    collator = Collator(shared, packs)
    loss = float(collator.loss(model.module(), together).detach())
    assert loss == pytest.approx(plain_loss(model, [*apart, *others]), abs=1e-4)
    found, one_by_one = checked(model.module(), together, collator), checked(model.module(), [*apart, *others], collator)
    assert found.confidence == pytest.approx(one_by_one.confidence, abs=1e-4)


def test_the_gradient_of_several_answers_is_that_of_a_plain_computation(model: LocalModel) -> None:
    import torch

    apart = rows_of(model)
    module = model.module()
    collator = Collator(joined(apart)[0].before_answers[:2])
    loss: Any = collator.loss(module, joined(apart))
    loss.backward()
    packed = {name: part.grad.clone() for name, part in module.named_parameters()}
    module.zero_grad()
    total: Any = torch.zeros(())
    for row in apart:
        logits = module(input_ids=torch.tensor([row.tokens])).logits[0, len(row.prompt) - 1 : -1]
        total = total + torch.nn.functional.cross_entropy(logits, torch.tensor(row.answer), reduction="sum")
    (total / sum(len(row.answer) for row in apart)).backward()
    for name, part in module.named_parameters():
        np.testing.assert_allclose(packed[name].numpy(), part.grad.numpy(), atol=2e-5, err_msg=name)


@pytest.mark.slow
def test_tuning_on_joined_rows_learns_every_answer(model: LocalModel, tmp_path: Path) -> None:
    apart = rows_of(model)
    tuned = tune(model, joined(apart) * 8, apart, replace(RECIPE, epochs=6), tmp_path / "all")
    assert plain_loss(model, apart, tuned.folder) < plain_loss(model, apart) - 1
    assert recipe_key(model.digest, joined(apart), apart, RECIPE) != recipe_key(model.digest, apart[-1:], apart, RECIPE)


class Stopped(Exception):
    """What stops a training in a test."""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(
    model: LocalModel, tmp_path: Path, method: Literal["lora", "full"]
) -> None:
    rows = [*make_rows(model, 10), *make_rows(model, 10, "refund missing?")]
    recipe = replace(RECIPE, method=method, epochs=2, learning_rate=1e-3)
    whole = tune(model, rows, rows[::4], recipe, tmp_path / "whole")
    for stop in (2, 5, 7):  # in the middle of an epoch, at its end, and in the next one
        seen: list[int] = []

        def progress(done: int, total: int, stop: int = stop, seen: list[int] = seen) -> None:
            seen.append(done)
            if done == stop:
                raise Stopped

        with pytest.raises(Stopped):
            tune(model, rows, rows[::4], recipe, tmp_path / "stopped", progress, every=0.0)
        assert stop == 2 or seen[0] > 1, "it goes on from a checkpoint"
    assert tune(model, rows, rows[::4], recipe, tmp_path / "stopped", every=0.0).digest == whole.digest
    assert not list(tmp_path.glob(".resume-*"))


def test_a_damaged_checkpoint_is_none_and_an_old_one_goes(tmp_path: Path) -> None:
    import torch

    kept = Checkpoints(tmp_path / ".resume-a", "key")
    assert kept.read() is None and not kept.is_due and Checkpoints(tmp_path, "key", 0.0).is_due
    kept.write(1, {"best": {}}, {"random": torch.zeros(2)})
    kept.write(2, {"best": {"epoch": 1}}, {"random": torch.ones(2)})
    found = kept.read()
    assert found is not None and found.record["best"] == {"epoch": 1} and found.tensors["random"].tolist() == [1, 1]
    assert Checkpoints(tmp_path / ".resume-a", "other").read() is None
    (tensors,) = (tmp_path / ".resume-a").glob("*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"x")
    assert kept.read() is None
    remove_stale(tmp_path)
    assert kept.folder.exists()
    old = time.time() - (KEPT_DAYS + 1) * 86_400
    os.utime(kept.folder, (old, old))
    remove_stale(tmp_path)
    assert not kept.folder.exists()


@pytest.mark.slow
def test_a_training_that_is_killed_at_random_moments_ends_with_the_same_weights(tiny_folder: Path, tmp_path: Path) -> None:
    kills = "6"
    command = [sys.executable, str(Path(__file__).with_name("kills.py")), str(tiny_folder), str(tmp_path), kills, "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["status"] == [0, 0] and told["killed"] == int(kills) and told["checkpoints"] and told["left"] == []
    assert told["whole"] == told["resumed"] is not None
