"""Telling a model's thought from its answer, in text as models of today write it."""

from __future__ import annotations

import re

NAME = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad|seed:think)"
OPEN = rf"<{NAME}>|\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|START_THINKING\|>|<\|channel>thought"
CLOSE = rf"</{NAME}>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>|<channel\|>"
"""Marks around a thought: the tags of most open models, of Mistral's, Kimi's, Cohere's and Google's."""
PAIR = re.compile(rf"(?:{OPEN})(.*?)(?:{CLOSE})", re.DOTALL | re.IGNORECASE)
OPENED = re.compile(rf"\s*(?:{OPEN})(.*)\Z", re.DOTALL | re.IGNORECASE)
CLOSED = re.compile(rf"\A(.*)(?:{CLOSE})", re.DOTALL | re.IGNORECASE)
CHANNEL = re.compile(
    r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>(.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)", re.DOTALL | re.IGNORECASE
)
BARE_CHANNELS = re.compile(r"\Aanalysis(?=[A-Z\s])(.*?)assistant\s*final(.*)\Z", re.DOTALL)
"""What is left of channels by a server that drops special tokens."""
AROUND_ANSWER = re.compile(r"<\|(?:begin|end)_of_solution\|>|<\|(?:START|END)_(?:RESPONSE|TEXT)\|>")


def split_thought(text: str) -> tuple[str, str]:
    """The thought and the answer in a model's text, both stripped; the thought is empty where the model only answers.

    A thought is between marks, behind a mark that is never closed (it was cut off: there is no answer then), in front of a
    closing mark whose opening one was in the prompt, or in any channel but `final`.
    """
    channels = CHANNEL.findall(text)
    if channels:
        thoughts = [said for name, said in channels if name.lower() != "final"]
        answers = [said for name, said in channels if name.lower() == "final"]
        return _joined(thoughts), _joined(answers)
    if bare := BARE_CHANNELS.match(text):
        return bare[1].strip(), bare[2].strip()
    thoughts = PAIR.findall(text)
    text = PAIR.sub("", text)
    if opened := OPENED.match(text):
        return _joined([*thoughts, opened[1]]), ""
    if closed := CLOSED.match(text):
        thoughts.append(closed[1])
        text = text[closed.end() :]
    return _joined(thoughts), AROUND_ANSWER.sub("", text).strip()


def _joined(pieces: list[str]) -> str:
    return "\n\n".join(piece.strip() for piece in pieces if piece.strip())
