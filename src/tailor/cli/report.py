"""`tailor report PROJECT`: the last study as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailor.experiment import load_study
from tailor.project import load_project
from tailor.report.html import write_report

FILE_NAME = "report.html"


def report(
    project: Annotated[Path, typer.Argument(help="Project folder or its tailor.yaml.")] = Path("."),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"The HTML file to write; {FILE_NAME} in the project folder if left out.")
    ] = None,
) -> None:
    """Write the report of the last run as one HTML file."""
    folder = load_project(project).folder
    typer.echo(write_report(load_study(folder), output or folder / FILE_NAME))
