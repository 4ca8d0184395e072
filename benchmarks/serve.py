"""A served system under load: overhead, overload, leaks and swaps with the fake model; throughput with the built-in one.

`SERVE=overload,throughput` in the environment runs these parts alone; each part prints its figures when it is done.
`SERVE=soak` takes a quarter of an hour and runs only when it is named.
The server runs in a process of its own with its record of traffic, and is asked over sockets by this one. Both share the machine's
cores with the load.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.prompting import FewShot
from tailor.data.example import Example
from tailor.data.split import load_splits
from tailor.engine import Engine
from tailor.kinds.base import score_run
from tailor.ledger import Ledger
from tailor.models.base import Model, Reply, Request
from tailor.models.fake import FakeModel
from tailor.open_engine import open_engine
from tailor.project import Project, load_project
from tailor.serving.certified import Certified, Measured
from tailor.serving.endpoint import Endpoint
from tailor.serving.served import Served, opened
from tailor.serving.server import Server
from tailor.serving.server import run as serve
from tailor.serving.worker import Worker
from tailor.stats.intervals import mean_interval
from tailor.watching.recorder import Recorder
from tailor.web.listening import listen

SAMPLE = Path(__file__).resolve().parents[1] / "examples" / "townhall"
RATE, SECONDS = 50, 20
MANY, LEAK_SECONDS = 100_000, 300.0
SOAK_RATE, SOAK_MINUTES = 20, 15
SWAPS = 100
CLIENTS = 16
GATE = 32
"""Rows that the gate asks; at them, it is learned how long batches take."""
SLOW = 0.05
"""Seconds that the slow fake takes for an answer, so that its capacity is known."""
LATE = 0.05
"""Seconds within which a refusal should come."""
SLOW_BATCH, SLOW_EACH = 0.2, 0.2
"""Seconds that a fake takes for a batch, and for each answer in it: about as the built-in model on two cores."""


class PassingFake(FakeModel):
    """A fake model that forgets what it was asked, which the other one keeps for tests."""

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """One reply per request."""
        replies = super().reply(requests, tuned)
        self.requests.clear()
        return replies


class SlowFake(PassingFake):
    """A fake model that takes a time for each answer."""

    block = 1

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """One reply per request."""
        time.sleep(SLOW * len(requests))
        return super().reply(requests, tuned)


class BatchFake(PassingFake):
    """A fake model that takes a time for each batch and for each answer in it, as a model that computes does."""

    block = 16

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """One reply per request."""
        time.sleep(SLOW_BATCH + SLOW_EACH * len(requests))
        return super().reply(requests, tuned)


class Swapping:
    """A source of two configurations in turn, each opened anew."""

    def __init__(self, project: Project, both: Sequence[Certified], model: Model) -> None:
        self.project, self.both, self.model, self.turn = project, both, model, 0

    def recorder(self, served: Served) -> Recorder:
        """Keeps what is asked."""
        return Recorder(served.project.store, served.certified.task)

    def opened(self, model: Model | None = None) -> Served:
        """The next of the two."""
        found = self.both[self.turn % len(self.both)]
        self.turn += 1
        return opened(self.project, found, self.project.store, self.model)


def run() -> dict[str, float]:
    """The figures of all parts, or of those named in `SERVE`."""
    from benchmarks.serve_rivals import rivals

    parts = {
        one.__name__: one for one in (overhead, overload, overload_batches, overload_model, swaps, throughput, rivals, leak, soak)
    }
    named = [name for name in os.environ.get("SERVE", "").split(",") if name] or [name for name in parts if name != "soak"]
    if unknown := sorted(set(named) - set(parts)):
        raise FileNotFoundError(f"there is no part {unknown[0]}; there are {', '.join(parts)}")
    found: dict[str, float] = {}
    for name in named:
        figures = parts[name]()
        print(f"  {name}: {figures}", file=sys.stderr, flush=True)
        found |= figures
    return found


def overhead() -> dict[str, float]:
    """Time to answer at 50 requests a second, with the record of traffic on."""
    with server("fake") as at:
        before = work(at.process)
        took = asyncio.run(paced(at, RATE, SECONDS))
        each = (work(at.process) - before) / len(took)
        assert all(status == 200 for status, _ in took)
        return {"p50_ms": 1000 * quantile(took, 0.5), "p99_ms": 1000 * quantile(took, 0.99), "processor_ms": 1000 * each}


def overload() -> dict[str, float]:
    """Ten times what a slow model can do: how soon the refusals come, and the time of what is answered, against half the load."""
    with server("slow", queue=8) as at:
        return overloaded(at, 1 / SLOW, "overload", 40)


def overload_batches() -> dict[str, float]:
    """The same with a fake model that is quicker in batches, and with as many that may wait as usual."""
    with server("batches", queue=64) as at:
        return overloaded(at, capacity(at), "overload_batches", 120)


def overload_model() -> dict[str, float]:
    """The same with the built-in model."""
    with server("built-in", queue=64) as at:
        return overloaded(at, capacity(at), "overload_model", 120)


def capacity(at: At) -> float:
    """Answers a second that sixteen clients get."""
    asyncio.run(flood(at, 32, CLIENTS))
    started = time.perf_counter()
    asyncio.run(flood(at, 96, CLIENTS))
    return 96 / (time.perf_counter() - started)


def overloaded(at: At, capacity: float, name: str, seconds: float) -> dict[str, float]:
    """What becomes of ten times the capacity of a server, from the first request on, against calm: half of the capacity.

    Requests come at random (a Poisson process), from callers who know nothing of each other. Calm is measured at even distances
    as well, where requests hardly ever wait for each other.
    """
    even = asyncio.run(paced(at, capacity / 2, seconds / 4))
    calm = asyncio.run(paced(at, capacity / 2, seconds / 2, even=False))
    took = asyncio.run(paced(at, 10 * capacity, seconds, even=False))
    refused = [one for one in took if one[0] == 429]
    answered = [one for one in took if one[0] == 200]
    assert len(refused) + len(answered) == len(took), {status for status, _ in took}
    return {
        f"{name}_capacity": capacity,
        f"{name}_refused": len(refused) / len(took),
        f"{name}_refused_p99_ms": 1000 * quantile(refused, 0.99),
        f"{name}_refused_late": sum(each > LATE for _, each in refused) / len(refused),
        f"{name}_answered_p99_ms": 1000 * quantile(answered, 0.99),
        f"{name}_answered_at_most_ms": 1000 * quantile(answered, 1.0),
        f"{name}_calm_p99_ms": 1000 * quantile(calm, 0.99),
        f"{name}_calm_even_p99_ms": 1000 * quantile(even, 0.99),
        f"{name}_times_calm": quantile(answered, 0.99) / quantile(calm, 0.99),
        f"{name}_share_of_rate": len(answered) / seconds / capacity,
    }


def swaps() -> dict[str, float]:
    """A hundred swaps at 50 requests a second."""
    with server("fake", both=True) as at:

        async def swap() -> None:
            for number in range(SWAPS):
                os.kill(at.process, signal.SIGHUP)
                while (await gauge(at, "tailor_swaps")) < number + 1:
                    await asyncio.sleep(0.02)

        done: list[float] = []

        async def both() -> list[tuple[int, float]]:
            swapping = asyncio.create_task(swap())
            took: list[tuple[int, float]] = []
            while not swapping.done():
                took += await paced(at, RATE, 2)
            await swapping
            done.append(await gauge(at, "tailor_swaps"))
            return took

        took = asyncio.run(both())
        return {"swaps": done[0], "swap_requests": len(took), "swap_failed": sum(status != 200 for status, _ in took)}


def leak() -> dict[str, float]:
    """What a hundred thousand requests leave behind, or as many as come in the time that this may take."""
    with server("fake") as at:
        asyncio.run(flood(at, 5000, CLIENTS))
        before, files = memory(at.process), descriptors(at.process)
        started = time.perf_counter()
        took = asyncio.run(flood(at, MANY, CLIENTS, seconds=LEAK_SECONDS))
        seconds = time.perf_counter() - started
        wal = max((path.stat().st_size for path in at.store.glob("*-wal")), default=0)
        return {
            "leak_requests": len(took),
            "leak_failed": sum(status != 200 for status, _ in took),
            "leak_rss_mb": (memory(at.process) - before) / 1e6,
            "leak_descriptors": descriptors(at.process) - files,
            "leak_wal_mb": wal / 1e6,
            "fake_per_second": len(took) / seconds,
        }


def soak() -> dict[str, float]:
    """A quarter of an hour at a moderate rate: what the process holds after a warm-up, at the end, and at most."""
    with server("fake") as at:
        asyncio.run(paced(at, SOAK_RATE, 60))
        before, seen, failed, served = held(at.process), list[tuple[int, ...]](), 0, 0
        for _ in range(SOAK_MINUTES):
            took = asyncio.run(paced(at, SOAK_RATE, 60))
            failed, served = failed + sum(status != 200 for status, _ in took), served + len(took)
            seen.append(held(at.process))
        figures: dict[str, float] = {"soak_requests": served, "soak_failed": failed}
        for place, (name, unit) in enumerate((("rss_mb", 1e6), ("descriptors", 1), ("threads", 1))):
            grown = [(one[place] - before[place]) / unit for one in seen]
            figures |= {
                f"soak_{name}": before[place] / unit,
                f"soak_{name}_more": grown[-1],
                f"soak_{name}_more_at_most": max(grown),
            }
        return figures


def throughput() -> dict[str, float]:
    """Answers a second at 16 clients, against those of the engine's own batches, on the same rows, with nearest examples."""
    with tempfile.TemporaryDirectory() as folder:
        project, found, rows = made(Path(folder), None)
        served = opened(project, found, project.store)
        served.answers(rows[:16])
        started, before = time.perf_counter(), work(os.getpid())
        for start in range(0, len(rows), served.at_once):
            served.answers(rows[start : start + served.at_once])
        own, own_work = len(rows) / (time.perf_counter() - started), work(os.getpid()) - before
        served.close()
    with server("built-in") as at:
        texts = [row.fields["text"] for row in rows]
        asyncio.run(flood(at, 32, CLIENTS, texts))
        started, before = time.perf_counter(), work(at.process)
        took = asyncio.run(flood(at, len(texts), CLIENTS, texts))
        rate, served_work = len(took) / (time.perf_counter() - started), work(at.process) - before
        assert all(status == 200 for status, _ in took)
    shares = {"served_share": rate / own, "served_share_of_work": own_work / served_work}
    return {"engine_per_second": own, "served_per_second": rate, **shares}


# --- the server


@dataclass(frozen=True)
class Port:
    """Where a server on this machine listens."""

    port: int


@dataclass(frozen=True)
class At(Port):
    """A running server of Tailor's."""

    process: int
    store: Path


@contextmanager
def server(kind: str, *, queue: int = 256, both: bool = False) -> Iterator[At]:
    """A server in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        told = [sys.executable, "-m", "benchmarks.serve", folder, kind, str(queue), str(int(both))]
        with subprocess.Popen(told, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                port = int(process.stdout.readline())
                at = At(port, process.pid, Path(folder) / "townhall" / ".tailor")
                asyncio.run(ready(at))
                yield at
            finally:
                process.terminate()
                process.wait()


def made(folder: Path, model: Model | None, *, writes: bool = False) -> tuple[Project, Certified, list[Example]]:
    """The sample as a certified system that scores labels, or writes one, measured on a few rows; and rows to ask about."""
    project = load_project(shutil.copytree(SAMPLE, folder / "townhall", ignore=shutil.ignore_patterns(".tailor")))
    splits = load_splits(project)
    with Ledger(project.store) as ledger:
        engine = open_engine(project, ledger, model)
        start = starting_system(project.task, splits.train, engine.model)
        nearest = FewShot(5, "nearest")  # the fake is asked plainly, since an embedder would be no overhead of serving
        system = start if model else nearest.fit(start, TrainingData(project.task, splits.train, splits.dev), engine)
        system = system.with_(decoding={"method": "generate"}) if writes else system
        found = certify(project, system, splits.dev[:GATE], engine)
    return project, found, [*splits.dev, *splits.train][:192]


def certify(project: Project, system: Any, rows: Sequence[Example], engine: Engine) -> Certified:
    """A system measured on these rows."""
    answers = engine.answer(system, rows)
    scores = score_run(project.task, system, rows, answers)
    score = mean_interval([one.value for one in scores])
    measured = tuple(map(Measured, rows, answers, scores))
    return Certified(project.task, system, "benchmark", "", "", score, score.low or 0.0, len(rows), None, measured)


def serve_here(folder: Path, kind: str, queue: int, both: bool) -> None:
    """Serve until the process is told to end; the port is printed."""
    model = {"fake": PassingFake, "slow": SlowFake, "batches": BatchFake}.get(kind, lambda: None)()
    project, found, _ = made(folder, model, writes=kind == "writes")
    configurations = [found]
    if both:
        other = found.system.with_(prompt={"instruction": f"{found.system.prompt.instruction} Be quick."})
        with Ledger(project.store) as ledger:
            rows = [row.example for row in found.rows]
            configurations.append(certify(project, other, rows, open_engine(project, ledger, model)))
    from tailor.models.catalogue import open_model

    source = Swapping(project, configurations, model or open_model(project.task.model))
    served = source.opened()
    listening = listen()
    listening.socket.listen()
    print(listening.port, flush=True)
    held = Server(Endpoint(served, Worker(queue), source.recorder(served)), source, rows=GATE, agreement=1.0)
    serve(held, listening)


# --- the load


async def ready(at: At) -> None:
    """Wait until a request would be answered."""
    for _ in range(600):
        if (await call(at, "GET", "/readyz"))[0] == 200:
            return
        await asyncio.sleep(0.2)
    raise TimeoutError("the server does not get ready")


async def gauge(at: At, name: str) -> float:
    """A figure that the server tells."""
    _, body = await call(at, "GET", "/metrics")
    return float(next(line for line in body.decode().splitlines() if line.startswith(f"{name} ")).split()[1])


async def call(at: Port, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
    try:
        return await exchange(at, reader, writer, method, path, body)
    finally:
        writer.close()


async def exchange(
    at: Port, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, path: str, body: bytes
) -> tuple[int, bytes]:
    """One request on an open connection."""
    named = f"host: 127.0.0.1:{at.port}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(f"{method} {path} HTTP/1.1\r\n{named}".encode() + body)
    told = await reader.readuntil(b"\r\n\r\n")
    status = int(told.split(b" ", 2)[1])
    length = int(next(line for line in told.lower().split(b"\r\n") if line.startswith(b"content-length:")).split(b":")[1])
    return status, await reader.readexactly(length)


def question(text: str) -> bytes:
    """A chat request."""
    return json.dumps({"model": "townhall", "messages": [{"role": "user", "content": text}]}).encode()


async def paced(at: At, rate: float, seconds: float, *, even: bool = True) -> list[tuple[int, float]]:
    """Status and seconds of requests that come at a rate, whatever becomes of those before (an open loop).

    Args:
        at: the server.
        rate: requests a second.
        seconds: for how long.
        even: at equal distances; else at random ones, the same each time.
    """
    loop, free = asyncio.get_running_loop(), list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()
    count, chance = round(rate * seconds), random.Random(7)
    times = [number / rate for number in range(count)] if even else sorted(chance.uniform(0, seconds) for _ in range(count))

    async def one(number: int, after: float) -> tuple[int, float]:
        await asyncio.sleep(max(0.0, began + after - loop.time()))
        sent = loop.time()
        while free and free[-1][0].at_eof():
            free.pop()[1].close()  # the server has closed what lay idle for long, as it may
        pair = free.pop() if free else await asyncio.open_connection("127.0.0.1", at.port)
        status, _ = await exchange(at, *pair, "POST", "/v1/chat/completions", question(f"There is a hole in street {number}"))
        free.append(pair)
        return status, loop.time() - sent

    began = loop.time() + 0.1
    took = await asyncio.gather(*(one(number, after) for number, after in enumerate(times)))
    for _, writer in free:
        writer.close()
    return list(took)


async def flood(
    at: At, requests: int, clients: int, texts: Sequence[str] = (), seconds: float = math.inf
) -> list[tuple[int, float]]:
    """Status and seconds of requests by clients that ask again as soon as they are answered (a closed loop), for a time."""
    numbers, took, end = iter(range(requests)), list[tuple[int, float]](), time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
        for number in numbers:
            text = texts[number % len(texts)] if texts else f"There is a hole in street {number}"
            started = time.perf_counter()
            status, _ = await exchange(at, reader, writer, "POST", "/v1/chat/completions", question(text))
            took.append((status, time.perf_counter() - started))
            if time.perf_counter() > end:
                break
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return took


def quantile(took: Sequence[tuple[int, float]], share: float) -> float:
    """The time within which a share of them came."""
    times = sorted(seconds for _, seconds in took)
    return times[min(len(times) - 1, int(share * len(times)))] if times else 0.0


def memory(process: int) -> int:
    """Bytes that a process holds in memory."""
    import psutil

    return int(psutil.Process(process).memory_info().rss)


def work(process: int) -> float:
    """Seconds of a processor that a process has used."""
    import psutil

    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


def held(process: int) -> tuple[int, int, int]:
    """Bytes of memory, descriptors and threads of a process."""
    import psutil

    return memory(process), descriptors(process), int(psutil.Process(process).num_threads())


def descriptors(process: int) -> int:
    """Files and sockets that a process has open."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


if __name__ == "__main__":
    serve_here(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1")
