"""Whether anything can decide what a good answer is, and the rows whose own right answer breaks a requirement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tailor.data.example import Example
from tailor.data.finding import Finding
from tailor.data.readers import place
from tailor.kinds.base import kind_of
from tailor.score.types import Answer
from tailor.system import Prompt, System, Weights
from tailor.task import Task


def audit_requirements(task: Task, examples: Sequence[Example]) -> Iterator[Finding]:
    """That nothing can decide what is right, and the rows whose own right answer breaks a requirement."""
    kind = kind_of(task)
    if why := kind.undecided(task):
        reason, _, advice = why.partition("; ")
        yield Finding("error", f"Nothing can decide: {reason}.", advice=f"{advice[:1].upper()}{advice[1:]}.")
    required = [detail.name for detail in kind.details(task) if detail.required and not detail.reads]
    if not required:
        return
    system = System(
        steps=("reference",),
        weights=Weights(model="none"),
        prompt=Prompt(instruction=task.instruction, input=task.input),
        decoding=kind.decoding(task, examples, False),
    )
    answered = [example for example in examples if example.label]
    scores = [kind.score(task, system, example, Answer(example.id, example.label)) for example in answered]
    for name in required:
        broken = [example for example, score in zip(answered, scores, strict=True) if not score.details.get(name, 1.0)]
        if broken:
            rows = f"{len(broken):,} row{'' if len(broken) == 1 else 's'}"
            yield Finding(
                "warning",
                f"{rows} whose own right answer breaks a requirement: {name}.",
                tuple(map(place, broken)),
                "Rewrite them or ease the requirement: a model that learns from them learns to break it.",
            )
