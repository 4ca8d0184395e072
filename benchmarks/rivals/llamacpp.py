"""llama.cpp, by llama-cpp-python, on the published GGUF file.

Tried: one prompt after the other with the library's own prefix reuse, and many sequences decoded together, the prefix computed once
and shared among them through the C interface (as its server does with several slots).
"""

from __future__ import annotations

import os
from itertools import chain, islice
from os.path import commonprefix
from typing import Any

from benchmarks.rivals.work import Candidate, Prompts, Trial, Work, fastest

SEQUENCES = (8, 16, 32, 64)
STEP = 2048
"""Tokens of one call at most."""
SAMPLE = 32


def best(work: Work) -> Trial:
    """One by one, or the fastest number of sequences."""
    longest = max(len(ids) for prompts in work.rounds for ids in prompts) + work.new_tokens
    tried = chain([_one_by_one(work, longest)], (_together(work, count, longest) for count in SEQUENCES))
    return fastest(tried, work, SAMPLE)


def _one_by_one(work: Work, longest: int) -> Candidate:
    from llama_cpp import Llama

    threads = os.cpu_count()
    llama = Llama(str(work.gguf), n_ctx=longest + 8, n_batch=STEP, n_threads=threads, n_threads_batch=threads, verbose=False)

    def answer(prompts: Prompts, new_tokens: int) -> list[list[int]]:
        return [list(islice(llama.generate(list(ids), temp=0.0), new_tokens)) for ids in prompts]

    return Candidate("one prompt after the other, prefix reused", answer, 1)


def _together(work: Work, count: int, longest: int) -> Candidate:
    import llama_cpp

    own = max(longest - len(commonprefix(prompts)) for prompts in work.rounds)
    context = _context(work, count, 2 * longest + count * own)
    memory: Any = llama_cpp.llama_get_memory(context)

    def answer(prompts: Prompts, new_tokens: int) -> list[list[int]]:
        llama_cpp.llama_memory_clear(memory, True)
        shared = min(len(commonprefix([list(ids) for ids in prompts])), min(map(len, prompts)) - 1)
        batch = llama_cpp.llama_batch_init(max(STEP, count), 0, 1)
        try:
            _decode(context, batch, [(token, place, 0) for place, token in enumerate(prompts[0][:shared])])
            answers = []
            for start in range(0, len(prompts), count):
                answers += _group(context, memory, batch, prompts[start : start + count], shared, new_tokens)
            return answers
        finally:
            llama_cpp.llama_batch_free(batch)

    return Candidate(f"{count} sequences together, prefix shared", answer, count)


def _context(work: Work, count: int, cells: int) -> Any:
    import llama_cpp

    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(str(work.gguf).encode(), llama_cpp.llama_model_default_params())
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx = cells
    settings.n_batch, settings.n_ubatch, settings.n_seq_max = STEP, 512, count + 1
    settings.n_threads = settings.n_threads_batch = os.cpu_count()
    settings.kv_unified = True  # sequences then share the prefix's cells instead of copying them
    return llama_cpp.llama_init_from_model(model, settings)


def _group(context: Any, memory: Any, batch: Any, prompts: Prompts, shared: int, new_tokens: int) -> list[list[int]]:
    import llama_cpp

    for sequence in range(1, len(prompts) + 1):
        llama_cpp.llama_memory_seq_cp(memory, 0, sequence, -1, -1)
    entries = [(token, shared + place, row + 1) for row, ids in enumerate(prompts) for place, token in enumerate(ids[shared:])]
    tokens = _decode(context, batch, entries)
    answers = [[tokens[row + 1]] for row in range(len(prompts))]
    for step in range(new_tokens - 1):
        tokens = _decode(context, batch, [(own[-1], len(prompts[row]) + step, row + 1) for row, own in enumerate(answers)])
        for row, own in enumerate(answers):
            own.append(tokens[row + 1])
    for sequence in range(1, len(prompts) + 1):
        llama_cpp.llama_memory_seq_rm(memory, sequence, -1, -1)
    return answers


def _decode(context: Any, batch: Any, entries: list[tuple[int, int, int]]) -> dict[int, int]:
    """Compute (token, position, sequence) entries; the likeliest next token of each sequence, after its last entry."""
    import llama_cpp
    import numpy as np

    last = {sequence: i for i, (_, _, sequence) in enumerate(entries)}
    words = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(llama_cpp.llama_get_model(context)))
    found: dict[int, int] = {}
    for start in range(0, len(entries), STEP):
        part = entries[start : start + STEP]
        batch.n_tokens = len(part)
        for i, (token, position, sequence) in enumerate(part):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
            batch.seq_id[i][0], batch.logits[i] = sequence, last[sequence] == start + i
        if (code := llama_cpp.llama_decode(context, batch)) != 0:
            raise RuntimeError(f"llama_decode returned {code}")
        for i, (_, _, sequence) in enumerate(part):
            if last[sequence] == start + i:
                logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, i), shape=(words,))
                found[sequence] = int(logits.argmax())
    return found
