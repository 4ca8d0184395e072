"""What every model offers: messages in, replies out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tailor.content import Content, TextPart, media_in, text_of
from tailor.conversation import Role, ToolCall, with_calls
from tailor.errors import ModelError
from tailor.payment import Payment

Array = NDArray[np.float32]
READS_TEXT = "Ask a model that reads images, and say so: `media: [image]` under `model` in tailor.yaml."


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message; its content is a list of parts.

    Attributes:
        role: who speaks.
        content: what is said; of a tool, its result.
        calls: tools that the assistant calls in it.
        result_of: the id of the call whose result it is.
    """

    role: Role
    content: Content
    calls: tuple[ToolCall, ...] = ()
    result_of: str = ""

    @property
    def words(self) -> str:
        """Its text with the calls in it, media left out: what its length is estimated by."""
        return with_calls(text_of(self.content), self.calls)

    @property
    def text(self) -> str:
        """Its content and calls as text, where this is text alone.

        Raises:
            ModelError: it holds media, which a reader of text would lose silently.
        """
        if media := media_in(self.content):
            raise ModelError(f"a message holds {media[0].medium} content, which cannot be read as text", READS_TEXT)
        return self.words


def message(role: Role, text: str) -> Message:
    """A message with one text part."""
    return Message(role, (TextPart(text),))


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model, complete.

    Attributes:
        messages: the chat, ending with the user's turn, or with a tool's result.
        choices: answers to score instead of generating; empty to generate.
        max_tokens: longest generated answer.
        temperature: 0 is greedy.
        seed: for sampling.
        pattern: regular expression that the whole generated answer must match; empty for none.
        json_schema: text of a JSON schema that the generated answer must fit; empty for none.
        stop: strings that end a generated answer, and are left out of it.
        labels: answers of which one is expected: a model that writes tells how likely each was, where it can.
    """

    messages: tuple[Message, ...]
    choices: tuple[str, ...] = ()
    max_tokens: int = 48
    temperature: float = 0.0
    seed: int = 0
    pattern: str = ""
    json_schema: str = ""
    stop: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        text: the generated text, or the likeliest choice.
        scores: log-probability of each choice, when choices were scored; of each of the request's labels, where one of them was
            written and the model tells; else empty.
        tokens_in: prompt tokens.
        tokens_out: answer tokens.
        seconds: time for this request; a batch's time is shared equally.
        finish: why the answer ended: by itself, at its greatest length, refused (this question is not answered, now or later), or
            with an error (no answer came; the next try may have one).
        error: why there is no answer; empty when there is one.
        thought: what the model thought before it answered; no part of `text`.
        cached: prompt tokens that an endpoint had read before, at a price of their own; they are counted in `tokens_in`, too.
        billed: what the endpoint says that this answer cost, in USD; None where it says nothing, or 0.
        counted: whether the tokens were counted; else they are estimates.
        answered_by: the model that answered, as an endpoint calls it, and its fingerprint behind an @; empty where it says neither.
        reasoning: answer tokens that a hidden thought took, where the endpoint says so; they are counted in `tokens_out`, too.
        payment: what it cost; None where nothing is paid for it, or that is not known.
    """

    text: str
    scores: tuple[float, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    finish: Literal["stop", "length", "refused", "error"] = "stop"
    error: str = ""
    thought: str = ""
    cached: int = 0
    billed: float | None = None
    counted: bool = True
    answered_by: str = ""
    reasoning: int = 0
    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do, and what follows from where it runs. Others ask these, and never what class a model is of.

    Attributes:
        scores: it can score `choices`, which takes the probabilities of all tokens.
        patterns: it can be held to a `pattern`.
        grammars: it is held to forms by a grammar, which does not know all of them (`tailor.models.constrain.check_form`).
        tunes: its weights can be tuned (`tailor.models.tune`).
        states: its hidden states can be looked into (`tailor.models.hidden`).
        billed: it is behind an endpoint, where each answer is paid for.
        batch_invariant: an answer does not depend on the others of its block; else a block is redone whole.
        media: what it reads besides text, such as "image".
        tools: it takes calls of tools and their results as such; else it is told of them as text (`tailor.models.turns`).
        parameters: how many weights it has; None where that is not known.
    """

    scores: bool = False
    patterns: bool = False
    grammars: bool = False
    tunes: bool = False
    states: bool = False
    billed: bool = False
    batch_invariant: bool = True
    media: tuple[str, ...] = ()
    tools: bool = False
    parameters: int | None = None


@runtime_checkable
class Model(Protocol):
    """A generative model.

    Attributes:
        name: what the user calls it.
        digest: SHA-256 that changes when its weights change.
        precision: how its weights are held, for the report.
        context_tokens: tokens it can read, prompt and answer together.
        block: requests that are answered, and saved, together.
        capabilities: what it can do, and what follows from where it runs.
    """

    name: str
    digest: str
    precision: str
    context_tokens: int
    block: int
    capabilities: Capabilities

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Prompt tokens the messages take; an estimate where the tokenizer is not known."""
        ...

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """One reply per request, in order. `tuned` is a folder of tuned weights to answer with.

        A failure of one request is a Reply with `error`; a failure that would meet every request is raised.

        Raises:
            ModelError: no request of this kind can succeed.
        """
        ...


Listener = Callable[[str], None]
"""Told what has been written of an answer so far, each time that it has grown."""


@runtime_checkable
class Telling(Protocol):
    """A model that tells what it has written of an answer before the answer is complete."""

    def told(self, requests: Sequence[Request], tuned: Path | None, listeners: Mapping[int, Listener]) -> list[Reply]:
        """As `reply`; `listeners` are told of the answers to the requests at these places, by the thread that calls."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A model that hands over each reply as it comes, so that it is saved before the next question is asked in its place."""

    def stream(self, requests: Sequence[Request], deliver: Callable[[dict[int, Reply]], None]) -> None:
        """Call `deliver` with replies by their places in `requests`, until every request has one.

        Raises:
            ModelError: no request can succeed; what came before was handed over.
        """
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """What was found out about the thoughts of a model.

    Attributes:
        tokens: that a thought is given, besides those of the answer.
        talks: answers that are cut off are only long: more room does not end them.
    """

    tokens: int = 0
    talks: bool = False


@runtime_checkable
class Roomy(Protocol):
    """A model that finds out by itself how much room its thoughts take, by answers that come back cut, which are paid for."""

    def remember(self, known: Room | None, keep: Callable[[Room], None]) -> None:
        """Begin with what is known, and say what is found out beyond it before the answers that it took are handed over.

        Args:
            known: what was found out earlier; None for nothing.
            keep: told what was found out, in the thread that asks.
        """
        ...


@runtime_checkable
class Reachable(Protocol):
    """A model behind an endpoint, of which it can be found out at no cost whether it can be asked."""

    def unreachable(self) -> str:
        """Why it cannot be asked now, as a clause; empty where it can."""
        ...


class Meter(Protocol):
    """Told of every call to an endpoint, by any thread: before it is made, and when it is known what it took."""

    def reserve(self, *, tokens_in: int, tokens_out: int) -> int:
        """Note down a call that may take so many tokens at most; gives its number.

        Raises:
            OverBudget: there is no money left for it.
            StoreError: it cannot be noted down.
        """
        ...

    def settle(self, number: int, reply: Reply | None) -> Payment | None:
        """Say what it took: the tokens of a reply, none for a call that is not billed, or None where it may have been paid.

        Gives what that cost; None where it was nothing, or is not known.
        """
        ...

    def fitting(self, sizes: Sequence[tuple[int, int]]) -> int:
        """How many of these calls one batch may hold, from the first on, given the most tokens of their prompts and answers; one at
        least.
        """
        ...

    def reserve_batch(self, mark: str, sizes: Sequence[tuple[int, int]]) -> None:
        """Note down a batch of such calls.

        Raises:
            OverBudget: there is no money left for it.
            StoreError: it cannot be noted down.
        """
        ...

    def price_in_batch(self, mark: str, reply: Reply) -> Payment | None:
        """What a reply in a batch cost; None where that is nothing, or not known."""
        ...

    def settle_batch(self, mark: str, replies: Sequence[Reply], *, whole: bool = True) -> None:
        """Say durably what a batch took: the tokens of its replies, which are `whole` where no more were paid for."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A model whose calls cost money, and are noted down by its meter where it has one."""

    meter: Meter | None


class Embedder(Protocol):
    """Texts to unit vectors.

    Attributes:
        name: what the user calls it.
        digest: SHA-256 that changes when its weights change.
        is_remote: whether it is behind an endpoint.
    """

    name: str
    digest: str
    is_remote: bool

    @property
    def dimensions(self) -> int:
        """Length of the vectors."""
        ...

    def embed(self, texts: Sequence[str]) -> Array:
        """Array of shape (len(texts), dimensions), float32, rows of length 1."""
        ...
