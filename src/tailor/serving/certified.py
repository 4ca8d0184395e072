"""What a study certified of the system that is served: the system, its score, and rows to hold it to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from tailor.conversation import turns_in
from tailor.data.example import Example
from tailor.decide.types import Interval
from tailor.errors import ConfigError
from tailor.results import Study
from tailor.saved import chosen_system
from tailor.score.types import Answer, Score
from tailor.system import System
from tailor.task import Task
from tailor.watching.quality import decided_at

ROWS = 64
"""Rows of the test set that a served system is held to: a block of the local engine, which is then asked as it was measured."""


@dataclass(frozen=True)
class Measured:
    """A row of the test set with what was measured on it.

    Attributes:
        example: the row.
        answer: what the system answered.
        score: how good that was.
    """

    example: Example
    answer: Answer
    score: Score


@dataclass(frozen=True)
class Turns:
    """What conversations the measured rows hold: only what was measured is answered.

    Attributes:
        several: whether rows are conversations, of one turn or more.
        system: whether they begin with a turn of the system.
    """

    several: bool = False
    system: bool = False


@dataclass(frozen=True)
class Certified:
    """A system with what its study found.

    Attributes:
        task: what is asked.
        system: how it is answered, as it was measured.
        study: names the study.
        verdict: which part of the rule decided.
        headline: the decision in a sentence or two.
        score: on the whole test set, with its interval.
        lower: the certified lower limit.
        n_test: rows of the test set.
        threshold: confidence below which a person should answer; None where nothing is handed over.
        rows: measured rows, in the order in which they were measured.
        turns: what conversations they hold.
        provenance: versions and weights by name.
        ended: when the study ended, in seconds since 1970; 0 where that is not known.
    """

    task: Task
    system: System
    study: str
    verdict: str
    headline: str
    score: Interval
    lower: float
    n_test: int
    threshold: float | None
    rows: tuple[Measured, ...]
    turns: Turns = Turns()
    provenance: dict[str, str] = field(default_factory=dict)
    ended: float = 0.0


CERTIFIED = TypeAdapter(Certified)


def certified(study: Study, rows: int = ROWS) -> Certified:
    """What a study certified of the system that it chose.

    Args:
        study: the study.
        rows: measured rows to hold what is served to, at most.

    Raises:
        ConfigError: it ended without a decision.
    """
    system, decision = chosen_system(study), study.decision
    run = study.test_run(system.fingerprint)
    if decision is None or run is None:
        raise ConfigError("the last run ended without a decision", "run `tailor run` with more time")
    winner, handing = decision.winner, decision.winner_handover
    measured = tuple(map(Measured, run.examples, run.answers, run.scores))
    return Certified(
        task=study.task,
        system=system,
        study=f"{study.task.name}, {study.started}",
        verdict=decision.verdict,
        headline=decision.headline,
        score=winner.score,
        lower=winner.certified,
        n_test=len(run.examples),
        threshold=handing.threshold if handing else None,
        rows=measured[:rows],
        turns=turns_of(run.examples),
        provenance=dict(study.provenance),
        ended=decided_at(study),
    )


def turns_of(examples: Sequence[Example]) -> Turns:
    """What conversations these rows hold."""
    chats = [turns for example in examples for cell in example.fields.values() if (turns := turns_in(cell))]
    return Turns(bool(chats), any(turns[0].role == "system" for turns in chats))
