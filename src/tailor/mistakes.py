"""Mistakes in settings as sentences."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from tailor.errors import ConfigError, did_you_mean, plainly, quoted

TYPES = ("bool", "float")
"""What pydantic puts behind the place of a setting that takes values of several types."""
ACCEPTED = {
    "model_type": "a group of settings is accepted",
    "dict_type": "a group of settings is accepted",
    "tuple_type": "a list is accepted",
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "a whole number is accepted"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number is accepted"),
    "finite_number": "a finite number is accepted",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false is accepted"),
}
"""What pydantic finds -> what is accepted, where its own words are those of a programmer."""


class Plain(BaseModel):
    """Settings that say a mistake made in Python as a sentence."""

    if not TYPE_CHECKING:  # type checkers read the fields

        @plainly
        def __init__(self, **settings: Any) -> None:
            settings = {name: _with_plain_paths(value) for name, value in settings.items()}
            try:
                super().__init__(**settings)
            except ValidationError as error:
                hint = "docs/reference.md lists every setting."
                raise ConfigError("\n".join(mistakes(error, type(self), settings)), hint) from None

        @plainly
        def __setattr__(self, name: str, value: object) -> None:
            raise ConfigError(f"{quoted(name)} cannot be set: a task does not change", "Make another one with tailor.Task(...).")

        # Else pydantic would call it for `model_validate` too, whose errors those who read files put into sentences.
        __init__.__pydantic_base_init__ = True


def _with_plain_paths(value: object) -> object:
    """The value of a setting with paths as text, in groups and lists too."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {name: _with_plain_paths(item) for name, item in value.items()}
    return [_with_plain_paths(item) for item in value] if isinstance(value, list | tuple) else value


def mistakes(
    error: ValidationError, settings: type[BaseModel], given: Mapping[str, object], absent: Iterable[str] = ()
) -> list[str]:
    """One sentence for each mistake: what was given, and what is accepted.

    Args:
        error: what pydantic found.
        settings: the settings that were read.
        given: the settings as the user gave them.
        absent: names of what only a file of settings must have and does not.
    """
    return list(dict.fromkeys(_sentences(error, settings, given, absent)))


def _sentences(
    error: ValidationError, settings: type[BaseModel], given: Mapping[str, object], absent: Iterable[str]
) -> Iterable[str]:
    details = [(_as_given(detail["loc"], given), detail) for detail in error.errors(include_url=False)]
    missing = [*(".".join(loc) for loc, detail in details if detail["type"] == "missing"), *absent]
    if missing:
        yield f"{_names(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    wrong: dict[str, list[str]] = {}
    for loc, detail in details:
        place = ".".join(loc)
        if detail["type"] == "extra_forbidden":
            yield _unknown_key(settings, loc)
        elif detail["type"] == "value_error":
            yield f"{place and quoted(place) + ': '}{detail['ctx']['error']}"
        elif detail["type"] != "missing":
            wrong.setdefault(f"{quoted(place)} is {_given(detail['input'])}", []).append(_accepted(dict(detail)))
    for found, accepted in wrong.items():
        told = " or ".join(dict.fromkeys(accepted))
        yield f"{found}, but {told.replace(' is accepted or ', ' or ')}"


def _as_given(loc: Sequence[str | int], given: Mapping[str, object]) -> tuple[str, ...]:
    """The place of a mistake as the user wrote it: without the types of a choice between several, and among `models` where the
    first of these was taken for `model`.
    """
    place = tuple(map(str, loc[:-1] if loc and loc[-1] in TYPES else loc))
    if "models" in given and "model" not in given:
        if place[:1] == ("model",):
            return ("models", "0", *place[1:])
        if place[:1] == ("models",) and len(place) > 1:
            return ("models", str(int(place[1]) + 1), *place[2:])
    return place


def _given(value: object) -> str:
    if isinstance(value, Mapping):
        return "a group of settings"
    if isinstance(value, list | tuple):
        return "a list"
    return "empty" if value is None or value == "" else quoted(value)


def _accepted(detail: dict[str, Any]) -> str:
    """What is accepted in place of the value given, as the end of a sentence."""
    kind, given = str(detail["type"]), detail["input"]
    if kind == "unknown_name":
        options = detail["ctx"]["options"]
        return f"{_names(options, 'or')} is accepted{did_you_mean(str(given), options)}"
    if kind == "literal_error":
        options = [option.strip(" '") for option in str(detail["ctx"]["expected"]).replace(" or ", ", ").split(",")]
        return f"{_names(options, 'or')} is accepted{did_you_mean(str(given), options)}"
    if kind == "string_type":
        if isinstance(given, bool):  # YAML 1.1 takes yes, no, on and off for truth values
            return "text is accepted; write words such as yes, no, on, off, true and false between quotes"
        return "text is accepted" + (f'; write "{given}" between quotes' if isinstance(given, int | float) else "")
    if kind == "string_pattern_mismatch":
        return "up to 64 letters, digits, spaces, `.`, `_` and `-` are accepted, the first a letter or digit"
    if kind in ACCEPTED:
        return ACCEPTED[kind]
    return str(detail["msg"]).replace("Input should", "it should", 1).replace("String should", "it should", 1)


def _unknown_key(settings: type[BaseModel], place: tuple[str, ...]) -> str:
    """Says that the last part of `place` is not a setting, and which one may have been meant."""
    *groups, name = place
    names = _setting_names(settings, tuple(groups))
    where = f" of {quoted('.'.join(groups))}" if groups else ""
    elsewhere = [path for path in _all_settings(settings) if path.split(".")[-1] == name.casefold()]
    if elsewhere:  # the very name in another group is nearer than a name that looks like it
        return f"{quoted(name)} is not a setting{where}; did you mean {quoted(elsewhere[0])}?"
    meant = did_you_mean(name, names) or f"; there are {_names(names)}"
    return f"{quoted(name)} is not a setting{where}{meant}"


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The group of settings that a field of this type holds, if any."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _setting_names(model: type[BaseModel], groups: tuple[str, ...]) -> list[str]:
    for group in groups:
        if group.isdigit():  # a place in a list
            continue
        inner = _model_in(model.model_fields[group].annotation) if group in model.model_fields else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _all_settings(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted names of every setting, outer ones first."""
    inner = [(name, _model_in(field.annotation)) for name, field in model.model_fields.items()]
    nested = [path for name, group in inner if group for path in _all_settings(group, f"{prefix}{name}.")]
    return [prefix + name for name, _ in inner] + nested


def _names(names: Iterable[str], conjunction: str = "and") -> str:
    *head, last = map(quoted, names)
    return f"{', '.join(head)} {conjunction} {last}" if head else last
