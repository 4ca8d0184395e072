"""Printing for people: what all commands that tell something share."""

from __future__ import annotations

from rich.console import Console


def plain_console(stderr: bool = False) -> Console:
    """A console without guessed colours. A terminal gets lines that end between words; a file or a pipe gets them whole."""
    console = Console(stderr=stderr, highlight=False)
    console.soft_wrap = not console.is_terminal
    return console
