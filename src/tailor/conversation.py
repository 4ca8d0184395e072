"""Conversations: turns with roles, calls of tools and their results, kept in a cell as canonical JSON.

A cell that holds one is text like any other until it is asked: then its turns become messages (`tailor.render`), and readers of
text take what the user said last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]
HEAD = '{"turns":['
"""How every cell with a conversation begins, and no other."""
COLUMN = "messages"
"""The column that readers of chats make of the turns before the right answer."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool by the assistant.

    Attributes:
        name: of the tool.
        arguments: as written, mostly JSON.
        id: by which a result names the call.
    """

    name: str
    arguments: str
    id: str

    @property
    def words(self) -> str:
        """The call as text, for models that take no calls, and for people."""
        return f"{self.name}({self.arguments})" if self.name else self.arguments


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn.

    Attributes:
        role: who speaks.
        text: what is said; of a tool, its result.
        calls: tools that the assistant calls in it.
        result_of: the id of the call whose result it is.
    """

    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()
    result_of: str = ""

    @property
    def words(self) -> str:
        """All of it as text."""
        return with_calls(self.text, self.calls)


def with_calls(text: str, calls: Iterable[ToolCall]) -> str:
    """What is said with the tools that are called, as text."""
    return " ".join(filter(None, (text, *(f"calls {call.words}" for call in calls))))


def written(turns: Iterable[Turn]) -> str:
    """The cell that holds these turns."""
    return HEAD + ",".join(json.dumps(_record(turn), ensure_ascii=False, separators=(",", ":")) for turn in turns) + "]}"


def _record(turn: Turn) -> dict[str, object]:
    record: dict[str, object] = {"role": turn.role, "text": turn.text}
    if turn.calls:
        record["calls"] = [{"name": call.name, "arguments": call.arguments, "id": call.id} for call in turn.calls]
    return record | ({"result_of": turn.result_of} if turn.result_of else {})


def turns_in(cell: str) -> tuple[Turn, ...]:
    """The turns in a cell; none where it holds no conversation."""
    return _read(cell) if cell.startswith(HEAD) else ()


@lru_cache(maxsize=4096)
def _read(cell: str) -> tuple[Turn, ...]:
    try:
        return tuple(
            Turn(
                turn["role"],
                turn["text"],
                tuple(ToolCall(call["name"], call["arguments"], call["id"]) for call in turn.get("calls", ())),
                turn.get("result_of", ""),
            )
            for turn in json.loads(cell)["turns"]
        )
    except (ValueError, KeyError, TypeError):
        return ()  # a text that only begins like one


def place_asked(turns: Sequence[Turn]) -> int:
    """The place of the user's last turn; -1 where the user says nothing."""
    return max((place for place, turn in enumerate(turns) if turn.role == "user"), default=-1)


def asked_in(cell: str) -> str:
    """What the user said last in the conversation that a cell holds; any other cell as it is."""
    turns = turns_in(cell)
    return turns[place].text if turns and (place := place_asked(turns)) >= 0 else cell


def transcript(turns: Iterable[Turn]) -> str:
    """The turns as text, for people and for readers of text that need all of them."""
    return "\n".join(f"{turn.role}: {turn.words}" for turn in turns)


def readable(cell: str) -> str:
    """A cell as people read it: a conversation as its transcript, any other as it is."""
    return transcript(turns) if (turns := turns_in(cell)) else cell


def compared(cell: str) -> str:
    """A cell as rows are compared by it: of a conversation what is said in it, without the system turns, which most rows share."""
    turns = turns_in(cell)
    return "\n".join(turn.words for turn in turns if turn.role != "system") if turns else cell


def reworded(cell: str, change: Callable[[str], str]) -> str:
    """A cell with its text changed; of a conversation, what the user said last."""
    if not (turns := turns_in(cell)):
        return change(cell)
    place = place_asked(turns)
    return written(replace(turn, text=change(turn.text)) if at == place else turn for at, turn in enumerate(turns))
