"""`tailor run`: climb the ladder, with what happens shown as it happens."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from tailor.cli.sending import AllowHttp, AllowPersonal, Yes, ask_about_personal, ask_to_send
from tailor.cli.terminal import Screen, plain_console
from tailor.decide.formats import format_target, listed
from tailor.errors import ConfigError
from tailor.project import REPORT_FILE, Project
from tailor.results import Study
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
    again: Annotated[
        bool, typer.Option("--again", help="Decide again, with what was audited while the system was served, on unseen rows.")
    ] = False,
    fresh: Annotated[Path | None, typer.Option(help="With --again: fresh rows with their right answers, to decide by.")] = None,
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
    limits: dict[str, Any] = {"everything": everything, "max_minutes": max_minutes, "budget": budget, "ask_again": ask_again}
    if again:
        study = _decide_again(console, live, opened, fresh, limits)
    elif fresh is not None:
        raise ConfigError("--fresh is for --again", "Name the data in tailor.yaml, or decide again with --again.")
    else:
        with live.bar:
            study = run_experiment(opened, live, **limits)
    if study.decision is not None:
        console.print(f"\n{study.decision.headline}", style="bold")
        for sentence in (*study.decision.changes, *study.decision.handing_over):
            console.print(f"- {sentence}")
    if study.spent is not None:
        console.print(f"\n{spent_sentence(study.spent, task.prices.currency)}")
    path = write_report(study, opened.folder / REPORT_FILE)
    console.print(f"\nReport: {path}")


def _decide_again(console: Screen, live: Live, opened: Project, fresh: Path | None, limits: dict[str, Any]) -> Study:
    """Say what deciding again takes, ask where someone can be asked, decide, and show both decisions."""
    from tailor.decide.again import outcome, side_by_side
    from tailor.watching.again import decide_again, plan

    planned = plan(opened, fresh)
    for sentence in planned.sentences:
        console.print(sentence)
    if sys.stdin.isatty() and not typer.confirm("Decide again?", default=True):
        raise ConfigError("nothing was opened", "Run the same command again when you want to decide.")
    with live.bar:
        study = decide_again(opened, planned, live, **limits)
    table = Table(box=None, pad_edge=False)
    for name in ("", "before", "now"):
        table.add_column(name)
    for row in side_by_side(planned.old.decision, study.decision):
        table.add_row(*row)
    console.print()
    console.print(table)
    console.print(f"\n{outcome(planned.old.decision, study.decision)}", style="bold")
    return study
