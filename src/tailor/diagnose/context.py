"""What the diagnosis looks at, and how what it finds about dev rows becomes levers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tailor.approaches.approach import TrainingData
from tailor.data.example import Example
from tailor.diagnose.types import LEVEL, Lever, LeverName
from tailor.engine import Engine
from tailor.evaluate.measure import scored
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of
from tailor.models.base import Array, Model
from tailor.score.types import Answer
from tailor.stats.clusters import usual_size
from tailor.stats.intervals import Floats, Interval

HALF = 0.5
MOST_LEARNED = 3_000
"""Training rows that probes learn from, at most: more would cost more than the minute that a diagnosis may take."""


@dataclass(frozen=True)
class Context:
    """A task's rows, its engine, and the baseline's Run on dev."""

    data: TrainingData
    engine: Engine
    run: Run

    @property
    def model(self) -> Model:
        """The model that the baseline asks."""
        return self.engine.model_of(self.run.system)

    @property
    def train(self) -> tuple[Example, ...]:
        """The rows to learn from."""
        return self.data.train[:MOST_LEARNED]

    @property
    def dev(self) -> tuple[Example, ...]:
        """The rows to forecast."""
        return self.data.dev

    @cached_property
    def vectors(self) -> tuple[Array, Array]:
        """The embedder's vectors of the inputs of train and dev."""
        texts = self.inputs((*self.train, *self.dev))
        found = self.engine.embed(self.data.task.embedder, texts)
        return found[: len(self.train)], found[len(self.train) :]

    @cached_property
    def known(self) -> tuple[str, ...]:
        """The different answers of the training rows."""
        return tuple(dict.fromkeys(example.label for example in self.train if example.answers))

    @cached_property
    def targets(self) -> list[str]:
        """What should have been answered in each training row; "not found" where there is no answer."""
        return [example.label or self.run.system.prompt.not_found for example in self.train]

    @cached_property
    def written(self) -> list[str]:
        """What the model should have written in each training row, as the kind writes a right answer."""
        kind, system = kind_of(self.data.task), self.run.system
        return [kind.target_text(system, example, ()) for example in self.train]

    def inputs(self, examples: Sequence[Example]) -> list[str]:
        """What is asked in each example."""
        return self.run.system.texts(examples)

    def values(self, texts: Sequence[str]) -> Floats:
        """The metric on each dev row if these texts were the answers."""
        answers = [Answer(example.id, text) for example, text in zip(self.dev, texts, strict=True)]
        scores = scored(self.data.task, self.run.system, self.dev, answers, self.engine)
        return np.array([score.value for score in scores])


@dataclass(frozen=True)
class LeverForecast:
    """What is expected of a lever.

    Attributes:
        name: the lever.
        values: expected score of each dev row.
        error: standard error of their mean as a forecast, besides what the rows' own chances give.
        how: how the forecast was made.
    """

    name: LeverName
    values: Floats
    error: float
    how: str

    def interval(self, ceiling: float = 1.0, alike: float = 1.0) -> Interval:
        """The forecast with its 80 % interval, by the normal approximation, below what labels allow.

        `alike` rows count as one observation (`tailor.stats.clusters.usual_size`).

        The error of the forecast is joined by the chance of so many rows: that of the rows one by one, or, where more, that of
        their rate, which is never nothing: few rows that are all alike are not sure to stay so.
        """
        from scipy.special import ndtri

        n = len(self.values)
        mean = float(self.values.mean())
        rate = (float(self.values.sum()) / alike + 1) / (n / alike + 2)
        chance = alike * max(float((self.values * (1 - self.values)).sum()) / n**2, rate * (1 - rate) / n)
        half = float(ndtri((1 + LEVEL) / 2)) * (self.error**2 + chance) ** 0.5
        return Interval(mean, max(0.0, mean - half), max(mean, min(ceiling, mean + half)), n, LEVEL, "forecast")


def failures(run: Run) -> int:
    """Rows that a Run fails: their score is below one half, which for a score of 0 or 1 is that they are not right."""
    return sum(value < HALF for value in run.values)


def percent(values: Sequence[float] | Floats) -> str:
    """The mean of values in [0, 1], such as "83 %"."""
    return f"{100 * float(np.mean(values)):.0f} %"


def levers(forecasts: Sequence[LeverForecast], run: Run, ceiling: float = 1.0) -> tuple[Lever, ...]:
    """The levers, best forecast first, each with what it fixes by itself and what no other one fixes."""
    base, alike = np.array(run.values), usual_size(run.units)
    failed = base < HALF
    fixed = [_fixed(forecast.values, base) * failed for forecast in forecasts]
    found = []
    for place, forecast in enumerate(forecasts):
        others = np.prod([1 - fixes for i, fixes in enumerate(fixed) if i != place], axis=0) if len(fixed) > 1 else 1.0
        alone, only = float(fixed[place].sum()), float((fixed[place] * others).sum())
        found.append(
            Lever(
                forecast.name,
                forecast.interval(ceiling, alike),
                tuple(map(float, forecast.values)),
                round(alone),
                round(only),
                forecast.how,
            )
        )
    return tuple(sorted(found, key=lambda lever: -lever.forecast.mean))


def _fixed(values: Floats, base: Floats) -> Floats:
    """How much of what each row lacks a lever would give it, in [0, 1]."""
    lack = 1 - base
    fixed: Floats = np.clip((values - base) / np.where(lack > 0, lack, 1), 0, 1) * (lack > 0)
    return fixed
