"""The whole story: from a project to a measured decision. Read this first.

Data are read and split; the ladder is climbed on dev; the few finalists meet the sealed test set once; a rule fixed beforehand
decides; the study is saved.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tailor.approaches.approach import Material
from tailor.data.example import Splits
from tailor.data.split import load_splits
from tailor.decide.decision import Candidate, decide
from tailor.decide.ladder import Climb, Clock, Observer, finalists, system_cost
from tailor.decide.prices import rates_for
from tailor.decide.types import Decision
from tailor.engine import Engine
from tailor.errors import ConfigError, StoreError
from tailor.evaluate.measure import measure
from tailor.evaluate.run import Run
from tailor.ledger import Ledger
from tailor.models.base import Model
from tailor.models.catalogue import open_embedder, open_model
from tailor.project import Project, load_project
from tailor.retrieval.documents import read_documents
from tailor.score.types import Answer
from tailor.study import Study
from tailor.system import System

PACKAGES = ("tailor", "torch", "transformers", "peft", "trl", "lancedb", "openai", "numpy", "scipy")


def run(
    project: Project, observer: Observer, *, everything: bool = False, max_minutes: float | None = None, model: Model | None = None
) -> Study:
    """Measure the ways of answering on the project's data and decide between them.

    Args:
        project: where the task, its data and its documents are.
        observer: told what happens as it happens.
        everything: climb every rung, whatever was found.
        max_minutes: limit on the climb; the final test of what was found is kept in reserve.
        model: the generative model, if not the one that the task names.

    Raises:
        TailorError: the user's input, a model or the disk stands in the way; what was measured is kept.
    """
    task, started, clock = project.task, _now(), Clock(None if max_minutes is None else max_minutes * 60)
    splits = load_splits(project)
    with Ledger(project.store) as ledger:
        engine = open_engine(project, ledger, model)
        engine.check = clock.check
        material = Material(task, splits.train, splits.dev)
        rates = rates_for(task.model, task.prices, engine.model)

        climb = Climb(material, engine, rates, clock, observer, everything, len(splits.test))
        climb.climb()
        observer.said(climb.stopped)

        engine.check = lambda: None
        tests, decision = final_test(climb, splits, ledger, observer)
        study = Study(
            task, splits, tuple(climb.steps), climb.stopped, tests, decision, provenance(splits, engine.model), started, _now()
        )
        ledger.save_study(STUDY.dump_python(study, mode="json"))
    return study


def final_test(climb: Climb, splits: Splits, ledger: Ledger, observer: Observer) -> tuple[tuple[Run, ...], Decision | None]:
    """The finalists on the sealed test set, and what follows. Nothing is opened when nothing was measured on dev."""
    chosen = finalists(climb.runs)
    if not climb.generative:
        return (), None
    task, engine = climb.material.task, climb.engine
    opening = ledger.open_test([example.key for example in splits.test], [run.system.fingerprint for run in chosen.values()])
    observer.said(f"The sealed test set is opened (number {opening}) for {len(chosen)} finalists.")
    candidates = []
    for role, dev in chosen.items():
        observer.began("final test", dev.system.name)
        test = measure(task, dev.system, "test", splits.test, engine, observer.progress)
        cost = system_cost(climb.material, test, climb.rates, engine)
        eligible = task.allow_classifier or dev.system.decoding.method != "head"
        candidates.append(Candidate(role, test, dev, cost, eligible))
    return tuple(candidate.run for candidate in candidates), decide(task, candidates, opening)


def open_engine(project: Project, ledger: Ledger, model: Model | None = None) -> Engine:
    """The engine of a project, with its model opened and its documents read."""
    documents = read_documents(project.documents) if project.documents is not None else []
    return Engine(model or open_model(project.task.model), open_embedder, ledger, project.store, documents)


def ask(project: Project, fields: dict[str, str]) -> tuple[System, Answer]:
    """The chosen system of the last study, and its answer to one new input.

    Args:
        project: where the study is.
        fields: the columns that the task's templates name.

    Raises:
        ConfigError: a column is missing, or nothing was decided yet.
    """
    from tailor.data.example import Example

    missing = [name for name in project.task.variables if name not in fields]
    if missing:
        raise ConfigError(f"the task also needs {', '.join(missing)}", "give each as --set NAME=VALUE")
    system = chosen_system(load_study(project.folder))
    with Ledger(project.store) as ledger:
        engine = open_engine(project, ledger)
        system = engine.refreshed(system)
        (answer,) = engine.answer(system, [Example("asked", fields, ())])
    return system, answer


def chosen_system(study: Study) -> System:
    """The system that the last decision chose, or its best guess.

    Raises:
        ConfigError: nothing was decided.
    """
    if study.decision is None or (found := study.test_run(study.decision.chosen)) is None:
        raise ConfigError("the last run ended without a decision", "run `tailor run` with more time")
    return found.system


STUDY = TypeAdapter(Study)


def load_study(folder: Path) -> Study:
    """The last study of a project.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    project = load_project(folder)
    if not (project.store / "ledger.db").exists():
        raise StoreError(f"{folder} has no results yet", f"run `tailor run {folder}` first")
    with Ledger(project.store) as ledger:
        record = ledger.last_study()
    if record is None:
        raise StoreError(f"{folder} has no finished run yet", f"run `tailor run {folder}`; it goes on where it stopped")
    try:
        return STUDY.validate_python(record)
    except ValidationError as error:
        raise StoreError(f"the last study of {folder} was saved by another version of Tailor", "run `tailor run` again") from error


def provenance(splits: Splits, model: Model) -> dict[str, str]:
    """What is needed to repeat the study: fingerprints, weights, versions, machine."""
    found = {
        "data": splits.fingerprint,
        "seed": str(splits.seed),
        "model": model.name,
        "weights": model.digest,
        "precision": model.precision,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        **_versions(PACKAGES),
    }
    # In the order in which the ledger gives it back, so that a report looks the same when it is written again.
    return dict(sorted(found.items()))


def _versions(names: Sequence[str]) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
