"""Why the model fails, what each lever was forecast to win, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass

from tailor.decide.types import Interval
from tailor.diagnose.curve import sentence as curve_sentence
from tailor.diagnose.types import Diagnosis, Lever, LeverName, Suspect
from tailor.diagnose.words import REMEDIES, sentences
from tailor.kinds.base import kind_of
from tailor.report.ladder import is_reference
from tailor.results import Step, Study

SUSPECTS = 20
"""Rows with doubtful labels that are shown."""


@dataclass(frozen=True)
class LeverRow:
    """A lever's forecast, and the best step that pulled it and nothing else; None where none was measured to the end."""

    lever: Lever
    remedy: str
    measured: Interval | None
    system: str


@dataclass(frozen=True)
class Diagnosed:
    """The section on the diagnosis of one model.

    Attributes:
        found: the diagnosis.
        lead: the most important sentence.
        more: the other ones.
        rows: a row per lever, best forecast first.
        suspects: rows whose labels look wrong, the surest first.
        unshown: how many more of these there are.
    """

    found: Diagnosis
    lead: str
    more: tuple[str, ...]
    rows: tuple[LeverRow, ...]
    suspects: tuple[Suspect, ...]
    unshown: int


def diagnosed(study: Study) -> tuple[Diagnosed, ...]:
    """The section, a part for each model that was diagnosed."""
    return tuple(_part(study, found) for found in (study.diagnosis, *study.other_diagnoses) if found is not None)


def curve_told(study: Study) -> str:
    """What more labels would bring, in a sentence; empty where nothing is known of it."""
    return curve_sentence(study.curve) if study.curve and kind_of(study.task).closed else ""


def worth_told(study: Study) -> tuple[str, ...]:
    """What labels are worth to the decision, a sentence each; none where nobody labelled rows for Tailor."""
    return tuple(study.worth.sentences) if study.worth else ()


def _part(study: Study, found: Diagnosis) -> Diagnosed:
    lead, *more = sentences(found)
    return Diagnosed(
        found=found,
        lead=lead,
        more=tuple(more),
        rows=tuple(_row(study, found.model, lever) for lever in found.levers),
        suspects=found.suspects[:SUSPECTS],
        unshown=max(0, len(found.suspects) - SUSPECTS),
    )


def _row(study: Study, model: str, lever: Lever) -> LeverRow:
    steps = [step for step in study.steps if _pulls(step, lever.name) and step.run and step.run.system.label == model]
    best = max(steps, key=lambda step: step.dev.mean if step.dev else 0.0, default=None)
    return LeverRow(lever, REMEDIES[lever.name], best.dev if best else None, best.system if best else "")


def _pulls(step: Step, name: LeverName) -> bool:
    """Whether a measured step pulled this lever and no other; a system that has nothing else is asked in another form."""
    if step.status != "measured" or step.run is None or is_reference(step.run):
        return False
    system, prompt = step.run.system, step.run.system.prompt
    if system.is_start or system.decoding.prior:
        return False
    has: list[tuple[LeverName, bool]] = [
        ("knowledge", system.has_knowledge),
        ("behaviour", system.is_tuned),
        ("examples", bool(prompt.shots)),
        ("form", bool(prompt.persona or prompt.constraints or prompt.reasoning or prompt.grounded)),
    ]
    return ([lever for lever, there in has if there] or ["form"]) == [name]
