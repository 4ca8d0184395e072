"""Continuous batching of transformers (`generate_batch`): paged cache, shared prefix blocks.

It runs on a CPU with the `sdpa` attention; its flash attention and graphs exist for accelerators only (it would look for the
former without `auto_switch_to_flash=False`). Each step's rows form one sequence under a block mask, so attention grows with the
square of the rows, and few rows at once are best. Set besides what is tried: bfloat16 where the processor has it; pages of 16
tokens, so that the whole prefix is shared (the default of 256 shares 256 tokens of 400); `TRANSFORMERS_SDPA_FORCE_GQA`, with which
attention reads keys and values in place instead of copying them for every head (about twice as fast); a cache for the rows at
hand, not for 60 % of the memory; the manager kept between calls, so that setting it up is not timed. Lost: `paged|eager`
attention, larger pages, more than 256 tokens and fewer than 8 rows per step.
"""

from __future__ import annotations

import logging
import os
from itertools import product
from typing import Any

from benchmarks.rivals.transformers_generate import load
from benchmarks.rivals.work import Candidate, Prompts, Trial, Work, fastest
from tailor.models.local import fitting_dtype

PAGE = 16
ROWS = (8, 16)
TOKENS = (64, 256)
SAMPLE = 32


def best(work: Work) -> Trial:
    """The fastest number of requests and of tokens per step, in the dtype that suits the processor."""
    os.environ["TRANSFORMERS_SDPA_FORCE_GQA"] = "1"
    logging.getLogger("ContinuousBatchingLogger").setLevel(logging.ERROR)
    longest = max(len(ids) for prompts in work.rounds for ids in prompts) + work.new_tokens
    return fastest((_candidate(work, rows, tokens, longest) for rows, tokens in product(ROWS, TOKENS)), work, SAMPLE)


def _candidate(work: Work, rows: int, tokens: int, longest: int) -> Candidate:
    from transformers import ContinuousBatchingConfig, GenerationConfig

    dtype = fitting_dtype()
    module: Any = load(work.folder, dtype)
    config = ContinuousBatchingConfig(
        page_size=PAGE,
        num_blocks=(rows + 2) * (-(-longest // PAGE) + 1),
        max_batch_tokens=tokens,
        max_requests_per_batch=rows,
        allow_block_sharing=True,
        auto_switch_to_flash=False,
    )

    def answer(prompts: Prompts, new_tokens: int) -> list[list[int]]:
        generation = GenerationConfig(max_new_tokens=new_tokens, do_sample=False, eos_token_id=-1, pad_token_id=0)
        found = module.generate_batch(
            [list(ids) for ids in prompts],
            generation_config=generation,
            continuous_batching_config=config,
            persistent_manager=True,
        )
        return [list(output.generated_tokens) for output in found.values()]

    return Candidate(f"{dtype}, {rows} requests and {tokens} tokens per step", answer, rows)
