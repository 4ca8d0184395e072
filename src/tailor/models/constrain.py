"""Holding a generated answer to a regular expression or a JSON schema, one token at a time, by llguidance.

Which tokens may come next is computed while the answer grows (derivatives of regular expressions under an Earley parser), so a
new form costs milliseconds; nothing is built over the vocabulary for each one beforehand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailor.confined import Confined, ConfinedError
from tailor.errors import ConfigError, quoted
from tailor.jsonform import check_expression

if TYPE_CHECKING:
    import torch
    from llguidance import LLMatcher

# Without this, text that can only go on in one way is cut into tokens by the tokenizer, which takes a control token for its name.
OPTIONS = '%llguidance {"no_forcing": true}\n'
# One space behind a separator at most, as json.dumps writes: where white space is free, small models write nothing else. Keywords
# that cannot be kept to are refused, whatever the schema itself says.
JSON_STYLE = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?", "lenient": False}
REASON = re.compile(r"^error: (.+)$", re.MULTILINE)
DEAD_END = "NoExtension"  # what llguidance says where no token may come next and the answer may not end
PLACE = re.compile(r"^(?:at \d+\(\d+\): )?(?:invalid regex .*?\(in regex\): )?", re.DOTALL)


def check_form(pattern: str = "", json_schema: str = "") -> None:
    """Make sure that answers can be held to a form, before there is anything to hold; both empty is no form.

    Raises:
        ConfigError: it is not a regular expression or a JSON schema, or uses what is not supported.
    """
    if pattern or json_schema:
        grammar = _grammar(pattern, json_schema)
        # In a process of its own, since a form from outside may be made to take for ever.
        with Confined("tailor.models.constrain:refusal") as refused:
            try:
                reason = refused(grammar)
            except ConfinedError as error:
                reason = f"preparing it {error}"
        if reason:
            raise _unusable(pattern, json_schema, reason)


def refusal(grammar: str) -> str:
    """Why answers cannot be held to a grammar; empty where they can."""
    from llguidance import LLMatcher

    refused, reasons = LLMatcher.validate_grammar_with_warnings(grammar)
    return _reason(reasons[0]) if refused else ""


class Grammars:
    """Forms compiled for one model's tokens.

    Args:
        tokenizer: a fast tokenizer, as transformers loads it.
        end_tokens: the tokens that end an answer.

    Raises:
        ConfigError: the tokenizer is of another kind.
    """

    def __init__(self, tokenizer: Any, end_tokens: Collection[int]) -> None:
        import llguidance.hf

        try:
            # An end that the tokenizer does not know, as some models' settings name, cannot be written anyway.
            self._tokens = llguidance.hf.from_tokenizer(tokenizer, eos_token=sorted(t for t in end_tokens if t < len(tokenizer)))
        except ValueError as error:
            raise ConfigError(
                f"this model's tokenizer cannot hold answers to a `pattern` or `json_schema`: {error}",
                "use a model whose folder has a tokenizer.json, or leave the form to the instruction",
            ) from error
        self._compiled: dict[tuple[str, str], LLMatcher] = {}

    def guide(self, pattern: str = "", json_schema: str = "") -> GrammarGuide:
        """A fresh guide for one answer: a regular expression that all of it matches, or the text of a JSON schema.

        Raises:
            ConfigError: not exactly one is given, it is not supported, or no text has this form.
        """
        from llguidance import LLMatcher

        form = pattern, json_schema
        if form not in self._compiled:
            matcher = LLMatcher(self._tokens, _grammar(*form), log_level=0)
            GrammarGuide(matcher, self._tokens.vocab_size, *form).check()
            self._compiled[form] = matcher
        return GrammarGuide(self._compiled[form].deep_copy(), self._tokens.vocab_size, *form)


class GrammarGuide:
    """Keeps one answer within its form; made by `Grammars.guide`."""

    def __init__(self, matcher: LLMatcher, vocabulary: int, pattern: str, json_schema: str) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._form = pattern, json_schema
        self._bits = np.zeros((1, -(-vocabulary // 32)), np.int32)

    def restrict(self, logits: torch.Tensor) -> None:
        """Set the logits of tokens that may not come next to minus infinity, in place.

        Args:
            logits: (vocabulary,); what exceeds the tokenizer's vocabulary (padding) may never come. Tokens that end an answer
                may come where the text so far has the form.

        Raises:
            ConfigError: the form turned out to be too large to follow.
        """
        import torch

        allowed = torch.from_numpy(self._allowed()[: len(logits)])
        logits[: len(allowed)].masked_fill_(~allowed.to(logits.device), -torch.inf)
        logits[len(allowed) :] = -torch.inf

    def accept(self, token: int) -> None:
        """Take note of the token that was chosen, one of those that were left.

        Raises:
            ConfigError: the token does not fit, or the form turned out to be too large to follow.
        """
        if not self._matcher.consume_token(token):
            raise _unusable(*self._form, _reason(self._matcher.get_error()))

    def check(self) -> None:
        """Make sure that the answer can begin, or end here.

        Raises:
            ConfigError: it cannot.
        """
        self._allowed()

    def _allowed(self) -> NDArray[np.bool_]:
        """Which tokens may come next, shape (vocabulary of the tokenizer,)."""
        from llguidance.numpy import fill_next_token_bitmask

        fill_next_token_bitmask(self._matcher, self._bits)
        if self._matcher.is_error():
            raise _unusable(*self._form, _reason(self._matcher.get_error()))
        return np.unpackbits(self._bits.view(np.uint8), bitorder="little")[: self._vocabulary].view(np.bool_)


def _grammar(pattern: str, json_schema: str) -> str:
    """What llguidance reads.

    Raises:
        ConfigError: not exactly one of the two is given, or it is not an expression or a JSON object.
    """
    from llguidance import regex_to_lark

    if bool(pattern) == bool(json_schema):
        raise ConfigError("an answer is held to a `pattern` or to a `json_schema`, one of the two", "leave one of them out")
    if pattern:
        try:
            check_expression(pattern)
        except ValueError as error:
            raise _unusable(pattern, "", str(error)) from error
        return f"{OPTIONS}start: /{regex_to_lark(pattern, '')}/"
    try:
        schema = json.loads(json_schema)
    except (ValueError, RecursionError) as error:
        raise _unusable("", json_schema, f"it is not JSON ({error})") from error
    if not isinstance(schema, dict):
        raise _unusable("", json_schema, "it is not a JSON object")
    return f"{OPTIONS}start: %json {json.dumps({**schema, 'x-guidance': JSON_STYLE})}"


def _unusable(pattern: str, json_schema: str, reason: str) -> ConfigError:
    if pattern:
        return ConfigError(
            f"no answer can be held to the `pattern` {quoted(pattern)}: {reason}",
            "write it without look-around, word boundaries, backreferences and long counted repetitions",
        )
    return ConfigError(
        f"no answer can be held to the `json_schema` {quoted(json_schema)}: {reason}",
        "take out or simplify what this names, and say it in the instruction instead",
    )


def _reason(told: str) -> str:
    """The one line of a refusal that says why."""
    if told.startswith(DEAD_END):
        return "no text that this model can write has this form"
    found = REASON.search(told)
    return found[1] if found else PLACE.sub("", told, count=1).partition("\n")[0].strip()
