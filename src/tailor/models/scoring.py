"""Which of a closed set of answers is likeliest: one forward pass per input for all answers.

The longest common prefix of the prompts is computed once (`tailor.models.packed`). The answers form a trie: a row holds an input's
own tokens followed by the trie's inner nodes, and a tree mask lets each node see the input and its ancestors only. The vocabulary
product is computed at the last input token and the inner nodes, nowhere else. In float32 the result equals the naive computation
up to rounding (tested).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tailor.models.packed import Layout, PackedRows, PrefixCache, forward, head, read_prefix

if TYPE_CHECKING:
    import torch

LOGITS_AT_ONCE = 512
"""Positions whose whole vocabulary is held at once; of 49,152 words in float32 they take 100 MB."""
CELLS_AT_ONCE = 65_536
"""Keys of all rows of a pass, the shared prefix counted for each."""


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


def batches(lengths: Sequence[int], budget: int, shared: int = 0) -> list[list[int]]:
    """Indices grouped by similar length, at least one in each group.

    Rows x longest stays within the budget of tokens, and the keys that attention holds for them within `CELLS_AT_ONCE`.
    """
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    groups: list[list[int]] = []
    for i in order:
        rows = len(groups[-1]) + 1 if groups else 0
        if groups and rows * lengths[i] <= budget and rows * (lengths[i] + shared) <= CELLS_AT_ONCE:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def score_answers(
    module: Any,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    prefixes: Callable[[Any, Sequence[int]], PrefixCache] = read_prefix,
) -> list[list[float]]:
    """Log-probability of each answer after each prompt: len(prompts) rows of len(answers) numbers, natural logarithm.

    Args:
        module: a transformers causal LM that `can_pack`, in evaluation mode.
        prompts: token ids, each at least one.
        answers: token ids, each at least one; no answer may be a prefix of another.
        prefixes: computes the shared prefix, or has it already.
    """
    import torch

    if not prompts:
        return []
    trie = build_trie(answers)
    shared = common_prefix(prompts)
    out: list[list[float]] = [[] for _ in prompts]
    with torch.inference_mode():
        prefix = prefixes(module, prompts[0][:shared])
        own = [list(prompt[shared:]) for prompt in prompts]
        for group in batches([len(tokens) + len(trie.tokens) for tokens in own], tokens_at_once(module), shared):
            for i, row in zip(group, _score(module, prefix, [own[i] for i in group], trie, answers), strict=True):
                out[i] = row
    return out


def tokens_at_once(module: Any) -> int:
    """Tokens of one forward pass: what a processor's caches like, or what fits into a tenth of a GPU's free memory."""
    import torch

    if module.device.type != "cuda":
        return 2048
    config = module.config.get_text_config()
    # A token's activations in the widest place: the feed-forward layer and its inputs, in float32.
    wide = 4 * (3 * int(getattr(config, "intermediate_size", 4 * config.hidden_size)) + 8 * config.hidden_size)
    free, _ = torch.cuda.mem_get_info(module.device)
    return max(2048, min(65_536, int(free // 10 // wide)))


def _score(
    module: Any, prefix: PrefixCache, rows: list[list[int]], trie: Trie, answers: Sequence[Sequence[int]]
) -> list[list[float]]:
    """Scores of one pass: a row per input, a number per answer."""
    import torch

    device, nodes = module.device, len(trie.tokens)
    layout = Layout([len(tokens) + nodes for tokens in rows], device)
    depths = torch.tensor(trie.depths, dtype=torch.long)
    columns = [torch.cat([torch.arange(len(tokens)), len(tokens) + depths]) for tokens in rows]
    ids = [token for tokens in rows for token in (*tokens, *trie.tokens)]
    seen = _seen(layout, nodes, trie) if nodes else None
    positions = prefix.length + torch.cat(columns).to(device)
    # Per input: its last own token, then the trie's nodes.
    places = layout.last[:, None] - nodes + torch.arange(nodes + 1, device=device)
    read = forward(module, ids, positions, PackedRows(layout, prefix, seen), places.flatten()).view(*places.shape, -1)
    pairs = [list(zip(path, answer, strict=True)) for path, answer in zip(trie.paths, answers, strict=True)]
    steps = sorted({step for steps in pairs for step in steps})
    parts = []
    at_once = max(1, LOGITS_AT_ONCE // len(rows))
    for start in range(0, nodes + 1, at_once):
        some = read[:, start : start + at_once]
        # As a plain matrix: PyTorch multiplies a strided block of three dimensions row by row, ten times as slowly.
        logits = head(module)(some.reshape(-1, some.shape[2])).float()
        log_probs = torch.log_softmax(logits, dim=-1).view(*some.shape[:2], -1)
        here = [(node + 1 - start, token) for node, token in steps if start <= node + 1 < start + at_once]
        parts.append(log_probs[:, [place for place, _ in here], [token for _, token in here]])
    found = torch.cat(parts, dim=1).double().cpu()
    where = {step: i for i, step in enumerate(steps)}
    return [[float(sum(values[where[step]] for step in taken)) for taken in pairs] for values in found.tolist()]


def _seen(layout: Layout, nodes: int, trie: Trie) -> torch.Tensor:
    """Boolean (rows, width, width): the input's tokens see what came before them, a node the whole input and its ancestors."""
    import torch

    tree = _ancestors(trie).to(layout.row.device)
    seen = torch.ones((layout.rows, layout.width, layout.width), dtype=torch.bool, device=layout.row.device).tril()
    for row, end in enumerate(layout.lengths.tolist()):
        seen[row, end - nodes : end, end - nodes : end] = tree
    return seen


def _ancestors(trie: Trie) -> torch.Tensor:
    """Boolean (nodes, nodes): which nodes each node sees, itself included."""
    import torch

    seen = torch.eye(len(trie.tokens), dtype=torch.bool)
    for node, parent in enumerate(trie.parents):
        if parent >= 0:
            seen[node] |= seen[parent]
    return seen
