"""What LoRA on one task takes from a model elsewhere, without and with replay: the townhall sample, ten teams.

The model is tuned as a run of the sample tunes it, once on the training rows alone and once with a share of its own answers to
general instructions among them. Before and after, it is asked the general instructions of the check; dev says what it costs on the
task.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.common import engine_for, measured, with_limits
from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.tuning import FineTune
from tailor.data.split import load_splits
from tailor.evaluate.forgetting import Forgetting, forgetting
from tailor.project import load_project

SAMPLE = Path(__file__).resolve().parents[1] / "examples" / "townhall"


def run() -> dict[str, float]:
    """Shares of general instructions followed before and after, the loss with its paired limits, and accuracy on dev."""
    project = load_project(SAMPLE)
    splits = load_splits(project)
    known = TrainingData(project.task, splits.train, splits.dev)
    figures: dict[str, float] = {}
    with engine_for(project.task) as engine:
        start = starting_system(project.task, splits.train, engine.model)
        for name, approach in (("lora", FineTune("lora")), ("replay", FineTune("lora", replays=True))):
            system = approach.fit(start, known, engine)
            figures |= with_limits(f"{name}_dev", measured(project.task, system, "dev", splits.dev, engine).values)
            figures |= _told(name, forgetting(system, engine))
    return figures


def _told(name: str, found: Forgetting) -> dict[str, float]:
    limits = {f"{name}_change_{side}": limit for side, limit in (("low", found.change.low), ("high", found.change.high))}
    told = {"followed_before": found.before, f"{name}_followed_after": found.after, f"{name}_change": found.change.mean}
    skills = {f"{name}_{skill.name}": float(skill.after - skill.before) for skill in found.skills}
    return told | {side: limit for side, limit in limits.items() if limit is not None} | skills
