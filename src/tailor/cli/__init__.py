"""The command line: one file per command; each parses, calls one function and prints."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from tailor.cli.advise import advise
from tailor.cli.check import check
from tailor.cli.export import export
from tailor.cli.gate import gate
from tailor.cli.init import init
from tailor.cli.judge import judge
from tailor.cli.label import label
from tailor.cli.models import app as models
from tailor.cli.probe import probe
from tailor.cli.report import report
from tailor.cli.run import run
from tailor.cli.serve import serve
from tailor.cli.show import show
from tailor.cli.store import app as store
from tailor.cli.terminal import keep_printing, plain_console
from tailor.cli.tryout import tryout
from tailor.cli.watch import watch
from tailor.cli.worth import worth
from tailor.errors import TailorError
from tailor.files import unwritten


class Commands(TyperGroup):
    """The boundary to the user: a mistake ends in one sentence and exit code 2, Ctrl-C in 130, SIGTERM in 143; no tracebacks."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        console = plain_console(stderr=True)
        try:
            with stopped_by_sigterm():
                return super().invoke(ctx)
        except (TailorError, OSError) as error:
            told = error if isinstance(error, TailorError) else unwritten(error)
            if told is None:
                raise
            console.print(f"Error: {told}", style="red")
            if told.hint:
                console.print(f"What to do: {told.hint}")
            raise typer.Exit(2) from None
        except KeyboardInterrupt as stop:
            console.print("Stopped. What was measured is kept; the same command continues from here.")
            raise typer.Exit(128 + getattr(stop, "number", signal.SIGINT)) from None


class Terminated(KeyboardInterrupt):
    """The system or a scheduler asked for an end; it is treated as Ctrl-C is."""

    number = signal.SIGTERM


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end what runs inside as Ctrl-C does, so that it is put in order and ends with a sentence."""

    def stop(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():  # elsewhere Python takes no signals
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


app = typer.Typer(
    name="tailor",
    cls=Commands,
    help="Measure whether to prompt, retrieve, fine-tune or combine them, on your own data; then use what won.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(init)
app.command()(advise)
app.command()(check)
app.command()(label)
app.command()(worth)
app.command()(run)
app.command()(judge)
app.command()(probe)
app.command()(report)
app.command(name="try")(tryout)
app.command()(watch)
app.command()(gate)
app.command()(show)
app.command()(export)
app.command()(serve)
app.add_typer(models, name="models")
app.add_typer(store, name="store")


def main() -> None:
    """Run the command line."""
    keep_printing()
    app()
