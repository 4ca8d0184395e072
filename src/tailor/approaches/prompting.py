"""Approaches that change the prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tailor.approaches.approach import TrainingData
from tailor.data.example import Example
from tailor.engine import Engine, OnProgress
from tailor.errors import ConfigError
from tailor.jsonform import with_reasoning
from tailor.kinds.base import kind_of
from tailor.models.base import Array
from tailor.score.parse import find_label
from tailor.score.types import Answer
from tailor.system import Shot, System, display_labels

PRIOR_ROWS = 48
"""Training rows by which a label prior is estimated and chosen; its standard error is about a seventh of the spread of rows."""


@dataclass(frozen=True)
class ZeroShot:
    """The starting System itself."""

    name: str = "zero-shot"

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System as it is."""
        return system


@dataclass(frozen=True)
class WriteLabels:
    """Write the label instead of scoring all labels. Where the model can be held to it, nothing but a label is written."""

    name: str = "generated"

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with generated answers."""
        labels = "|".join(map(re.escape, display_labels(system.decoding.labels)))
        change = {"method": "generate", "prior": (), "pattern": labels if engine.model_of(system).capabilities.patterns else ""}
        return system.then(self.name, decoding=change)


@dataclass(frozen=True)
class Persona:
    """Say who the model is to be: the task's `persona`."""

    name: str = "persona"

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with the persona in front of its instruction.

        Raises:
            ConfigError: the task names none.
        """
        if not material.task.persona:
            raise ConfigError("the task has no persona", "say who the model is to be under `persona`")
        return system.then(self.name, prompt={"persona": material.task.persona})


@dataclass(frozen=True)
class Constraints:
    """State the limits on form, length and tone: the task's `constraints`."""

    name: str = "constraints"

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with the constraints listed after its instruction.

        Raises:
            ConfigError: the task names none.
        """
        if not material.task.constraints:
            raise ConfigError("the task has no constraints", "list limits on form, length or tone under `constraints`")
        return system.then(self.name, prompt={"constraints": material.task.constraints})


@dataclass(frozen=True)
class Grounded:
    """Ask to cite the passage used, and to say "not found" rather than guess."""

    name: str = "grounded"

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with these two rules.

        Raises:
            ConfigError: the answer is JSON, with no place for either.
        """
        if system.decoding.json_schema:
            raise ConfigError(
                "an answer held to `json_schema` can neither cite a passage nor say that nothing was found",
                "give the schema a property for the source, and allow null",
            )
        return system.then(self.name, prompt={"grounded": True})


@dataclass(frozen=True)
class ChainOfThought:
    """Ask for steps first; the answer is what follows the last "Answer:" (Kojima et al. 2022, arXiv:2205.11916).

    Args:
        max_tokens: room for steps and answer.
    """

    max_tokens: int = 96
    name: str = "chain-of-thought"

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System that writes its steps before its answer, or into the first property of one that is held to a schema.

        Raises:
            ConfigError: the answer is JSON, with no place for steps.
        """
        decoding = {"method": "generate", "prior": (), "max_tokens": system.decoding.max_tokens + self.max_tokens}
        if system.decoding.json_schema:
            schema = with_reasoning(system.decoding.json_schema)
            if schema is None:
                raise ConfigError(
                    "no steps can stand in an answer held to this `json_schema`",
                    "write that of an object without a property `reasoning`",
                )
            decoding["json_schema"] = schema
        return system.then(self.name, prompt={"reasoning": True}, decoding=decoding)


@dataclass(frozen=True)
class FreeForm:
    """Leave the form of the answer to the prompt: being held to it can make a model fill in what the text does not say."""

    name: str = "free-form"

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System that is told the form of an answer, and not held to it.

        Raises:
            ConfigError: its answers are held to no form, or are read by it.
        """
        if not system.decoding.json_schema or not kind_of(material.task).parted:
            raise ConfigError("there is no form of answers to set free", "free-form is for kinds of task that extract fields")
        return system.then(self.name, decoding={"json_schema": ""})


@dataclass(frozen=True)
class FewShot:
    """Show worked examples from the training rows.

    Args:
        count: how many, 2 to 5.
        choose: `diverse` shows the same ones to everyone, spread over meanings and labels; `nearest` shows each input the ones
            most like it (Liu et al. 2022, arXiv:2101.06804).

    Raises:
        ConfigError: `count` is not 2 to 5.
    """

    count: int = 5
    choose: Literal["diverse", "nearest"] = "diverse"

    def __post_init__(self) -> None:
        if not 2 <= self.count <= 5:
            raise ConfigError(f"{self.count} worked examples are not 2 to 5", "few-shot prompts show 2 to 5 examples")

    @property
    def name(self) -> str:
        """Such as "few-shot-5" or "few-shot-nearest-5"."""
        return f"few-shot-nearest-{self.count}" if self.choose == "nearest" else f"few-shot-{self.count}"

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with its examples; with `nearest` it carries all training rows to choose from."""
        kind, embedder, pool = kind_of(material.task), material.task.embedder, material.train
        if self.choose == "diverse":
            # Images alone lie nowhere among meanings, so they are spread over topics alone.
            is_text = material.task.reads_text
            vectors = engine.embed(embedder, system.texts(pool)) if is_text else np.zeros((len(pool), 1), np.float32)
            topics = [kind.topic(example) for example in pool]
            pool = tuple(pool[i] for i in spread(vectors, topics, self.count))
        reads = system.knowledge.kind == "index"
        found = engine.retrieve(system, system.texts(pool))
        shots = tuple(
            Shot(
                answer=kind.target_text(system, example, passages),
                fields=example.fields,
                media=example.media,
                passages=passages if reads else None,
            )
            for example, passages in zip(pool, found, strict=True)
        )
        change = {"shots": shots, "nearest": self.count, "embedder": embedder} if self.choose == "nearest" else {"shots": shots}
        return system.then(self.name, prompt=change)


def spread(vectors: Array, labels: Sequence[str], count: int) -> list[int]:
    """Indices of `count` examples: the most central one, then always the farthest from those chosen, new labels first.

    Farthest-first traversal (Gonzalez 1985) on cosine distance; the labels are covered before any is repeated.
    """
    chosen = [int((vectors @ vectors.mean(axis=0)).argmax())]
    distance = 1 - vectors @ vectors[chosen[0]]
    while len(chosen) < min(count, len(labels)):
        seen = {labels[i] for i in chosen}
        new = np.array([label not in seen for label in labels]) if set(labels) - seen else np.ones(len(labels), bool)
        new[chosen] = False
        chosen.append(int(np.where(new, distance, -np.inf).argmax()))
        distance = np.minimum(distance, 1 - vectors @ vectors[chosen[-1]])
    return chosen


@dataclass(frozen=True)
class RemovePrior:
    """Subtract what the model thinks of each label before it has read the input (Zhao et al. 2021, arXiv:2102.09690).

    The prior comes from a content-free input or is the mean over training inputs; which, or none, is chosen by the labels of these
    training rows and then fixed. Rows that the prompt itself shows are not asked.
    """

    name: str = "prior-removed"

    def fit(self, system: System, material: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with the better of the two priors subtracted, or with none where neither helps."""
        labels = system.decoding.labels
        plain = system.with_(decoding={"prior": ()})
        empty = Example("content-free", dict.fromkeys(material.train[0].fields, "N/A"), ())
        rows = _unseen(plain, material.train)[:PRIOR_ROWS]
        answers = engine.answer(plain, rows, on_progress)
        samples = [_scores(engine.answer(plain, [empty])), _scores(answers)]
        priors = [tuple(map(float, np.mean(sample, axis=0))) for sample in samples if sample]
        # Without a prior comes first: it stands where no other is better.
        options = [(0.0,) * len(labels), *priors]
        best = max(range(len(options)), key=lambda i: _n_right(labels, rows, answers, options[i]))
        return system.then(self.name, decoding={"prior": options[best] if best else ()})


def _unseen(system: System, rows: Sequence[Example]) -> list[Example]:
    """The rows that no prompt of the system shows with their answers; the nearest examples never show the row itself."""
    shots = () if system.prompt.nearest else system.prompt.shots
    shown = {shot.question(system.prompt.input) for shot in shots}
    return [example for example in rows if system.question(example) not in shown]


def _scores(answers: Sequence[Answer]) -> list[tuple[float, ...]]:
    return [answer.scores for answer in answers if answer.scores]


def _n_right(labels: Sequence[str], examples: Sequence[Example], answers: Sequence[Answer], prior: Sequence[float]) -> int:
    """How many answers are right with the prior subtracted; one that never came is not."""
    best = [
        labels[int(np.subtract(answer.scores, prior).argmax())] if answer.scores else find_label(answer.raw, labels)
        for answer in answers
    ]
    return sum(label is not None and label == example.label for label, example in zip(best, examples, strict=True))
