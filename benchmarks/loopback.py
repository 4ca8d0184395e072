"""An OpenAI-compatible endpoint on this machine, in a process of its own, that answers after a time and notes what it was asked.

Its address names the time: /fixed-20 answers after 20 ms, /uniform-100-900 after 100 to 900 ms, /stragglers-100-2000-16 after 100
ms and for one question in sixteen after 2,000 ms. The same question always takes as long. Its last word is the answer.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Loopback:
    """A running endpoint.

    Attributes:
        address: without the way of answering and /v1.
        notes: the file with a line for every call that came in ("in WORD SECONDS") and every answer that went out ("out ...").
    """

    address: str
    notes: Path

    def url(self, way: str) -> str:
        """The `base_url` of a way of answering."""
        return f"{self.address}/{way}/v1"

    def noted(self) -> list[tuple[str, str]]:
        """What happened so far, in order."""
        return [(what, word) for what, word, _ in self.timed()]

    def timed(self) -> list[tuple[str, str, float]]:
        """The same with the time of each, in seconds of the endpoint's clock."""
        lines = (line.split(" ") for line in self.notes.read_text(encoding="utf-8").splitlines())
        return [(what, word, float(at)) for what, word, at in lines]


@contextmanager
def loopback() -> Iterator[Loopback]:
    """An endpoint for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        notes.touch()
        command = [sys.executable, "-m", "benchmarks.loopback", str(notes)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                yield Loopback(f"http://127.0.0.1:{int(server.stdout.readline())}", notes)
            finally:
                server.terminate()


class Server:
    """The endpoint's side."""

    def __init__(self, notes: Path) -> None:
        self.notes = notes.open("a", buffering=1, encoding="utf-8")

    def pause(self, way: str, word: str) -> float:
        """Seconds until the answer."""
        chance = random.Random(word)
        kind, *numbers = way.split("-")
        given = [int(number) for number in numbers]
        if kind == "uniform":
            return chance.uniform(given[0], given[1]) / 1000
        if kind == "stragglers":
            return (given[0] if int(word.strip("w") or 0) % given[2] else given[1]) / 1000
        return given[0] / 1000

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the calls of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
                length = next(int(line.split(":")[1]) for line in head if line.lower().startswith("content-length:"))
                body = json.loads(await reader.readexactly(length))
                word = str(body["messages"][-1]["content"]).split()[-1]
                self.notes.write(f"in {word} {time.monotonic():.6f}\n")
                await asyncio.sleep(self.pause(head[0].split("/")[1], word))
                message = {"role": "assistant", "content": word}
                usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
                choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
                told = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage}
                sent = json.dumps(told).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(sent) + sent)
                await writer.drain()
                self.notes.write(f"out {word} {time.monotonic():.6f}\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main() -> None:
    """Serve until stopped; print the port first."""
    server = await asyncio.start_server(Server(Path(sys.argv[1])).serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
