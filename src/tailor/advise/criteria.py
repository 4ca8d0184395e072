"""The criteria of the advice, read from a file that someone who knows the subject can read and change: `criteria.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import Field, ValidationError, model_validator

from tailor.advise.facts import NAMES, Fact, Value
from tailor.errors import ConfigError, did_you_mean, quoted
from tailor.task import Settings

Step = Literal["documents", "search", "tuning"]
Strength = Literal["slightly for", "for", "strongly for", "slightly against", "against", "strongly against", "rules out"]
Approach = Literal[
    "prompting",
    "documents in the prompt",
    "retrieval",
    "fine-tuning",
    "documents in the prompt and fine-tuning",
    "retrieval and fine-tuning",
]

STEPS: tuple[Step, ...] = get_args(Step)
POINTS: Mapping[Strength, int] = {
    "slightly for": 1,
    "for": 2,
    "strongly for": 3,
    "slightly against": -1,
    "against": -2,
    "strongly against": -3,
    "rules out": 0,
}


class Case(Settings):
    """One answer to a criterion's question, or a range of answers, and what it says."""

    equals: bool | str | None = Field(default=None, alias="is")
    below: float | None = None
    otherwise: Literal[True] | None = None
    counts: dict[Step, Strength] = {}
    because: str = ""
    would: str = Field(min_length=1)
    mind: dict[Step | Literal["always"], str] = {}

    @model_validator(mode="after")
    def _one_condition(self) -> Case:
        if sum(condition is not None for condition in (self.equals, self.below, self.otherwise)) != 1:
            raise ValueError("a case has `is`, `below` or `otherwise`, one of the three")
        if self.counts and not self.because:
            raise ValueError("a case that counts needs a reason in `because`")
        return self

    @property
    def is_range(self) -> bool:
        """Whether it takes numbers."""
        return self.equals is None

    def fits(self, value: Value) -> bool:
        """Whether a value falls into this case."""
        if self.is_range:
            return not isinstance(value, str) and (self.below is None or value < self.below)
        return value == self.equals and isinstance(value, bool) == isinstance(self.equals, bool)


class Criterion(Settings):
    """What one fact says about the steps; without cases, it is only asked because another criterion is computed from it."""

    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    unit: str = ""
    question: str = Field(min_length=1)
    hint: str = ""
    asked: bool = True
    skip_if_no: str = ""
    source: str = ""
    cases: tuple[Case, ...] = ()

    @model_validator(mode="after")
    def _cases_in_order(self) -> Criterion:
        bounds = [case.below for case in self.cases if case.below is not None]
        if bounds != sorted(set(bounds)):
            raise ValueError("`below` grows from case to case")
        if len({case.is_range for case in self.cases}) > 1:
            raise ValueError("its cases have `is`, or `below` and `otherwise`, but not both")
        if any(case.otherwise for case in self.cases[:-1]):
            raise ValueError("`otherwise` comes last")
        return self

    def case(self, fact: Fact | None) -> int | None:
        """Number of the case that a fact falls into; None when it is not known, or when it falls into none.

        A fact that is only known to be at least so much falls into a case if every larger number does.
        """
        if fact is None:
            return None
        found = next((number for number, case in enumerate(self.cases) if case.fits(fact.value)), None)
        return None if fact.at_least and found is not None and self.cases[found].below is not None else found

    def example(self, number: int) -> Fact:
        """A fact that falls into the case of this number: of a range, its lower end."""
        case = self.cases[number]
        if case.equals is not None:
            return Fact(case.equals, "asked")
        lower = self.cases[number - 1].below if number else None
        return Fact(lower or 0, "asked", at_least=case.below is None)


class Criteria(Settings):
    """All criteria, how many points each step needs, and what the approaches mean."""

    needed: dict[Step, int]
    approaches: dict[Approach, str]
    criteria: tuple[Criterion, ...]

    @model_validator(mode="after")
    def _complete(self) -> Criteria:
        for what, there, wanted in (
            ("needed", self.needed, STEPS),
            ("approaches", self.approaches, get_args(Approach)),
        ):
            if missing := [name for name in wanted if name not in there]:
                raise ValueError(f"`{what}` lacks {', '.join(map(quoted, missing))}")
        ids = [criterion.id for criterion in self.criteria]
        if twice := next((name for name in ids if ids.count(name) > 1), ""):
            raise ValueError(f"there are two criteria {quoted(twice)}")
        named = [*ids, *(criterion.skip_if_no for criterion in self.criteria if criterion.skip_if_no)]
        if unknown := next((name for name in named if name not in NAMES), ""):
            raise ValueError(f"{quoted(unknown)} is not a fact{did_you_mean(unknown, NAMES)}")
        return self


@cache
def shipped_criteria() -> Criteria:
    """The criteria that come with Tailor."""
    return _parse((files("tailor.advise") / "criteria.yaml").read_text(encoding="utf-8"), "criteria.yaml")


def read_criteria(path: Path) -> Criteria:
    """The criteria in a file of the user's own.

    Raises:
        ConfigError: it cannot be read, is not YAML, or a criterion is not written as it must be.
    """
    try:
        return _parse(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{quoted(path, 200)} cannot be read: {error}", "Give a copy of advise/criteria.yaml.") from error


def _parse(text: str, name: str) -> Criteria:
    try:
        settings = yaml.safe_load(text)
        return Criteria.model_validate(settings)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{name} is not YAML: {str(error).splitlines()[0]}") from error
    except ValidationError as error:
        details: list[Any] = error.errors(include_url=False)
        unknown = [detail for detail in details if detail["type"] == "extra_forbidden"]
        detail = (unknown or details)[0]
        says = str(detail["msg"]).removeprefix("Value error, ").replace("Input should", "it should", 1)
        if unknown:
            says = "there is no such setting here"
        elif detail["type"] == "model_type":
            says = "a group of settings is accepted"
        more = f" ({len(details)} things to fix)" if len(details) > 1 else ""
        raise ConfigError(f"{name}: {_place(detail['loc'], settings)}{says}{more}") from error


def _place(steps: Sequence[str | int], settings: Any) -> str:
    """Where in the file something stands, with a criterion by its id."""
    names = list(map(str, steps))
    if names[:1] == ["criteria"] and len(names) > 1:
        criterion = settings["criteria"][steps[1]]
        names[:2] = ["criteria", str(criterion.get("id", steps[1]) if isinstance(criterion, dict) else steps[1])]
    return f"{quoted('.'.join(names), 120)}: " if names else ""
