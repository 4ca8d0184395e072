"""How long texts are, before any model is loaded."""

from __future__ import annotations

from collections.abc import Callable

from tailor.content import IMAGE_TOKENS
from tailor.conversation import readable
from tailor.data.example import Example
from tailor.task import Task, columns_in

CHARACTERS_PER_TOKEN = 4
"""A common rule of thumb for English text; other languages take more tokens."""


def estimate_tokens(text: str) -> int:
    """Tokens of a text, at four characters each, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def asked_tokens(task: Task, example: Example, count: Callable[[str], int]) -> int:
    """Tokens of what is asked: its texts, without the words of the template, and its images."""
    columns = columns_in(task.input)
    texts = [readable(example.fields[name]) for name in columns if name not in example.media]
    return count("\n".join(texts)) + IMAGE_TOKENS * (len(columns) - len(texts))
