"""Which of a closed set of answers is likeliest: one forward pass per input for all answers.

The longest common prefix of the prompts is run once and its cache shared. The answers form a trie: a row holds an input's own
tokens followed by the trie's inner nodes, and a tree mask lets each node see the input and its ancestors only. The vocabulary
product is computed at the last input token and the inner nodes, nowhere else. In float32 the result equals the naive
computation up to rounding (tested).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

TOKENS_AT_ONCE = 4096
"""Input and trie tokens of one forward pass; larger passes were no faster on two cores and take more memory."""


@dataclass(frozen=True)
class Trie:
    """The inner nodes of the answers' token trie, parents before children.

    Attributes:
        tokens: token of each node.
        parents: index of each node's parent, -1 for the root.
        depths: 0 for children of the root.
        paths: for each answer, the node after each of its proper prefixes: -1 (the root), then inner nodes.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]


def build_trie(answers: Sequence[Sequence[int]]) -> Trie:
    """The trie of answers given as token ids; each answer has at least one token."""
    index: dict[tuple[int, ...], int] = {(): -1}
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    for answer in answers:
        for length in range(1, len(answer)):
            prefix = tuple(answer[:length])
            if prefix not in index:
                index[prefix] = len(tokens)
                tokens.append(prefix[-1])
                parents.append(index[prefix[:-1]])
                depths.append(length - 1)
    paths = tuple(tuple(index[tuple(answer[:length])] for length in range(len(answer))) for answer in answers)
    return Trie(tuple(tokens), tuple(parents), tuple(depths), paths)


def common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """Length of the longest common prefix that leaves every sequence at least one token."""
    # The prefix shared by the smallest and the largest sequence is shared by all between them.
    shortest, longest = min(map(list, sequences)), max(map(list, sequences))
    length = 0
    for left, right in zip(shortest, longest, strict=False):
        if left != right:
            break
        length += 1
    return max(0, min(length, min(map(len, sequences)) - 1))


def prefix_cache(module: Any, tokens: Sequence[int]) -> Any:
    """The key-value cache after reading `tokens`, for a batch of one."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache(config=module.config)
    if tokens:
        ids = torch.tensor([list(tokens)], device=module.device)
        backbone(module)(input_ids=ids, past_key_values=cache, use_cache=True)
    return cache


def expand(cache: Any, rows: int) -> Any:
    """A copy of a batch-of-one cache for `rows` rows."""
    copied = copy.deepcopy(cache)
    if copied.get_seq_length():
        copied.batch_repeat_interleave(rows)
    return copied


def backbone(module: Any) -> Any:
    """The transformer below the vocabulary product, adapters included."""
    plain = module.get_base_model() if hasattr(module, "peft_config") else module
    return plain.get_decoder()


def head(module: Any) -> Any:
    """The vocabulary product."""
    return module.get_output_embeddings()


def batches(lengths: Sequence[int], extra: int, budget: int = TOKENS_AT_ONCE) -> list[list[int]]:
    """Indices grouped by similar length so that rows x (longest + extra) stays within the budget; at least one row each."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    groups: list[list[int]] = []
    for i in order:
        if groups and (len(groups[-1]) + 1) * (lengths[i] + extra) <= budget:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def score_answers(module: Any, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> list[list[float]]:
    """Log-probability of each answer after each prompt: len(prompts) rows of len(answers) numbers, natural logarithm.

    Args:
        module: a transformers causal LM, with or without a PEFT adapter, in evaluation mode.
        prompts: token ids, each at least one.
        answers: token ids, each at least one; no answer may be a prefix of another.
    """
    import torch

    if not prompts:
        return []
    trie = build_trie(answers)
    shared = common_prefix(prompts)
    out: list[list[float]] = [[] for _ in prompts]
    with torch.inference_mode():
        cache = prefix_cache(module, prompts[0][:shared])
        own = [list(prompt[shared:]) for prompt in prompts]
        for group in batches([len(tokens) for tokens in own], len(trie.tokens)):
            rows = [own[i] for i in group]
            log_probs = _forward(module, expand(cache, len(rows)), shared, rows, trie)
            for row, i in enumerate(group):
                out[i] = [
                    float(sum(log_probs[row, node + 1, token] for node, token in zip(path, answer, strict=True)))
                    for path, answer in zip(trie.paths, answers, strict=True)
                ]
    return out


def _forward(module: Any, cache: Any, shared: int, rows: list[list[int]], trie: Trie) -> torch.Tensor:
    """Log-probabilities (rows, 1 + nodes, vocabulary): after the input, then after each inner node."""
    import torch

    width, nodes = max(map(len, rows)), len(trie.tokens)
    ids = torch.zeros((len(rows), width + nodes), dtype=torch.long)
    positions = torch.zeros_like(ids)
    seen = torch.zeros((len(rows), width + nodes, shared + width + nodes), dtype=torch.bool)
    seen[:, :, :shared] = True
    causal = torch.tril(torch.ones(width, width, dtype=torch.bool))
    tree = _ancestors(trie)
    for r, tokens in enumerate(rows):
        n = len(tokens)
        ids[r, :n] = torch.tensor(tokens)
        ids[r, width:] = torch.tensor(trie.tokens, dtype=torch.long)
        positions[r, :width] = shared + torch.arange(width)
        positions[r, width:] = shared + n + torch.tensor(trie.depths, dtype=torch.long)
        seen[r, :width, shared : shared + width] = causal
        seen[r, width:, shared : shared + n] = True
        seen[r, width:, shared + width :] = tree
    device = module.device
    dtype = head(module).weight.dtype
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)[:, None].to(device)
    hidden = backbone(module)(
        input_ids=ids.to(device), position_ids=positions.to(device), attention_mask=mask, past_key_values=cache, use_cache=True
    ).last_hidden_state
    last = torch.tensor([len(tokens) - 1 for tokens in rows], device=device)
    read = torch.cat([hidden[torch.arange(len(rows), device=device), last][:, None], hidden[:, width:]], dim=1)
    return torch.log_softmax(head(module)(read).float(), dim=-1).cpu()


def _ancestors(trie: Trie) -> torch.Tensor:
    """Boolean (nodes, nodes): which nodes each node sees, itself included."""
    import torch

    seen = torch.eye(len(trie.tokens), dtype=torch.bool)
    for node, parent in enumerate(trie.parents):
        if parent >= 0:
            seen[node] |= seen[parent]
    return seen
