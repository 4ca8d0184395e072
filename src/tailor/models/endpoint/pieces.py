"""A completion that comes as a stream of events though none was asked for, put together."""

from __future__ import annotations

import json
from typing import Any

JOINED = ("content", "reasoning_content", "reasoning", "refusal")
"""Fields of a message that come piece by piece."""


def read_stream(body: bytes) -> dict[str, Any] | None:
    """The completion whose pieces the events of a body hold; None for a body that is no stream of them, or was cut off.

    An event with an error stands for the whole.
    """
    text = body.decode("utf-8", "replace").lstrip("\ufeff \r\n")
    if not text.startswith(("data:", "event:", ":", "id:")):
        return None
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    ended, done = None, False
    for line in text.splitlines():
        kind, _, told = line.partition(":")
        if kind != "data" or not told.strip():
            continue
        if told.strip() == "[DONE]":
            done = True
            continue
        try:
            event = json.loads(told)
        except ValueError:
            return None
        if not isinstance(event, dict):
            return None
        if event.get("error"):
            return event
        whole |= {name: value for name, value in event.items() if name != "choices" and value is not None}
        choices = event.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else {}
        piece = first.get("delta") or first.get("message") if isinstance(first, dict) else None
        if isinstance(piece, dict):
            message |= {name: (message.get(name) or "") + part for name in JOINED if isinstance(part := piece.get(name), str)}
            ended = first.get("finish_reason") or ended
    if not (done or ended):
        return None
    return {**whole, "choices": [{"index": 0, "message": message, "finish_reason": ended}]}
