"""The facts: what is known before anything is measured, and where each of it comes from. What is not known is left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args, get_origin

from pydantic import Field, ValidationError, field_validator

from tailor.errors import ConfigError, did_you_mean, quoted
from tailor.task import Fraction, KnownFacts

Value = bool | int | float | str

TOKENS_PER_PAGE = 750
"""A page of 500 words, with about six characters a word and four a token."""

ONE_POINT = 0.01
"""The share of the answers by whose errors `labels_paid` is reckoned."""

UNKNOWN = ("", "?", "-", "unknown", "don't know", "dont know", "do not know")
"""What may be answered, in any case, by someone who does not know."""


class Answers(KnownFacts):
    """Every fact that a person can give: those of `facts:` in tailor.yaml, and those that are elsewhere in it."""

    target: Fraction | None = None
    error_price: float | None = Field(default=None, ge=0)
    label_price: float | None = Field(default=None, ge=0)
    answers_per_month: float | None = Field(default=None, ge=0)
    context_tokens: int | None = Field(default=None, gt=0)
    fixed_answers: bool | None = None
    weights_available: bool | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _as_people_write(cls, value: object) -> object:
        """Numbers may have separators of thousands or a percent sign; words may be written large."""
        if not isinstance(value, str):
            return value
        text = value.strip().casefold()
        if text in UNKNOWN:
            return None
        number = text.replace(",", "").replace(" ", "")
        if number.endswith("%") and number[:-1].replace(".", "", 1).isdigit():
            return float(number[:-1]) / 100
        return number if number.replace(".", "", 1).isdigit() else text

    @field_validator("target", mode="before")
    @classmethod
    def _percent(cls, value: object) -> object:
        """A share may be said in percent, such as 95."""
        return float(value) / 100 if isinstance(value, str) and value.replace(".", "", 1).isdigit() and float(value) > 1 else value

    @field_validator("*")
    @classmethod
    def _finite(cls, value: object) -> object:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("it should be a number")
        return value


@dataclass(frozen=True)
class Fact:
    """Something known.

    Attributes:
        value: what it is.
        origin: who says so, such as "you", "tailor.yaml", "the data" or "assumed".
        at_least: whether the value is only a lower bound.
    """

    value: Value
    origin: str
    at_least: bool = False

    @property
    def is_assumed(self) -> bool:
        """Whether it is a default that nobody set, or is computed from one."""
        return "assumed" in self.origin


@dataclass(frozen=True)
class Facts:
    """What is known.

    Attributes:
        known: name -> what is known of it; unknown facts are absent.
        observed: what the data and documents say, one sentence each.
    """

    known: Mapping[str, Fact] = field(default_factory=dict)
    observed: tuple[str, ...] = ()

    def get(self, name: str) -> Fact | None:
        """A fact, given or computed from others; None when it is not known."""
        if name in self.known:
            return self.known[name]
        return COMPUTED[name](self) if name in COMPUTED else None

    def having(self, changes: Mapping[str, Fact]) -> Facts:
        """These facts with some changed or added."""
        return replace(self, known={**self.known, **changes})

    def imagine(self, name: str, fact: Fact) -> Facts | None:
        """These facts as they would be if one were different; None where the others do not allow it."""
        present = self.get("labels")
        if name != "labels_in_reach" or present is None:
            return self.having({name: fact})
        more = _number(fact) - _number(present)
        return self.having({"obtainable_labels": replace(fact, value=more)}) if more >= 0 else None

    def without(self, name: str) -> Facts:
        """These facts with one unknown."""
        return replace(self, known={key: fact for key, fact in self.known.items() if key != name})

    def with_answers(self, answers: Answers, origin: str = "you") -> Facts:
        """These facts with what someone said; what they left open stays as it is."""
        said = answers.model_dump(exclude_none=True)
        return self.having({name: Fact(value, origin) for name, value in said.items()})


def choices(name: str) -> tuple[str, ...]:
    """What may be said of a fact, where that is a few words; empty for a number."""
    kinds = get_args(Answers.model_fields[name].annotation)
    words = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    return ("yes", "no") if bool in kinds else words


def read_answers(given: Mapping[str, str]) -> Answers:
    """What someone said, checked.

    Args:
        given: name of a fact -> its value as text; an answer such as "don't know" leaves it open.

    Raises:
        ConfigError: there is no such fact, or the value is not one that it can have.
    """
    if unknown := next((name for name in given if name not in Answers.model_fields), ""):
        names = sorted(Answers.model_fields)
        raise ConfigError(
            f"{quoted(unknown)} is not a fact{did_you_mean(unknown, names)}", f"There are {', '.join(map(quoted, names))}."
        )
    try:
        return Answers.model_validate(given)
    except ValidationError as error:
        detail: Any = error.errors(include_url=False)[0]
        name = str(detail["loc"][0])
        raise ConfigError(f"{quoted(name)} is {quoted(given[name])}, but {_accepted(detail)}") from error


def _accepted(detail: Mapping[str, Any]) -> str:
    """What may be said instead, as the end of a sentence."""
    kind = str(detail["type"])
    if kind == "bool_parsing":
        return "yes or no is accepted"
    if kind in ("int_parsing", "float_parsing", "int_from_float"):
        return f"a {'whole ' if kind.startswith('int') else ''}number is accepted"
    if kind == "literal_error":
        return f"{str(detail['ctx']['expected']).replace(chr(39), '`')} is accepted"
    return str(detail["msg"]).removeprefix("Value error, ").replace("Input should", "it should", 1)


# --- facts that follow from others


def _documents_tokens(facts: Facts) -> Fact | None:
    return _computed(facts, ("documents_pages",), lambda pages: pages * TOKENS_PER_PAGE)


def _documents_share(facts: Facts) -> Fact | None:
    if (tokens := facts.get("documents_tokens")) is None or not tokens.value:
        return None
    share = _computed(facts, ("documents_tokens", "context_tokens"), lambda size, window: size / window)
    return share and replace(share, at_least=tokens.at_least)


def _labels_in_reach(facts: Facts) -> Fact | None:
    """Labels available and obtainable together; at least the one of them that is known."""
    parts = [fact for name in ("labels", "obtainable_labels") if (fact := facts.get(name)) is not None]
    if not parts:
        return None
    total = sum(_number(part) for part in parts)
    return Fact(total, _origins(parts), at_least=len(parts) < 2 or any(part.at_least for part in parts))


def _labels_paid(facts: Facts) -> Fact | None:
    """How many labels a month pays for what is saved when one answer in a hundred more is right."""
    error, label = facts.get("error_price"), facts.get("label_price")
    if error is not None and not error.value:
        return Fact(0, error.origin)
    if label is None or not label.value:
        return None
    names = ("answers_per_month", "error_price", "label_price")
    return _computed(facts, names, lambda answers, error, label: ONE_POINT * answers * error / label)


COMPUTED: Mapping[str, Callable[[Facts], Fact | None]] = {
    "documents_tokens": _documents_tokens,
    "documents_share": _documents_share,
    "labels_in_reach": _labels_in_reach,
    "labels_paid": _labels_paid,
}

NAMES: tuple[str, ...] = (*Answers.model_fields, *COMPUTED)
"""Every fact there is."""


def _computed(facts: Facts, names: Sequence[str], rule: Callable[..., float]) -> Fact | None:
    parts = [fact for name in names if (fact := facts.get(name)) is not None]
    if len(parts) < len(names):
        return None
    return Fact(rule(*map(_number, parts)), _origins(parts))


def _number(fact: Fact) -> float:
    return 0.0 if isinstance(fact.value, str) else fact.value


def _origins(parts: Sequence[Fact]) -> str:
    return ", ".join(dict.fromkeys(origin for part in parts for origin in part.origin.split(", ")))
