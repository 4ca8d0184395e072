"""`tailor watch`: what a served system is asked and answers, against what was certified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tailor.cli.terminal import echo_json, plain_console

CHANGED = 1
"""Exit status where somebody should look at it."""


def watch(
    project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")] = Path("."),
    audit: Annotated[
        Path | None,
        typer.Option(help="Sheet (CSV) for judging what was drawn for the audit: verdicts are taken over, the rest is written."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Say whether what the served system is asked has changed, and whether its answers have become worse.

    Exit status 1 where something has changed, otherwise 0.
    """
    from tailor.project import load_project
    from tailor.watching.audit import take_over, write_audit
    from tailor.watching.watch import as_record, watch
    from tailor.watching.words import findings, format_p, sentences

    opened, console = load_project(project), plain_console()
    taken = take_over(opened, audit) if audit is not None else 0
    found = watch(opened)
    written = write_audit(audit, opened.task, found.quality.waiting) if audit is not None else 0
    if as_json:
        echo_json(as_record(found))
        raise typer.Exit(CHANGED if found.is_alarm else 0)
    console.print(found.sentence, style="bold")
    if audit is not None:
        console.print(f"Took {taken:,} verdicts from {audit}, and wrote {written:,} requests to judge there.")
    table = Table(box=None, pad_edge=False)
    for name in ("window", "tested", "what was seen", "p", ""):
        table.add_column(name)
    for number, finding in findings(found):
        changed = "changed" if finding.is_alarm else ""
        table.add_row(str(number), finding.name, finding.says, format_p(finding), changed, style="bold" if changed else None)
    if table.row_count:
        console.print(table)
    for sentence in sentences(found):
        console.print(sentence)
    raise typer.Exit(CHANGED if found.is_alarm else 0)
