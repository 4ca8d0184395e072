"""How long texts are, before any model is at hand."""

from __future__ import annotations

CHARACTERS_PER_TOKEN = 4
"""A common rule of thumb for English text; other languages take more tokens."""


def estimate_tokens(text: str) -> int:
    """Tokens of a text, at four characters each, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)
