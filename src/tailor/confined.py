"""Work on what comes from outside, in a process of its own with limits on time and memory.

The process starts a fresh Python with `-m tailor.confined` (no fork, so it works the same everywhere), sees none of the
environment's secrets, and dies with its parent. Jobs and results are lines of JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tailor.errors import printable
from tailor.limits import CONFINED_BYTES, CONFINED_SECONDS

PASSED_ON = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TMPDIR")
OUT_OF_MEMORY = 77
LOOK_SECONDS = 0.05
START_SECONDS = 120.0  # Python and its libraries start slowly on a busy machine; that is not what is limited


class ConfinedError(Exception):
    """The work failed, or took too much time or memory; the message is the end of a sentence, such as "took more than 20 s"."""


def start_python(module: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """A fresh Python that runs a module, with pipes to it and from it; of this environment it sees only what is harmless."""
    places = [str(Path(__file__).parents[1]), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    passed |= {"PYTHONPATH": os.pathsep.join(places), "PYTHONUTF8": "1", "HF_HUB_OFFLINE": "1"}
    # A session of its own: Ctrl-C is for the parent, which then ends the process.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=passed | environment,
        start_new_session=True,
    )


class Confined:
    """A function that runs in a process of its own, which is started at the first call; use it as a context manager.

    Args:
        function: its place, such as "tailor.documents.markup:read"; arguments and result are what JSON can hold.
        seconds: limit for each call.
        memory: limit for the process, in bytes.
    """

    def __init__(self, function: str, *, seconds: float = CONFINED_SECONDS, memory: int = CONFINED_BYTES) -> None:
        self._function = function
        self._seconds = seconds
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns.

        Raises:
            ConfinedError: it raised an exception, or went beyond a limit.
        """
        with self._lock:
            if self._process is None:
                self._process = self._start()
                self._exchange(self._process, b"", START_SECONDS)
            process = self._process
            line = self._exchange(process, json.dumps(arguments).encode() + b"\n", self._seconds)
        if not line.endswith(b"\n"):
            if process.returncode == OUT_OF_MEMORY:
                raise ConfinedError(f"took more than {self._memory >> 20:,} MB of memory")
            raise ConfinedError(f"ended the process that worked on it (exit status {process.returncode})")
        answer = json.loads(line)
        if "failed" in answer:
            raise ConfinedError(f"failed: {answer['failed']}")
        return answer["value"]

    def _exchange(self, process: subprocess.Popen[bytes], job: bytes, seconds: float) -> bytes:
        """The line that the process answers a job with; less than a line where it ended instead."""
        assert process.stdin is not None and process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        line = b""
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(job)
                process.stdin.flush()
            line = process.stdout.readline()
            if not line.endswith(b"\n"):
                process.wait()  # it is ending by itself; its status says how
        finally:
            timer.cancel()
            if not line.endswith(b"\n"):
                self.close()
        if late.is_set():
            self.close()
            raise ConfinedError(f"took more than {seconds:g} s")
        return line

    def _start(self) -> subprocess.Popen[bytes]:
        return start_python("tailor.confined", self._function, str(self._memory))

    def close(self) -> None:
        """End the process; the next call starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()

    def __enter__(self) -> Confined:
        """The function itself; its process ends with the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the process."""
        self.close()

    def __del__(self) -> None:
        self.close()


STATUS = Path("/proc/self/statm")


def _resident() -> int:
    """Bytes of memory that this process has, or, where the system does not say, the most it ever had."""
    try:
        return int(STATUS.read_text().split()[1]) * resource.getpagesize()
    except OSError:  # macOS; the most ever had includes the parent's at the start
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _limit(memory: int) -> None:
    """Keep this process below so many bytes: by the kernel where it can, and by looking, since not every system can."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    parent, most = os.getppid(), memory + (0 if STATUS.exists() else _resident())

    def look() -> None:
        while True:
            if _resident() > most:
                os._exit(OUT_OF_MEMORY)
            if os.getppid() != parent:
                os._exit(1)
            time.sleep(LOOK_SECONDS)

    threading.Thread(target=look, daemon=True).start()


def _serve(function: str, memory: int) -> None:
    """Do the jobs that come as lines on standard input, until it ends."""
    _limit(memory)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    module, _, name = function.partition(":")
    do = getattr(importlib.import_module(module), name)
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        try:
            answer = {"value": do(*json.loads(line))}
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except Exception as error:  # the boundary of the process: told to the parent
            answer = {"failed": printable(f"{type(error).__name__}: {error}")[:300]}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
