"""A whole run's calls to an endpoint, each answer saved as it comes, against a bare asyncio client that saves nothing.

Both ask a loopback endpoint the same questions with the same number under way, in turns, and start with one call to warm up. A
ratio is the bare client's time divided by Tailor's: 1 is as quick, more is quicker. `beyond` is the share of Tailor's calls that
were asked again next to a slow one. `ahead_4_dspy` and the like are a rival's time divided by Tailor's (`endpoint_rivals`).
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.endpoint_rivals import rivals, span
from benchmarks.loopback import loopback
from tailor.data.example import Example
from tailor.engine import Engine
from tailor.ledger import Ledger
from tailor.models.catalogue import open_embedder
from tailor.models.remote import RemoteModel
from tailor.system import Decoding, Prompt, System, Weights
from tailor.task import ModelSettings

TURNS = 3
WAYS = {
    "4": ("uniform-100-900", 4, 48),
    "16": ("uniform-100-900", 16, 192),
    "stragglers": ("stragglers-100-2000-16", 16, 320),
    "64": ("fixed-20", 64, 1280),
}
"""Name of the ratio -> way of answering, calls under way, calls."""
INSTRUCTION = "Answer with the last word."


def run() -> dict[str, float]:
    figures: dict[str, float] = {}
    before, others = 0, rivals(INSTRUCTION)
    with loopback() as endpoint:
        for name, (way, places, calls) in WAYS.items():
            sides: dict[str, Callable[[str, int, int], float]] = {"bare": bare_seconds, "tailor": tailor_seconds}
            times = {side: [] for side in sides}  # type: dict[str, list[float]]
            for _ in range(TURNS):
                for side, seconds in sides.items():
                    times[side].append(seconds(endpoint.url(way), places, calls))
            middle = {side: statistics.median(values) for side, values in times.items()}
            figures |= {f"seconds_{name}_{side}": value for side, value in middle.items()}
            figures[f"ratio_{name}"] = middle["bare"] / middle["tailor"]
            asked = sum(what == "in" for what, _ in endpoint.noted())
            figures[f"beyond_{name}"] = (asked - before) / (2 * TURNS * (calls + 1)) - 1
            for rival, ask in others.items():
                figures[f"seconds_{name}_{rival}"] = span(endpoint, ask, way, places, calls)
                figures[f"ahead_{name}_{rival}"] = figures[f"seconds_{name}_{rival}"] / middle["tailor"]
            before = sum(what == "in" for what, _ in endpoint.noted())
    return figures


def bare_seconds(url: str, places: int, calls: int) -> float:
    """The asyncio client of the openai package, as many calls at once as there are places."""
    import openai

    async def ask_all() -> float:
        async with openai.AsyncOpenAI(api_key="none", base_url=url, max_retries=0) as client:
            gate = asyncio.Semaphore(places)

            async def one(number: int) -> None:
                async with gate:
                    await client.chat.completions.create(
                        model="m",
                        messages=[{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": f"word w{number}"}],
                        max_tokens=5,
                        temperature=0,
                    )

            await one(0)
            started = time.perf_counter()
            await asyncio.gather(*(one(number) for number in range(calls)))
            return time.perf_counter() - started

    return asyncio.run(ask_all())


def tailor_seconds(url: str, places: int, calls: int) -> float:
    """Tailor's engine: rendering, asking, and saving every answer durably."""
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder)) as ledger:
        model = RemoteModel(ModelSettings(name="m", base_url=url, concurrency=places, context_tokens=None))
        engine = Engine(model, open_embedder, ledger, Path(folder))
        system = asking(model)
        engine.answer(system, [row(calls)])
        started = time.perf_counter()
        engine.answer(system, [row(number) for number in range(calls)])
        return time.perf_counter() - started


def asking(model: RemoteModel) -> System:
    """A system that has the last word repeated."""
    return System(
        steps=("zero-shot",),
        weights=Weights(model=model.name, digest=model.digest, precision=model.precision),
        prompt=Prompt(instruction=INSTRUCTION, input="word {{word}}"),
        decoding=Decoding(max_tokens=5),
    )


def row(number: int) -> Example:
    """A question whose answer is known."""
    return Example(f"r{number}", {"word": f"w{number}"}, (f"w{number}",))
