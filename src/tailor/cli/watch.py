"""`tailor watch`: what a served system is asked and answers, against what was certified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tailor.cli.sending import AllowHttp, Yes, ask_to_send
from tailor.cli.terminal import Screen, echo_json, plain_console

if TYPE_CHECKING:
    from tailor.watching.replay import Replay
    from tailor.watching.watch import Watch

CHANGED = 1
"""Exit status where someone should look at it."""


def watch(
    project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")] = Path("."),
    audit: Annotated[
        Path | None,
        typer.Option(help="Sheet (CSV) for judging what was drawn for the audit: verdicts are taken over, the rest is written."),
    ] = None,
    ask: Annotated[
        bool,
        typer.Option("--replay", help="Let the finalists answer what was audited: would the decision change? Says the cost."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The HTML file to write; watch.html in the project unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead, and write no page.")] = False,
    yes: Yes = False,
    allow_http: AllowHttp = False,
) -> None:
    """Say whether what the served system is asked has changed, and whether its answers have become worse.

    Exit status 1 where something has changed, otherwise 0.
    """
    from tailor.decide.formats import counted
    from tailor.project import WATCH_FILE, load_project
    from tailor.watching.audit import take_over, write_audit
    from tailor.watching.page import write_page
    from tailor.watching.replay import replay
    from tailor.watching.watch import watch
    from tailor.watching.words import as_record

    opened, console = load_project(project), plain_console(stderr=as_json)
    taken = take_over(opened, audit) if audit is not None else 0
    found = watch(opened)
    if audit is not None:
        written = write_audit(audit, opened.task, found.quality.waiting)
        told = f"Took {counted(taken, 'verdict')} from {audit}, and wrote {counted(written, 'request')} to judge there."
        console.print(told)
    replayed = None
    if ask:
        ask_to_send(plain_console(stderr=True), opened, yes=yes, allow_http=allow_http)
        replayed = replay(opened, console.print)
    if as_json:
        echo_json(as_record(found, replayed))
    else:
        _show(console, found, replayed)
        console.print(f"Page: {write_page(found, output or opened.folder / WATCH_FILE, replayed)}")
    raise typer.Exit(CHANGED if found.is_alarm or (replayed is not None and replayed.better) else 0)


def _show(console: Screen, found: Watch, replayed: Replay | None) -> None:
    from tailor.watching.words import findings, format_p, sentences

    console.print(found.sentence, style="bold")
    table = Table(box=None, pad_edge=False)
    for name in ("window", "tested", "what was seen", "p", ""):
        table.add_column(name)
    for number, finding in findings(found):
        changed = "changed" if finding.is_alarm else ""
        table.add_row(str(number), finding.name, finding.says, format_p(finding), changed, style="bold" if changed else None)
    if table.row_count:
        console.print(table)
    for sentence in (*sentences(found), *([replayed.sentence] if replayed is not None else [])):
        console.print(sentence)
