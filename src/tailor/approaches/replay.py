"""General rows among those of the task, so that tuning takes less from a model of what it could do besides.

The rows are the model's own answers to general instructions, from before it was tuned (self-generated replay: Huang et al. 2024,
arXiv:2403.01244). So what is kept is what the model can do, and no text of anybody else is learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import cycle, islice

import yaml

from tailor.data.example import Example
from tailor.engine import Engine
from tailor.models.training import TrainingRow
from tailor.models.tune import encoded
from tailor.system import Decoding, Prompt, System, Weights

INSTRUCTION = "Follow the instruction."
MAX_TOKENS = 48


@cache
def instructions() -> tuple[str, ...]:
    """What the model is asked before it is tuned; none of it is in the check of what was forgotten."""
    return tuple(yaml.safe_load((files("tailor.approaches") / "replay.yaml").read_text(encoding="utf-8")))


def general_system(system: System, *, tuned: bool) -> System:
    """The plain System that asks for general things, on a system's weights or on those that they were tuned from."""
    own = system.weights
    weights = own if tuned else Weights(model=own.model, digest=own.digest, precision=own.precision)
    return System(
        steps=("general",),
        weights=weights,
        prompt=Prompt(instruction=INSTRUCTION, input="{{ask}}"),
        decoding=Decoding(max_tokens=MAX_TOKENS),
    )


def general_rows(asked: Sequence[str]) -> list[Example]:
    """General instructions as rows to ask."""
    return [Example(f"general-{number}", {"ask": one}, ()) for number, one in enumerate(asked, start=1)]


def replayed(system: System, engine: Engine, *, rows: int, share: float) -> list[TrainingRow]:
    """Training rows that show the model its own general answers, which the engine keeps; those that were cut off are left out.

    Args:
        system: whose weights are tuned.
        engine: asks the model.
        rows: of the task.
        share: of general rows among all; where it takes more than there are, they are shown several times.

    Raises:
        ConfigError: the model's weights are not here to be tuned.
    """
    general = general_system(system, tuned=False)
    asked = general_rows(instructions())
    answers = engine.answer(general, asked)
    chats = engine.messages(general, asked)
    pairs = [(chat, answer.raw) for (chat, _), answer in zip(chats, answers, strict=True) if answer.raw and answer.finish == "stop"]
    return list(islice(cycle(encoded(engine.model_of(general), pairs)), round(rows * share / (1 - share)))) if pairs else []
