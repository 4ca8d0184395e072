"""What a study costs: time and memory against examples, labels, prompt length, documents and training rows, next to the limit.

Synthetic prompts of common words; the built-in model. The limit of a point is the time that its products would take at the
machine's own rates, which are measured in the same run: what prompts share counted once, attention included, at the rate of a large
matrix product; in decoding, where every step reads all weights, at the rate at which memory is read if that takes longer. It counts
the last layer for every token, although some tokens need only half of it: three hundredths of the work. Training is timed with
everything around it. Memory is the highest of the whole process at each point.

`python -m benchmarks.cost_curves FIGURES.json PATH.png` draws the curves from what `python -m benchmarks cost-curves --json` said.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import seconds_of
from tailor.documents.reading import Document
from tailor.errors import TailorError
from tailor.models.base import Request, message
from tailor.models.catalogue import open_model
from tailor.models.fake import FakeEmbedder
from tailor.models.local import LocalModel
from tailor.models.scoring import build_trie, common_prefix
from tailor.models.training import TrainingRow
from tailor.models.tune import Recipe, tune
from tailor.retrieval.index import Index
from tailor.task import ModelSettings

CURVES = {
    "examples": ("examples scored (10 labels)", (100, 300, 1_000, 3_000, 10_000)),
    "labels": ("labels (64 examples)", (2, 10, 30, 77, 150)),
    "shared_prompt": ("tokens that prompts share (64 examples)", (50, 100, 200, 400, 800, 1_600)),
    "own_prompt": ("tokens of each prompt, unshared (16 examples)", (50, 100, 200, 400, 800)),
    "decode_rows": ("answers of 24 tokens written together", (1, 8, 32, 64)),
    "documents": ("documents indexed, 40 searches", (100, 1_000, 10_000)),
    "train_rows": ("rows trained on once, LoRA on all layers", (100, 300, 1_000)),
}
"""What is varied: its title, and its values."""
NEW_TOKENS, OWN_WORDS, BATCH = 24, 16, 8
WORDS = (
    "river stone lamp cart winter market bridge letter garden window copper sail barley thread hammer saddle orchard kettle".split()
)


Work = tuple[Callable[[], Any], Callable[[Any], float] | None]
"""What is timed, and the least seconds for it, from what it returned; None where no limit is known."""


@dataclass(frozen=True)
class Machine:
    """The rates of this machine and the sizes of the model.

    Attributes:
        flops: operations a second of a large matrix product.
        read: bytes a second that are read from memory.
        inner: weights below the vocabulary table.
        table: weights of that table.
        wide: numbers of a token's queries, in all layers together.
        bytes_each: of a weight.
    """

    flops: float
    read: float
    inner: int
    table: int
    wide: int
    bytes_each: int

    def reading(self, tokens: int, words: int, pairs: int) -> float:
        """Least seconds for so many tokens that see so many others in all, with the vocabulary product at `words` of them."""
        return (2 * (self.inner * tokens + self.table * words) + 4 * self.wide * pairs) / self.flops

    def writing(self, rows: int, seen: int) -> float:
        """Least seconds for one more token of each row, which sees so many others."""
        return max(self.reading(rows, rows, rows * seen), (self.inner + self.table) * self.bytes_each / self.read)


def run() -> dict[str, float]:
    """`CURVE_VALUE_s`, `_gb` and `_limit_s` along each curve, `CURVE_share_of_limit` at its end, and the machine's rates."""
    model = open_model(ModelSettings(name="smollm2-135m"))
    if not isinstance(model, LocalModel):
        raise TailorError("the built-in model does not run on this machine")
    machine = machine_for(model)
    figures = {"matrix_gflops": machine.flops / 1e9, "read_gb_per_s": machine.read / 1e9}
    index(8)[0]()
    for name, (_, values) in CURVES.items():
        for value in values:
            # Training lets go of the weights, so this loads them, and libraries, before the clock starts.
            ask(model, machine, 8, 20, 2)[0]()
            figures |= measured(f"{name}_{value}", work_of(name, value, model, machine))
        last = f"{name}_{values[-1]}"
        if f"{last}_limit_s" in figures:
            figures[f"{name}_share_of_limit"] = figures[f"{last}_limit_s"] / figures[f"{last}_s"]
    return figures


def machine_for(model: LocalModel) -> Machine:
    """Rates are measured; sizes are the model's."""
    config = model.module().config
    table = config.vocab_size * config.hidden_size
    bytes_each = 2 if model.dtype == "bfloat16" else 4
    wide = config.num_hidden_layers * config.hidden_size
    return Machine(matrix_rate(model.dtype), read_rate(), model.parameters - table, table, wide, bytes_each)


def measured(name: str, work: Work) -> dict[str, float]:
    """Seconds, gigabytes, and the limit where there is one."""
    whole = reset_peak()
    seconds, result = seconds_of(work[0])
    figures = {f"{name}_s": seconds, f"{name}_gb": peak_gb(whole)}
    if work[1] is not None:
        figures[f"{name}_limit_s"] = work[1](result)
    print("  " + ", ".join(f"{key} {value:.3f}" for key, value in figures.items()), file=sys.stderr)
    return figures


def work_of(name: str, value: int, model: LocalModel, machine: Machine) -> Work:
    """The work at a point of a curve."""
    works: dict[str, Callable[[], Work]] = {
        "examples": partial(ask, model, machine, value, 100, 10),
        "labels": partial(ask, model, machine, 64, 100, value),
        "shared_prompt": partial(ask, model, machine, 64, value, 10),
        "own_prompt": partial(ask, model, machine, 16, 0, 10, value),
        "decode_rows": partial(ask, model, machine, value, 100, 0),
        "documents": partial(index, value),
        "train_rows": partial(train, model, machine, value),
    }
    return works[name]()


_drawn = random.Random(0)


def text(count: int) -> str:
    """So many words, never the same ones again."""
    return " ".join(_drawn.choice(WORDS) for _ in range(count))


def ask(model: LocalModel, machine: Machine, rows: int, shared: int, labels: int, own: int = OWN_WORDS) -> Work:
    """Score labels, or with none write `NEW_TOKENS` tokens, for prompts that share about as many tokens as given."""
    head = text(shared)
    choices = tuple(f"{WORDS[i % len(WORDS)]} {WORDS[i // len(WORDS)]}" for i in range(labels))
    chats = [(message("system", head), message("user", text(own))) for _ in range(rows)]
    requests = [Request(chat, choices, max_tokens=NEW_TOKENS) for chat in chats]
    prompts = [model.encode(chat) for chat in chats]
    common = common_prefix(prompts) if rows > 1 else 0
    alone = [len(prompt) - common for prompt in prompts]
    nodes = len(build_trie([model.encode_answer(choice) for choice in choices]).tokens) if labels else 0
    tokens = common + sum(alone) + rows * nodes
    pairs = triangle(common) + sum(triangle(n) + n * common + nodes * (common + n) for n in alone)

    def reply() -> int:
        blocks = (requests[start : start + model.block] for start in range(0, rows, model.block))
        return max(answer.tokens_out for block in blocks for answer in model.reply(block))

    def limit(written: int) -> float:
        least = machine.reading(tokens, rows * (nodes + 1), pairs)
        # The first token comes with the reading; every later one is a step.
        return least if labels else least + (written - 1) * machine.writing(rows, common + max(alone))

    return reply, limit


def triangle(tokens: int) -> int:
    """Pairs of a token and those it sees, itself included, in a text of so many."""
    return tokens * (tokens + 1) // 2


def index(count: int) -> Work:
    """Index documents of sixty words and search forty times; vectors cost nothing here, see `search-speed`."""
    pages = [Document(f"{i}.md", f"Page {i}", text(60)) for i in range(count)]
    queries = [text(8) for _ in range(40)]

    def build() -> None:
        with tempfile.TemporaryDirectory() as folder:
            opened = Index.open(Path(folder), FakeEmbedder())
            opened.update(pages)
            opened.search(queries, "hybrid", 3)

    return build, None


def train(model: LocalModel, machine: Machine, rows: int) -> Work:
    """One epoch of LoRA on all layers over rows of `OWN_WORDS` words."""
    made = [
        TrainingRow(tuple(model.encode((message("user", text(OWN_WORDS)),))), (*model.encode_answer(text(2)), model.end_token))
        for _ in range(rows)
    ]
    common = common_prefix([row.prompt for row in made])
    # The last token of a row is only ever an aim.
    alone = [len(row.tokens) - 1 - common for row in made]
    steps = -(-rows // BATCH)
    tokens, words = common * steps + sum(alone), sum(len(row.answer) for row in made)
    pairs = triangle(common) * steps + sum(triangle(n) + n * common for n in alone)

    def fit() -> None:
        with tempfile.TemporaryDirectory() as folder:
            tune(model, made, made[:BATCH], Recipe("lora", 1, 16, 1e-3, BATCH, 0), Path(folder) / "tuned")

    # Frozen weights are multiplied once forwards and once backwards; the adapters are left out.
    return fit, lambda _: 2 * machine.reading(tokens, words, pairs)


def matrix_rate(dtype: str) -> float:
    """Operations a second of the largest product in a layer, over a thousand tokens."""
    import torch

    x = torch.randn(1000, 576, dtype=getattr(torch, dtype))
    w = torch.randn(1536, 576, dtype=getattr(torch, dtype))
    return 2 * 1000 * 576 * 1536 / _median(lambda: torch.nn.functional.linear(x, w))


def read_rate() -> float:
    """Bytes a second that are read from memory: a sum over half a gigabyte."""
    import torch

    data = torch.ones(2**27)
    return data.numel() * 4 / _median(lambda: data.sum())


def _median(work: Callable[[], Any]) -> float:
    return float(np.median([seconds_of(work)[0] for _ in range(20)]))


def reset_peak() -> bool:
    """Let the kernel forget the highest memory use so far; False where it cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_gb(since_reset: bool) -> float:
    """The highest memory use since the reset, or of the whole process, in gigabytes."""
    if not since_reset:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9


def draw(figures: dict[str, float], path: Path) -> None:
    """For each curve its seconds next to the limit, both logarithmic, and its memory."""
    import altair as alt

    panels = []
    for name, (title, values) in CURVES.items():
        x = alt.X("x:Q", title=title, scale=alt.Scale(type="log", nice=False), axis=alt.Axis(values=list(values)))
        times, memory = [], []
        for value in values:
            at = f"{name}_{value}"
            times.append({"x": value, "y": figures[f"{at}_s"], "kind": "measured"})
            if f"{at}_limit_s" in figures:
                times.append({"x": value, "y": figures[f"{at}_limit_s"], "kind": "limit"})
            memory.append({"x": value, "y": figures[f"{at}_gb"]})
        colour = alt.Color("kind:N", title=None, scale=alt.Scale(domain=["measured", "limit"], range=["#2b5d8a", "#b0683a"]))
        y = alt.Y("y:Q", title="seconds", scale=alt.Scale(type="log"))
        above = alt.Chart(alt.Data(values=times), width=230, height=150).mark_line(point=True).encode(x=x, y=y, color=colour)
        y = alt.Y("y:Q", title="GB", scale=alt.Scale(zero=True))
        below = (
            alt.Chart(alt.Data(values=memory), width=230, height=70)
            .mark_line(point={"color": "#5a5a5a"}, color="#5a5a5a")
            .encode(x=x, y=y)
        )
        panels.append(alt.vconcat(above, below))
    alt.concat(*panels, columns=4).save(str(path), scale_factor=1.0)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["figures"], Path(sys.argv[2]))
