"""Printing for people: the one place where text of the commands reaches the terminal."""

from __future__ import annotations

import json
import sys

import typer

from tailor.errors import printable
from tailor.screen import Screen as Screen
from tailor.screen import plain_console as plain_console


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
