"""What frozen layers make of a text, computed once: the lower part of a model whose upper layers train.

With adapters on the upper layers only, the states below them are the same in every epoch, for every candidate and every seed.
They are kept in memory, by the exact token ids; 1.2 KB a token for 576 numbers in bfloat16.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tailor.models.packed import Layout, PackedRows, PrefixCache, backbone, forward, run
from tailor.models.scoring import batches, tokens_at_once

if TYPE_CHECKING:
    import torch

Tokens = tuple[int, ...]


class FrozenStates:
    """States between two layers, by token ids.

    Args:
        layers: how many layers lie below.
    """

    def __init__(self, layers: int) -> None:
        self.layers = layers
        self._states: dict[tuple[Tokens, Tokens], torch.Tensor] = {}

    def fill(self, module: Any, shared: Tokens, rows: Sequence[Tokens]) -> None:
        """Compute what is missing of the prefix and of rows behind it."""
        import torch

        missing = sorted({row for row in rows if (shared, row) not in self._states})
        if not missing:
            return
        with torch.no_grad(), only_layers(module, 0, self.layers):
            prefix, states = PrefixCache(shared), torch.zeros(0)
            if shared:
                states = forward(module, shared, torch.arange(len(shared), device=module.device), prefix)
            self._states[(), shared] = states.cpu()
            for group in batches([len(row) for row in missing], tokens_at_once(module), len(shared)):
                layout = Layout([len(missing[i]) for i in group], module.device)
                ids = [token for i in group for token in missing[i]]
                hidden = forward(module, ids, len(shared) + layout.column, PackedRows(layout, prefix)).cpu()
                for i, part in zip(group, torch.split(hidden, [len(missing[i]) for i in group]), strict=True):
                    self._states[shared, missing[i]] = part.clone()

    def embed(self, shared: Sequence[int], rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        """Input of the upper layers for a packed batch: states (1, tokens, size)."""
        import torch

        head = tuple(shared)
        parts = [self._states[head, tuple(row)] for row in rows]
        return {"inputs_embeds": torch.cat([*([self._states[(), head]] if head else []), *parts])[None]}


@contextmanager
def only_layers(module: Any, start: int, stop: int | None = None) -> Iterator[None]:
    """The module with these layers alone; the final normalisation belongs to the last one."""
    import torch

    decoder = backbone(module)
    layers, norm = decoder.layers, decoder.norm
    decoder.layers = layers[start:stop]
    if stop is not None and stop < len(layers):
        decoder.norm = torch.nn.Identity()
    try:
        yield
    finally:
        decoder.layers, decoder.norm = layers, norm


def can_split(module: Any, at: int) -> bool:
    """Whether the layers from `at` on, given the states below them, give the whole model's numbers: tried on a few tokens."""
    import torch

    decoder = backbone(module)
    if not (hasattr(decoder, "layers") and hasattr(decoder, "norm") and 0 < at < len(decoder.layers)):
        return False
    tokens = [i % module.get_input_embeddings().num_embeddings for i in (3, 1, 4, 2)]
    positions = torch.arange(len(tokens), device=module.device)
    with torch.no_grad():
        whole = forward(module, tokens, positions, PrefixCache(tuple(tokens)))
        with only_layers(module, 0, at):
            states = forward(module, tokens, positions, PrefixCache(tuple(tokens)))
        with only_layers(module, at):
            parts = run(module, {"inputs_embeds": states[None]}, positions, PrefixCache(tuple(tokens)))
    return bool(torch.equal(whole, parts))
