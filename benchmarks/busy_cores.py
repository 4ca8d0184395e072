"""Scoring, generating and training while other programs keep the cores busy: time over the time alone.

Each of the three is timed alone, next to one and next to four processes that only count, with OpenMP's own way of waiting (what
torch does by itself) and with Tailor's (`tailor.models.cores`). Every combination runs in a fresh process; the two ways take turns,
and figures are medians of three, but for torch's way next to others, which is so slow that it is timed once. Alone, the two ways
run one after the other, and the ratio is the median of the rounds' ratios: machines drift. The machine should be quiet otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tailor.models.base import Request, message

ROUNDS = 3
BUSY = (0, 1, 4)
WORDS = (
    "river stone lamp cart winter market bridge letter garden window copper sail barley thread hammer saddle orchard kettle".split()
)
LABELS = ("billing", "delivery", "returns", "account", "repair", "praise", "spam", "legal", "press", "jobs", "stores", "prices")


def run() -> dict[str, float]:
    """Figures of the benchmark `beside`."""
    seconds: dict[tuple[str, str, int], list[float]] = {}
    for round_ in range(ROUNDS):
        ways = ("torch", "tailor") if round_ % 2 else ("tailor", "torch")
        for way, busy in ((way, busy) for busy in BUSY for way in ways if way == "tailor" or round_ == 0 or not busy):
            for work, taken in _timed(way, busy).items():
                seconds.setdefault((way, work, busy), []).append(taken)
    usual = {key: statistics.median(taken) for key, taken in seconds.items()}
    works = sorted({work for _, work, _ in usual})
    figures = {f"{work}_alone_seconds": usual["tailor", work, 0] for work in works}
    for way in ("tailor", "torch"):
        name = "slowdown" if way == "tailor" else "torch_slowdown"
        for busy, words in ((1, "one_busy_core"), (4, "four_busy")):
            by_work = {work: usual[way, work, busy] / usual[way, work, 0] for work in works}
            figures[f"{name}_{words}"] = max(by_work.values())
            figures |= {f"{name}_{words}_{work}": ratio for work, ratio in by_work.items()}
    alone = {work: list(zip(seconds["tailor", work, 0], seconds["torch", work, 0], strict=True)) for work in works}
    figures["alone_ratio"] = max(statistics.median(ours / torchs for ours, torchs in pairs) for pairs in alone.values())
    return figures


def _timed(way: str, busy: int) -> dict[str, float]:
    """Seconds of each kind of work in a fresh process, next to so many busy ones."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    with _busy(busy):
        command = [sys.executable, "-m", "benchmarks.busy_cores", way]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=900, check=True)
    print(f"  {way}, {busy} busy: {done.stdout.strip()}", file=sys.stderr)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """So many processes that count, for fifteen minutes at most."""
    code = "import time\nend = time.monotonic() + 900\nwhile time.monotonic() < end: pass"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def _work(way: str) -> dict[str, float]:
    """Seconds for scoring, generating and training, each once for warming up and once for the clock."""
    from tailor.models import cores
    from tailor.models.catalogue import open_model
    from tailor.models.local import LocalModel
    from tailor.models.training import TrainingRow
    from tailor.models.tune import Recipe, tune
    from tailor.task import ModelSettings

    if way == "torch":
        cores._cores = lambda: None  # type: ignore[assignment]  # what torch does by itself
    model = open_model(ModelSettings(name="smollm2-135m"))
    assert isinstance(model, LocalModel)
    shared = "Say what the customer wants. " + " ".join(WORDS[i * 7 % len(WORDS)] for i in range(250))

    def asked(turn: str, rows: int) -> list[str]:
        return [f"{shared}\n{turn} " + " ".join(WORDS[(i * j + i) % len(WORDS)] for j in range(1, 20)) for i in range(rows)]

    def score(turn: str) -> None:
        model.reply([Request((message("user", text),), choices=LABELS) for text in asked(turn, 64)])

    def generate(turn: str) -> None:
        model.reply([Request((message("user", text),), max_tokens=24) for text in asked(turn, 16)])

    def train(turn: str) -> None:
        rows = [
            TrainingRow(
                tuple(model.encode((message("user", text),))), (*model.encode_answer(LABELS[i % len(LABELS)]), model.end_token)
            )
            for i, text in enumerate(asked(turn, 24))
        ]
        with tempfile.TemporaryDirectory() as folder:
            tune(model, rows, rows[:8], Recipe("lora", 1, 16, 1e-3, 8, 0), Path(folder) / "tuned")

    works: dict[str, Callable[[str], None]] = {"score": score, "generate": generate, "train": train}
    seconds = {}
    for name, work in works.items():
        work("first")
        started = time.perf_counter()
        work("second")
        seconds[name] = time.perf_counter() - started
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Times the three in this process, once.")
    parser.add_argument("way", choices=("torch", "tailor"))
    print(json.dumps(_work(parser.parse_args().way)))
