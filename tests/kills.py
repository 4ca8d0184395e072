"""A training that is killed at random moments, and goes on each time, against one that is not: real processes, one after the other.

Run as a program: the folder of a model, a folder to work in, the number of kills and a seed. It loads the libraries once; each
training is a fork of it. It prints what both trainings made, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from test_tuning import RECIPE, make_rows
from tiny import open_tiny

from tailor.models.quiet import quiet_libraries
from tailor.models.tune import read_tuned, tune

PAUSE = 0.02
"""Seconds slept at each step, so that there is time to kill in."""


def train(folder: Path, out: Path, every: float, told: int) -> None:
    """Train to the end; a byte is told at each step."""
    model = open_tiny(folder)
    rows = [row for answer in ("charged twice", "refund missing?", "charged") for row in make_rows(model, 16, answer)]
    recipe = replace(RECIPE, epochs=3)

    def step(done: int, total: int) -> None:
        os.write(told, b".")
        time.sleep(PAUSE)

    tune(model, rows, rows[::5], recipe, out, step, every=every)


def forked(folder: Path, out: Path, every: float) -> tuple[int, float]:
    """The id of a process that trains, and when it had done its first step."""
    reading, told = os.pipe()
    child = os.fork()
    if not child:
        try:
            train(folder, out, every, told)
            os._exit(0)
        except BaseException:
            os._exit(1)
    os.close(told)
    os.read(reading, 1)
    return child, time.monotonic()


def main(folder: Path, work: Path, kills: int, seed: int) -> None:
    """Train once without a kill, and once with some."""
    with quiet_libraries():
        import peft  # noqa: F401
        import trl  # noqa: F401
    chance = random.Random(seed)
    child, began = forked(folder, work / "whole", 1e9)
    _, status = os.waitpid(child, 0)
    seconds, killed, kept = time.monotonic() - began, 0, 0
    while killed < kills:
        child, _ = forked(folder, work / "killed", 0.0)
        time.sleep(chance.uniform(0, 1.2 * seconds / (kills + 1)))
        os.kill(child, signal.SIGKILL)
        killed += os.waitpid(child, 0)[1] != 0
        kept += bool(list(work.glob(".resume-*/state.json")))
        if (work / "killed").exists():
            break
    child, _ = forked(folder, work / "killed", 0.0)
    _, again = os.waitpid(child, 0)
    whole, resumed = (read_tuned(work / name) for name in ("whole", "killed"))
    left = [path.name for path in work.glob(".resume-*")]
    told = {"status": [status, again], "killed": killed, "checkpoints": kept, "left": left}
    print(json.dumps(told | {"whole": whole and whole.digest, "resumed": resumed and resumed.digest}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
