"""The OpenAI chat format, translated without touching a network: requests to payloads, bodies to replies, refusals to reasons."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from tailor.models.base import Message, Reply, Request

Clean = Callable[[Any], Any]
PLAIN = 4096  # bytes looked at where an answer is no JSON
Finish = Literal["stop", "length", "refused"]
FINISH: Mapping[str, Finish] = {"length": "length", "content_filter": "refused", "refusal": "refused"}
UNSUPPORTED = re.compile(r"unsupported|not support|unrecognized|unknown|extra|not permitted|forbidden|not allowed", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which parameters an endpoint takes; endpoints and models differ, and say so only by refusing."""

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    seed: bool = True


class Unreadable(ValueError):
    """A body that is no chat completion; the message says why."""


def payload(request: Request, model: str, dialect: Dialect) -> dict[str, Any]:
    """The body of a call to chat/completions.

    A JSON schema is asked for strictly: an endpoint that cannot keep to it should say so rather than answer freely.
    """
    body: dict[str, Any] = {"model": model, "messages": [_message(m) for m in request.messages], dialect.limit: request.max_tokens}
    if dialect.temperature:
        body["temperature"] = request.temperature
    if dialect.seed and request.temperature > 0:  # greedy answers need none, and some endpoints refuse it
        body["seed"] = request.seed
    if request.stop:
        body["stop"] = list(request.stop)
    if request.json_schema:
        schema = {"name": "answer", "schema": json.loads(request.json_schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def adapt(dialect: Dialect, refusal: str) -> Dialect | None:
    """The dialect without the parameter that a refusal names as unsupported, or None when it names none."""
    if not UNSUPPORTED.search(refusal):
        return None
    if "max_completion_tokens" in refusal and dialect.limit == "max_tokens":
        return replace(dialect, limit="max_completion_tokens")
    if "temperature" in refusal and dialect.temperature:
        return replace(dialect, temperature=False)
    if re.search(r"\bseed\b", refusal) and dialect.seed:
        return replace(dialect, seed=False)
    return None


def read_reply(body: bytes, request: Request, seconds: float, clean: Clean = lambda value: value) -> tuple[Reply, bool]:
    """The reply in the body of a completion, and whether the endpoint counted its tokens (else they are estimates).

    Args:
        body: what the endpoint sent.
        request: what was asked.
        seconds: how long it took.
        clean: takes out of a value what must not be kept, such as a key; called before anything is read or cut.

    Raises:
        Unreadable: it is no JSON, has no choices, or neither content nor a reason for having none.
    """
    data = _object(body, clean)
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        reason, _ = refusal_reason(data)
        raise Unreadable(f"the answer has no choices{': ' + reason if reason else ''}")
    told = choices[0].get("message")
    said: Mapping[str, Any] = told if isinstance(told, dict) else {}
    finish: Finish = FINISH.get(str(choices[0].get("finish_reason")), "stop")
    text = _text(said.get("content"))
    if isinstance(said.get("refusal"), str) and said["refusal"]:
        finish, text = "refused", text or said["refusal"]
    if text is None and finish == "stop":
        raise Unreadable("the answer has no content")
    tokens_in, tokens_out = _usage(data.get("usage"))
    counted = tokens_in is not None and tokens_out is not None
    return Reply(
        text=(text or "").strip(),
        tokens_in=estimate_tokens(request.messages) if tokens_in is None else tokens_in,
        tokens_out=_tokens(text or "") if tokens_out is None else tokens_out,
        seconds=seconds,
        finish=finish,
    ), counted


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Prompt tokens, estimated: one per 4 bytes of UTF-8 (4 letters in English) and 4 per message for its frame."""
    return sum(_tokens(message.text) + 4 for message in messages)


def refusal_reason(body: object) -> tuple[str, str]:
    """Message and code of an error body, whatever its form; the message on one line of at most 200 characters."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        text = error.get("message") or error.get("detail") or ""
        code = error.get("code") or error.get("type") or ""
    else:
        text, code = error or "", ""
    text = text if isinstance(text, str) else json.dumps(text)
    if text.lstrip().lower().startswith(("<!doctype", "<html")):
        text = "a web page instead of an answer"
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:197] + "...", str(code)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait that the headers ask for: retry-after-ms, or Retry-After in seconds or as a date (RFC 9110, 10.2.3)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())


def _message(message: Message) -> dict[str, Any]:
    parts = [_encodable(part.text) for part in message.content]
    content: Any = parts[0] if len(parts) == 1 else [{"type": "text", "text": text} for text in parts]
    return {"role": message.role, "content": content}


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be sent


def _object(body: bytes, clean: Clean) -> dict[str, Any]:
    try:
        data = clean(json.loads(body))
    except (ValueError, RecursionError) as error:
        reason = refusal_reason(clean(body[:PLAIN].decode("utf-8", "replace"))[:300])[0]
        raise Unreadable(f"the answer is not JSON: {reason[:80] or 'it is empty'}") from error
    if not isinstance(data, dict):
        raise Unreadable("the answer is not a JSON object")
    return data


def _text(content: object) -> str | None:
    """Content as text: a string, or the text parts of a list."""
    if isinstance(content, list):
        texts = [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
        return "".join(texts) if texts else None
    return content if isinstance(content, str) else None


def _usage(usage: object) -> tuple[int | None, int | None]:
    counts = usage if isinstance(usage, dict) else {}
    return _count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens"))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _tokens(text: str) -> int:
    return math.ceil(len(text.encode("utf-8", "replace")) / 4)
