"""What tuning cost a model elsewhere: general instructions with checkable answers, asked before and after.

Tuning on one task may take from a model what it could do besides. So a finalist with tuned weights and the model that it was made
from answer the same instructions (`forgetting.yaml`: form, counting, arithmetic, reading, honesty, constraints, choices, general
knowledge), asked alike and without the task's prompt. A program checks each answer, so the difference is paired, and its limits
are those of `tailor.stats.paired`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tailor.approaches.replay import general_rows, general_system
from tailor.data.example import Example
from tailor.engine import Engine, OnProgress
from tailor.stats.intervals import Interval
from tailor.stats.paired import paired_max_t
from tailor.system import System

LEVEL = 0.95
LISTED = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+\S", re.MULTILINE)
NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")
FENCED = re.compile(r"^```\w*\s*(.*?)\s*```$", re.DOTALL)


@dataclass(frozen=True)
class Instruction:
    """A general instruction.

    Attributes:
        skill: what it asks for, such as "arithmetic".
        ask: the instruction.
        check: name of a check -> what it wants; an answer must pass all of them.
    """

    skill: str
    ask: str
    check: Mapping[str, Any]

    def is_followed(self, answer: str) -> bool:
        """Whether an answer passes every check."""
        return bool(answer.strip()) and all(CHECKS[name](answer.strip(), wanted) for name, wanted in self.check.items())


@dataclass(frozen=True)
class Skill:
    """One sort of instruction: how many there are, and how many were followed before and after."""

    name: str
    n: int
    before: int
    after: int


@dataclass(frozen=True)
class Forgetting:
    """What a tuned system can still do of what its model could do before.

    Attributes:
        system: its name.
        fingerprint: its fingerprint.
        before: share of the instructions that the model followed before it was tuned.
        after: share that it follows now.
        change: `after` minus `before` with paired limits.
        p_value: of no change, exact McNemar.
        skills: the same by sort of instruction.
    """

    system: str
    fingerprint: str
    before: float
    after: float
    change: Interval
    p_value: float
    skills: tuple[Skill, ...]

    @property
    def is_shown(self) -> bool:
        """Whether it is shown that something was lost."""
        return self.change.high is not None and self.change.high < 0


@cache
def instructions() -> tuple[Instruction, ...]:
    """All of them, in the order of the file."""
    text = (files("tailor.evaluate") / "forgetting.yaml").read_text(encoding="utf-8")
    found = [Instruction(skill, one["ask"], one["check"]) for skill, listed in yaml.safe_load(text).items() for one in listed]
    return tuple(found)


def check_rows() -> list[Example]:
    """The instructions as rows to ask."""
    return general_rows([one.ask for one in instructions()])


def forgetting(system: System, engine: Engine, on_progress: OnProgress | None = None) -> Forgetting:
    """What a system with tuned weights lost. Its answers are kept, and those of its model serve all that are tuned from it.

    Raises:
        ModelError: no request can succeed.
    """
    before = _followed(general_system(system, tuned=False), engine, on_progress)
    after = _followed(general_system(system, tuned=True), engine, on_progress)
    return compared(system.name, system.fingerprint, before, after)


def compared(name: str, fingerprint: str, before: Sequence[bool], after: Sequence[bool]) -> Forgetting:
    """The comparison of what was followed before and after, in the order of `instructions`."""
    (found,) = paired_max_t([[float(now), float(then)] for now, then in zip(after, before, strict=True)], LEVEL)
    asked = instructions()
    skills = dict.fromkeys(one.skill for one in asked)
    places = {skill: [place for place, one in enumerate(asked) if one.skill == skill] for skill in skills}
    return Forgetting(
        system=name,
        fingerprint=fingerprint,
        before=sum(before) / len(before),
        after=sum(after) / len(after),
        change=Interval(found.mean, found.low, found.high, len(asked), LEVEL, "paired bootstrap with a worst-case row"),
        p_value=found.p_value,
        skills=tuple(
            Skill(skill, len(rows), sum(before[row] for row in rows), sum(after[row] for row in rows))
            for skill, rows in places.items()
        ),
    )


def _followed(system: System, engine: Engine, on_progress: OnProgress | None) -> list[bool]:
    answers = engine.answer(system, check_rows(), on_progress)
    return [one.is_followed(answer.raw) for one, answer in zip(instructions(), answers, strict=True)]


# Checks: an answer without white space around it, and what is wanted of it


def _json(answer: str, keys: Sequence[str]) -> bool:
    found = FENCED.match(answer)
    try:
        value = json.loads(found[1] if found else answer)
    except ValueError:
        return False
    return isinstance(value, dict) and set(value) == set(keys)


def _is(answer: str, accepted: Sequence[str]) -> bool:
    bare = answer.strip(" .!?\"'*`\n").casefold()
    return bare in [one.casefold() for one in accepted]


def _says(answer: str, accepted: Sequence[str]) -> bool:
    return any(re.search(rf"\b{re.escape(one)}\b", answer, re.IGNORECASE) for one in accepted)


def _number(answer: str, wanted: int) -> bool:
    found = NUMBER.findall(answer)
    return len(found) == 1 and found[0] == str(wanted)


def _listed(answer: str, wanted: int) -> bool:
    return len(LISTED.findall(answer)) == wanted


def _commas(answer: str, wanted: int) -> bool:
    return "\n" not in answer and len([part for part in answer.split(",") if part.strip()]) == wanted


CHECKS: dict[str, Callable[[str, Any], bool]] = {
    "json": _json,
    "is": _is,
    "case": lambda answer, _: answer.strip(" .!?\"'*`").isupper(),
    "says": _says,
    "all": lambda answer, wanted: all(_says(answer, [one]) for one in wanted),
    "without": lambda answer, unwanted: not _says(answer, unwanted),
    "number": _number,
    "words": lambda answer, wanted: len(answer.split()) == wanted,
    "at_most": lambda answer, most: len(answer.split()) <= most,
    "at_least": lambda answer, least: len(answer.split()) >= least,
    "upper": lambda answer, _: answer.isupper(),
    "lower": lambda answer, _: answer.islower(),
    "list": _listed,
    "commas": _commas,
    "starts": lambda answer, wanted: answer.startswith(wanted),
    "ends": lambda answer, wanted: answer.endswith(wanted),
}
"""Name of a check -> whether an answer passes it: a JSON object with exactly these keys; exactly one of these texts; in capitals;
one of these words or all of them; none of these; one number and no other; so many words, at most, at least; a list of so many
lines; so many parts between commas; how it begins and ends."""
