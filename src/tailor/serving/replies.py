"""Answers as clients read them: chat completions, whole or as events, and Tailor's own form with sources and confidence."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tailor.evaluate.sources import holds
from tailor.kinds.base import kind_of
from tailor.score.confidence import confidence
from tailor.score.parse import parse_answer
from tailor.score.text import citations
from tailor.score.types import Answer
from tailor.serving.refused import Refused
from tailor.serving.served import Served

RETRY_SECONDS = 1


@dataclass(frozen=True)
class Reply:
    """An answer to a request, as read.

    Attributes:
        id: names the request.
        served: who answered.
        answer: what came.
        parsed: the answer in it; None where it lacks the form asked for.
        created: seconds since 1970.
    """

    id: str
    served: Served
    answer: Answer
    parsed: str | None
    created: int

    @property
    def text(self) -> str:
        """The answer as people read it; what was written where it lacks the form asked for."""
        return self.answer.raw if self.parsed is None else kind_of(self.served.certified.task).shown(self.parsed)

    @property
    def finish(self) -> str:
        """Why it ended, in OpenAI's words."""
        ends = {"length": "length", "refused": "content_filter"}
        return ends.get(self.answer.finish, "stop")

    @property
    def sure(self) -> float | None:
        """How sure the system is; None where it does not say."""
        return confidence(self.answer, several=self.served.system.decoding.several)

    @property
    def hands_over(self) -> bool:
        """Whether a person should answer: by the threshold that the study certified."""
        threshold = self.served.certified.threshold
        return threshold is not None and (self.sure is None or self.sure < threshold)

    @property
    def usage(self) -> dict[str, int]:
        """Tokens read and written."""
        read, wrote = self.answer.tokens_in, self.answer.tokens_out
        return {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}

    @property
    def headers(self) -> dict[str, str]:
        """Who answered, by what study, and what it took: in every response."""
        return headers(self.id, self.served, self.told)

    @property
    def told(self) -> dict[str, str]:
        """What is known of an answer once it is complete."""
        price, sure = self.served.price(self.answer), self.sure
        found = {
            "prompt-tokens": str(self.answer.tokens_in),
            "price": "unknown" if price is None else f"{price:.9f} {self.served.rates.currency}",
            "hand-over": "yes" if self.hands_over else "no",
        }
        if sure is not None:
            found["confidence"] = f"{sure:.4f}"
        if self.parsed is None:
            found["unparsed"] = "yes"
        return found


def headers(id: str, served: Served, told: Mapping[str, str]) -> dict[str, str]:
    """The headers of a response.

    Args:
        id: names the request.
        served: who answers.
        told: what is known of the answer already.
    """
    named = {"system": served.system.name, "config": served.id, "study": served.certified.study, **told}
    if served.documents_changed:
        named["documents"] = "changed since the study"
    found = {f"x-tailor-{name}": quote(value, safe=" :,;>+()[]/@=.-_") for name, value in named.items()}
    return {"x-request-id": id, **found}


def read_answer(id: str, served: Served, answer: Answer) -> Reply:
    """The reply to a request.

    Raises:
        Refused: there is no answer.
    """
    if answer.finish == "error":
        raise Refused(
            f"No answer came: {answer.error}",
            502,
            kind="server_error",
            code="no_answer",
            headers={"retry-after": str(RETRY_SECONDS)},
        )
    if answer.finish == "refused" and answer.error:
        fits = "does not fit" not in answer.error
        raise Refused(
            f"This is not answered: {answer.error}", code="refused" if fits else "context_length_exceeded", param="messages"
        )
    parsed = None if not answer.raw.strip() else parse_answer(served.system, answer.raw)
    return Reply(id, served, answer, parsed, int(time.time()))


def completion(reply: Reply, model: str) -> dict[str, Any]:
    """The whole chat completion."""
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish}
    return {**_head(reply.id, reply.created, model, "chat.completion"), "choices": [choice], "usage": reply.usage}


@dataclass(frozen=True)
class Events:
    """A chat completion as server-sent events: the role, the pieces of the answer, why it ended, usage.

    Attributes:
        id: names the request.
        created: seconds since 1970.
        model: what the caller calls it.
        usage: whether usage was asked for.
    """

    id: str
    created: int
    model: str
    usage: bool

    @property
    def _head(self) -> dict[str, Any]:
        return _head(self.id, self.created, self.model, "chat.completion.chunk") | ({"usage": None} if self.usage else {})

    def _chunk(self, delta: dict[str, Any], finish: str | None = None, **more: object) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**self._head, "choices": [choice], **more})

    def role(self) -> bytes:
        """The first event."""
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def piece(self, text: str) -> bytes:
        """A piece of the answer."""
        return self._chunk({"content": text})

    def end(self, reply: Reply, **more: object) -> Iterator[bytes]:
        """Why it ended, and usage."""
        yield self._chunk({}, reply.finish, **more)
        if self.usage:
            yield _event({**self._head, "choices": [], "usage": reply.usage})
        yield b"data: [DONE]\n\n"

    def broken(self, refused: Refused) -> bytes:
        """Why it ends before its end."""
        return _event(refused.body)


def in_one_piece(reply: Reply, model: str, *, usage: bool) -> Iterator[bytes]:
    """The events of an answer that was read whole before the first of them is sent."""
    events = Events(reply.id, reply.created, model, usage)
    yield events.role()
    if reply.text:
        yield events.piece(reply.text)
    yield from events.end(reply)


def own_form(reply: Reply) -> dict[str, Any]:
    """What `/answer` gives."""
    served, answer = reply.served, reply.answer
    cited, system = citations(answer.raw), served.system
    sources = [
        {
            "number": number,
            "document": passage.document,
            "title": passage.title,
            "cited": number in cited,
            "holds_answer": holds(system, answer, [passage]),
            "text": passage.text,
        }
        for number, passage in enumerate(answer.passages, start=1)
    ]
    return {
        "id": reply.id,
        **_said(reply),
        "text": reply.text,
        "raw": answer.raw,
        "finish": answer.finish,
        "sources": sources,
        "confidence": reply.sure,
        "threshold": served.certified.threshold,
        "hand_over": reply.hands_over,
        "system": served.system.name,
        "config": served.id,
        "study": served.certified.study,
        "usage": reply.usage,
        "price": served.price(answer),
        "currency": served.rates.currency,
        "documents_changed": served.documents_changed,
    }


def _said(reply: Reply) -> dict[str, Any]:
    """The answer under the name of what it is: a label, labels, fields, or an answer; null where it lacks the form asked for."""
    kind = kind_of(reply.served.certified.task)
    if kind.closed and not kind.several:
        return {"label": reply.parsed}
    if kind.several:
        return {"labels": None if reply.parsed is None else list(kind.labels_in(reply.parsed))}
    if kind.parted:
        return {"fields": _json(reply.parsed)}
    return {"answer": reply.parsed}


def _json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text


def _head(id: str, created: int, model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{id}", "object": kind, "created": created, "model": model}


def _event(record: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(record, ensure_ascii=False, separators=(',', ':'))}\n\n".encode("utf-8", "replace")
