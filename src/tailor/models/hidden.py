"""What a frozen model makes of inputs: the states of their tokens after some of the layers.

What a linear probe reads off these states tells what is in the weights already (Alain and Bengio 2017, arXiv:1610.01644). Of every
prompt only the tokens count that are its own: what all prompts begin and end with, such as the instruction and the marks of a
turn, is read and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tailor.models.base import Array, Message, Model
from tailor.models.cores import share_cores
from tailor.models.frozen import only_layers
from tailor.models.local import LocalModel, as_local
from tailor.models.packed import Layout, PackedRows, backbone, can_pack, forward, read_prefix
from tailor.models.scoring import batches, common_prefix, tokens_at_once

DEPTH = 1 / 3
"""Share of the layers that are computed. Means at a third told twelve intents apart better than those of later layers, and than the
last token's state at any depth (docs/log.md)."""

Tokens = tuple[int, ...]


def chat_means(model: Model, chats: Sequence[Sequence[Message]]) -> Array:
    """The mean state of each chat's own tokens, as `mean_states` gives it.

    Raises:
        ConfigError: the model's states cannot be looked into.
    """
    local = as_local(model, "looked into")
    return mean_states(local, [local.encode(chat) for chat in chats])


def chat_pieces(model: Model, chats: Sequence[Sequence[Message]]) -> list[tuple[list[str], Array]]:
    """Each chat's own tokens as text, and their states, as `token_states` gives them.

    Raises:
        ConfigError: the model's states cannot be looked into.
    """
    local = as_local(model, "looked into")
    read = token_states(local, [local.encode(chat) for chat in chats])
    return [([local.tokenizer.decode([token]) for token in tokens], states) for tokens, states in read]


def mean_states(model: LocalModel, prompts: Sequence[Sequence[int]], depth: float = DEPTH) -> Array:
    """The mean state of each prompt's own tokens, shape (len(prompts), hidden size), float32; equal prompts are computed once.

    Args:
        model: its base weights are read.
        prompts: token ids, each at least one; all that will be compared, in one call.
        depth: share of the layers that are computed, above 0 and at most 1.

    Raises:
        ValueError: the depth is not such a share.
    """
    distinct = sorted(set(map(tuple, prompts)))
    means = dict(zip(distinct, _own_states(model, distinct, depth, lambda states: states.mean(0)), strict=True))
    size = int(model.module().config.get_text_config().hidden_size)
    return np.stack([means[tuple(prompt)] for prompt in prompts]) if prompts else np.zeros((0, size), np.float32)


def token_states(model: LocalModel, prompts: Sequence[Sequence[int]], depth: float = DEPTH) -> list[tuple[Tokens, Array]]:
    """Each prompt's own tokens and their states, shape (own tokens, hidden size), float32.

    Args:
        model: as for `mean_states`.
        prompts: as for `mean_states`.
        depth: as for `mean_states`.

    Raises:
        ValueError: the depth is not above 0 and at most 1.
    """
    distinct = sorted(set(map(tuple, prompts)))
    start, stop = own_part(distinct) if distinct else (0, 0)
    states = dict(zip(distinct, _own_states(model, distinct, depth, lambda states: states), strict=True))
    return [(tuple(prompt[start : len(prompt) - stop]), states[tuple(prompt)]) for prompt in prompts]


def own_part(prompts: Sequence[Tokens]) -> tuple[int, int]:
    """How many tokens all prompts begin with, and how many they end with; every prompt has at least one between them."""
    start = common_prefix(prompts)
    return start, common_prefix([tuple(reversed(prompt[start:])) for prompt in prompts])


def _own_states(model: LocalModel, prompts: Sequence[Tokens], depth: float, keep: Callable[[Array], Array]) -> list[Array]:
    """What `keep` makes of each prompt's own states (own tokens, hidden size), in the prompts' order."""
    import torch

    if not 0 < depth <= 1:
        raise ValueError(f"depth {depth} is not above 0 and at most 1")
    if not prompts:
        return []
    module = model.module()
    layers = max(1, round(depth * int(module.config.get_text_config().num_hidden_layers)))
    _, stop = own_part(prompts)
    kept: dict[int, Array] = {}
    with torch.inference_mode():
        compute = _packed if can_pack(module) and hasattr(backbone(module), "norm") else _plain
        for i, states in compute(module, prompts, layers):
            kept[i] = keep(states[: len(states) - stop].float().cpu().numpy())
    return [kept[i] for i in range(len(prompts))]


def _packed(module: Any, prompts: Sequence[Tokens], layers: int) -> Iterator[tuple[int, Any]]:
    """By rows behind their common prefix; the layers above are not computed."""
    import torch

    start = common_prefix(prompts)
    own = [prompt[start:] for prompt in prompts]
    with only_layers(module, 0, layers):
        prefix = read_prefix(module, prompts[0][:start])
        for group in batches([len(row) for row in own], tokens_at_once(module), start):
            layout = Layout([len(own[i]) for i in group], module.device)
            ids = [token for i in group for token in own[i]]
            hidden = forward(module, ids, start + layout.column, PackedRows(layout, prefix))
            yield from zip(group, torch.split(hidden, [len(own[i]) for i in group]), strict=True)


def _plain(module: Any, prompts: Sequence[Tokens], layers: int) -> Iterator[tuple[int, Any]]:
    """By the model's own forward pass, prompt by prompt."""
    import torch

    start = common_prefix(prompts)
    for i, prompt in enumerate(prompts):
        share_cores()
        out = module(input_ids=torch.tensor([prompt], device=module.device), output_hidden_states=True, use_cache=False)
        yield i, out.hidden_states[layers][0, start:]
