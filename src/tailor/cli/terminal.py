"""Printing for people: the one place where text reaches the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from tailor.errors import printable


class Screen(Console):
    """A console that takes text as text: no markup, no `:emoji:` codes, no guessed colours.

    Much of what is shown comes from outside: answers, documents, names, paths. Whatever is printed, in a table or a progress bar
    too, loses what would act on the terminal or hide (`printable`); only Rich's own control codes pass.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of something printable, with the text in them made safe."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def plain_console(stderr: bool = False) -> Screen:
    """A screen whose lines end between words on a terminal; a file or a pipe gets them whole."""
    console = Screen(stderr=stderr)
    console.soft_wrap = not console.is_terminal
    return console


def echo(text: object) -> None:
    """Print text on standard output, safe and otherwise as it is."""
    typer.echo(printable(str(text)))


def echo_json(record: object) -> None:
    """Print a record as JSON; what is not ASCII stands as escapes."""
    typer.echo(json.dumps(record, indent=2).replace("\x7f", "\\u007f"))


def keep_printing() -> None:
    """Let standard output and errors show as an escape what their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
