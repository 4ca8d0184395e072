"""An endpoint that bills, and runs against it that are killed: whether a cap on spending holds."""

from __future__ import annotations

import multiprocessing
import random
import signal
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from endpoint import Answer, Endpoint, completion, refusal

from tailor.data.example import Example
from tailor.decide.meter import Meter
from tailor.decide.types import Rates
from tailor.engine import Engine
from tailor.errors import OverBudget
from tailor.ledger import Ledger
from tailor.models.catalogue import open_embedder
from tailor.models.remote import RemoteModel
from tailor.system import Decoding, Prompt, System, Weights
from tailor.task import ModelSettings

PRICES = ((1.0, 10.0), (3.0, 4.0), (0.5, 20.0))
"""Prices of a million tokens read and written that are edited in, one after the other."""


@dataclass
class Billing:
    """What an endpoint bills: every answer that it wrote, whether or not it was received.

    Attributes:
        prices: of a million tokens read and written.
        billed: so far.
        faults: share of calls that fail without being billed; half as many are billed, and come back unreadable.
    """

    prices: tuple[float, float] = PRICES[0]
    billed: float = 0.0
    answered: int = 0
    faults: float = 0.1
    pause: tuple[float, float] = (0.005, 0.03)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _chance: random.Random = field(default_factory=lambda: random.Random(8))

    def __call__(self, payload: Mapping[str, Any]) -> Answer:
        with self._lock:
            draw, pause, written = (
                self._chance.random(),
                self._chance.uniform(*self.pause),
                self._chance.randint(1, payload["max_tokens"]),
            )
            if draw < self.faults:
                return refusal(503, "overloaded") if draw < self.faults / 2 else refusal(429, "slow down", retry_after="0.01")
            read = sum(len(message["content"]) for message in payload["messages"]) // 3 + 20
            self.billed += (read * self.prices[0] + written * self.prices[1]) / 1e6
            self.answered += 1
        if draw < 1.5 * self.faults:
            return Answer(b'{"choices": [', pause=pause)
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        return Answer(completion("yes", usage=usage), pause=pause)


def row(number: int) -> Example:
    return Example(f"{number}", {"text": f"Question {number}: {'word ' * (number % 50)}"}, ("yes",))


def asking(model: RemoteModel) -> System:
    weights = Weights(model=model.name, digest=model.digest)
    prompt = Prompt(instruction="Say yes.", input="{{text}}")
    return System(steps=("zero-shot",), weights=weights, prompt=prompt, decoding=Decoding(max_tokens=16))


def spend(folder: Path, url: str, prices: tuple[float, float], cap: float, places: int, rows: int, began: Event) -> None:
    """Ask for as many rows as the cap allows."""
    settings = ModelSettings(name="m", base_url=url, concurrency=places, context_tokens=None)
    model = RemoteModel(settings, backoff_seconds=0.01)
    with Ledger(folder) as ledger:
        spending = ledger.spending(cap=cap)
        model.meter = Meter(spending, "m", Rates(*prices, None, "edited"))
        began.set()
        try:
            Engine(model, open_embedder, ledger, folder).answer(asking(model), [row(number) for number in range(rows)])
        except OverBudget:
            return


def capped(kills: int, seed: int = 1, *, cap: float = 0.2, places: int = 32, rows: int = 4000) -> dict[str, int]:
    """R8: a run with a cap is killed again and again, its prices edited in between, until the cap leaves no room.

    Counted: moments at which more was billed than the cap allows; calls that were billed and are neither known to be paid nor
    listed as maybe paid; the share of the cap that was billed in the end, in percent.
    """
    chance, billing = random.Random(seed), Billing()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["money", "httpx2"])
    figures = {"kills": kills, "over": 0, "unlisted": 0, "used": 0}
    with Endpoint(billing) as endpoint, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "store"
        for kill in range(kills + 1):
            billing.prices = PRICES[kill % len(PRICES)]
            began = context.Event()
            process = context.Process(target=spend, args=(folder, endpoint.url, billing.prices, cap, places, rows, began))
            process.start()
            began.wait(60)
            if kill < kills:
                time.sleep(chance.uniform(0.05, 0.4))
                process.kill()
            process.join(120)
            assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
            time.sleep(0.1)  # what was under way at the endpoint is answered, and billed
            figures["over"] += billing.billed > cap
            with Ledger(folder) as ledger:
                spent = ledger.spending().spent
                figures["unlisted"] += max(0, billing.answered - spent.calls - len(spent.maybe_paid))
        figures["used"] = round(100 * billing.billed / cap)
    return figures
