"""`tailor report PROJECT`: the last study as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailor.cli.terminal import echo
from tailor.project import REPORT_FILE


def report(
    project: Annotated[Path, typer.Argument(help="Project folder or its tailor.yaml.")] = Path("."),
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help=f"The HTML file to write, or a folder for it; {REPORT_FILE} in the project if left out."
        ),
    ] = None,
) -> None:
    """Write the report of the last run as one HTML file."""
    from tailor.project import load_project
    from tailor.report.html import write_report
    from tailor.saved import load_study

    folder = load_project(project).folder
    path = output or folder / REPORT_FILE
    echo(write_report(load_study(folder), path / REPORT_FILE if path.is_dir() else path))
