"""`generate` of transformers, in padded batches: bfloat16 or float32 at a batch size of 16, then sizes 8 to 64 in the faster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.rivals.work import Candidate, Prompts, Trial, Work, fastest
from tailor.models.local import device

DTYPES = ("bfloat16", "float32")
BATCH_SIZES = (8, 16, 32, 64)
SAMPLE = 16


def best(work: Work) -> Trial:
    """The fastest dtype and batch size."""
    by_dtype = [_candidates(work.folder, dtype, (16,))[0] for dtype in DTYPES]
    dtype = DTYPES[by_dtype.index(fastest(by_dtype, work, SAMPLE).candidate)]
    return fastest(_candidates(work.folder, dtype, BATCH_SIZES), work, SAMPLE)


def load(folder: Path, dtype: str) -> Any:
    """The network as transformers gives it, but without an end token: every answer gets as many tokens."""
    import torch
    from transformers import AutoModelForCausalLM

    module = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).to(device()).eval()
    module.generation_config.eos_token_id = None
    return module


def _candidates(folder: Path, dtype: str, sizes: tuple[int, ...]) -> list[Candidate]:
    module = load(folder, dtype)
    return [_batched(module, f"{dtype}, batch size {size}", size) for size in sizes]


def _batched(module: Any, name: str, size: int) -> Candidate:
    import torch

    def answer(prompts: Prompts, new_tokens: int) -> list[list[int]]:
        # Prompts of like length together, as anyone would who cares for padding.
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        answers: list[list[int]] = [[] for _ in prompts]
        for start in range(0, len(order), size):
            group = order[start : start + size]
            width = max(len(prompts[i]) for i in group)
            ids = torch.zeros((len(group), width), dtype=torch.long)
            mask = torch.zeros_like(ids)
            for row, i in enumerate(group):
                ids[row, width - len(prompts[i]) :] = torch.tensor(prompts[i])
                mask[row, width - len(prompts[i]) :] = 1
            out = module.generate(
                input_ids=ids.to(device()),
                attention_mask=mask.to(device()),
                max_new_tokens=new_tokens,
                do_sample=False,
                pad_token_id=0,
            )
            for row, i in enumerate(group):
                answers[i] = out[row, width:].tolist()
        return answers

    return Candidate(name, answer, size)
