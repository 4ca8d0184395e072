"""Answers as clients read them: chat completions, whole or as events, and Tailor's own form with sources and confidence."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

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
        price, sure = self.served.price(self.answer), self.sure
        named = {
            "system": self.served.system.name,
            "config": self.served.id,
            "study": self.served.certified.study,
            "prompt-tokens": str(self.answer.tokens_in),
            "price": "unknown" if price is None else f"{price:.9f} {self.served.rates.currency}",
            "hand-over": "yes" if self.hands_over else "no",
        }
        if sure is not None:
            named["confidence"] = f"{sure:.4f}"
        if self.parsed is None:
            named["unparsed"] = "yes"
        if self.served.documents_changed:
            named["documents"] = "changed since the study"
        found = {f"x-tailor-{name}": quote(value, safe=" :,;>+()[]/@=.-_") for name, value in named.items()}
        return {"x-request-id": self.id, **found}


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
    return {**_head(reply, model, "chat.completion"), "choices": [choice], "usage": reply.usage}


def events(reply: Reply, model: str, *, usage: bool) -> Iterator[bytes]:
    """The same as server-sent events: the role, the answer in one piece, since it was read whole before, why it ended, usage."""
    head = _head(reply, model, "chat.completion.chunk") | ({"usage": None} if usage else {})

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return _event({**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    if reply.text:
        yield chunk({"content": reply.text})
    yield chunk({}, reply.finish)
    if usage:
        yield _event({**head, "choices": [], "usage": reply.usage})
    yield b"data: [DONE]\n\n"


def own_form(reply: Reply) -> dict[str, Any]:
    """What `/answer` gives."""
    served, answer = reply.served, reply.answer
    cited = citations(answer.raw)
    sources = [
        {"number": number, "document": passage.document, "title": passage.title, "cited": number in cited, "text": passage.text}
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


def _head(reply: Reply, model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{reply.id}", "object": kind, "created": reply.created, "model": model}


def _event(record: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(record, ensure_ascii=False, separators=(',', ':'))}\n\n".encode("utf-8", "replace")
