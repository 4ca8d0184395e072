"""`tailor show`: the last decision."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated

import typer


def show(
    project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")] = Path("."),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Print the last decision."""
    from tailor.report.figures import summary_text, to_json
    from tailor.saved import load_study

    study = load_study(project)
    width = get_terminal_size().columns if sys.stdout.isatty() else None
    typer.echo(json.dumps(to_json(study), indent=2) if as_json else summary_text(study, width))
