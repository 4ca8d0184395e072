"""Chats that are written into one text with the marks of a model's template: ChatML, Llama, Gemma, Mistral and others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Object = Mapping[str, object]

_ROLE = r"(system|user|assistant|human|gpt|bot|model|tool|developer|observation)"
_MARKS = (
    re.compile(rf"<\|im_start\|>\s*{_ROLE}\s*?\n", re.IGNORECASE),
    re.compile(rf"<\|start_header_id\|>\s*{_ROLE}\s*<\|end_header_id\|>", re.IGNORECASE),
    re.compile(rf"<start_of_turn>\s*{_ROLE}\s*?\n", re.IGNORECASE),
    re.compile(rf"<\|{_ROLE}\|>", re.IGNORECASE),
    re.compile(rf"###\s*{_ROLE}\s*:", re.IGNORECASE),
    re.compile(rf"^{_ROLE}\s*:(?=\s)", re.IGNORECASE | re.MULTILINE),
)
"""In front of a turn, with the name of who speaks."""
_ENDS = re.compile(
    r"<\|im_end\|>|<\|eot_id\|>|<end_of_turn>|<\|end\|>|<\|endoftext\|>|<\|end_of_text\|>|<\|begin_of_text\|>|</?s>|<bos>|<eos>"
)
_INSTRUCTED = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=\[INST\]|\Z)", re.DOTALL)
_SYSTEM = re.compile(r"<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_ALPACA = re.compile(
    r"(?:^|\n)###\s*Instruction:\s*(?P<told>.*?)(?:\n###\s*Input:\s*(?P<input>.*?))?\n###\s*Response:(?P<said>.*)\Z",
    re.DOTALL | re.IGNORECASE,
)
_LABELS = frozenset("label labels label_text category class intent topic sentiment emotion target rating".split())
_SPEAKER = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "observation": "tool"}


def turns_in(text: str) -> list[dict[str, str]]:
    """The turns of a chat written as one text, as messages with `role` and `content`; none where the text is no chat."""
    text = _ENDS.sub("", text).strip() if "<" in text else text.strip()
    if "[/INST]" in text:
        return _instructed(text)
    if "###" in text and (alpaca := _ALPACA.search(text)):
        asked = "\n".join(filter(None, (alpaca["told"].strip(), (alpaca["input"] or "").strip())))
        return _messages([("user", asked), ("assistant", alpaca["said"])])
    for mark in _MARKS:
        if mark.match(text):
            parts = mark.split(text)[1:]
            turns = [(role.casefold(), said) for role, said in zip(parts[::2], parts[1::2], strict=True)]
            return _messages([(_SPEAKER.get(role, role), said) for role, said in turns])
    return []


def with_chats_in_texts(rows: Sequence[Object]) -> tuple[Sequence[Object], str]:
    """The rows with chats that a column holds as text as lists of `messages`, and the name of that column.

    A column holds chats where most of its texts are some; one that is none stays a text, so that its row is refused. Next to a
    column of labels a chat is what is labelled, and stays as it is.
    """
    if any(key.casefold() in _LABELS for row in rows[:1] for key in row):
        return rows, ""
    for column in dict.fromkeys(key for row in rows[:1] for key in row):
        read = [turns_in(cell) if isinstance(cell := row.get(column), str) else [] for row in rows]
        chats = sum({"user", "assistant"} <= {turn["role"] for turn in turns} for turns in read)
        if 2 * chats > len(rows) and not any("messages" in row for row in rows):
            kept = ({key: value for key, value in row.items() if key != column} for row in rows)
            return [
                {**row, "messages": turns or before.get(column)} for row, turns, before in zip(kept, read, rows, strict=True)
            ], column
    return rows, ""


def _instructed(text: str) -> list[dict[str, str]]:
    turns: list[tuple[str, str]] = []
    for asked, said in _INSTRUCTED.findall(text):
        if told := _SYSTEM.search(asked):
            turns.append(("system", told[1]))
        turns += [("user", _SYSTEM.sub("", asked)), ("assistant", said)]
    return _messages(turns)


def _messages(turns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": said.strip()} for role, said in turns]
