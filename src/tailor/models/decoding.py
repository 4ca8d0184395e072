"""Generating text for many prompts that share a prefix: prompts are read packed, then all rows advance one token at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tailor.models.packed import DecodingStep, KVCache, Layout, PackedRows, PrefixCache, forward, head, read_prefix
from tailor.models.scoring import CELLS_AT_ONCE, batches, common_prefix, tokens_at_once

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Generated:
    """New tokens of one prompt, the end token left out, and whether it ended by itself."""

    tokens: list[int]
    ended: bool


class Guide(Protocol):
    """Keeps one answer within a form."""

    def restrict(self, logits: torch.Tensor) -> None:
        """Set the entries of tokens that may not come next to minus infinity, in place."""
        ...

    def accept(self, token: int) -> None:
        """Take note of the chosen token."""
        ...


@dataclass(frozen=True)
class Sampling:
    """How an answer is chosen.

    Attributes:
        max_tokens: its greatest length.
        temperature: greedy at 0, else drawn with this request's own seed.
        seed: for drawing.
        guide: keeps it within a form.
        stops: whether the answer so far, as tokens, holds a string that ends it.
        grown: told of the answer so far, as tokens, after each one.
    """

    max_tokens: int
    temperature: float = 0.0
    seed: int = 0
    guide: Guide | None = None
    stops: Callable[[list[int]], bool] | None = None
    grown: Callable[[list[int]], None] | None = None


class Sampler:
    """One answer in the making."""

    def __init__(self, sampling: Sampling, end_tokens: frozenset[int]) -> None:
        import torch

        self._sampling, self._end_tokens = sampling, end_tokens
        self._drawer = torch.Generator().manual_seed(sampling.seed) if sampling.temperature > 0 else None
        self.tokens: list[int] = []
        self.ended = False

    def take(self, logits: torch.Tensor, greedy: int) -> bool:
        """Add the next token; False when the answer is complete.

        Args:
            logits: (vocabulary,), float32.
            greedy: the likeliest token, found for the whole batch at once.
        """
        sampling = self._sampling
        if sampling.guide is not None:
            logits = logits.clone()
            sampling.guide.restrict(logits)
            greedy = int(logits.argmax())
        token = greedy if self._drawer is None else _draw(logits / sampling.temperature, self._drawer)
        self.ended = token in self._end_tokens
        if self.ended:
            return False
        self.tokens.append(token)
        if sampling.guide is not None:
            sampling.guide.accept(token)
        if sampling.grown is not None:
            sampling.grown(self.tokens)
        self.ended = sampling.stops is not None and sampling.stops(self.tokens)
        return not self.ended and len(self.tokens) < sampling.max_tokens


def _draw(logits: torch.Tensor, drawer: torch.Generator) -> int:
    import torch

    return int(torch.multinomial(torch.softmax(logits, dim=-1).cpu(), 1, generator=drawer))


def generate(
    module: Any,
    prompts: Sequence[Sequence[int]],
    sampling: Sequence[Sampling],
    end_tokens: frozenset[int],
    prefixes: Callable[[Any, Sequence[int]], PrefixCache] = read_prefix,
) -> list[Generated]:
    """New tokens for each prompt.

    Args:
        module: a transformers causal LM that `can_pack`, in evaluation mode.
        prompts: token ids, each at least one.
        sampling: one per prompt.
        end_tokens: tokens that end an answer.
        prefixes: computes the shared prefix, or has it already.
    """
    import torch

    if not prompts:
        return []
    shared = common_prefix(prompts)
    own = [list(prompt[shared:]) for prompt in prompts]
    room = [len(tokens) + s.max_tokens for tokens, s in zip(own, sampling, strict=True)]
    out: list[Generated] = [Generated([], False)] * len(prompts)
    with torch.inference_mode():
        prefix = prefixes(module, prompts[0][:shared])
        # Rows that are decoded together are limited by the keys they hold, not by the tokens of a pass: each step has one per row.
        for group in batches(room, CELLS_AT_ONCE):
            samplers = [Sampler(sampling[i], end_tokens) for i in group]
            _decode(module, prefix, [own[i] for i in group], samplers, max(room[i] for i in group))
            for i, sampler in zip(group, samplers, strict=True):
                out[i] = Generated(sampler.tokens, sampler.ended)
    return out


def _decode(module: Any, prefix: PrefixCache, rows: list[list[int]], samplers: list[Sampler], capacity: int) -> None:
    """Read the rows, then one token at a time; finished rows leave."""
    import torch

    device = module.device
    cache, hidden = _read_rows(module, prefix, rows, capacity)
    lengths = torch.tensor([len(tokens) for tokens in rows], device=device)
    while True:
        logits = head(module)(hidden).float()
        likeliest = logits.argmax(dim=-1).tolist()
        going = [place for place, sampler in enumerate(samplers) if sampler.take(logits[place], likeliest[place])]
        if not going:
            return
        if len(going) < len(samplers):
            samplers = [samplers[place] for place in going]
            kept = torch.tensor(going, device=device)
            cache.select(kept)
            lengths = lengths[kept]
        ids = [sampler.tokens[-1] for sampler in samplers]
        hidden = forward(module, ids, prefix.length + lengths, DecodingStep(prefix, cache, lengths))
        lengths = lengths + 1


def _read_rows(module: Any, prefix: PrefixCache, rows: list[list[int]], capacity: int) -> tuple[KVCache, torch.Tensor]:
    """Keys and values of all rows, and the hidden state (rows, size) after each row's last token."""
    import torch

    order, caches, ends = [], [], []
    for group in batches([len(tokens) for tokens in rows], tokens_at_once(module), prefix.length):
        layout = Layout([len(rows[i]) for i in group], module.device)
        cache = KVCache(capacity)
        ids = [token for i in group for token in rows[i]]
        ends.append(forward(module, ids, prefix.length + layout.column, PackedRows(layout, prefix, cache=cache), layout.last))
        caches.append(cache)
        order += group
    back = torch.tensor(sorted(range(len(order)), key=order.__getitem__), device=module.device)
    return KVCache.joined(caches, back), torch.cat(ends)[back]
