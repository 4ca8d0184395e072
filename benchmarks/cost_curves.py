"""What a study costs: time and memory against examples, labels, prompt length and documents, and how far from the machine's limits.

Synthetic prompts of common words; the built-in model. Limits are measured in the same run: the rate of a large matrix product, for
work that reads many tokens at once, and the rate at which memory is read, for decoding, which reads all weights at every step. The
share of a limit is the time that the unshared work would take at that rate, over the time taken.
`python -m benchmarks.cost_curves PATH.png` draws the curves.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.timing import seconds_of
from tailor.errors import TailorError
from tailor.models.base import Request, message
from tailor.models.catalogue import open_model
from tailor.models.fake import FakeEmbedder
from tailor.models.local import LocalModel
from tailor.models.training import Row
from tailor.models.tune import Recipe, tune
from tailor.retrieval.documents import Document
from tailor.retrieval.index import Index
from tailor.task import ModelSettings

EXAMPLES = (100, 300, 1_000, 3_000, 10_000)
LABELS = (2, 10, 30, 77, 150)
PROMPT_TOKENS = (50, 100, 200, 400, 800, 1_600)
ROWS = (1, 8, 32, 64)
DOCUMENTS = (100, 1_000, 10_000)
NEW_TOKENS, OWN_WORDS = 24, 16
TRAINED = 128

Point = tuple[str, float, float, float]
"""What was varied, its value, seconds, and peak memory of the process so far in GB."""

_WORDS = (
    "river stone lamp cart winter market bridge letter garden window copper sail barley thread hammer saddle orchard kettle".split()
)


def run() -> dict[str, float]:
    """Seconds along each curve, and shares of the machine's limits."""
    model = open_model(ModelSettings(name="smollm2-135m"))
    if not isinstance(model, LocalModel):
        raise TailorError("the built-in model does not run on this machine")
    points = measured(model)
    figures = {f"{name}_{value:g}_s": seconds for name, value, seconds, _ in points}
    return figures | {"peak_gb": points[-1][3]} | limits(model, figures)


def measured(model: LocalModel) -> list[Point]:
    """All curves. The number of examples comes last, since it takes longest."""
    points: list[Point] = []

    def add(name: str, value: float, work: Callable[[], object]) -> None:
        seconds, _ = seconds_of(work)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        points.append((name, value, seconds, peak))
        print(f"  {name} {value:g}: {seconds:.2f} s, {peak:.2f} GB", file=sys.stderr)

    ask(model, 8, 20, 2)
    for labels in LABELS:
        add("labels", labels, lambda labels=labels: ask(model, 64, 100, labels))  # type: ignore[misc]
    for tokens in PROMPT_TOKENS:
        add("shared_prompt", tokens, lambda tokens=tokens: ask(model, 64, tokens, 10))  # type: ignore[misc]
    for tokens in PROMPT_TOKENS[:-1]:
        add("own_prompt", tokens, lambda tokens=tokens: ask(model, 16, 0, 10, own=tokens))  # type: ignore[misc]
    for rows in ROWS:
        add("decode_rows", rows, lambda rows=rows: ask(model, rows, 100, 0))  # type: ignore[misc]
    for documents in DOCUMENTS:
        add("documents", documents, lambda documents=documents: index(documents))  # type: ignore[misc]
    for rows in (TRAINED, 2 * TRAINED):
        add("train_rows", rows, lambda rows=rows: train(model, rows))  # type: ignore[misc]
    for examples in EXAMPLES:
        add("examples", examples, lambda examples=examples: ask(model, examples, 100, 10))  # type: ignore[misc]
    return points


_drawn = random.Random(0)


def words(count: int) -> str:
    """So many words, never the same ones again."""
    return " ".join(_drawn.choice(_WORDS) for _ in range(count))


def ask(model: LocalModel, rows: int, shared: int, labels: int, own: int = OWN_WORDS) -> None:
    """Score labels, or with none write `NEW_TOKENS` tokens, for prompts that share about as many tokens as given."""
    head = words(shared)
    choices = tuple(f"{_WORDS[i % len(_WORDS)]} {_WORDS[i // len(_WORDS)]}" for i in range(labels))
    requests = [
        Request((message("system", head), message("user", words(own))), choices, max_tokens=NEW_TOKENS) for _ in range(rows)
    ]
    for start in range(0, rows, model.block):
        model.reply(requests[start : start + model.block])


def index(count: int) -> None:
    """Index documents of sixty words and search forty times; vectors cost nothing here, see `search-speed`."""
    with tempfile.TemporaryDirectory() as folder:
        opened = Index.open(Path(folder), FakeEmbedder())
        opened.update([Document(f"{i}.md", f"Page {i}", words(60)) for i in range(count)])
        opened.search([words(8) for _ in range(40)], "hybrid", 3)


def train(model: LocalModel, rows: int) -> None:
    """One epoch of LoRA on all layers over rows of `OWN_WORDS` words."""
    with tempfile.TemporaryDirectory() as folder:
        made = [
            Row(tuple(model.encode((message("user", words(OWN_WORDS)),))), (*model.encode_answer(words(2)), model.end_token))
            for _ in range(rows)
        ]
        tune(model, made, made[:8], Recipe("lora", 1, 16, 1e-3, 8, 0), Path(folder) / "tuned")


def limits(model: LocalModel, figures: dict[str, float]) -> dict[str, float]:
    """The machine's two rates, and which share of them the engine reaches."""
    flops, copied = matrix_rate(model.dtype), copy_rate()
    config = model.module().config
    table = config.vocab_size * config.hidden_size
    inner = model.parameters - table
    bytes_each = 2 if model.dtype == "bfloat16" else 4
    own = 2 * inner * 16 * (800 - 50)
    # Between two prompt lengths, so that what both pay once falls out.
    scored = own / flops / (figures["own_prompt_800_s"] - figures["own_prompt_50_s"])
    shares = {"score_share_of_flops_limit": scored}
    for rows in ROWS:
        least = NEW_TOKENS * max(model.parameters * bytes_each / copied, 2 * rows * (inner + table) / flops)
        shares[f"decode_share_of_limit_{rows}"] = least / figures[f"decode_rows_{rows}_s"]
    tokens = TRAINED * (OWN_WORDS + 8)
    trained = figures[f"train_rows_{2 * TRAINED}_s"] - figures[f"train_rows_{TRAINED}_s"]
    shares["train_share_of_flops_limit"] = 4 * inner * tokens / flops / trained
    return shares | {"matrix_gflops": flops / 1e9, "copy_gb_per_s": copied / 1e9}


def matrix_rate(dtype: str) -> float:
    """Floating-point operations a second of the largest product in a layer, over a thousand tokens."""
    import torch

    x = torch.randn(1000, 576, dtype=getattr(torch, dtype))
    w = torch.randn(1536, 576, dtype=getattr(torch, dtype))
    return 2 * 1000 * 576 * 1536 / _fastest(lambda: torch.nn.functional.linear(x, w))


def copy_rate() -> float:
    """Bytes a second that are read from memory: a sum over half a gigabyte."""
    import torch

    data = torch.ones(2**27)
    return data.numel() * 4 / _fastest(lambda: data.sum())


def _fastest(work: Callable[[], object]) -> float:
    times = []
    for _ in range(20):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def draw(points: Sequence[Point], path: Path) -> None:
    """One panel per curve, both axes logarithmic."""
    import altair as alt

    names = {
        "examples": "examples scored (10 labels)",
        "labels": "labels (64 examples)",
        "shared_prompt": "tokens that prompts share (64 examples)",
        "own_prompt": "tokens of each prompt, unshared (16 examples)",
        "decode_rows": "answers written together",
        "documents": "documents indexed and searched",
    }
    panels = []
    for name, title in names.items():
        rows = [{"x": value, "seconds": seconds} for kind, value, seconds, _ in points if kind == name]
        lines = alt.Chart(alt.Data(values=rows), width=260, height=170).mark_line(point=True, color="#2b5d8a")
        panels.append(
            lines.encode(
                x=alt.X("x:Q", title=title, scale=alt.Scale(type="log")),
                y=alt.Y("seconds:Q", title="seconds", scale=alt.Scale(type="log")),
            )
        )
    alt.concat(*panels, columns=3).save(str(path), scale_factor=2)


if __name__ == "__main__":
    opened = open_model(ModelSettings(name="smollm2-135m"))
    if not isinstance(opened, LocalModel):
        raise SystemExit("the built-in model does not run on this machine")
    draw(measured(opened), Path(sys.argv[1]))
