"""An Approach turns one System into another; a Chain of approaches is an approach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tailor.content import around
from tailor.data.example import Example
from tailor.engine import Engine, OnProgress
from tailor.kinds.base import kind_of
from tailor.models.base import Model
from tailor.models.constrain import check_form
from tailor.models.together import Training
from tailor.system import START, Prompt, System, Weights
from tailor.task import Task


@dataclass(frozen=True)
class TrainingData:
    """What an approach may learn from. The test set is not in it.

    Attributes:
        task: what is asked.
        train: rows to learn from.
        dev: rows to choose by, for an approach that `looks_at_dev`; on the ladder it is then measured on other rows, and all other
            approaches get none.
        unlabelled: rows without a label, none of which resembles a row of dev or test.
    """

    task: Task
    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    unlabelled: tuple[Example, ...] = ()


def talks(task: Task, rows: Sequence[Example]) -> bool:
    """Whether rows end conversations: something was said before what they ask."""
    return any(turn.role != "system" for row in rows for turn in around(task.input, row)[0])


@runtime_checkable
class Approach(Protocol):
    """A way to turn one System into another.

    One that chooses something by the dev rows of its TrainingData says so with a further attribute, `looks_at_dev = True`; one
    whose System asks no generative model, and so is the same whatever it starts from, with `asks_no_model = True`. One that trains
    weights may say which by a further method, `training(system, data, engine)`: then several can be trained side by side.

    Attributes:
        name: what it adds to a System's name.
    """

    @property
    def name(self) -> str:
        """What it adds to a System's name."""
        ...

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The new System; `system` stays as it is."""
        ...


@dataclass(frozen=True)
class Chain:
    """One approach after the other, in this order: "rag then lora" is another system than "lora then rag"."""

    parts: tuple[Approach, ...]

    @property
    def name(self) -> str:
        """The parts' names in their order."""
        return " > ".join(part.name for part in self.parts)

    @property
    def looks_at_dev(self) -> bool:
        """Whether one of its parts does."""
        return any(map(looks_at_dev, self.parts))

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """Each part fitted to what the parts before it made."""
        for part in self.parts:
            system = part.fit(system, data, engine, on_progress)
        return system

    def training(self, system: System, data: TrainingData, engine: Engine) -> Training | None:
        """What its last part trains; None where another part does."""
        *parts, last = self.parts
        if any(hasattr(part, "training") for part in parts):
            return None
        return training_of(last, Chain(tuple(parts)).fit(system, data, engine), data, engine)


def looks_at_dev(approach: Approach) -> bool:
    """Whether the approach chooses something by the dev rows of its TrainingData, so that these do not count for what it makes."""
    return bool(getattr(approach, "looks_at_dev", False))


def summary_of(approach: Approach) -> str:
    """What to know about how the approach makes a System, in words that follow a semicolon; mostly nothing."""
    return str(getattr(approach, "summary", ""))


def asks_a_model(approach: Approach) -> bool:
    """Whether a generative model answers for what the approach makes; else it is tried once, however many models there are."""
    return not getattr(approach, "asks_no_model", False)


def training_of(approach: Approach, system: System, data: TrainingData, engine: Engine) -> Training | None:
    """What the approach trains when it is fitted; None where it trains nothing, or cannot say it beforehand."""
    if (find := getattr(approach, "training", None)) is None:
        return None
    training: Training | None = find(system, data, engine)
    return training


def starting_systems(task: Task, train: Sequence[Example], models: Sequence[Model]) -> tuple[System, ...]:
    """The plain System on each model of a study, in their order, called as the study calls them."""
    labelled = zip(models, task.model_labels, strict=True)
    return tuple(starting_system(task, train, model).with_(label=label) for model, label in labelled)


def starting_system(task: Task, train: Sequence[Example], model: Model) -> System:
    """The plain System every approach starts from: instruction and context, no examples, no documents, base weights.

    Raises:
        ConfigError: the model cannot be held to the task's `pattern` or `json_schema`.
    """
    if model.capabilities.grammars:
        check_form(task.pattern, task.json_schema)
    kind = kind_of(task)
    return System(
        steps=(START,),
        weights=Weights(model=model.name, digest=model.digest, precision=model.precision),
        prompt=Prompt(
            instruction=task.instruction,
            context=task.context,
            input=task.input,
            not_found=task.not_found if kind.abstains else "",
            brief=kind.brief,
            form=kind.form(task),
        ),
        decoding=kind.decoding(task, train, model.capabilities.scores),
    )
