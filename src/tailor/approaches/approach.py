"""An Approach turns one System into another; a Chain of approaches is an approach."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tailor.data.example import Example
from tailor.engine import Engine, OnProgress
from tailor.models.base import Model
from tailor.models.constrain import check_form
from tailor.retrieval.passage import Passage
from tailor.score.scorer import holds_answer
from tailor.system import START, Decoding, Prompt, System, Weights, display_labels
from tailor.task import Task


@dataclass(frozen=True)
class Material:
    """What an approach may learn from. The test set is not in it.

    Attributes:
        task: what is asked.
        train: rows to learn from.
        dev: rows to choose by, for an approach that `looks_at_dev`; on the ladder it is then measured on other rows, and all other
            approaches get none.
    """

    task: Task
    train: tuple[Example, ...]
    dev: tuple[Example, ...]


class Approach(Protocol):
    """A way to turn one System into another.

    One that chooses something by the dev rows of its Material says so with a further attribute, `looks_at_dev = True`.

    Attributes:
        name: what it adds to a System's name.
    """

    @property
    def name(self) -> str:
        """What it adds to a System's name."""
        ...

    def fit(self, system: System, material: Material, engine: Engine, on_progress: OnProgress | None = None) -> System:
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

    def fit(self, system: System, material: Material, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """Each part fitted to what the parts before it made."""
        for part in self.parts:
            system = part.fit(system, material, engine, on_progress)
        return system


def looks_at_dev(approach: Approach) -> bool:
    """Whether the approach chooses something by the dev rows of its Material, so that these do not count for what it makes."""
    return bool(getattr(approach, "looks_at_dev", False))


def label_set(task: Task, train: Sequence[Example]) -> tuple[str, ...]:
    """The closed set of labels: the task's own, else those of the training rows in order of first use."""
    return task.labels or tuple(dict.fromkeys(example.label for example in train))


def starting_system(task: Task, train: Sequence[Example], model: Model) -> System:
    """The plain System every approach starts from: instruction and context, no examples, no documents, base weights.

    Raises:
        ConfigError: the model cannot be held to the task's `pattern` or `json_schema`.
    """
    if model.capabilities.grammars:
        check_form(task.pattern, task.json_schema)
    labels = label_set(task, train) if task.kind == "classify" else ()
    longest = max((len(label) for label in display_labels(labels)), default=0)
    decoding = (
        Decoding(method="score" if model.capabilities.scores else "generate", labels=labels, max_tokens=longest // 2 + 8)
        if task.kind == "classify"
        else Decoding(max_tokens=round(task.max_words * 1.6) + 8, pattern=answer_pattern(task, train), json_schema=task.json_schema)
    )
    return System(
        steps=(START,),
        weights=Weights(model=model.name, digest=model.digest, precision=model.precision),
        prompt=Prompt(
            instruction=task.instruction,
            context=task.context,
            input=task.input,
            not_found=task.not_found if task.kind == "answer" else "",
        ),
        decoding=decoding,
    )


def answer_pattern(task: Task, train: Sequence[Example]) -> str:
    """What an answer must match: the task's pattern, or `not_found` where that may be the right answer."""
    may_abstain = bool(task.documents) or any(not example.answers for example in train)
    return f"(?:{task.pattern})|{re.escape(task.not_found)}" if task.pattern and may_abstain else task.pattern


def wanted_answer(system: System, example: Example, passages: Sequence[Passage]) -> str:
    """The text the system should have written for a training example.

    With retrieval, an answer that no passage holds is "not found": teaching the answer itself would teach to invent. JSON stands
    alone: nothing can be cited behind it.
    """
    if system.decoding.labels:
        labels = system.decoding.labels
        # A label that no training row has may stand in dev.
        return dict(zip(labels, display_labels(labels), strict=True)).get(example.label, example.label)
    if system.knowledge.kind != "index" or system.decoding.json_schema:
        return example.label or system.prompt.not_found
    holders = [number for number, passage in enumerate(passages, start=1) if holds_answer(passage.text, example)]
    return f"{example.label} [{holders[0]}]" if example.answers and holders else system.prompt.not_found
