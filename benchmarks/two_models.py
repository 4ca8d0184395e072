"""Two real models in one study, a hundredfold apart in price: the built-in one, tuned too, and one behind llama.cpp's server.

Twelve intents of banking77 (Casanueva et al. 2020, arXiv:2003.04807). The prices are made up: what decides is their ratio. After
the first study the price of the second model is moved to both sides of where the choice should change, and the server's own
counters say whether that asked anything. The server is that of `benchmarks.real_servers`, with the same model as a file: what
differs is who computes it, how labels are read off it (scored here, written there), what can be tuned, and what it is said to cost.
"""

from __future__ import annotations

import csv
import random
import re
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.intents import LABELS, TASK, read_rows
from benchmarks.real_servers import llama_server, unpacked
from benchmarks.study import Quiet
from tailor.data.example import Example
from tailor.decide.types import Decision, Finalist
from tailor.errors import TailorError
from tailor.experiment import run as run_study
from tailor.project import write_settings
from tailor.results import Study
from tailor.task import DataFiles, Task

TRAIN, DEV, TEST = 12, 5, 10
"""Rows of each intent."""
CHEAP, TIMES = 0.1, 100.0
"""Price of a million tokens read of the first model, and how much more the second one's cost; written ones cost four times that."""
TARGET, EPOCHS, NEAR = 0.5, 2, 0.03
"""The target, low so that only costs decide; epochs of a training; and how far from the break-even both other prices lie."""
TUNED = "few-shot-nearest-2 > lora"
DATA = {split: f"{split}.csv" for split in ("train", "dev", "test")}
BUILT_IN, SERVED = "smollm2-135m", "smollm2-served"


def run() -> dict[str, float]:
    """Calls, what each model reached and cost, and whether the choice changes where it should.

    Raises:
        FileNotFoundError: there is no server, or there are no data.
        TailorError: nothing could be decided.
    """
    with tempfile.TemporaryDirectory() as name, llama_server(unpacked(Path(name) / "model.gguf")) as address:
        folder = Path(name) / "project"
        write_rows(folder)
        study = decided(folder, address, TIMES)
        print(f"  {decision_of(study).headline}", file=sys.stderr)
        calls, counted = called(study), counters(address)
        mine, theirs = best_on(study, served=False), best_on(study, served=True)
        flip = TIMES * break_even(study, mine, theirs)
        below, above = (decided(folder, address, times * flip) for times in (1 - NEAR, 1 + NEAR))
        asked = sum(after - before for before, after in zip(counted, counters(address), strict=True))
    return {
        "calls": float(calls),
        "calls_after_price_change": float(max(called(below), called(above)) - calls),
        "server_counts_after_price_change": asked,
        "built_in_wins_at_100": float(winner(study) == BUILT_IN),
        "flips_at": flip,
        "served_wins_below": float(winner(below) == SERVED),
        "built_in_wins_above": float(winner(above) == BUILT_IN),
        "headline_names_both": float(all(label in decision_of(study).headline for label in (BUILT_IN, SERVED))),
        "cost_ratio": (theirs.cost.per_1000 or 0.0) / (mine.cost.per_1000 or 1.0),
        **figures("built_in", study, mine),
        **figures("served", study, theirs),
    }


def write_rows(folder: Path) -> None:
    """The rows of each split, drawn with seed 0 and shuffled."""
    folder.mkdir()
    drawn: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    known, unseen = read_rows("train.csv"), read_rows("test.csv")
    for label in LABELS:
        rows = random.Random(0).sample([row for row in known if row.label == label], TRAIN + DEV)
        drawn["train"] += rows[:TRAIN]
        drawn["dev"] += rows[TRAIN:]
        drawn["test"] += random.Random(0).sample([row for row in unseen if row.label == label], TEST)
    for split, rows in drawn.items():
        random.Random(0).shuffle(rows)
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *((row.fields["text"], row.label) for row in rows)])


def decided(folder: Path, address: str, times: float) -> Study:
    """A study of both models, where a token of the second one costs so many times one of the first."""
    project = write_settings(folder, task_of(address, times), lambda: DataFiles.model_validate(DATA))
    return run_study(project, Quiet())


def task_of(address: str, times: float) -> Task:
    """The task with both models and their prices."""
    served = {"name": SERVED, "base_url": address, "context_tokens": 8192, "timeout_seconds": 600, "concurrency": 1}
    settings = TASK.model_dump(exclude={"model", "models"}) | {
        "data": DATA,
        "models": [{"name": BUILT_IN}, served | {"prices": prices(times)}],
        "prices": prices(1.0) | {"label": 0.0},
        "target": TARGET,
        "approaches": [TUNED],
        "tuning": {"epochs": EPOCHS},
        "ask_again": False,
    }
    return Task.model_validate(settings)


def prices(times: float) -> dict[str, Any]:
    """Prices of a million tokens."""
    return {"input_per_million": CHEAP * times, "output_per_million": 4 * CHEAP * times}


def winner(study: Study) -> str:
    """The model of the chosen system."""
    return label_of(study, decision_of(study).winner)


def called(study: Study) -> int:
    """Calls that the endpoint has answered so far, as the project has noted them down."""
    return study.spent.calls if study.spent else 0


def counters(address: str) -> list[float]:
    """The server's own counts: of prompt tokens, of written tokens and of passes through the model."""
    with urllib.request.urlopen(address.removesuffix("/v1") + "/metrics", timeout=60) as answer:
        told = answer.read().decode()
    names = ("prompt_tokens_total", "tokens_predicted_total", "n_decode_total")
    found = [re.search(rf"^llamacpp:{name} ([\d.e+]+)$", told, re.MULTILINE) for name in names]
    if not all(found):
        raise TailorError(f"the server does not count {' and '.join(names)}")
    return [float(match[1]) for match in found if match]


def best_on(study: Study, *, served: bool) -> Finalist:
    """The finalist of a model that costs least in all."""
    own = [finalist for finalist in decision_of(study).finalists if label_of(study, finalist) == (SERVED if served else BUILT_IN)]
    return min(own, key=lambda finalist: finalist.cost.total or 0.0)


def decision_of(study: Study) -> Decision:
    """What was decided.

    Raises:
        TailorError: nothing was.
    """
    if study.decision is None:
        raise TailorError(f"nothing was decided: {study.stopped}")
    return study.decision


def label_of(study: Study, finalist: Finalist) -> str:
    """What the study calls the finalist's model; empty for a classifier."""
    return next(run.system.label for run in study.tests if run.system.fingerprint == finalist.fingerprint)


def break_even(study: Study, mine: Finalist, served: Finalist) -> float:
    """At which share of its present price the served model's finalist would cost as much as the other one in all."""
    volume = study.task.volume
    answering = volume.months * volume.answers_per_month * (served.cost.per_1000 or 0.0) / 1000
    return 1 - ((served.cost.total or 0.0) - (mine.cost.total or 0.0)) / answering


def figures(name: str, study: Study, finalist: Finalist) -> dict[str, float]:
    """What a finalist reached, cost and took on the test set."""
    run = study.test_run(finalist.fingerprint)
    assert run is not None
    return {
        name: finalist.score.mean,
        f"{name}_per_1000_right": finalist.cost.per_1000_right or 0.0,
        f"{name}_p50_s": run.median_seconds,
        f"{name}_p95_s": run.slow_seconds,
    }
