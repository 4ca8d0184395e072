"""The messages of a chat as turns, in all the ways in which they are written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tailor.conversation import Role, ToolCall, Turn, with_calls, written
from tailor.data.formats.chatimages import KINDS, image_in
from tailor.data.jsontext import to_text
from tailor.errors import quoted

_ROLES: dict[Role, tuple[str, ...]] = {
    "user": ("user", "human", "prompter", "customer", "client", "visitor", "caller"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "ai", "agent", "function_call"),
    "system": ("system", "developer"),
    "tool": ("tool", "function", "observation", "tool_response", "function_response", "ipython", "environment"),
}
_ROLE: dict[str, Role] = {name: role for role, names in _ROLES.items() for name in names}
_SPEAKER = ("role", "from", "speaker", "sender")
_SAID = ("content", "value", "parts", "text", "message", "utterance")


@dataclass(frozen=True)
class Said:
    """One message of a chat.

    Attributes:
        role: who speaks.
        text: what is said, with calls of tools and their results in it.
        turns: the same as turns; several where a message holds the results of several calls.
        images: in it.
    """

    role: Role
    text: str
    turns: tuple[Turn, ...]
    images: tuple[str, ...] = ()

    @property
    def calls(self) -> bool:
        """Whether it calls a tool."""
        return any(turn.calls for turn in self.turns)


def is_chat(cell: object) -> bool:
    """Whether a cell is a list of messages."""
    return (
        isinstance(cell, list)
        and bool(cell)
        and isinstance(cell[0], Mapping)
        and any(isinstance(cell[0].get(speaker), str) for speaker in _SPEAKER)
        and any(said in cell[0] for said in (*_SAID, "tool_calls"))
    )


def read_messages(cell: object) -> list[Said]:
    """The messages in a cell.

    Raises:
        ValueError: it holds none, or one that cannot be used.
    """
    if not isinstance(cell, list) or not cell:
        raise ValueError("it holds no messages")
    said = [_said(message) for message in cell]
    if said[-1].role == "assistant" and str(cell[-1].get("weight")) in ("0", "0.0"):
        raise ValueError("its last turn has the weight 0, so it is no right answer")
    return said


def role_of(message: object) -> str:
    """The role of a message in one spelling; empty if it has none that is known."""
    if not isinstance(message, Mapping):
        return ""
    named = next((message[speaker] for speaker in _SPEAKER if isinstance(message.get(speaker), str)), "")
    return _ROLE.get(str(named).casefold(), "")


def text_in(content: object) -> str:
    """The text of a content that is next to a chat, as text, as a message or as parts.

    Raises:
        ValueError: it holds something that cannot be used.
    """
    if isinstance(content, Mapping):
        content = next((content[key] for key in _SAID if content.get(key) is not None), None)
    return _read(content).text


def conversation(said: Sequence[Said], texts: Sequence[str]) -> list[Turn]:
    """The turns of messages, each call and its result under one id.

    Args:
        said: the messages.
        texts: what is said in each of them; it may be without the marks of images.
    """
    turns: list[Turn] = []
    open_calls: list[str] = []
    for one, text in zip(said, texts, strict=True):
        for turn in one.turns:
            calls = tuple(
                replace(call, id=call.id or f"call_{sum(len(before.calls) for before in turns) + number}")
                for number, call in enumerate(turn.calls, start=1)
            )
            open_calls += [call.id for call in calls]
            result_of = turn.result_of
            if turn.role == "tool" and open_calls:
                result_of = result_of if result_of in open_calls else open_calls[0]
                open_calls.remove(result_of)
            plain = len(one.turns) == 1 and not calls and turn.role != "tool"
            turns.append(replace(turn, text=text if plain else turn.text, calls=calls, result_of=result_of))
    return turns


def as_conversation(text: str) -> str:
    """A chat given as JSON, a list of messages, as the cell of a conversation; any other text as it is.

    Raises:
        ValueError: a message cannot be used.
    """
    try:
        listed = json.loads(text) if text.lstrip().startswith("[") else None
        chat = [json.loads(one) if isinstance(one, str) else one for one in listed or ()]
    except ValueError:
        return text
    if not is_chat(chat):
        return text
    said = read_messages(chat)
    return written(conversation(said, [one.text for one in said]))


@dataclass(frozen=True)
class _Content:
    """What a message's content holds."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    results: tuple[Turn, ...] = ()
    images: tuple[str, ...] = ()


def _said(message: object) -> Said:
    if not isinstance(message, Mapping) or not any(isinstance(message.get(speaker), str) for speaker in _SPEAKER):
        raise ValueError("a message has no role")
    role = role_of(message)
    if not role:
        named = next(message[speaker] for speaker in _SPEAKER if isinstance(message.get(speaker), str))
        raise ValueError(f"the role {quoted(named, 30)} is none of user, assistant, system, developer and tool")
    read = _read(next((message[key] for key in _SAID if message.get(key) is not None), None))
    said, calls = read.text, (*read.calls, *_calls(message))
    if role == "assistant" and str(message.get("from", "")).casefold() == "function_call":
        said, calls = "", (_written_call(said),)
    results = [turn.text for turn in read.results]
    told = " ".join(filter(None, (with_calls(said, calls), *results)))
    if read.results and not said:
        return Said("tool", told, read.results, read.images)
    named = message.get("tool_call_id") or message.get("tool_use_id")
    text = said if calls else told
    turn = Turn(_ROLE[role], text, calls, str(named) if role == "tool" and named else "")
    return Said(_ROLE[role], told, (turn,), read.images)


def _read(content: object) -> _Content:
    """Text, tool calls, tool results and images of a content that is a text or a list of parts."""
    if content is None or isinstance(content, str):
        return _Content(content or "")
    if isinstance(content, Mapping) and isinstance(content.get("parts"), list):
        content = content["parts"]
    texts: list[str] = []
    calls: list[ToolCall] = []
    results: list[Turn] = []
    images: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        kind = str(part.get("type", "text")) if isinstance(part, Mapping) else "text"
        if isinstance(part, str):
            texts.append(part)
        elif not isinstance(part, Mapping):
            raise ValueError("a message holds something other than text")
        elif kind == "tool_use":
            calls.append(ToolCall(str(part.get("name", "a tool")), _json(part.get("input")), str(part.get("id") or "")))
        elif kind == "tool_result":
            told = _read(part.get("content"))
            results.append(Turn("tool", told.text, result_of=str(part.get("tool_use_id") or "")))
            images += told.images
        elif kind in KINDS:
            images.append(image_in(part))
        elif isinstance(part.get("text"), str) and kind in ("text", "input_text", "output_text", "refusal"):
            texts.append(part["text"])
        else:
            raise ValueError(f"a message holds {_named(kind, part)}, which cannot be used yet")
    return _Content("".join(texts), tuple(calls), tuple(results), tuple(images))


def _named(kind: str, part: Mapping[str, object]) -> str:
    what = kind if kind != "text" else next(iter(part), "nothing")
    plain = what.removeprefix("input_").removesuffix("_url").removesuffix("_data")
    return f"{'an' if plain[:1] in 'aeiou' else 'a'} {quoted(plain, 30)} part"


def _calls(message: Mapping[str, object]) -> list[ToolCall]:
    calls = message.get("tool_calls") or ([message["function_call"]] if message.get("function_call") else [])
    made = []
    for call in calls if isinstance(calls, list) else [calls]:
        inner = call.get("function", call) if isinstance(call, Mapping) else call
        name = str(call.get("id") or "") if isinstance(call, Mapping) else ""
        if isinstance(inner, Mapping) and "name" in inner:
            made.append(ToolCall(str(inner["name"]), _json(inner.get("arguments")), name))
        else:
            made.append(ToolCall("", _json(inner), name))
    return made


def _written_call(text: str) -> ToolCall:
    """A call that is written as text: as JSON with `name` and `arguments`, or as `name(arguments)`."""
    try:
        inner = json.loads(text)
    except ValueError:
        inner = None
    if isinstance(inner, Mapping) and "name" in inner and inner.keys() <= {"name", "arguments"}:
        return ToolCall(str(inner["name"]), _json(inner.get("arguments")), "")
    name, bracket, rest = text.partition("(")
    if bracket and rest.endswith(")") and name.isidentifier():
        return ToolCall(name, rest[:-1], "")
    return ToolCall("", text, "")


def _json(value: object) -> str:
    return value if isinstance(value, str) else to_text(value) if value is not None else ""
