"""`tailor store`: check, back up and repair what a project has saved."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tailor.cli.terminal import plain_console
from tailor.files import real_path

if TYPE_CHECKING:
    from tailor.store.salvage import StoreCondition

app = typer.Typer(help="Check, back up and repair what a project has saved.", no_args_is_help=True)
Project = Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")]


@app.command("check")
def check_store(project: Project = Path(".")) -> None:
    """Compare every saved answer, opening, study, label and note on a call with its seal; exit status 1 for damage."""
    from tailor.store.salvage import check

    found = check(_store(project))
    _tell(found)
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
    from tailor.store.calls import SPENDING
    from tailor.store.database import LEDGER, connect
    from tailor.store.labels import LABELS
    from tailor.store.migrate import BACKUPS, backup

    store = _store(project)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    target = output or store / BACKUPS / f"ledger-{now}.db"
    others = {SPENDING: "spending", LABELS: "labels"}
    files = {store / LEDGER: target} | {store / n: target.with_name(f"{target.stem}-{w}{target.suffix}") for n, w in others.items()}
    copies = {path: copy for path, copy in files.items() if path.exists()}
    for copy in copies.values():
        if copy.exists():
            raise ConfigError(f"{quoted(copy, 200)} is there already", "name a new file")
    for path, copy in copies.items():
        db = connect(path, write=False)
        try:
            backup(db, path, real_path(copy))
        finally:
            db.close()
        plain_console().print(f"Copy: {copy}. To restore it, replace {path} with it while nothing is running.")


@app.command("repair")
def repair_store(project: Project = Path(".")) -> None:
    """Rebuild a damaged store from every record that is whole; the damaged file is kept."""
    from tailor.store.salvage import repair

    found = repair(_store(project))
    _tell(found)
    console = plain_console()
    console.print(
        "Nothing had to be repaired." if found.aside is None else f"Repaired. The damaged files are kept in {found.aside}."
    )


def _store(project: Path) -> Path:
    from tailor.errors import StoreError
    from tailor.project import load_project
    from tailor.store.database import LEDGER
    from tailor.store.labels import LABELS

    store = load_project(project).store
    if not any((store / name).exists() for name in (LEDGER, LABELS)):
        raise StoreError(f"{project} has nothing saved yet", f"run `tailor run {project}` first")
    return store


def _tell(found: StoreCondition) -> None:
    from tailor.decide.formats import counted

    console = plain_console()
    openings, notes = counted(found.openings, "opening"), counted(found.calls, "note")
    studies = f"{found.studies:,} {'study' if found.studies == 1 else 'studies'}"
    labels = [f"{counted(found.labels, 'label')} by people"] if found.labels else []
    whole = [counted(found.answers, "answer"), f"{openings} of test sets", studies, *labels]
    console.print(f"Whole are {', '.join(whole)} and {notes} on calls to endpoints.")
    for problem in found.problems:
        console.print(f"- {problem}")
