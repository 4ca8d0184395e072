"""`tailor models`: list, fetch and check the built-in models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from tailor.cli.terminal import Screen
from tailor.errors import ModelNotFound, did_you_mean, quoted
from tailor.models.cache import BUILT_INS, BuiltIn, cache_folder, damage
from tailor.models.cache import Progress as OnProgress
from tailor.models.catalogue import fetch, known, needed
from tailor.task import Task

STAGES = {
    "download": "fetching",
    "check": "checking",
    "convert": "converting, about half a minute",
    "wait": "waiting for another process",
}

app = typer.Typer(help="List, fetch and check the built-in models.", no_args_is_help=False)
Names = Annotated[list[str] | None, typer.Argument(help="Names of built-in models; all of them if left out.", show_default=False)]


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List the built-in models."""
    if context.invoked_subcommand is not None:
        return
    table = Table("Name", "Kind", "Licence", "Size", "Fetched", "What it is", box=None)
    for entry in known():
        fetched = "yes" if entry.fetched else "no"
        table.add_row(entry.name, entry.kind, entry.licence, f"{entry.megabytes:,.0f} MB", fetched, entry.what)
    console = Screen()
    console.print(table)
    notes = (
        f"Kept in {cache_folder() / 'models'}; `tailor models pull` fetches what is missing.",
        "Also accepted as a model: a folder of safetensors, a Hub name such as org/name, fake, and with base_url the name of a "
        "model at an OpenAI-compatible endpoint.",
    )
    console.print("", *notes, sep="\n", soft_wrap=True)


@app.command("pull")
def pull_models(names: Names = None) -> None:
    """Fetch built-in models into the cache; what is there and undamaged stays."""
    console = Screen()
    for built in _chosen(names):
        with progress_bar(console, built.name) as on_progress:
            folder = fetch(built, on_progress, repair=True)
        console.print(f"{built.name} is ready in {folder}", soft_wrap=True)


@app.command("check")
def check_models(names: Names = None) -> None:
    """Read every file of the local models and compare its SHA-256; exit status 1 when one is damaged."""
    console, is_damaged = Screen(), False
    for built in _chosen(names):
        if not built.folder.exists():
            console.print(f"{built.name}: not here yet")
            continue
        problems = damage(built)
        is_damaged = is_damaged or bool(problems)
        verdict = f"damaged; run `tailor models pull {built.name}`" if problems else "complete and unchanged"
        console.print("\n".join([f"{built.name}: {verdict}", *(f"  {problem}" for problem in problems)]), soft_wrap=True)
    if is_damaged:
        raise typer.Exit(1)


@contextmanager
def progress_bar(console: Screen, name: str) -> Iterator[OnProgress]:
    """A bar that follows the stages of fetching a model; nothing is drawn until the first stage begins."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        shown: list[tuple[str, TaskID]] = []  # the stage under way, once there is one

        def on_progress(stage: str, done: int, total: int) -> None:
            if not shown or shown[-1][0] != stage:
                for _, task in shown:
                    bar.update(task, visible=False)
                shown.append((stage, bar.add_task(f"{name}: {STAGES.get(stage, stage)}", total=None)))
                bar.refresh()
            bar.update(shown[-1][1], completed=done, total=total or None)

        yield on_progress


def fetch_missing(console: Screen, task: Task) -> None:
    """Fetch the built-in models that a task needs and that are not here yet, with a progress bar."""
    for built in needed(task):
        with progress_bar(console, built.name) as on_progress:
            fetch(built, on_progress)


def _chosen(names: list[str] | None) -> list[BuiltIn]:
    for name in names or ():
        if name not in BUILT_INS:
            raise ModelNotFound(
                f"{quoted(name)} is not a built-in model{did_you_mean(name, BUILT_INS)}", f"Built in are {', '.join(BUILT_INS)}."
            )
    return [BUILT_INS[name] for name in names or BUILT_INS]
