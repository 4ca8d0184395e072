"""A Run: a System's answers on a split, saved before they are scored; and their scores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from tailor.data.example import Example, SplitName
from tailor.errors import quoted
from tailor.score.types import OUTCOMES, Answer, Outcome, Score
from tailor.system import System


@dataclass(frozen=True, repr=False)
class Run:
    """A System's answers on (a part of) a split and their scores, in the order of `examples`."""

    system: System
    split: SplitName
    examples: tuple[Example, ...]
    answers: tuple[Answer, ...]
    scores: tuple[Score, ...]

    def __repr__(self) -> str:
        return f"<Run {quoted(self.system.name, 60)}: {self.mean:.3f} on {len(self.examples):,} {self.split} rows>"

    @property
    def key(self) -> tuple[str, str]:
        """The system's name and fingerprint."""
        return self.system.name, self.system.fingerprint

    @property
    def values(self) -> list[float]:
        """The metric per example, in [0, 1]."""
        return [score.value for score in self.scores]

    @property
    def units(self) -> list[str]:
        """The unit of each example, "" = by itself: what limits must not take for independent rows."""
        return [example.unit for example in self.examples]

    @property
    def mean(self) -> float:
        """The metric's mean; 0 for an empty run."""
        return sum(self.values) / len(self.scores) if self.scores else 0.0

    def extended(self, other: Run) -> Run:
        """This Run and, behind it, another of the same System on further examples."""
        return replace(
            self,
            examples=self.examples + other.examples,
            answers=self.answers + other.answers,
            scores=self.scores + other.scores,
        )

    def on(self, examples: Sequence[Example]) -> Run:
        """What this Run has on these examples, in their order; those that it has not are left out."""
        places = {example.id: place for place, example in enumerate(self.examples)}
        chosen = [places[example.id] for example in examples if example.id in places]
        return replace(
            self,
            examples=tuple(self.examples[place] for place in chosen),
            answers=tuple(self.answers[place] for place in chosen),
            scores=tuple(self.scores[place] for place in chosen),
        )

    def count(self, outcome: Outcome) -> int:
        """How many answers had this outcome."""
        return sum(score.outcome == outcome for score in self.scores)

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """How many answers had each outcome; `unjudged` is there only if there are any."""
        return {outcome: number for outcome in OUTCOMES if (number := self.count(outcome)) or outcome != "unjudged"}

    @property
    def failure(self) -> str:
        """How many calls failed and why, such as "17 of 24 calls failed: ..."; empty when none did."""
        return failures(self.answers)

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
        """Mean seconds of the answers that came one by one; 0 where all came in batches, which are not timed."""
        return _mean([a.seconds for a in self.answers if not a.error and a.seconds])

    @property
    def median_seconds(self) -> float:
        """Seconds within which half of the timed answers came; the time of a block is shared equally by its answers."""
        return median(times) if (times := [a.seconds for a in self.answers if not a.error and a.seconds]) else 0.0

    @property
    def slow_seconds(self) -> float:
        """Seconds within which 95 of 100 timed answers came; the time of a block is shared equally by its answers."""
        times = sorted(a.seconds for a in self.answers if not a.error and a.seconds)
        return times[math.ceil(0.95 * len(times)) - 1] if times else 0.0


def failures(answers: Sequence[Answer]) -> str:
    """How many of the calls behind these answers failed, and why; empty when none did."""
    causes = Counter(answer.error for answer in answers if answer.finish == "error")
    if not causes:
        return ""
    (cause, number), others = causes.most_common(1)[0], len(causes) - 1
    told = cause if not others else f"{number} times {cause}, and {others} other {'reason' if others == 1 else 'reasons'}"
    return f"{causes.total()} of {len(answers)} calls failed: {told}"


def _mean(values: list[int] | list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
