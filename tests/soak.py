"""R7 over minutes: two processes that work in one project and are killed at random, and one that reads it meanwhile.

python soak.py --minutes 10
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from flow import climb, timeless, write_desk

from tailor.errors import StoreError, TailorError
from tailor.ledger import Ledger
from tailor.saved import load_study
from tailor.store.salvage import check

REFUSAL = "another Tailor process"
MOST_SECONDS = 2.0
"""In which a second process is refused."""


def answer(key: str) -> dict[str, str]:
    """The record that is saved under a key."""
    return {"raw": f"answer {key}", "error": ""}


def work(folder: Path, until: float, told: Path) -> None:
    """Run the project and save answers, again and again; what was acknowledged, and what was met, is appended to a file."""
    with told.open("a", encoding="utf-8") as log:

        def note(what: str, text: str = "") -> None:
            log.write(json.dumps([what, text]) + "\n")
            log.flush()

        while time.time() < until:
            started, opened = time.perf_counter(), False
            try:
                with Ledger(folder / ".tailor") as ledger:
                    opened = True
                    for _ in range(5):
                        key = os.urandom(8).hex()
                        ledger.save_answers("soak", {key: answer(key)})
                        note("saved", key)
                climb(folder)
                note("run")
            except StoreError as error:
                note("refused" if REFUSAL in str(error) else "other", str(error))
                if not opened and time.perf_counter() - started > MOST_SECONDS:
                    note("late")
                time.sleep(0.2)
            except Exception as error:
                note("other", f"{type(error).__name__}: {error}")


def read(folder: Path, until: float, told: Path) -> None:
    """Read the project's study and check its store, again and again."""

    def study() -> object:
        return timeless(load_study(folder)) | {"consistency": None}  # it is added when the finalists were asked again

    expected = study()
    with told.open("a", encoding="utf-8") as log:
        while time.time() < until:
            try:
                same, problems = study() == expected, check(folder / ".tailor").problems
                what = ["read", ""] if same and not problems else ["changed", " ".join(problems)]
            except TailorError as error:
                what = ["kept out", str(error)]
            log.write(json.dumps(what) + "\n")
            log.flush()
            time.sleep(0.1)


def soaked(seconds: float, *, seed: int = 1) -> dict[str, int]:
    """What came of it, after so many seconds."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        folder, told = write_desk(Path(place) / "desk"), Path(place)
        environment = os.environ | {"TAILOR_STATE": str(Path(place) / "state")}
        code = "import sys, soak; from pathlib import Path; soak.{}(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))"
        subprocess.run([sys.executable, "-c", FIRST, str(folder)], env=environment, check=True)
        until = time.time() + seconds

        def start(kind: str, number: int) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-c", code.format(kind), str(folder), str(until), str(told / f"{kind}-{number}.log")]
            return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

        reader, workers, killed = start("read", 0), [start("work", number) for number in range(2)], 0
        while (left := until - time.time()) > 0:
            time.sleep(min(left, chance.uniform(15, 45)))
            if time.time() < until - 10:
                number = chance.randrange(2)
                workers[number].kill()
                workers[number].wait()
                workers[number] = start("work", number)
                killed += 1
        for process in (reader, *workers):
            process.wait(timeout=120)
        lines = [json.loads(line) for path in told.glob("*.log") for line in path.read_text(encoding="utf-8").splitlines()]
        saved = [text for what, text in lines if what == "saved"]
        with Ledger(folder / ".tailor") as ledger:
            found = ledger.answers("soak", saved)
    met = Counter(what for what, _ in lines)
    for what, text in lines:
        if what in ("other", "changed", "kept out"):
            print(what, text, file=sys.stderr)
    return {
        "tries": met["run"] + met["refused"] + met["read"],
        "runs": met["run"],
        "refused": met["refused"],
        "killed": killed,
        "lost": sum(found.get(key) != answer(key) for key in saved),
        "late": met["late"],
        "other_sentences": met["other"],
        "not_let_in": met["kept out"],
        "changed": met["changed"],
    }


FIRST = "import sys, flow; from pathlib import Path; flow.climb(Path(sys.argv[1]))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    figures = soaked(60 * given.minutes)
    print(figures)
    from reliability import PAGE, soak_row, with_row  # not above: the processes that are killed are to start quickly

    if given.minutes >= 10:
        PAGE.write_text(with_row(PAGE.read_text(encoding="utf-8"), soak_row(figures)), encoding="utf-8")


if __name__ == "__main__":
    main()
