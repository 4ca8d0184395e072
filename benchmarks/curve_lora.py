"""Accuracy of LoRA on nested subsets of eleven tasks: measured anew, or read from what was measured before."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common import engine_for
from benchmarks.curve_cases import Case, cases
from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.tuning import FineTune
from tailor.data.subsets import nested_order
from tailor.data.units import find_units, kept_together
from tailor.evaluate.measure import measure

RECORDED = Path(__file__).parent / "recorded" / "learning_curve_lora.json"
TASKS = (
    "clinc150 domains",
    "nlupp hotels booking",
    "clinc150 scope",
    "nlupp banking request_info",
    "banking77 9 intents",
    "nlupp banking number of intents",
    "wnut17 names something",
    "banking77 8 intents",
    "nlupp domain",
    "banking77 16 intents",
    "clinc150 travel",
)
SIZES = (24, 48, 96, 192)
DEV_ROWS, TEST_ROWS = 16, 120

Accuracies = dict[str, dict[str, float]]
"""By task, then by number of labels as text."""


def recorded() -> Accuracies:
    """What was measured before."""
    found: Accuracies = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    return found


def measure_anew(path: Path = RECORDED) -> Accuracies:
    """Train and test every task at every size; what `path` holds already is not measured again, and it is written after each."""
    done: Accuracies = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for case in sorted((case for case in cases() if case.name in TASKS), key=lambda case: TASKS.index(case.name)):
        missing = [size for size in SIZES if str(size) not in done.get(case.name, {})]
        for size, accuracy in _measured(case, missing) if missing else ():
            done.setdefault(case.name, {})[str(size)] = accuracy
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    return done


def _measured(case: Case, sizes: list[int]) -> Iterator[tuple[int, float]]:
    """Accuracy on the first 120 test rows; the best epoch is chosen on 16 other rows."""
    test, dev, task = case.test[:TEST_ROWS], case.test[TEST_ROWS : TEST_ROWS + DEV_ROWS], case.task
    pool = nested_order(kept_together(find_units(case.rows, task).examples), seed=0)
    with engine_for(task) as engine:
        start = starting_system(task, pool, engine.model)
        for size in sizes:
            started = time.perf_counter()
            system = FineTune().fit(start, TrainingData(task, pool[:size], dev), engine)
            run = measure(task, system, "test", test, engine)
            print(f"  {case.name}, {size}: {run.mean:.3f} in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
            yield size, run.mean


def run() -> dict[str, float]:
    """Every accuracy, measured again in place of what was recorded."""
    RECORDED.unlink(missing_ok=True)
    return {f"{name}, {size}": accuracy for name, sizes in measure_anew().items() for size, accuracy in sizes.items()}
