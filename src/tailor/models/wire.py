"""Reading the body of a chat completion, whatever an endpoint makes of it; nothing here touches a network."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from tailor.content import IMAGE_TOKENS, media_in
from tailor.models.base import Message, Reply, Request
from tailor.models.endpoint.faults import ErrorBody, read_error, read_number
from tailor.models.endpoint.pieces import read_stream
from tailor.models.endpoint.probabilities import label_scores, read_places
from tailor.models.endpoint.responses import as_completion
from tailor.models.thought import split_thought

Clean = Callable[[Any], Any]
PLAIN = 4096  # bytes looked at where an answer is no JSON
LONGEST_TEXT = 400_000  # characters looked at of an answer with its thought: more than any model writes at once
LONGEST_NAME = 200  # characters kept of the name of a model
Finish = Literal["stop", "length", "refused"]
ENDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "refused",
        re.compile(r"filter|safety|refus|moder|block|prohibit|sensitive|toxic|guardrail|intervene|policy|spii|recit|language"),
    ),
    ("cut", re.compile(r"length|limit|max|window|truncat|incomplete")),
    (
        "broken",
        re.compile(r"error|abort|cancel|time_?out|fail|resource|overload|malformed|interrupt|disconnect|unavail|network|^other$"),
    ),
)
"""What the names have in common that providers give to why an answer ended; any other one is that of an answer that is whole."""


class Unreadable(ValueError):
    """A body that is no chat completion; the message says why.

    Args:
        reason: why.
        cost: a reply without text, with the tokens that the body says it took; None where it says nothing of that.
    """

    def __init__(self, reason: str, cost: Reply | None = None) -> None:
        super().__init__(reason)
        self.cost = cost


class ErrorInside(Exception):
    """An error inside a body with a good status.

    Args:
        said: what it says.
        cost: a reply without text, with the tokens that were written before; None where none were.
    """

    def __init__(self, said: ErrorBody, cost: Reply | None) -> None:
        super().__init__(said.reason)
        self.said, self.cost = said, cost


def read_reply(body: bytes, request: Request, seconds: float, clean: Clean = lambda value: value) -> Reply:
    """The reply in the body of a completion, with what it costs and who gave it.

    A thought is taken off the answer, wherever it stands. Text in front of an error is no answer.

    Args:
        body: what the endpoint sent.
        request: what was asked.
        seconds: how long it took.
        clean: takes out of a value what must not be kept, such as a key; called before anything is read or cut.

    Raises:
        ErrorInside: it holds an error.
        Unreadable: it is no JSON, or has no choices.
    """
    data = _object(body, clean)
    choices = data.get("choices")
    choice: Any = choices[0] if isinstance(choices, list) and choices else None
    ended = str(choice.get("finish_reason") or "").lower().replace("-", "_") if isinstance(choice, dict) else ""
    end = next((kind for kind, names in ENDS if names.search(ended)), "whole")
    counts = data.get("usage")
    usage: Mapping[str, Any] = counts if isinstance(counts, dict) else {}
    cost = _cost(usage)
    wrote = cost if cost is not None and cost.tokens_out else None
    for error in (choice.get("error") if isinstance(choice, dict) else None, data.get("error")):
        if error and not _is_none(error):
            raise ErrorInside(read_error({"error": error}), wrote)
    if not isinstance(choice, dict):
        told = read_error(data)
        if told.status >= 400:  # some gateways tell of errors in a body without the name
            raise ErrorInside(told, wrote)
        raise Unreadable(f"the answer has no choices{': ' + told.reason if told.reason else ''}", cost)
    if end == "broken":
        raise ErrorInside(ErrorBody(f"the answer ended with {ended[:80]!r}", frozenset(), 502), wrote)
    said = _message(choice, cost)
    parts = _parts(said, cost)
    thought, text = _thought_and_text(said, parts)
    finish: Finish = "length" if end == "cut" else "refused" if end == "refused" else "stop"
    refusals = [refusal for part in (said, *parts) if isinstance(refusal := part.get("refusal"), str) and refusal]
    if refusals:
        finish, text = "refused", text or refusals[0]
    tokens_in, tokens_out, counted = _usage(usage, text + thought)
    scores = label_scores(read_places(choice.get("logprobs")), request.labels, text) if request.labels and finish == "stop" else ()
    tokens_in = estimate_tokens(request.messages) if tokens_in is None else tokens_in
    return Reply(
        text=text,
        tokens_in=tokens_in,
        tokens_out=_tokens(text + thought) if tokens_out is None else tokens_out,
        seconds=seconds,
        finish=finish,
        thought=thought,
        scores=scores,
        cached=min(_cached(usage), tokens_in),
        billed=_billed(usage),
        counted=counted,
        reasoning=_inside(usage, "completion_tokens_details", "reasoning_tokens"),
        answered_by="@".join(name for key in ("model", "system_fingerprint") if (name := str(data.get(key) or "")[:LONGEST_NAME])),
    )


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Prompt tokens, estimated: one per 4 bytes of UTF-8 (4 letters in English), 4 per message for its frame, 1,000 per image."""
    return sum(_tokens(message.words) + IMAGE_TOKENS * len(media_in(message.content)) + 4 for message in messages)


def _object(body: bytes, clean: Clean) -> dict[str, Any]:
    try:
        data = clean(_parsed(body))
    except (ValueError, RecursionError) as error:
        reason = read_error(clean(body[:PLAIN].decode("utf-8", "replace"))[:300]).reason
        raise Unreadable(f"the answer is not JSON: {reason[:80] or 'it is empty'}") from error
    if not isinstance(data, dict):
        raise Unreadable("the answer is not a JSON object")
    return as_completion(data) if isinstance(data.get("output"), list) and "choices" not in data else data


def _is_none(error: object) -> bool:
    """Whether what stands under `error` says that there is none, as in `{"code": 0, "message": "ok"}`."""
    return isinstance(error, dict) and str(error.get("code")).lower() in ("0", "200", "ok", "success") and not error.get("type")


def _parsed(body: bytes) -> Any:
    """The JSON of a body, which some servers write in a Western encoding, or send piece by piece though nobody asked for that."""
    try:
        return json.loads(body)
    except UnicodeDecodeError:
        return json.loads(body.decode("cp1252"))
    except ValueError:
        pieces = read_stream(body)
        if pieces is None:
            raise
        return pieces


def _message(choice: Mapping[str, Any], cost: Reply | None) -> Mapping[str, Any]:
    """The message of a choice; that of a plain completion is its text.

    Raises:
        Unreadable: it has none.
    """
    said = choice.get("message")
    if isinstance(said, dict):
        return said
    if said is None and isinstance(choice.get("text"), str):
        return {"content": choice["text"]}
    raise Unreadable("the answer has no message", cost)


def _parts(said: Mapping[str, Any], cost: Reply | None) -> list[Mapping[str, Any]]:
    """The parts of a message's content; none where it is empty.

    Raises:
        Unreadable: it is neither a text nor parts.
    """
    content = said.get("content")
    found = content if isinstance(content, list) else [content] if content is not None else []
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in found]
    if not all(isinstance(part, dict) and ("type" in part or "text" in part) for part in parts):
        raise Unreadable("the answer's content is neither a text nor made of parts", cost)
    return parts


def _thought_and_text(said: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Thought and answer of a message: a thought is in a field of its own, in parts of the content, or marked in its text."""
    thoughts = [said[name] for name in ("reasoning_content", "reasoning") if isinstance(said.get(name), str)][:1]
    texts = []
    for part in parts:
        if part.get("type") in ("thinking", "reasoning", "thought"):
            thoughts.append(_all_text(part))
        elif isinstance(text := part.get("text"), str):
            texts.append(text)
        elif isinstance(text, dict) and isinstance(text.get("value"), str):
            texts.append(text["value"])
    inline, text = split_thought(_shortened("".join(texts)))
    return "\n\n".join(piece.strip() for piece in (*thoughts, inline) if piece.strip()), text


def _shortened(text: str) -> str:
    """A text of any sensible length as it is; of a longer one, how it begins and ends."""
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT // 2]}\n{text[-LONGEST_TEXT // 2 :]}"


def _all_text(part: object) -> str:
    """Every text inside a part of a thought, however it is nested."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join(map(_all_text, part))
    if isinstance(part, dict):
        return "".join(_all_text(part[name]) for name in ("thinking", "reasoning", "text", "summary") if name in part)
    return ""


def _usage(usage: Mapping[str, Any], text: str) -> tuple[int | None, int | None, bool]:
    """Tokens read and written, None where they are not counted, and whether both are.

    What is billed but hidden is what the total holds besides the two, or a thought that is longer than all that was written. A 0
    where there is text is no count.
    """
    read, written, total = (_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    if read is not None and written is not None and total is not None:
        written += max(0, total - read - written)
    if written is not None and (thought := _inside(usage, "completion_tokens_details", "reasoning_tokens")) > written:
        written += thought
    read = read or None
    written = None if written == 0 and text else written
    return read, written, read is not None and written is not None


def _cost(usage: Mapping[str, Any]) -> Reply | None:
    """What an answer without text took, as far as it was counted; None where it was not."""
    read, written, counted = _usage(usage, "")
    if read is None or not counted:
        return None
    return Reply("", tokens_in=read, tokens_out=written or 0, cached=min(_cached(usage), read), billed=_billed(usage))


def _inside(usage: Mapping[str, Any], group: str, name: str) -> int:
    details = usage.get(group)
    return (_count(details.get(name)) or 0) if isinstance(details, dict) else 0


def _cached(usage: Mapping[str, Any]) -> int:
    """Prompt tokens that the endpoint had read before, as OpenAI's API tells them, or DeepSeek's."""
    return _inside(usage, "prompt_tokens_details", "cached_tokens") or _count(usage.get("prompt_cache_hit_tokens")) or 0


def _billed(usage: Mapping[str, Any]) -> float | None:
    """What the call cost, as the endpoint says it; 0 is not believed: it is there where someone else is billed."""
    cost = read_number(usage.get("cost"))
    return cost if cost is not None and cost > 0 else None


def _count(value: object) -> int | None:
    number = read_number(value)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def _tokens(text: str) -> int:
    return math.ceil(len(text.encode("utf-8", "replace")) / 4)
