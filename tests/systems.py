"""A dozen Systems and a dozen Examples that are made through the public doors, and their fingerprints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flow import write_desk, write_rooms
from tiny import DOCUMENTS, answer_material, classify_material, make_engine

from tailor.approaches.approach import Approach, Chain, TrainingData, starting_system
from tailor.approaches.prompting import (
    ChainOfThought,
    Constraints,
    FewShot,
    Grounded,
    Persona,
    WriteLabels,
    ZeroShot,
)
from tailor.approaches.retrieval import Retrieve, WholeDocuments
from tailor.approaches.tuning import minimal_prompt
from tailor.data.example import Example, Splits
from tailor.data.split import load_splits
from tailor.engine import Engine
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.system import System, Weights

SAID: dict[str, Any] = {"persona": "You are an old hand.", "constraints": ("At most five words.",), "context": "Lumo sells plans."}


def systems_today(store: Path) -> dict[str, str]:
    """Name of a System -> its fingerprint: of both kinds of task, prompted, retrieving, tuned."""
    engine = make_engine(FakeModel(), store / "systems", DOCUMENTS)
    labels, questions = classify_material(**SAID), answer_material(documents="docs", **SAID)
    held = answer_material(pattern="[0-9]+", documents="docs")
    shaped = answer_material(json_schema={"type": "object", "properties": {"days": {"type": "integer"}}})
    plan: list[tuple[str, TrainingData, Approach]] = [
        ("label zero-shot", labels, ZeroShot()),
        ("label generated", labels, WriteLabels()),
        ("label persona and constraints", labels, Chain((Persona(), Constraints()))),
        ("label few-shot-nearest", labels, FewShot(3, "nearest")),
        ("label steps", labels, ChainOfThought()),
        ("label retrieved", labels, Retrieve("bm25")),
        ("answer zero-shot", questions, ZeroShot()),
        ("answer few-shot", questions, FewShot(3, "diverse")),
        ("answer whole documents", questions, WholeDocuments()),
        ("answer retrieved, with examples", questions, Chain((Retrieve("hybrid", 2), FewShot(2, "diverse"), Grounded()))),
        ("answer held to a pattern", held, ZeroShot()),
        ("answer held to a schema", shaped, ZeroShot()),
    ]
    try:
        made = {name: _fitted(approach, data, engine) for name, data, approach in plan}
    finally:
        engine.ledger.close()
    for name, task in (("label zero-shot", labels.task), ("answer retrieved, with examples", questions.task)):
        tuned = Weights(model="fake", digest="d" * 64, tuned="tuned/0", tuned_digest="e" * 64, method="lora")
        made[f"{name}, tuned"] = minimal_prompt(task, made[name]).then("lora", weights=tuned)
    return {name: system.fingerprint for name, system in made.items()}


def _fitted(approach: Approach, data: TrainingData, engine: Engine) -> System:
    return approach.fit(starting_system(data.task, data.train, engine.model), data, engine)


def examples_today(store: Path) -> dict[str, str]:
    """Name of an Example -> its fingerprint and the key of its saved answers: rows of three files, as the readers read them."""
    desk = load_splits(load_project(write_desk(store / "desk")))
    rooms = load_splits(load_project(write_rooms(store / "rooms", remarks=0)))
    by_id = {"desk": _rows(desk), "rooms": _rows(rooms)}
    picked = [(name, rows[number]) for name, rows in by_id.items() for number in ("1", "2", "6", "30", "41", "60")]
    found = {f"{name} row {example.id}": example.fingerprint for name, example in picked}
    found |= {f"{name} row {example.id}, as it is asked": example.answer_key for name, example in picked}
    return found | {"desk splits": desk.fingerprint, "rooms splits": rooms.fingerprint}


def _rows(splits: Splits) -> dict[str, Example]:
    return {row.id: row for part in ("train", "dev", "test", "reserve") for row in getattr(splits, part)}
