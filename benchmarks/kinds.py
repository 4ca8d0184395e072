"""What each kind of task gains: zero-shot, the best prompt, tuned, and plain classifiers, on public data.

Each task is a module with `figures()`. `KINDS=tags,slots` in the environment runs these alone. Prompts are chosen by dev; the test
rows are asked once. `NAME_tuned_gain` is the mean difference of tuned and zero-shot on the same rows, with its lower limit.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common import engine_for, measured, with_limits
from tailor.approaches.approach import Approach, TrainingData, starting_system
from tailor.approaches.prompting import ZeroShot
from tailor.approaches.tuning import FineTune
from tailor.data.example import Example
from tailor.engine import Engine
from tailor.evaluate.run import Run
from tailor.stats.paired import paired_max_t
from tailor.system import System

TASKS = {
    "instruct": "benchmarks.kinds_instruct",
    "tags": "benchmarks.kinds_tags",
    "write": "benchmarks.kinds_write",
    "entities": "benchmarks.kinds_entities",
    "slots": "benchmarks.kinds_slots",
}
"""Name of a task -> its module."""


@dataclass(frozen=True)
class Ways:
    """What is tried on a task besides zero-shot.

    Attributes:
        prompts: the best of them on dev is tested.
        tuned: trained; None to train nothing.
        references: plain classifiers, the best of them on dev is tested; none where the kind has none.
    """

    prompts: Sequence[Approach]
    tuned: Approach | None = FineTune("lora")
    references: Sequence[Approach] = ()


def run() -> dict[str, float]:
    """The figures of all tasks, or of those named in `KINDS`."""
    named = [name for name in os.environ.get("KINDS", "").split(",") if name] or list(TASKS)
    if unknown := sorted(set(named) - set(TASKS)):
        raise FileNotFoundError(f"there is no task {unknown[0]}; there are {', '.join(TASKS)}")
    found: dict[str, float] = {}
    for name in named:
        figures: Mapping[str, float] = importlib.import_module(TASKS[name]).figures()
        found |= figures
    return found


def ladder_runs(known: TrainingData, test: tuple[Example, ...], ways: Ways) -> dict[str, Run]:
    """The Runs on the test rows, by the name of the way."""
    with engine_for(known.task) as engine:
        start = starting_system(known.task, known.train, engine.model)
        tested = {"zero_shot": ZeroShot().fit(start, known, engine)}
        for way, approaches in (("prompted", ways.prompts), ("reference", ways.references)):
            if approaches:
                tested[way] = _best(approaches, start, known, engine)
        if ways.tuned is not None:
            tested["tuned"] = ways.tuned.fit(start, known, engine)
        return {way: measured(known.task, system, "test", test, engine) for way, system in tested.items()}


def run_figures(name: str, runs: Mapping[str, Run]) -> dict[str, float]:
    """`NAME_zero_shot`, `NAME_prompted`, `NAME_tuned`, `NAME_reference` with 95 % limits, and what tuning gains over zero-shot."""
    figures: dict[str, float] = {}
    for way, found in runs.items():
        figures |= with_limits(f"{name}_{way}", list(found.values))
    if "tuned" in runs:
        (gain,) = paired_max_t(np.array([runs["tuned"].values, runs["zero_shot"].values]).T, 0.95)
        figures |= {f"{name}_tuned_gain": gain.mean, f"{name}_tuned_gain_low": -1.0 if gain.low is None else gain.low}
    return figures | {f"{name}_test_rows": float(len(runs["zero_shot"].values))}


def _best(approaches: Sequence[Approach], start: System, known: TrainingData, engine: Engine) -> System:
    """The system of the approaches that does best on dev."""
    systems = [approach.fit(start, known, engine) for approach in approaches]
    return max((measured(known.task, system, "dev", known.dev, engine) for system in systems), key=lambda run: run.mean).system
