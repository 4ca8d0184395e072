"""Telling keys, which are kept nowhere, from settings, which are kept with the results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

Given = TypeVar("Given")

VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
LIKE_A_KEY = re.compile(
    r"^(?:sk|pk|gsk|hf|xai|r8|ghp|gho|nvapi|pplx|AIza|AKIA|ASIA)(?:_|(?=[A-Za-z]*\d))[A-Za-z0-9_]{10,}$"  # as providers begin them
    r"|^(?=.*\d)(?=.*[a-z])[A-Za-z0-9]{16,}$|^(?=.*\d)[A-Z0-9]{20,}$"  # letters and digits mixed, without the _ of a name
    r"|[0-9a-fA-F]{24,}"
)
"""Spellings of keys that could also be names of variables."""

CARRIES_A_KEY = re.compile(
    r"(?:.*[-_])?(?:api[-_]?key|subscription[-_]key|authorization|cookie|password|secret|access[-_]token|auth[-_]token)|key|token|sig",
    re.IGNORECASE,
)
"""Names of headers, of parameters of an address and of fields of a body that hold a secret."""


def looks_like_a_key(word: str) -> bool:
    """Whether a word without spaces is spelled as providers spell keys."""
    return bool(LIKE_A_KEY.search(word.replace("-", "_")))


def without_key(value: Given, names: Iterable[str], what: str) -> Given:
    """The value; refused if one of the names in it belongs to a secret. The message must not repeat it.

    Raises:
        ValueError: there is such a name.
    """
    if any(CARRIES_A_KEY.fullmatch(name) for name in names):
        raise ValueError(f"it seems to hold a key; {what} is kept with the results, so name the key's variable as `api_key_env`")
    return value


def names_in(value: object) -> list[str]:
    """The names of all groups of settings inside a value."""
    if isinstance(value, Mapping):
        return [*map(str, value), *(name for inner in value.values() for name in names_in(inner))]
    return [name for inner in value for name in names_in(inner)] if isinstance(value, list) else []
