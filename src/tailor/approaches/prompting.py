"""Approaches that change the prompt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tailor.approaches.approach import TrainingData
from tailor.data.example import Example
from tailor.engine import Engine, OnProgress
from tailor.errors import ConfigError
from tailor.jsonform import SOURCES, with_reasoning, with_sources
from tailor.kinds.base import kind_of, score_run
from tailor.labels import BETWEEN, display_labels, no_label
from tailor.models.base import Array
from tailor.score.types import Answer
from tailor.system import Shot, System
from tailor.task import Task

GIVEN = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Shares of the labels that rows have which a threshold lets through, where an answer may hold several."""
PRIOR_ROWS = 48
"""Training rows by which a label prior is estimated and chosen; its standard error is about a seventh of the spread of rows."""


@dataclass(frozen=True)
class ZeroShot:
    """The starting System itself."""

    name: str = "zero-shot"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System as it is."""
        return system


@dataclass(frozen=True)
class WriteLabels:
    """Write the label instead of scoring all labels. Where the model can be held to it, nothing but a label is written."""

    name: str = "generated"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with generated answers."""
        return system.then(self.name, decoding=written(system, held=engine.model_of(system).capabilities.patterns))


def written(system: System, *, held: bool) -> dict[str, object]:
    """The changes to its decoding with which a system writes labels, `held` to nothing but labels or not."""
    labels = system.decoding.labels
    pattern = "|".join(map(re.escape, display_labels(labels)))
    if system.decoding.several:
        pattern = f"(?:{pattern})(?:{re.escape(BETWEEN)}(?:{pattern}))*|{re.escape(no_label(labels))}"
    return {"method": "generate", "prior": (), "pattern": pattern if held else ""}


@dataclass(frozen=True)
class Persona:
    """Say who the model is to be: the task's `persona`."""

    name: str = "persona"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with the persona in front of its instruction.

        Raises:
            ConfigError: the task names none.
        """
        if not data.task.persona:
            raise ConfigError("the task has no persona", "say who the model is to be under `persona`")
        return system.then(self.name, prompt={"persona": data.task.persona})


@dataclass(frozen=True)
class Constraints:
    """State the limits on form, length and tone: the task's `constraints`."""

    name: str = "constraints"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with the constraints listed after its instruction.

        Raises:
            ConfigError: the task names none.
        """
        if not data.task.constraints:
            raise ConfigError("the task has no constraints", "list limits on form, length or tone under `constraints`")
        return system.then(self.name, prompt={"constraints": data.task.constraints})


@dataclass(frozen=True)
class Grounded:
    """Ask to cite the passage used, and to say "not found" rather than guess."""

    name: str = "grounded"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
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

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
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

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System that is told the form of an answer, and not held to it.

        Raises:
            ConfigError: its answers are held to no form, or are read by it.
        """
        if not system.decoding.json_schema or not kind_of(data.task).parted:
            raise ConfigError("there is no form of answers to set free", "free-form is for kinds of task that extract fields")
        return system.then(self.name, decoding={"json_schema": ""})


@dataclass(frozen=True)
class QuoteSources:
    """Ask for the words of the text first, and then for what they say: an answer that rests on words is less often made up.

    Args:
        max_tokens: room for the words.
    """

    max_tokens: int = 96
    name: str = "sources-first"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System that copies pieces of the text into the first property of its answer.

        Raises:
            ConfigError: its answers have no such property.
        """
        quoting = self.quoting(system) if kind_of(data.task).parted else None
        if quoting is None:
            raise ConfigError(
                "no words of the text can come before these answers",
                f"sources-first is for extraction by fields or a `json_schema` without a property `{SOURCES}`.",
            )
        return quoting

    def quoting(self, system: System) -> System | None:
        """The same System, or None where its answers have no place for the words."""
        schema = system.decoding.json_schema and with_sources(system.decoding.json_schema)
        if not schema:
            return None
        rule = f'Before the other properties, list in "{SOURCES}" the words of the text that they rest on, copied exactly.'
        decoding = {"json_schema": schema, "max_tokens": system.decoding.max_tokens + self.max_tokens}
        return system.then(self.name, prompt={"form": f"{system.prompt.form}\n{rule}"}, decoding=decoding)


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

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with its examples; with `nearest` it carries all training rows to choose from."""
        kind, embedder, pool = kind_of(data.task), data.task.embedder, data.train
        if self.choose == "diverse":
            # Images alone lie nowhere among meanings, so they are spread over topics alone.
            is_text = data.task.reads_text
            vectors = engine.embed(embedder, system.texts(pool)) if is_text else np.zeros((len(pool), 1), np.float32)
            topics = [kind.topic(example) for example in pool]
            pool = tuple(pool[i] for i in spread(vectors, topics, self.count))
        reads = system.knowledge.kind == "index"
        found = engine.retrieve(system, pool)
        shots = tuple(
            Shot(
                answer=kind.target_text(system, example, passages),
                fields=example.fields,
                media=example.media,
                passages=passages if reads else None,
            )
            for example, passages in zip(pool, found, strict=True)
        )
        if system.decoding.several and system.decoding.method == "score":  # examples show lists
            system = system.with_(decoding=written(system, held=engine.model_of(system).capabilities.patterns))
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

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with the better of the two priors subtracted, or with none where neither helps."""
        plain = system.with_(decoding={"prior": ()})
        empty = Example("content-free", dict.fromkeys(data.train[0].fields, "N/A"), ())
        rows = _unseen(plain, data.train)[:PRIOR_ROWS]
        answers = engine.answer(plain, rows, on_progress)
        samples = [_scores(engine.answer(plain, [empty])), _scores(answers)]
        priors = [tuple(map(float, np.mean(sample, axis=0))) for sample in samples if sample]
        # Without a prior comes first: it stands where no other is better.
        options = [(0.0,) * len(plain.decoding.choices), *priors]
        if plain.decoding.several:
            has = [kind_of(data.task).labels_in(example.label) for example in data.train]
            options = list(with_thresholds(options, plain.decoding.labels, has, samples[-1]))
        best = max(range(len(options)), key=lambda i: _worth(data.task, plain, rows, answers, options[i]))
        return system.then(self.name, decoding={"prior": options[best] if best else ()})


def _unseen(system: System, rows: Sequence[Example]) -> list[Example]:
    """The rows that no prompt of the system shows with their answers; the nearest examples never show the row itself."""
    shots = () if system.prompt.nearest else system.prompt.shots
    shown = {shot.question(system.prompt.input) for shot in shots}
    return [example for example in rows if system.question(example) not in shown]


def _scores(answers: Sequence[Answer]) -> list[tuple[float, ...]]:
    return [answer.scores for answer in answers if answer.scores]


def with_thresholds(
    priors: Sequence[tuple[float, ...]],
    labels: Sequence[str],
    sets: Sequence[Sequence[str]],
    scores: Sequence[Sequence[float]],
) -> Iterator[tuple[float, ...]]:
    """Each prior, and it with a threshold: log-odds that a label must exceed to be given, added to its prior of "yes".

    A prior by itself makes every label as likely as not; so each is also tried with the share of rows that have the label.

    Args:
        priors: of the choices, each label with yes and with no.
        labels: the labels.
        sets: the labels of the training rows.
        scores: of the choices, for some of these rows.
    """
    counts = Counter(label for has in sets for label in has)
    shares = np.array([(counts[label] + 0.5) / (len(sets) + 1) for label in labels])
    for prior, common in ((np.array(prior), common) for prior in priors for common in (0.0, np.log(shares / (1 - shares)))):
        moved = prior.copy()
        moved[::2] -= common
        yield tuple(map(float, moved))
        if not len(scores):
            continue
        left = np.array(scores) - moved
        odds = left[:, ::2] - left[:, 1::2]
        for threshold in np.unique(np.quantile(odds, np.clip(1 - shares.mean() * np.array(GIVEN), 0, 1), method="lower")):
            raised = moved.copy()
            raised[::2] += threshold
            yield tuple(map(float, raised))


def _worth(task: Task, system: System, examples: Sequence[Example], answers: Sequence[Answer], prior: Sequence[float]) -> float:
    """What the answers are worth together with the prior subtracted."""
    said = [
        replace(answer, raw=system.decoding.likeliest(list(np.subtract(answer.scores, prior)))) if answer.scores else answer
        for answer in answers
    ]
    return sum(one.value for one in score_run(task, system, examples, said))
