"""`tailor run`: climb the ladder, with what happens shown as it happens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tailor.cli.sending import AllowHttp, AllowPersonal, Yes, ask_about_personal, ask_to_send
from tailor.cli.terminal import plain_console
from tailor.decide.formats import format_target, listed
from tailor.project import REPORT_FILE
from tailor.screen import Live


def run(
    project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")] = Path("."),
    everything: Annotated[bool, typer.Option("--all", help="Climb every rung, also those that are not needed.")] = False,
    max_minutes: Annotated[
        float | None,
        typer.Option(min=0.1, help="Time limit in minutes: try the most promising first, and leave time for the final test."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0.0, help="The most that all runs together may pay endpoints; overrides `budget`.")
    ] = None,
    ask_again: Annotated[
        bool | None,
        typer.Option("--ask-again/--no-ask-again", help="Ask the finalists again to see how steady they are (`ask_again`)."),
    ] = None,
    yes: Yes = False,
    allow_http: AllowHttp = False,
    allow_personal: AllowPersonal = False,
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
    ask_about_personal(console, opened, allowed=allow_personal)
    fetch_missing(console, opened.task)
    task = opened.task
    names = [label or task.model.name for label in task.model_labels]
    models = f"model{'' if len(names) == 1 else 's'} {listed(names)}"
    console.print(
        Text(task.name, "bold"),
        f": target {format_target(task.target)} {task.scored_by.replace('_', ' ')}, {models}. "
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
