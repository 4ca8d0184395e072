"""Attention over rows that share a prefix: the prefix is computed once, and no other layer sees padding.

The tokens of all rows follow one another in a single sequence, so that every matrix product is over real tokens only. Only
attention knows rows: each token sees the shared prefix and what its row's mask allows. Nothing of a model is rewritten: its own
code runs, with an attention function registered with transformers that asks the current `AttentionPattern`.

Models whose attention needs more than keys, values and a mask (sliding windows, soft caps, recurrent states) are found out by
`can_pack`, which compares both ways on a few tokens, and are computed row by row (`tailor.models.unpacked`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tailor.models.cores import share_cores

if TYPE_CHECKING:
    import torch

NAME = "tailor_packed"
WEIGHTS_AT_ONCE = 4_000_000
"""Attention weights of a layer up to which training keeps them; of 30 layers in bfloat16 they then take half a gigabyte."""

DENSE_TOKENS = 320
"""Tokens of a packed batch up to which training lets all pairs meet, in one product (docs/log.md)."""
TOKEN_WISE = frozenset({"self_attn.q_proj", "self_attn.o_proj", "mlp"})
"""Parts of a layer that see one token at a time, by transformers' names; where a model has others, they see every token."""


class AttentionPattern(Protocol):
    """How the tokens of one forward pass see each other."""

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
        """Output (tokens, heads, size) for queries (tokens, heads, size), keys and values (tokens, key heads, size)."""
        ...


@dataclass
class PrefixCache:
    """Keys and values of tokens that all rows share: per layer (key heads, length, size)."""

    tokens: tuple[int, ...] = ()
    keys: list[torch.Tensor] = field(default_factory=list)
    values: list[torch.Tensor] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Tokens in it."""
        return len(self.tokens)

    def at(self, layer: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Keys and values of a layer; None for the empty prefix."""
        return (self.keys[layer], self.values[layer]) if self.tokens else None

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
        """While the prefix itself is read: causal attention, keys and values kept."""
        self.keys.append(k.transpose(0, 1).contiguous())
        self.values.append(v.transpose(0, 1).contiguous())
        return causal(q, k, v, scale)


class Layout:
    """Where each token of a packed sequence stands: `row` and `column`, both (tokens,)."""

    def __init__(self, lengths: Sequence[int], device: Any) -> None:
        import torch

        self.lengths = torch.tensor(list(lengths), device=device)
        self.rows, self.width = len(lengths), max(lengths)
        self.row = torch.repeat_interleave(torch.arange(self.rows, device=device), self.lengths)
        starts = self.lengths.cumsum(0) - self.lengths
        self.column = torch.arange(int(self.lengths.sum()), device=device) - starts[self.row]
        self.last = starts + self.lengths - 1
        """Index of each row's last token in the packed sequence."""

    def spread(self, packed: torch.Tensor, width: int | None = None) -> torch.Tensor:
        """(tokens, heads, size) to (rows, heads, width, size), zeros where a row is shorter."""
        out = packed.new_zeros((self.rows, packed.shape[1], width or self.width, packed.shape[2]))
        out[self.row, :, self.column] = packed
        return out


class KVCache:
    """Keys and values of rows that grow token by token: per layer (rows, key heads, capacity, size)."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.keys: list[torch.Tensor] = []
        self.values: list[torch.Tensor] = []

    @classmethod
    def joined(cls, caches: Sequence[KVCache], order: torch.Tensor) -> KVCache:
        """The rows of several caches of one capacity, in the given order."""
        import torch

        out = cls(caches[0].capacity)
        for layer in range(len(caches[0].keys)):
            out.keys.append(torch.cat([cache.keys[layer] for cache in caches])[order])
            out.values.append(torch.cat([cache.values[layer] for cache in caches])[order])
        return out

    def select(self, rows: torch.Tensor) -> None:
        """Keep these rows only."""
        self.keys = [keys[rows] for keys in self.keys]
        self.values = [values[rows] for values in self.values]


class PackedRows:
    """A pass over whole rows behind a prefix.

    Args:
        layout: of the rows' tokens.
        prefix: what all rows see; it is already computed, or, with `inline`, it is at the head of this very sequence.
        seen: boolean (rows or 1, width, width): which columns of its own row each token sees; causal when None.
        cache: where keys and values are kept for later steps.
        inline: tokens of the shared prefix at the head of the sequence (training: they get gradients too).
    """

    def __init__(
        self, layout: Layout, prefix: PrefixCache, seen: torch.Tensor | None = None, cache: KVCache | None = None, inline: int = 0
    ) -> None:
        import torch

        self.layout, self.prefix, self.cache, self.inline = layout, prefix, cache, inline
        self.dense = _dense(layout, inline) if seen is None and cache is None and not prefix.length else None
        width, shared = layout.width, inline or prefix.length
        if seen is None:
            seen = torch.ones((1, width, width), dtype=torch.bool, device=layout.row.device).tril()
        self.seen = torch.cat([seen.new_ones((*seen.shape[:2], shared)), seen], dim=2)[:, None]

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
        """See `AttentionPattern.attend`."""
        import torch

        if self.dense is not None:
            q, k, v = (part.transpose(0, 1)[None] for part in (q, k, v))
            return attention(q, k, v, self.dense, scale)[0].transpose(0, 1)
        n, layout = self.inline, self.layout
        own_k, own_v = layout.spread(k[n:]), layout.spread(v[n:])
        if self.cache is not None:
            self.cache.keys.append(layout.spread(k[n:], self.cache.capacity))
            self.cache.values.append(layout.spread(v[n:], self.cache.capacity))
        shared = (k[:n].transpose(0, 1), v[:n].transpose(0, 1)) if n else self.prefix.at(layer)
        if shared is not None:
            own_k, own_v = (
                torch.cat([part.expand(layout.rows, -1, -1, -1), own], dim=2)
                for part, own in zip(shared, (own_k, own_v), strict=True)
            )
        out = attention(layout.spread(q[n:]), own_k, own_v, self.seen, scale)
        out = out.transpose(1, 2)[layout.row, layout.column]
        return torch.cat([causal(q[:n], k[:n], v[:n], scale), out]) if n else out


def _dense(layout: Layout, inline: int) -> torch.Tensor | None:
    """Which tokens of a packed sequence see which, boolean (1, 1, tokens, tokens); None where rows are better padded.

    While training on a CPU, one product over all pairs of a few hundred tokens takes less time than moving them into rows and back.
    """
    import torch

    tokens = inline + len(layout.row)
    if layout.row.device.type != "cpu" or not torch.is_grad_enabled() or tokens > DENSE_TOKENS:
        return None
    row = torch.cat([layout.row.new_full((inline,), -1), layout.row])
    same = (row[:, None] == row[None]) | (row[None] == -1)
    return (same & torch.ones_like(same).tril())[None, None]


class DecodingStep:
    """A pass over one more token of each row.

    Args:
        prefix: what all rows see.
        cache: the rows' earlier tokens; the new ones are added.
        lengths: (rows,) tokens in the cache before this step.
    """

    def __init__(self, prefix: PrefixCache, cache: KVCache, lengths: torch.Tensor) -> None:
        import torch

        self.prefix, self.cache, self.lengths = prefix, cache, lengths
        self.rows = torch.arange(len(lengths), device=lengths.device)
        self.width = int(lengths.max()) + 1
        beyond = torch.arange(self.width, device=lengths.device)[None] > lengths[:, None]
        self.mask = torch.zeros(beyond.shape, device=lengths.device).masked_fill_(beyond, -torch.inf)[:, None, None]

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
        """See `AttentionPattern.attend`. The prefix is met by all rows' queries in one product per key head, and is never
        copied.
        """
        import torch

        keys, values = self.cache.keys[layer], self.cache.values[layer]
        keys[self.rows, :, self.lengths], values[self.rows, :, self.lengths] = k, v
        (rows, heads, size), groups = q.shape, k.shape[1]
        q = (q * scale).view(rows, groups, heads // groups, size)
        weights = (q @ keys[:, :, : self.width].transpose(2, 3)).float() + self.mask
        shared = self.prefix.at(layer)
        if shared is None:
            out = torch.softmax(weights, dim=-1).to(q.dtype) @ values[:, :, : self.width]
            return out.reshape(rows, heads, size)
        length = shared[0].shape[1]
        folded = q.transpose(0, 1).reshape(groups, -1, size)
        far = (folded @ shared[0].transpose(1, 2)).view(groups, rows, heads // groups, length).transpose(0, 1).float()
        weights = torch.softmax(torch.cat([far, weights], dim=-1), dim=-1).to(q.dtype)
        far = weights[..., :length].transpose(0, 1).reshape(groups, -1, length) @ shared[1]
        near = weights[..., length:] @ values[:, :, : self.width]
        out = far.view(groups, rows, heads // groups, size).transpose(0, 1) + near
        return out.reshape(rows, heads, size)


def causal(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
    """Causal attention of one row: (tokens, heads, size) throughout."""
    import torch

    q, k, v = (part.transpose(0, 1)[None] for part in (q, k, v))
    if torch.is_grad_enabled():
        seen = torch.ones((1, 1, q.shape[2], q.shape[2]), dtype=torch.bool, device=q.device).tril()
        return attention(q, k, v, seen, scale)[0].transpose(0, 1)
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=True)
    return out[0].transpose(0, 1)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor, scale: float) -> torch.Tensor:
    """Attention of padded rows: (rows, heads, width, size), under a boolean mask (rows or 1, 1, width, keys)."""
    import torch

    on_cpu = q.device.type == "cpu"
    # PyTorch's fast kernel takes several times as long backwards on a CPU as plain products do, while those fit into memory.
    if on_cpu and torch.is_grad_enabled() and q.shape[:3].numel() * k.shape[2] <= WEIGHTS_AT_ONCE:
        (rows, _, width, size), groups = q.shape, k.shape[1]
        bias = torch.zeros(seen.shape, dtype=q.dtype, device=q.device).masked_fill_(~seen, -torch.inf)[:, :, None]
        scores = (q * scale).reshape(rows, groups, -1, size) @ k.transpose(2, 3)
        weights = torch.softmax(scores.view(rows, groups, -1, width, k.shape[2]) + bias, dim=-1)
        return (weights.view(rows, groups, -1, k.shape[2]) @ v).view(q.shape)
    # With a mask, the fast kernels share keys among heads on a CPU but not on a GPU.
    if not on_cpu:
        k, v = (part.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for part in (k, v))
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=scale, enable_gqa=on_cpu)


def forward(
    module: Any,
    tokens: Sequence[int] | torch.Tensor,
    positions: torch.Tensor,
    way: AttentionPattern,
    read: torch.Tensor | None = None,
) -> torch.Tensor:
    """Last hidden states (tokens, size) of a packed sequence, before the vocabulary product; with `read`, of those places only."""
    import torch

    ids = torch.as_tensor(tokens, device=module.device)[None]
    return run(module, {"input_ids": ids}, positions, way, read)


def run(
    module: Any, inputs: dict[str, torch.Tensor], positions: torch.Tensor, way: AttentionPattern, read: torch.Tensor | None = None
) -> torch.Tensor:
    """The same for any input of the transformer: token ids or vectors, each of shape (1, tokens, ...)."""
    import torch

    share_cores()
    use_packed(module)
    # A mask of four dimensions is taken as it is; without one, transformers would build its own, which nobody reads.
    mask = torch.zeros((1, 1, 1, 1), device=positions.device)
    decoder = backbone(module)
    with nullcontext() if read is None else _last_layer_at(decoder, read, len(positions)):
        out = decoder(**inputs, attention_mask=mask, position_ids=positions[None], use_cache=False, tailor_pass=way)
    hidden: torch.Tensor = out.last_hidden_state[0]
    return hidden if read is None else hidden[read]


@contextmanager
def _last_layer_at(decoder: Any, read: torch.Tensor, tokens: int) -> Iterator[None]:
    """In the last layer, only keys and values are computed for every token; what is computed token by token, where it is read."""

    def narrow(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0].index_select(1, read), *args[1:])

    def widen(module: Any, args: tuple[Any, ...], out: torch.Tensor) -> torch.Tensor:
        return out.new_zeros((1, tokens, out.shape[2])).index_copy(1, read, out)

    layers = getattr(decoder, "layers", None)
    hooks = []
    try:
        for name, part in layers[-1].named_modules() if layers else ():
            if name in TOKEN_WISE:
                hooks += [part.register_forward_pre_hook(narrow), part.register_forward_hook(widen)]
        yield
    finally:
        for hook in hooks:
            hook.remove()


def use_packed(module: Any) -> None:
    """Let the module's attention ask the pass; plain calls of the module go on as before."""
    decoder = backbone(module)
    if decoder.config._attn_implementation != NAME:
        _register()
        decoder.set_attn_implementation(NAME)


def _register() -> None:
    from transformers import AttentionInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    def attend(
        module: Any, query: Any, key: Any, value: Any, mask: Any, tailor_pass: AttentionPattern | None = None, **rest: Any
    ) -> Any:
        if tailor_pass is None:
            return sdpa_attention_forward(module, query, key, value, mask, **rest)
        q, k, v = (part[0].transpose(0, 1) for part in (query, key, value))
        return tailor_pass.attend(module.layer_idx, q, k, v, rest["scaling"])[None].contiguous(), None

    def masks(*args: Any, **kwargs: Any) -> Any:
        return sdpa_mask(*args, **kwargs)

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, masks)


def read_prefix(module: Any, tokens: Sequence[int]) -> PrefixCache:
    """The prefix of all rows, computed."""
    import torch

    prefix = PrefixCache(tuple(tokens))
    if tokens:
        # Only its keys and values are wanted; one token is read, since not every model can read none.
        places = torch.arange(len(tokens), device=module.device)
        forward(module, tokens, places, prefix, places[-1:])
    return prefix


def backbone(module: Any) -> Any:
    """The transformer below the vocabulary product, adapters included."""
    plain = module.get_base_model() if hasattr(module, "peft_config") else module
    return plain.get_decoder()


def head(module: Any) -> Any:
    """The vocabulary product."""
    return module.get_output_embeddings()


def can_pack(module: Any) -> bool:
    """Whether packed rows give this model's own numbers: tried on a prefix and two rows of different lengths.

    Any architecture may come here, so whatever it raises means no.
    """
    import torch

    count = module.get_input_embeddings().num_embeddings
    shared, rows = [1 % count, 2 % count, 3 % count, 4 % count], [[5 % count], [6 % count, 7 % count, 8 % count]]
    # Long enough to leave a sliding window of the usual sizes would be slow here; such windows are named in the configuration.
    if not _plain_attention(module.config.get_text_config()):
        return False
    was = backbone(module).config._attn_implementation if hasattr(module, "get_decoder") else None
    try:
        with torch.inference_mode():
            own = [module(input_ids=torch.tensor([shared + row], device=module.device)).logits[0, -1] for row in rows]
            prefix, layout = read_prefix(module, shared), Layout([len(row) for row in rows], module.device)
            hidden = forward(module, sum(rows, []), len(shared) + layout.column, PackedRows(layout, prefix), layout.last)
            packed = head(module)(hidden)
    except Exception:  # a boundary: the code of an unknown architecture
        packed, own = None, []
    # bfloat16 rounds differently in batches of another shape, by a hundredth or two; a wrong way is off by far more.
    same = packed is not None and all(
        bool((a.float() - b.float()).norm() <= 0.05 * b.float().norm()) for a, b in zip(packed, own, strict=True)
    )
    if not same and was is not None:
        backbone(module).set_attn_implementation(was)
    return same


def _plain_attention(config: Any) -> bool:
    """Whether every layer sees all earlier tokens and nothing is capped, as far as the configuration tells."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
    capped = getattr(config, "attn_logit_softcapping", None) or getattr(config, "final_logit_softcapping", None)
    # Multi-head latent attention has values of another width than queries.
    latent = getattr(config, "kv_lora_rank", None)
    return kinds == {"full_attention"} and not (windowed or capped or latent)
