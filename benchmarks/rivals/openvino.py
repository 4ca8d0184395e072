"""openvino-genai on the published GGUF file: its continuous batching with prefix caching.

Tried: sequences and tokens per step, and whether the first prompt goes ahead alone, so that the others find its prefix in the cache
(submitted at once, none of them does). Activations and cache are quantised by default, so its texts are its own.
"""

from __future__ import annotations

import sys
from itertools import product
from typing import Any

from benchmarks.rivals.work import Candidate, Prompts, Trial, Work, fastest

ROWS = (16, 64, 256)
TOKENS = (512, 4096)
CACHE_GB = 4
SAMPLE = 32


def best(work: Work) -> Trial:
    """The fastest of the settings."""
    choices = [(ROWS[0], TOKENS[0], False), *product(ROWS, TOKENS, (True,))]
    return fastest((_candidate(work, rows, tokens, ahead) for rows, tokens, ahead in choices), work, SAMPLE)


def _candidate(work: Work, rows: int, tokens: int, ahead: bool) -> Candidate:
    # Its conversion tools send usage data by this package; without it they have a stub that does not.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import numpy as np
    import openvino
    import openvino_genai

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.cache_size = CACHE_GB
    scheduler.max_num_seqs = rows
    scheduler.max_num_batched_tokens = tokens
    scheduler.enable_prefix_caching = True
    pipeline: Any = openvino_genai.ContinuousBatchingPipeline(str(work.gguf), scheduler, "CPU")

    def answer(prompts: Prompts, new_tokens: int) -> list[list[int]]:
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos, config.do_sample = new_tokens, True, False
        inputs = [openvino.Tensor(np.array([ids], dtype=np.int64)) for ids in prompts]
        parts = (inputs[:1], inputs[1:]) if ahead else (inputs,)
        found = [result for part in parts if part for result in pipeline.generate(part, [config] * len(part))]
        return [list(result.m_generation_ids[0]) for result in found]

    name = f"{rows} sequences and {tokens} tokens per step, {'first prompt ahead' if ahead else 'all at once'}"
    return Candidate(name, answer, min(rows, 64))
