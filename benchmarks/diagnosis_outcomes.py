"""What each lever really gives on the tasks of the benchmark `diagnosis`, measured once and kept.

A task takes minutes on two cores, so what was measured is kept in a file in the temporary folder, by everything that decides it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.common import measured
from benchmarks.diagnosis_tasks import Case
from tailor.approaches.approach import Approach, starting_system
from tailor.approaches.prompting import FewShot, ZeroShot
from tailor.approaches.retrieval import Retrieve
from tailor.approaches.tuning import FineTune
from tailor.engine import Engine

KEPT = Path(tempfile.gettempdir()) / "tailor-benchmark-diagnosis.json"

Outcomes = dict[str, list[float]]
"""Lever, or "baseline" -> the metric on each dev row."""


def outcomes(case: Case, engine: Engine) -> Outcomes:
    """The metric on each dev row of the baseline and of every lever that applies to the task."""
    levers: dict[str, Approach | None] = {
        "baseline": ZeroShot(),
        "form": case.form,
        "knowledge": Retrieve("hybrid") if case.documents else None,
        "examples": FewShot(case.shots, "nearest"),
        "behaviour": FineTune("lora"),
    }
    found: Outcomes = {}
    start = starting_system(case.data.task, case.data.train, engine.model)
    for name, approach in levers.items():
        if approach is None:
            continue
        key = _key(case, name, approach, engine)
        values = _kept().get(key)
        if values is None:
            print(f"{case.name}, {name}:", file=sys.stderr)
            system = approach.fit(start, case.data, engine)
            values = measured(case.data.task, system, "dev", case.data.dev, engine).values
            _keep(key, values)
        found[name] = values
    return found


def _key(case: Case, lever: str, approach: Approach, engine: Engine) -> str:
    rows = [[example.fingerprint for example in part] for part in (case.data.train, case.data.dev)]
    record = [engine.model.digest, case.data.task.model_dump(mode="json"), rows, lever, repr(approach)]
    return f"{case.name} {lever} {hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]}"


def _kept() -> Outcomes:
    found: Outcomes = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return found


def _keep(key: str, values: list[float]) -> None:
    KEPT.write_text(json.dumps(_kept() | {key: values}), encoding="utf-8")
