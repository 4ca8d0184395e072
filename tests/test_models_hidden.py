"""States of a frozen model: packed as plain, and of a prompt's own tokens only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import open_tiny

from tailor.models import hidden
from tailor.models.hidden import mean_states, own_part, token_states
from tailor.models.local import LocalModel

PROMPTS = [[5, 6, 7, 20, 21, 9, 8], [5, 6, 7, 30, 9, 8], [5, 6, 7, 40, 41, 42, 9, 8]]


@pytest.fixture
def model(tiny_folder: Path) -> LocalModel:
    return open_tiny(tiny_folder)


def test_only_the_tokens_between_common_ends_count() -> None:
    assert own_part([tuple(prompt) for prompt in PROMPTS]) == (3, 2)
    assert own_part([(1, 2, 3)]) == (2, 0)
    assert own_part([(1, 1), (1, 1, 1)]) == (1, 0)


@pytest.mark.parametrize("depth", [0.5, 1.0])
def test_packed_states_are_those_of_the_model_itself(model: LocalModel, monkeypatch: pytest.MonkeyPatch, depth: float) -> None:
    packed = token_states(model, PROMPTS, depth)
    means = mean_states(model, PROMPTS, depth)
    monkeypatch.setattr(hidden, "can_pack", lambda module: False)
    for (tokens, states), (plain_tokens, plain), prompt in zip(packed, token_states(model, PROMPTS, depth), PROMPTS, strict=True):
        assert tokens == plain_tokens == tuple(prompt[3:-2]) and states.shape == (len(tokens), 32)
        np.testing.assert_allclose(states, plain, atol=1e-5)
    np.testing.assert_allclose(means, [states.mean(0) for _, states in packed], atol=1e-6)
    assert means.dtype == np.float32


def test_states_are_those_of_the_layer_asked_for(model: LocalModel) -> None:
    import torch

    module = model.module()
    with torch.inference_mode():
        every = module(input_ids=torch.tensor([PROMPTS[0]]), output_hidden_states=True).hidden_states
    for depth, layer in ((0.5, 1), (1.0, 2)):
        np.testing.assert_allclose(mean_states(model, PROMPTS, depth)[0], every[layer][0, 3:5].mean(0), atol=1e-5)


def test_equal_prompts_have_equal_states_and_the_model_answers_as_before(model: LocalModel) -> None:
    from tiny import chat

    from tailor.models.base import Request

    requests = [Request(chat("amber"), ("charged", "refund"))]
    before = open_tiny(model.folder).reply(requests)[0].scores
    states = mean_states(model, [PROMPTS[0], PROMPTS[1], PROMPTS[0]])
    np.testing.assert_array_equal(states[0], states[2])
    assert model.reply(requests)[0].scores == before


def test_no_prompts_have_no_states_and_a_depth_is_a_share(model: LocalModel) -> None:
    assert mean_states(model, []).shape == (0, 32) and token_states(model, []) == []
    for depth in (0.0, 1.5):
        with pytest.raises(ValueError, match="not above 0 and at most 1"):
            mean_states(model, PROMPTS, depth)
