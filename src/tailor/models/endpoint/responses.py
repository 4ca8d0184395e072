"""The Responses API, for models that have no chat completions: bodies of the one read and written as those of the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ELSEWHERE = re.compile(r"v1/responses|responses api|not a chat model", re.IGNORECASE)
"""How an endpoint says that a model is asked through the Responses API alone."""
FEWEST = 16
"""The fewest tokens that the API lets an answer be limited to."""
NOT_TAKEN = ("stop", "seed", "logprobs", "top_logprobs")


def as_responses(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a call to chat/completions as that of a call to responses. Nothing is kept by the provider."""
    asked = {name: value for name, value in body.items() if name not in NOT_TAKEN}
    changed: dict[str, Any] = {"input": [_turn(message) for message in asked.pop("messages")], "store": False}
    limits = [asked.pop(name) for name in ("max_tokens", "max_completion_tokens") if name in asked]
    if limits:
        changed["max_output_tokens"] = max(FEWEST, *limits)
    if "reasoning_effort" in asked:
        changed["reasoning"] = {"effort": asked.pop("reasoning_effort")}
    if "response_format" in asked:
        form = asked.pop("response_format")
        changed["text"] = {"format": {"type": form["type"], **form.get("json_schema", {})}}
    return changed | asked


def as_completion(data: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a call to responses as that to a call to chat/completions."""
    items = [item for item in data["output"] if isinstance(item, dict)]
    messages = [item.get("content") for item in items if item.get("type") == "message"]
    parts = [part for content in messages if isinstance(content, list) for part in content if isinstance(part, dict)]
    thoughts = [item.get("summary") for item in items if item.get("type") == "reasoning"]
    refusals = [part["refusal"] for part in parts if isinstance(part.get("refusal"), str)]
    found: list[Any] = [{"type": "reasoning", "summary": thought} for thought in thoughts if thought]
    found += [{"type": "text", "text": part["text"]} for part in parts if isinstance(part.get("text"), str)]
    reason = data.get("incomplete_details")
    ended = str(reason.get("reason") or "") if isinstance(reason, dict) else ""
    ended = ended or ("length" if data.get("status") == "incomplete" else "stop")
    if data.get("status") in ("failed", "cancelled"):
        ended = "error"
    message = {"role": "assistant", "content": found} | ({"refusal": refusals[0]} if refusals else {})
    completion = {name: data[name] for name in ("model", "error", "system_fingerprint") if data.get(name)}
    return completion | {"choices": [{"message": message, "finish_reason": ended}], "usage": _usage(data.get("usage"))}


def _turn(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if not isinstance(content, str):
        content = [
            {"type": "input_text", "text": part["text"]}
            if "text" in part
            else {"type": "input_image", "image_url": part["image_url"]["url"]}
            for part in content
        ]
    return {"role": message["role"], "content": content}


def _usage(usage: object) -> dict[str, Any]:
    names = {
        "input_tokens": "prompt_tokens",
        "output_tokens": "completion_tokens",
        "input_tokens_details": "prompt_tokens_details",
        "output_tokens_details": "completion_tokens_details",
    }
    return {names.get(str(name), str(name)): value for name, value in usage.items()} if isinstance(usage, Mapping) else {}
