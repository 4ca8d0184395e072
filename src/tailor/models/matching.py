"""A regular expression from outside, tried on texts in a process of its own: some take time that doubles with every character."""

from __future__ import annotations

import atexit
import re

from tailor.confined import Confined, ConfinedError
from tailor.errors import ModelError, quoted
from tailor.limits import PATTERN_SECONDS


def first_match(pattern: str, whole: str, rest: str) -> str | None:
    """What of the first text matches, all of it if it can; else what of the second does; None where nothing does.

    Raises:
        ModelError: it takes too long.
    """
    try:
        found = _confined(pattern, whole, rest)
    except ConfinedError as error:
        raise ModelError(f"trying the `pattern` {quoted(pattern)} {error}", "write it without repetitions inside others") from error
    return None if found is None else str(found)


def find(pattern: str, whole: str, rest: str) -> str | None:
    """The same, here."""
    compiled = re.compile(pattern)
    match = compiled.fullmatch(whole) or compiled.search(whole) or compiled.search(rest)
    return match.group() if match else None


_confined = Confined("tailor.models.matching:find", seconds=PATTERN_SECONDS)
atexit.register(_confined.close)
