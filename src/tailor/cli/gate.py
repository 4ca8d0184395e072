"""`tailor gate`: for continuous integration, whether the chosen system is still what was certified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tailor.cli.sending import AllowHttp, Yes, ask_to_send
from tailor.cli.terminal import plain_console

CODES = {"passed": 0, "worse": 1, "not enough rows": 3}
"""Exit status by outcome; 2 is a mistake of the user's, as everywhere."""


def gate(
    project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")] = Path("."),
    split: Annotated[str, typer.Option(help="Rows to measure on; test and reserve are opened, which counts as ever.")] = "dev",
    file: Annotated[Path | None, typer.Option(help="Fresh rows with their right answers, instead of a split.")] = None,
    confidence: Annotated[float, typer.Option(help="Confidence with which what is said shall hold.")] = 0.95,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML into this file.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write JSON into this file.")] = None,
    yes: Yes = False,
    allow_http: AllowHttp = False,
) -> None:
    """Measure the chosen system again, and say whether it is worse than certified or than it was.

    Exit status 0 passed, 1 worse, 3 not enough rows to tell.
    """
    from tailor.asking import answering
    from tailor.decide.formats import counted
    from tailor.files import write_atomically
    from tailor.project import load_project
    from tailor.watching.gate import gate as hold
    from tailor.watching.gate import refuse_split
    from tailor.watching.junit import as_junit, as_record

    opened, console = load_project(project), plain_console()
    name = refuse_split(split)
    ask_to_send(plain_console(stderr=True), answering(opened).project, yes=yes, allow_http=allow_http)
    found = hold(opened, split=name, file=file, confidence=confidence)
    if junit is not None:
        write_atomically(junit, as_junit(found), mode=0o644)
    if json_file is not None:
        write_atomically(json_file, json.dumps(as_record(found), indent=2) + "\n", mode=0o644)
    console.print(found.sentence, style="bold")
    if found.left_out:
        console.print(
            f"{counted(found.left_out, 'row')} of the file left out: known from the study or a test set, or nearly the same."
        )
    for check in found.checks:
        console.print(f"- {check.name}: {check.sentence}")
    if found.opening is not None:
        console.print(f"This was opening number {found.opening} of these rows.")
    for turned in found.turned[:10]:
        console.print(
            f"  {turned.row} is {'right' if turned.is_right else 'wrong'} now: {turned.before} -> {turned.now}", markup=False
        )
    raise typer.Exit(CODES[found.outcome])
