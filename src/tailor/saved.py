"""The last study of a project, as it was saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tailor.decide.types import Decision
from tailor.errors import ConfigError, StoreError
from tailor.ledger import Ledger
from tailor.project import load_project
from tailor.results import Study
from tailor.system import System

STUDY = TypeAdapter(Study)


class NotMeasured(StoreError):
    """A project has no finished study yet."""


def load_study(folder: str | Path) -> Study:
    """The last study of a project.

    Raises:
        NotMeasured: there is none.
        StoreError: it cannot be read.
    """
    project = load_project(folder)
    if not (project.store / "ledger.db").exists():
        raise NotMeasured(f"{folder} has no results yet", f"run `tailor run {folder}` first")
    with Ledger(project.store, shared=True) as ledger:
        record = ledger.last_study()
    if record is None:
        raise NotMeasured(f"{folder} has no finished run yet", f"run `tailor run {folder}`; one that was stopped goes on")
    try:
        study = STUDY.validate_python(record)
    except ValidationError as error:
        raise StoreError(f"the last study of {folder} was saved by another version of Tailor", "run `tailor run` again") from error
    return replace(study, decision=_identified(study.decision)) if study.decision else study


def _identified(decision: Decision) -> Decision:
    """The decision with fingerprints wherever it names systems: it was saved without them when all names were different."""
    if decision.fingerprint:
        return decision
    known = {finalist.name: finalist.fingerprint for finalist in decision.finalists}
    differences = (
        replace(found, first_fingerprint=known[found.first], second_fingerprint=known[found.second])
        for found in decision.differences
    )
    pairs = (
        replace(found, cheap_fingerprint=known[found.cheap], expensive_fingerprint=known[found.expensive])
        for found in decision.break_even
    )
    return replace(decision, differences=tuple(differences), break_even=tuple(pairs), fingerprint=known.get(decision.chosen, ""))


def chosen_system(study: Study) -> System:
    """The system that the last decision chose, or its best guess.

    Raises:
        ConfigError: nothing was decided.
    """
    if study.decision is None or (found := study.test_run(study.decision.winner.fingerprint)) is None:
        raise ConfigError("the last run ended without a decision", "run `tailor run` with more time")
    return found.system
