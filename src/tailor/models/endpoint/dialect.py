"""What an endpoint takes: endpoints and models differ, and say so only by refusing. So what is refused is tried otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tailor.content import MediaPart, TextPart, content
from tailor.media import data_uri
from tailor.models.base import Message, Model, Request
from tailor.models.endpoint.probabilities import FEWER, MOST
from tailor.models.endpoint.responses import ELSEWHERE, as_responses
from tailor.models.turns import without_tools

ROOMS = (0, 1024, 4096, 16384)
"""Tokens for a thought besides those of the answer, tried one after the other when answers come back cut off or empty."""
FRAME = 256
"""Tokens that a server may put around a chat: the marks of its template, the date, a default instruction."""
QUESTION = "\n\nQuestion: "
"""Stands between instruction and question where there is no system role to tell them apart."""
MOST_IMAGE_TOKENS = 50_000
"""The most tokens that a provider's published rule makes of one image: 2,833 and 5,667 for each of up to 8 tiles (gpt-4o-mini)."""
FIT = "Answer with JSON that fits this schema, and with nothing else:\n"


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which parameters an endpoint takes, and how.

    Attributes:
        api: chat completions, or the Responses API for models that have nothing else.
        limit: name of the parameter with the longest answer.
        temperature: whether it takes one; else its default holds.
        seed: whether it takes one.
        stop: whether it takes strings that end an answer; else they are looked for here.
        system: whether there is a system role; else its text goes into the first turn.
        tools: whether it takes calls of tools and their results; else it is told of them as text.
        schema: how a JSON schema is asked for.
        extras: whether it takes `reasoning_effort`.
        logprobs: how many of the likeliest tokens are given at each place; 0 where none are.
        room: tokens for a thought, besides those of the answer.
    """

    api: Literal["chat", "responses"] = "chat"
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    seed: bool = True
    stop: bool = True
    system: bool = True
    tools: bool = True
    schema: Literal["json_schema", "json_object", "prompt"] = "json_schema"
    extras: bool = True
    logprobs: int = MOST
    room: int = 0

    def roomier(self) -> Dialect | None:
        """The same with more room for a thought; None when there is no more."""
        return next((replace(self, room=room) for room in ROOMS if room > self.room), None)


def dialect_of(model: Model) -> Dialect | None:
    """How a model's endpoint is asked, as far as that was found out; None for a model on this machine."""
    found = getattr(model, "dialect", None)
    return found if isinstance(found, Dialect) else None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants of every call (`model` in tailor.yaml).

    Attributes:
        default_temperature: leave the temperature to the endpoint.
        max_tokens: longest answer with its thought; None to find it out.
        effort: `reasoning_effort`, or empty.
        extra: further parameters of the body.
    """

    default_temperature: bool = False
    max_tokens: int | None = None
    effort: str = ""
    extra: Mapping[str, Any] | None = None


def payload(request: Request, model: str, dialect: Dialect, wishes: Wishes | None = None) -> dict[str, Any]:
    """The body of a call in this dialect."""
    wishes = wishes or Wishes()
    body: dict[str, Any] = {"model": model, "messages": [_message(m) for m in _turns(request, dialect)]}
    body[dialect.limit] = wishes.max_tokens or request.max_tokens + dialect.room
    if dialect.temperature and not wishes.default_temperature:
        body["temperature"] = request.temperature
    if dialect.seed and request.temperature > 0:  # greedy answers need none, and some endpoints refuse it
        body["seed"] = request.seed
    if request.stop and dialect.stop:
        body["stop"] = list(request.stop)
    if wishes.effort and dialect.extras:
        body["reasoning_effort"] = wishes.effort
    if request.json_schema and dialect.schema == "json_schema":
        schema = {"name": "answer", "schema": json.loads(request.json_schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif request.json_schema and dialect.schema == "json_object":
        body["response_format"] = {"type": "json_object"}
    if request.labels and dialect.logprobs:
        body["logprobs"], body["top_logprobs"] = True, dialect.logprobs
    body |= dict(wishes.extra or {})
    return as_responses(body) if dialect.api == "responses" else body


def most_tokens(body: Mapping[str, Any], window: int) -> tuple[int, int]:
    """The most tokens that a call may take: of its prompt, since none is shorter than a byte of the text, and of its
    answers. Images do not count by their bytes.
    """
    limit = next((body[name] for name in ("max_tokens", "max_completion_tokens", "max_output_tokens") if name in body), None)
    answers = body.get("n")
    written = limit if isinstance(limit, int) else window
    read = len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    images = [part for message in turns(body) for part in _images(message["content"])]
    read += sum(MOST_IMAGE_TOKENS - len(json.dumps(image)) for image in images)
    return read + FRAME, written * (answers if isinstance(answers, int) else 1)


def shape(body: Mapping[str, Any]) -> frozenset[str]:
    """What of a body an endpoint may not take: its parameters and roles. What was taken once is taken again."""
    images = {part["type"] for message in turns(body) for part in _images(message["content"])}
    return frozenset(body) | {f"role {message['role']}" for message in turns(body)} | images


def turns(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The chat in a body."""
    return body["messages"] if "messages" in body else body["input"]  # type: ignore[no-any-return]


def _images(content: str | Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The parts of a message that are images."""
    return [] if isinstance(content, str) else [part for part in content if "image_url" in part]


def otherwise(dialect: Dialect, body: Mapping[str, Any], refusal: str) -> Iterator[Dialect]:
    """Other ways to ask, the likeliest first: what the refusal names goes before the rest.

    Args:
        dialect: how it was asked.
        body: what was sent.
        refusal: what came back.
    """
    if dialect.api == "chat" and ELSEWHERE.search(refusal):
        yield replace(dialect, api="responses", limit="max_completion_tokens")
    ways = list(_changes(dialect, body))
    named = [change for words, change in ways if re.search(words, refusal, re.IGNORECASE)]
    rest = [change for words, change in ways if change not in named]
    for change in (*named, *rest):
        yield replace(dialect, **change)
    # What is refused in the same words cannot be told apart one by one: what reasoning models take, and at last everything at once.
    for together in (("limit", "temperature"), ("limit", "temperature", "room"), tuple(Dialect.__dataclass_fields__)):
        joined = {name: value for _, change in ways for name, value in change.items() if name in together}
        if len(joined) > 1:
            yield replace(dialect, **joined)


def _changes(dialect: Dialect, body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each thing that may be asked otherwise, with the words that a refusal of it may hold."""
    if dialect.limit == "max_tokens":
        yield r"max_tokens|max_completion_tokens", {"limit": "max_completion_tokens"}
    if "temperature" in body:
        yield r"temperature", {"temperature": False}
    if (wider := dialect.roomier()) is not None:
        yield r"(?:output|token).{0,30}(?:limit|higher|reached|minimum|at least)", {"room": wider.room}
    yield from _roles(turns(body))
    if "response_format" in body or "text" in body:
        if dialect.schema == "json_schema":
            yield r"response_format|json|schema", {"schema": "json_object"}
        yield r"response_format|json|schema", {"schema": "prompt"}
    if "seed" in body:
        yield r"\bseed\b", {"seed": False}
    if "stop" in body:
        yield r"\bstop\b", {"stop": False}
    if "top_logprobs" in body:
        if dialect.logprobs > FEWER:
            yield r"logprobs", {"logprobs": FEWER}
        yield r"log_?probs?|log.?probabilit", {"logprobs": 0}
    if "reasoning_effort" in body or "reasoning" in body:
        yield r"reasoning|effort", {"extras": False}


def _roles(chat: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The roles in a chat that an endpoint may not have."""
    if any(message["role"] == "system" for message in chat):
        yield r"system|role|developer", {"system": False}
    if any(message["role"] == "tool" or "tool_calls" in message for message in chat):
        yield r"tool|function", {"tools": False}


def alike(reason: str) -> str:
    """A refusal without what differs from call to call: numbers and names of requests."""
    return re.sub(r"\b[\w-]*\d[\w-]*\b", "#", reason)


def _turns(request: Request, dialect: Dialect) -> Sequence[Message]:
    """The chat as this endpoint takes it: a schema in its words where it takes none, and no system role where it has none."""
    takes_tools = dialect.tools and dialect.api == "chat"
    turns = list(request.messages if takes_tools else without_tools(request.messages))
    if request.json_schema and dialect.schema != "json_schema":
        last = turns[-1]
        turns[-1] = replace(last, content=(*last.content, TextPart(f"\n\n{FIT}{request.json_schema}")))
    if dialect.system or turns[0].role != "system" or len(turns) < 2:
        return turns
    first, second, *rest = turns
    if second.role != "user":
        return [replace(first, role="user"), second, *rest]
    joined = content(f"{first.text}{QUESTION}", second.content[0])
    return [replace(second, content=(*joined, *second.content[1:])), *rest]


def _message(message: Message) -> dict[str, Any]:
    parts = [_part(part) for part in message.content]
    is_text = len(parts) == 1 and "text" in parts[0]
    told: dict[str, Any] = {"role": message.role, "content": parts[0]["text"] if is_text else parts}
    if message.calls:
        told["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _encodable(call.arguments)}}
            for call in message.calls
        ]
    return told | ({"tool_call_id": message.result_of} if message.result_of else {})


def _part(part: TextPart | MediaPart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": _encodable(part.text)}
    return {"type": "image_url", "image_url": {"url": data_uri(part)}}


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be sent
