"""`tailor run`: climb the ladder, with what happens shown as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as RichTask
from rich.text import Text

from tailor.cli.sending import AllowHttp, Yes, ask_to_send
from tailor.cli.terminal import Screen, plain_console
from tailor.decide.formats import format_money, format_percent, format_target
from tailor.project import REPORT_FILE
from tailor.study import Step

if TYPE_CHECKING:
    from tailor.store.spending import Spent

STYLES = {"measured": "bold", "measured in part": "bold", "stopped early": "dim", "no time": "yellow", "failed": "red"}


class Paid(ProgressColumn):
    """What endpoints were paid so far, as the bar is drawn."""

    def __init__(self, amount: Callable[[], str]) -> None:
        super().__init__()
        self.amount = amount

    def render(self, task: RichTask) -> Text:
        """The amount."""
        return Text(f"{self.amount()} paid")


class Live:
    """Shows a climb in the terminal: one line per step, a moving line for what runs now, time left and money paid."""

    def __init__(self, console: Screen, currency: str, max_minutes: float | None = None) -> None:
        self.console = console
        self.currency = currency
        self.ends = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        self.last_note = ""
        self.bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.now = self.bar.add_task("starting", total=None)

    def began(self, rung: str, system: str) -> None:
        """Show what runs now."""
        left = "" if self.ends is None else f", {max(0.0, self.ends - time.monotonic()) / 60:.1f} min left"
        self.bar.reset(self.now, total=None, description=f"{rung}: {system}{left}")

    def pays(self, spent: Callable[[], Spent]) -> None:
        """Show what endpoints are paid: every answered call, those of a judge, of asking again and of further tries included."""
        from tailor.decide.bill import paid_amount

        self.bar.columns = (*self.bar.columns, Paid(lambda: paid_amount(spent(), self.currency)))

    def progress(self, done: int, total: int) -> None:
        """Move the bar."""
        self.bar.update(self.now, completed=done, total=total)

    def ended(self, step: Step) -> None:
        """Print the step's line."""
        style = STYLES.get(step.status, "dim")
        line = Text(f"{step.rung:<20} {step.system:<34}", style)
        if step.dev is None:
            line.append(f" {step.status}")
        else:
            line.append(f" {format_percent(step.dev.mean):>7}", "bold")
            if step.dev.low is not None and step.dev.high is not None:
                line.append(f" {f'[{100 * step.dev.low:.0f}, {100 * step.dev.high:.0f}]':>9}")
            if step.cost is not None and step.cost.per_1000 is not None:
                line.append(f"  {format_money(step.cost.per_1000, self.currency)} per 1,000")
            line.append(f"  {step.seconds:.0f} s")
        self.console.print(line, soft_wrap=True)  # a row of a table is never folded
        self.last_note = step.note
        if step.note:
            self.console.print(f"  {step.note}", style="dim")

    def said(self, text: str) -> None:
        """Print a sentence, unless it stands right above."""
        if text != self.last_note:
            self.console.print(text)


def run(
    project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")] = Path("."),
    everything: Annotated[bool, typer.Option("--all", help="Climb every rung, also those that are not needed.")] = False,
    max_minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Try what promises most for its time, and leave time for the final test.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0.0, help="Most that all runs together may pay endpoints; stands in for `budget`.")
    ] = None,
    ask_again: Annotated[
        bool | None,
        typer.Option("--ask-again/--no-ask-again", help="Ask the finalists again to see how steady they are (`ask_again`)."),
    ] = None,
    yes: Yes = False,
    allow_http: AllowHttp = False,
) -> None:
    """Measure the ways of answering on your data, and decide."""
    from tailor.cli.models import fetch_missing
    from tailor.decide.bill import spent_sentence
    from tailor.experiment import run as run_experiment
    from tailor.project import load_project
    from tailor.report.html import write_report

    console = plain_console()
    opened = load_project(project)
    ask_to_send(console, opened, yes=yes, allow_http=allow_http)
    fetch_missing(console, opened.task)
    task = opened.task
    console.print(
        Text(task.name, "bold"),
        f": target {format_target(task.target)} {task.scored_by}, model {task.model.name}. "
        "Scores below are on dev, with 95 % intervals; the sealed test set decides.\n",
        sep="",
    )
    live = Live(console, task.prices.currency, max_minutes)
    with live.bar:
        study = run_experiment(opened, live, everything=everything, max_minutes=max_minutes, budget=budget, ask_again=ask_again)
    if study.decision is not None:
        console.print(f"\n{study.decision.headline}", style="bold")
        for reason in study.decision.changes:
            console.print(f"- {reason}")
    if study.spent is not None:
        console.print(f"\n{spent_sentence(study.spent, task.prices.currency)}")
    path = write_report(study, opened.folder / REPORT_FILE)
    console.print(f"\nReport: {path}")
