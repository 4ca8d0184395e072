"""Under what an answer is kept: whatever may change it changes its key, and nothing else does."""

from __future__ import annotations

import random
from typing import Any

from tailor.data.example import Example
from tailor.system import Decoding, Knowledge, Prompt, Shot, System, Weights

PARTS: dict[str, dict[str, Any]] = {
    "weights": {"model": str, "digest": str, "tuned": str, "tuned_digest": str},
    "prompt": {
        "instruction": str,
        "context": str,
        "persona": str,
        "input": str,
        "constraints": tuple,
        "shots": Shot,
        "nearest": int,
    },
    "knowledge": {"kind": "index", "digest": str, "passages": int, "search": "vector", "embedder": str},
    "decoding": {
        "max_tokens": int,
        "temperature": float,
        "seed": int,
        "labels": tuple,
        "prior": float,
        "pattern": str,
        "stop": tuple,
    },
}
"""Fields of a System that may change an answer, and what a value of them is."""


def answer_keys(cases: int = 10_000, seed: int = 26) -> dict[str, int]:
    """R26: one thing is changed in a system or in what it is asked, or only in what cannot matter."""
    figures, chance = {"cases": cases, "cross_talk": 0, "missed": 0}, random.Random(seed)
    for number in range(cases):
        system, example = made(chance), Example(str(number), {"text": word(chance), "more": word(chance)}, ("yes",))
        key = (system.fingerprint, example.answer_key)
        copied = System.model_validate_json(system.model_dump_json())
        moved = Example(word(chance), dict(reversed(list(example.fields.items()))), (word(chance),))
        figures["missed"] += (copied.fingerprint, moved.answer_key) != key
        if number % 3:
            part = chance.choice(list(PARTS))
            before = getattr(system, part)
            name = chance.choice([name for name in PARTS[part] if name in type(before).model_fields])
            after = before.model_copy(update={name: value_of(PARTS[part][name], chance, getattr(before, name))})
            other = system.model_copy(update={part: after}).fingerprint, example.answer_key
        else:
            name = chance.choice(list(example.fields))
            other = system.fingerprint, Example("x", {**example.fields, name: word(chance)}, ("yes",)).answer_key
        figures["cross_talk"] += other == key
    return figures


def made(chance: random.Random) -> System:
    """A system with everything that can be set, set at random."""
    shots = tuple(Shot(input=word(chance), answer=word(chance)) for _ in range(2))
    return System(
        steps=("zero-shot",),
        weights=Weights(model=word(chance), digest=word(chance)),
        prompt=Prompt(instruction=word(chance), input="{{text}} {{more}}", context=word(chance), shots=shots),
        knowledge=Knowledge(),
        decoding=Decoding(labels=(word(chance), word(chance)), max_tokens=chance.randrange(1, 99), seed=chance.randrange(9)),
    )


def word(chance: random.Random) -> str:
    """A word that nothing else is."""
    return f"{chance.getrandbits(64):x}"


def value_of(kind: Any, chance: random.Random, before: Any) -> Any:
    """Another value of a kind."""
    if kind is str:
        return word(chance)
    if kind is int:
        return int(before) + chance.randrange(1, 99)
    if kind is float:
        return chance.random() if isinstance(before, float) else (*before, chance.random())
    if kind is Shot:
        return (*before, Shot(input=word(chance), answer=word(chance)))
    return (*before, word(chance)) if kind is tuple else kind
