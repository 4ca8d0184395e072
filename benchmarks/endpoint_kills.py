"""A run against an endpoint, killed (SIGKILL) at random moments with 8 to 32 calls under way, and resumed each time.

Counted: answers that were saved and asked for again (`repeated`), answers that had arrived and were not saved (`lost`: sent before
the kill in excess of what was under way), and the most calls of one kill of which nobody knows (`unknown`), next to the calls that
were allowed to be under way. TAILOR_KILLS in the environment says how often to kill (200 unless given).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.synchronize import Event
from pathlib import Path

from benchmarks.endpoint_speed import asking, row
from benchmarks.loopback import Loopback, loopback
from tailor.engine import Engine
from tailor.ledger import Ledger
from tailor.models.catalogue import open_embedder
from tailor.models.remote import RemoteModel
from tailor.task import ModelSettings

WAY = "uniform-10-60"
PLACES = (8, 16, 32)
ROWS_A_KILL = 60
LONGEST = 0.5  # seconds until a kill


def run() -> dict[str, float]:
    return dict(killed(int(os.environ.get("TAILOR_KILLS", "200")), seed=1))


def killed(kills: int, seed: int) -> dict[str, float]:
    """The counts after so many kills."""
    chance = random.Random(seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.endpoint_kills", "httpx2"])
    rows, repeated, lost, most_unknown, excess = ROWS_A_KILL * kills, 0, 0, 0, 0
    with loopback() as endpoint, tempfile.TemporaryDirectory() as scratch:
        folder, seen = Path(scratch), 0
        for _ in range(kills):
            places, began = chance.choice(PLACES), context.Event()
            process = context.Process(target=answer_all, args=(folder, endpoint.url(WAY), places, rows, began))
            process.start()
            began.wait(60)
            time.sleep(chance.uniform(0.02, LONGEST))
            process.kill()
            process.join()
            assert process.exitcode in (-signal.SIGKILL, 0)
            saved = saved_words(folder, endpoint.url(WAY), rows)
            asked, sent, seen = since(endpoint, seen)
            repeated += sum(1 for word, times in Counter(asked).items() if times > 1)
            unknown = len(set(asked) - saved)
            lost += max(0, len(set(sent) - saved) - places)
            most_unknown, excess = max(most_unknown, unknown), max(excess, unknown - places)
        before = saved_words(folder, endpoint.url(WAY), rows)
        answer_all(folder, endpoint.url(WAY), max(PLACES), rows, context.Event())
        asked, _, _ = since(endpoint, seen)
        repeated += len(before & set(asked))
        whole = len(saved_words(folder, endpoint.url(WAY), rows)) == rows
    figures = {"kills": kills, "repeated": repeated, "lost": lost, "most_unknown": most_unknown}
    return {name: float(value) for name, value in figures.items()} | {"unknown_beyond_places": float(excess), "whole": float(whole)}


def answer_all(folder: Path, url: str, places: int, rows: int, began: Event) -> None:
    """Ask for what is missing of all rows."""
    model = RemoteModel(ModelSettings(name="m", base_url=url, concurrency=places, context_tokens=None))
    with Ledger(folder) as ledger, suppress(BrokenPipeError):
        engine = Engine(model, open_embedder, ledger, folder)
        began.set()
        engine.answer(asking(model), [row(number) for number in range(rows)])


def saved_words(folder: Path, url: str, rows: int) -> set[str]:
    """The answers that the ledger holds."""
    model = RemoteModel(ModelSettings(name="m", base_url=url, context_tokens=None))
    with Ledger(folder) as ledger:
        keys = [row(number).answer_key for number in range(rows)]
        return {str(record["raw"]) for record in ledger.answers(asking(model).fingerprint, keys).values()}


def since(endpoint: Loopback, seen: int) -> tuple[list[str], list[str], int]:
    """Words asked for and answered since the note number `seen`, and the number of notes now."""
    notes = endpoint.noted()
    new = notes[seen:]
    return [word for what, word in new if what == "in"], [word for what, word in new if what == "out"], len(notes)
