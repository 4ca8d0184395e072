"""`tailor store`: check, back up and repair what a project has saved."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tailor.cli.terminal import plain_console

app = typer.Typer(help="Check, back up and repair what a project has saved.", no_args_is_help=True)
Project = Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")]


@app.command("check")
def check_store(project: Project = Path(".")) -> None:
    """Compare every saved answer, opening and study with its seal; exit status 1 when something is damaged."""
    from tailor.store.salvage import check

    found = check(_store(project))
    _tell(found.answers, found.openings, found.studies, found.problems)
    if found.problems:
        plain_console().print(f"What to do: run `tailor store repair {project}`.")
        raise typer.Exit(1)


@app.command("backup")
def backup_store(
    project: Project = Path("."),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; one under `.tailor/backups` if left out.")
    ] = None,
) -> None:
    """Write a checked copy of everything saved; a run may go on meanwhile."""
    from tailor.errors import ConfigError, quoted
    from tailor.store.database import LEDGER, connect
    from tailor.store.migrate import BACKUPS, backup

    store = _store(project)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    target = output or store / BACKUPS / f"ledger-{now}.db"
    if target.exists():
        raise ConfigError(f"{quoted(target, 200)} is there already", "name a new file")
    db = connect(store / LEDGER, write=False)
    try:
        backup(db, store / LEDGER, target.resolve())
    finally:
        db.close()
    plain_console().print(f"Copy: {target}. To go back to it, put it in the place of {store / LEDGER} while nothing runs.")


@app.command("repair")
def repair_store(project: Project = Path(".")) -> None:
    """Make a damaged store anew from every record that is whole; the damaged file is kept."""
    from tailor.store.salvage import repair

    found = repair(_store(project))
    _tell(found.answers, found.openings, found.studies, found.problems)
    console = plain_console()
    console.print(
        "Nothing had to be repaired." if found.aside is None else f"Repaired. The damaged files are kept in {found.aside}."
    )


def _store(project: Path) -> Path:
    from tailor.errors import StoreError
    from tailor.project import load_project
    from tailor.store.database import LEDGER

    store = load_project(project).store
    if not (store / LEDGER).exists():
        raise StoreError(f"{project} has nothing saved yet", f"run `tailor run {project}` first")
    return store


def _tell(answers: int, openings: int, studies: int, problems: list[str]) -> None:
    console = plain_console()
    console.print(f"{answers:,} answers, {openings:,} openings of test sets and {studies:,} studies are whole.")
    for problem in problems:
        console.print(f"- {problem}")
