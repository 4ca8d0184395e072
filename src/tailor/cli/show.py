"""`tailor show`: the last decision."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated

import typer

from tailor.cli.terminal import echo, echo_json


def show(
    project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")] = Path("."),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Print the last decision."""
    from tailor.project import load_project
    from tailor.report.record import to_json
    from tailor.report.summary import summary_text
    from tailor.saved import load_study
    from tailor.watching.upkeep import retiring

    study = load_study(project)
    width = get_terminal_size().columns if sys.stdout.isatty() else None
    if as_json:
        echo_json(to_json(study))
    else:
        echo(summary_text(study, width))
        for notice in retiring(load_project(project), study, datetime.now(UTC).date()):
            echo(notice.says)
