"""A Run: a System's answers on a split, saved before they are scored; and their scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tailor.data.example import Example, SplitName
from tailor.retrieval.passage import Passage
from tailor.system import System

Outcome = Literal["right", "wrong", "unparsed", "failed"]


@dataclass(frozen=True)
class Answer:
    """What a System said about one example, before scoring.

    Attributes:
        example: id of the example.
        raw: the model's text, as it came.
        scores: log-probability of each label, when labels were scored (prior already removed).
        passages: what was put into the prompt, in the order of their numbers [1], [2], ...
        tokens_in: prompt tokens.
        tokens_out: answer tokens.
        seconds: time for this answer.
        finish: why it ended.
        error: why there is no answer; empty when there is one.
    """

    example: str
    raw: str
    scores: tuple[float, ...] = ()
    passages: tuple[Passage, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    finish: str = "stop"
    error: str = ""


@dataclass(frozen=True)
class Score:
    """How good one answer is.

    Attributes:
        outcome: right, wrong, unparsed (the answer has not the form asked for) or failed (no answer came).
        value: the metric in [0, 1]; 0 for unparsed and failed, which are counted apart and never left out.
        answer: the answer as parsed.
        details: further measures in [0, 1] by name, absent where they do not apply: `f1`, `exact`, `form` (constraints kept),
            `cited` (a cited passage contains the answer), `abstained` (said "not found"), `retrieved` (a passage contains it).
    """

    outcome: Outcome
    value: float
    answer: str
    details: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A System's answers on (a part of) a split and their scores, in the order of `examples`."""

    system: System
    split: SplitName
    examples: tuple[Example, ...]
    answers: tuple[Answer, ...]
    scores: tuple[Score, ...]

    @property
    def values(self) -> list[float]:
        """The metric per example, in [0, 1]."""
        return [score.value for score in self.scores]

    @property
    def mean(self) -> float:
        """The metric's mean; 0 for an empty run."""
        return sum(self.values) / len(self.scores) if self.scores else 0.0

    def count(self, outcome: Outcome) -> int:
        """How many answers had this outcome."""
        return sum(score.outcome == outcome for score in self.scores)

    def detail(self, name: str) -> tuple[float, int] | None:
        """Mean and count of a further measure, or None where it never applied."""
        values = [score.details[name] for score in self.scores if name in score.details]
        return (sum(values) / len(values), len(values)) if values else None

    @property
    def tokens_in(self) -> float:
        """Mean prompt tokens of the answers that came."""
        return _mean([a.tokens_in for a in self.answers if not a.error])

    @property
    def tokens_out(self) -> float:
        """Mean answer tokens of the answers that came."""
        return _mean([a.tokens_out for a in self.answers if not a.error])

    @property
    def seconds(self) -> float:
        """Mean seconds of the answers that came."""
        return _mean([a.seconds for a in self.answers if not a.error])


def _mean(values: list[int] | list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
