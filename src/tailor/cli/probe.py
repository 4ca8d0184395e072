"""`tailor probe PROJECT`: what changed and hostile documents do to the finalists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailor.cli.sending import AllowHttp, AllowPersonal, Yes, ask_about_personal, ask_to_send
from tailor.cli.terminal import plain_console
from tailor.project import REPORT_FILE
from tailor.screen import Live


def probe(
    project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")] = Path("."),
    fresh: Annotated[
        bool, typer.Option("--freshness/--no-freshness", help="Change facts in copies of the documents, and ask for them.")
    ] = True,
    hostile: Annotated[
        bool, typer.Option("--hostile/--no-hostile", help="Plant 75 instructions in retrieved passages, and see who obeys.")
    ] = True,
    yes: Yes = False,
    allow_http: AllowHttp = False,
    allow_personal: AllowPersonal = False,
) -> None:
    """Change documents, and plant instructions in them, to see what the finalists of the last run answer then."""
    from tailor.probing import probe as probe_finalists
    from tailor.project import load_project
    from tailor.report.html import write_report

    console = plain_console()
    opened = load_project(project)
    ask_to_send(console, opened, yes=yes, allow_http=allow_http)
    ask_about_personal(console, opened, allowed=allow_personal)
    live = Live(console, opened.task.prices.currency, None)
    with live.bar:
        study = probe_finalists(opened, live, fresh=fresh, hostile=hostile)
    console.print(f"\nReport: {write_report(study, opened.folder / REPORT_FILE)}")
