"""Chats for models that know fewer sorts of turns than others: what they have no role for is told in another one's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tailor.content import content
from tailor.models.base import Message, message

RESULT = "Result of the tool: "


def without_tools(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The chat for a model that knows no tools: calls as the assistant's words, results as what the user says next."""
    chat: list[Message] = []
    for one in messages:
        if one.role != "tool":
            chat.append(message(one.role, one.text) if one.calls else one)
        else:
            _say(chat, f"{RESULT}{one.text}")
    return tuple(chat)


def with_one_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The chat for templates that take a system turn at the head alone: a later one is told by the user."""
    chat: list[Message] = []
    told = ""
    for place, one in enumerate(messages):
        if one.role == "system" and place:
            told += f"{one.text}\n\n"
        elif told and one.role == "user":
            chat.append(replace(one, content=content(told, *one.content)))
            told = ""
        else:
            chat.append(one)
    if told:
        _say(chat, told.strip())
    return tuple(chat)


def _say(chat: list[Message], text: str) -> None:
    """Let the user say something more; many templates refuse two turns of a role in a row."""
    if chat and chat[-1].role == "user":
        chat[-1] = replace(chat[-1], content=content(*chat[-1].content, f"\n{text}"))
    else:
        chat.append(message("user", text))
