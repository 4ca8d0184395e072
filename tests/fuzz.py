"""Seeded mutations of what comes from outside: no traceback, nothing beyond 20 seconds or 2 GB.

python tests/fuzz.py --count 2000 settings documents models
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import signal
import string
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from flow import LABELS, tailor, write_desk, write_rooms
from tiny import save_tiny

from tailor.documents.reading import read_documents
from tailor.errors import TailorError
from tailor.models.base import Request, message
from tailor.models.catalogue import open_model
from tailor.retrieval.chunk import chunk
from tailor.task import ModelSettings

MOST_SECONDS = 20
MOST_BYTES = 2 << 30
NASTY = (
    "\x00", "\x1b[31m", "\u202e", "\u200b", "\ufeff", "\ud83d", "😀", "\\ud83d\\ude00", "&a [*a]", "*a", "<<: *a",
    "!!python/name:os.system", "!!binary |", "? ", "- - - -", "{{", "}}", "{{text}}", "{{label}}", "[" * 200, "{" * 200,
    "9" * 5000, "-1e999", ".inf", ".nan", "1e5", "0x" + "f" * 99, "2024-13-45", "2024-02-30T25:61:61Z", "null", "~", "true",
    "../../x", "/", "/dev/zero", ".", "\n---\n", "\t", "# ", "'", '"', "<", "<!--", "<![CDATA[", "<a href='", "</", "<script>",
    "<table><tr><td>", "&#99999999999;", "&#x110000;", "&amp", "```", "|" * 50, "\r\n", " " * 5000, "# a" + " " * 5000 + "b",
    "(a+)+$", "\\", "\u2028", "a" * 70000,
)  # fmt: skip


def mutated(text: str, rng: random.Random) -> str:
    """The text after one or a few changes: cuts, repeats, swaps, random characters, and what has made trouble elsewhere."""
    for _ in range(rng.choice((1, 1, 1, 2, 6))):
        at, to = sorted(rng.randint(0, len(text)) for _ in range(2))
        to = min(to, at + rng.choice((1, 8, 60, 600)))
        change = rng.randrange(7)
        if change == 0:
            text = text[:at] + text[to:]
        elif change == 1:
            text = text[:to] + text[at:to] * rng.choice((1, 2, 30)) + text[to:]
        elif change == 2:
            text = text[:at] + rng.choice(NASTY) + text[at:]
        elif change == 3:
            text = text[:at] + rng.choice(NASTY) + text[to:]
        elif change == 4:
            text = text[:at] + "".join(rng.choice(string.printable) for _ in range(rng.randint(1, 20))) + text[to:]
        elif change == 5:
            lines = text.split("\n")
            rng.shuffle(lines)
            text = "\n".join(lines)
        else:
            text = text[:at] + chr(rng.randrange(0x110000)) + text[at:]
    return text


def save(path: Path, text: str, rng: random.Random) -> None:
    data = text.encode("utf-8", "surrogatepass" if rng.random() < 0.05 else "replace")
    path.write_bytes(data)


class Settings:
    """A `tailor.yaml`, checked, and now and then run."""

    def __init__(self, folder: Path) -> None:
        model = {"name": "fake", "context_tokens": 4096}
        self.desk = write_desk(
            folder / "desk", prices={"currency": "EUR"}, model=model, persona="You sort messages.", labels=[*LABELS]
        )
        self.rooms = write_rooms(folder / "rooms", remarks=3, max_words=9, constraints=["at most 9 words"], pattern="[0-9]+")

    def __call__(self, i: int, rng: random.Random) -> str:
        project = rng.choice((self.desk, self.rooms))
        path = project / "tailor.yaml"
        before = path.read_bytes()
        try:
            save(path, mutated(before.decode(), rng), rng)
            result = tailor("run" if i % 50 == 0 else "check", project)
        finally:
            path.write_bytes(before)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code in (0, 1, 2) and "Traceback" not in result.output
        assert result.exit_code != 2 or "Error" in result.stderr or "Usage" in result.stderr, result.output
        return "accepted" if result.exit_code < 2 else "refused"


class Documents:
    """A page of HTML, Markdown or text, read and cut into passages."""

    page = (
        "<!doctype html><html><head><title>Hotel &amp; travel</title></head><body><h1>Travel</h1>"
        "<p>Book <b>early</b>.<ul><li>one"
        "<table><tr><th>City<th>Rate</tr><tr><td>Bonn</td></tr></table><pre>a  b\n c</pre>"
        "<!-- c --><script>if (a < b)</script></body>"
    )
    note = (
        "---\ntitle: Paid leave\ntags: [a, b]\nowner: &o {name: x}\nother: *o\n---\n"
        "# Other\n\nBody text.\n\n| a | b |\n|---|---|\n\n- x\n"
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "pages"
        self.folder.mkdir()

    def __call__(self, i: int, rng: random.Random) -> str:
        suffix, source = rng.choice((("html", self.page), ("md", self.note), ("txt", self.note)))
        path = self.folder / f"page.{suffix}"
        text = mutated(source * rng.choice((1, 1, 1, 40)), rng)
        save(path, text * rng.choice((1, 1, 1, 1, 30)), rng)
        try:
            for document in read_documents(self.folder):
                assert document.title.encode() and document.text.encode() is not None
                chunk(document)
        except TailorError:
            return "refused"
        finally:
            path.unlink()
        return "accepted"


class Models:
    """A model folder: a configuration, tokenizer, template or weights changed; opened, and asked if it opens."""

    def __init__(self, folder: Path) -> None:
        self.folder = save_tiny(folder / "tiny")

    def __call__(self, i: int, rng: random.Random) -> str:
        path = rng.choice([path for path in sorted(self.folder.rglob("*")) if path.is_file()])
        before = path.read_bytes()
        try:
            if path.suffix == ".safetensors":
                data = bytearray(before)
                for _ in range(rng.randint(1, 5)):
                    data[rng.randrange(min(len(data), 600))] = rng.randrange(256)
                path.write_bytes(data[: rng.choice((len(data), len(data), rng.randrange(len(data))))])
            elif path.suffix == ".json" and rng.random() < 0.7:
                path.write_text(json.dumps(changed(json.loads(before), rng)))
            else:
                save(path, mutated(before.decode(), rng), rng)
            model = open_model(ModelSettings(name=str(self.folder), context_tokens=None))
            model.reply([Request((message("user", "Hello there"),), max_tokens=3)])
        except TailorError:
            return "refused"
        finally:
            path.write_bytes(before)
        return "accepted"


def changed(value: Any, rng: random.Random) -> Any:
    """JSON with one value somewhere in it replaced, removed or wrapped."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        name = rng.choice(sorted(value))
        if rng.random() < 0.15:
            return {key: inner for key, inner in value.items() if key != name}
        return value | {name: changed(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.7:
        at = rng.randrange(len(value))
        return [*value[:at], changed(value[at], rng), *value[at + 1 :]]
    return rng.choice(
        (None, True, -1, 0, 1, 3, 7, 10**6, 10**12, 1e308, "", "x", "LlamaForCausalLM", [], {}, [value], {"a": value}, "é😀\x00")
    )


KINDS: dict[str, Callable[[Path], Callable[[int, random.Random], str]]] = {
    "settings": Settings,
    "documents": Documents,
    "models": Models,
}


def fuzz(kind: str, count: int, seed: int, folder: Path, first: int = 0) -> tuple[Counter[str], float, list[str]]:
    """What became of the mutations, the longest time in seconds, and the failures."""
    trial, told, longest, failures = KINDS[kind](folder), Counter[str](), 0.0, []

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {MOST_SECONDS} s")

    # Time of the processor, so that a busy machine does not count; and of the clock, for what waits for ever.
    before = [signal.signal(number, late) for number in (signal.SIGPROF, signal.SIGALRM)]
    try:
        for i in range(first, first + count):
            started = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
            signal.alarm(10 * MOST_SECONDS)
            try:
                told[trial(i, random.Random(f"{kind} {seed} {i}"))] += 1
            except Exception as error:  # what is looked for
                failures.append(f"{kind} {seed} {i}: {type(error).__name__}: {str(error)[:200]!r}")
            finally:
                signal.alarm(0)
                signal.setitimer(signal.ITIMER_PROF, 0)
            longest = max(longest, time.process_time() - started)
    finally:
        for number, handler in zip((signal.SIGPROF, signal.SIGALRM), before, strict=True):
            signal.signal(number, handler)
    return told, longest, failures


def memory() -> int:
    """The most bytes this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    bad = 0
    for kind in given.kinds:
        folder = Path(tempfile.mkdtemp())
        told, longest, failures = fuzz(kind, given.count, given.seed, folder, given.first)
        shutil.rmtree(folder)
        print(
            f"{kind}: {dict(told)}, {len(failures)} failures, longest {longest:.1f} s, most memory {memory() >> 20:,} MB",
            flush=True,
        )
        print(*failures[:40], sep="\n", flush=True)
        bad += len(failures) + (memory() > MOST_BYTES)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
