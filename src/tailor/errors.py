"""Every exception Tailor raises on purpose.

TailorError
├── UserError            what the user gave cannot be used
│   ├── ConfigError      tailor.yaml or an option
│   ├── DataError        examples
│   └── DocumentsError   documents
├── ModelError           a model or endpoint outside Tailor failed
│   ├── ModelNotFound    no such model, or its files are damaged
│   ├── DownloadError    a model could not be fetched
│   ├── EndpointError    a remote endpoint refused, failed or timed out
│   ├── CallsFailed      some calls failed, so that nothing can be decided yet
│   └── DoesNotFit       a prompt is longer than the model's context window
├── StoreError           the project's ledger cannot be read or written
├── OutOfTime            the time limit given by the user was reached
└── OverBudget           the budget given by the user leaves no room for the next call

Each message says what was given, what is accepted and what to do. Programming errors (TypeError and friends) are never wrapped.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of what acts or hides instead of being seen."""
JOINERS = "\u200c\u200d"


class TailorError(Exception):
    """A failure with one clear sentence for the user.

    Args:
        message: what was given and what is accepted.
        hint: what to do next; shown on a line of its own.
    """

    retryable = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UserError(TailorError):
    """What the user gave cannot be used."""


class ConfigError(UserError):
    """A setting in tailor.yaml, or an option, cannot be used."""


class NotInstalled(ConfigError):
    """What is wanted needs packages that are not installed; what does without them goes on."""


class DataError(UserError):
    """The examples cannot be used."""


class DocumentsError(UserError):
    """The documents cannot be used."""


class ModelError(TailorError):
    """A model or endpoint outside Tailor failed."""


class ModelNotFound(ModelError):
    """There is no such model, or its files are damaged."""


class DownloadError(ModelError):
    """A model could not be fetched; nothing half-written was left."""


class EndpointError(ModelError):
    """A remote endpoint refused, failed or timed out.

    Args:
        message: what happened.
        hint: what to do next.
        retryable: whether the same call may succeed later.
        fatal: whether every other call would fail the same way (a dead key, a wrong address).
    """

    def __init__(self, message: str, hint: str = "", *, retryable: bool = False, fatal: bool = False) -> None:
        super().__init__(message, hint)
        self.retryable = retryable
        self.fatal = fatal


class CallsFailed(ModelError):
    """Some calls of a system failed while others were answered: its score is not known, and nothing is decided by it."""


class DoesNotFit(ModelError):
    """A prompt is longer than the model's context window.

    Args:
        tokens: length of the longest prompt.
        window: tokens the model can read.
        what: what was too long.
    """

    def __init__(self, tokens: int, window: int, what: str = "the prompt") -> None:
        super().__init__(f"{what} does not fit: {tokens:,} of {window:,} tokens")
        self.tokens = tokens
        self.window = window


class StoreError(TailorError):
    """The project's ledger cannot be read or written."""


class OutOfTime(TailorError):
    """The time limit given by the user was reached; what was measured is kept."""


class OverBudget(TailorError):
    """The budget given by the user leaves no room for the next call; what was answered is kept."""


def plainly(function: Callable[P, T]) -> Callable[P, T]:
    """A function for notebooks: what it raises on purpose comes with what to do, and without the frames inside."""

    @wraps(function)
    def called(*args: P.args, **options: P.kwargs) -> T:
        try:
            return function(*args, **options)
        except TailorError as error:
            if error.hint and not hasattr(error, "__notes__"):
                error.add_note(f"What to do: {error.hint}")  # shown below the message
            raise error.with_traceback(None) from None

    return called


def printable(text: str) -> str:
    """The text as it may be shown: what acts on a terminal or hides appears as its escape. Line ends and tabs stay.

    That is control characters (escape sequences begin with one), direction marks, characters without width, and lone surrogates.
    Joiners stay where scripts and emoji need them, behind characters other than ASCII.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(before, c) for before, c in zip(" " + text, text, strict=False))


def _shown(before: str, c: str) -> str:
    if c in "\n\t" or unicodedata.category(c) not in HIDDEN or (c in JOINERS and not before.isascii() and before.isprintable()):
        return c
    return c.encode("unicode_escape").decode("ascii")


def quoted(value: object, limit: int = 60) -> str:
    """The value between backticks on one line, at most `limit` characters, safe to print (see `printable`)."""
    text = str(value)
    text = text if len(text) <= limit else text[: limit - 3] + "..."
    return "`" + printable(text).replace("\n", "\\n").replace("\t", "\\t") + "`"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A clause that names the nearest of `names`, such as "; did you mean `target`?"; empty when none is near."""
    by_folded = {other.casefold(): other for other in names}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean {quoted(by_folded[near[0]])}?" if near else ""
