"""Generating text for a batch of prompts that share a prefix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tailor.models.scoring import backbone, batches, common_prefix, expand, head, prefix_cache

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Generated:
    """New tokens of one prompt, the end token left out, and whether it ended by itself."""

    tokens: list[int]
    ended: bool


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen: greedy at temperature 0, else drawn with this request's own seed."""

    max_tokens: int
    temperature: float = 0.0
    seed: int = 0


def generate(
    module: Any, prompts: Sequence[Sequence[int]], sampling: Sequence[Sampling], end_tokens: frozenset[int]
) -> list[Generated]:
    """New tokens for each prompt.

    Args:
        module: a transformers causal LM, with or without a PEFT adapter, in evaluation mode.
        prompts: token ids, each at least one.
        sampling: one per prompt.
        end_tokens: tokens that end an answer.
    """
    import torch

    if not prompts:
        return []
    shared = common_prefix(prompts)
    own = [list(prompt[shared:]) for prompt in prompts]
    out: list[Generated] = [Generated([], False)] * len(prompts)
    with torch.inference_mode():
        cache = prefix_cache(module, prompts[0][:shared])
        for group in batches([len(tokens) for tokens in own], max(s.max_tokens for s in sampling)):
            rows = _decode(
                module, expand(cache, len(group)), shared, [own[i] for i in group], [sampling[i] for i in group], end_tokens
            )
            for i, row in zip(group, rows, strict=True):
                out[i] = row
    return out


def _decode(
    module: Any, cache: Any, shared: int, rows: list[list[int]], sampling: list[Sampling], end_tokens: frozenset[int]
) -> list[Generated]:
    """One batch: read the prompts (padded on the left), then one token at a time; finished rows leave the batch."""
    import torch

    device = module.device
    width = max(map(len, rows))
    ids = torch.zeros((len(rows), width), dtype=torch.long, device=device)
    mask = torch.zeros((len(rows), shared + width), dtype=torch.long, device=device)
    mask[:, :shared] = 1
    for r, tokens in enumerate(rows):
        ids[r, width - len(tokens) :] = torch.tensor(tokens, device=device)
        mask[r, shared + width - len(tokens) :] = 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, shared:]
    drawers = [torch.Generator().manual_seed(s.seed) for s in sampling]
    written: list[list[int]] = [[] for _ in rows]
    ended = [False] * len(rows)
    active = list(range(len(rows)))
    while active:
        hidden = backbone(module)(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        ).last_hidden_state[:, -1]
        logits = head(module)(hidden).float().cpu()
        keep: list[int] = []
        for place, r in enumerate(active):
            token = _choose(logits[place], sampling[r], drawers[r])
            ended[r] = token in end_tokens
            if not ended[r]:
                written[r].append(token)
                if len(written[r]) < sampling[r].max_tokens:
                    keep.append(place)
        if len(keep) < len(active):
            active = [active[place] for place in keep]
            if not active:
                break
            chosen = torch.tensor(keep, device=device)
            cache.batch_select_indices(chosen)
            mask, positions = mask[chosen], positions[chosen]
        ids = torch.tensor([[written[r][-1]] for r in active], device=device)
        mask = torch.cat([mask, torch.ones((len(active), 1), dtype=torch.long, device=device)], dim=1)
        positions = positions[:, -1:] + 1
    return [Generated(tokens, done) for tokens, done in zip(written, ended, strict=True)]


def _choose(logits: torch.Tensor, sampling: Sampling, drawer: torch.Generator) -> int:
    import torch

    if sampling.temperature <= 0:
        return int(logits.argmax())
    probabilities = torch.softmax(logits / sampling.temperature, dim=-1)
    return int(torch.multinomial(probabilities, 1, generator=drawer))
