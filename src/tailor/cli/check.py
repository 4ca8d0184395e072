"""`tailor check PROJECT`: the audit of the data, before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tailor.cli.terminal import Screen, echo_json
from tailor.data.audit import audit
from tailor.data.example import Splits
from tailor.data.finding import Finding
from tailor.data.lengths import estimate_tokens
from tailor.data.split import load_splits
from tailor.project import Project, load_project

ROWS_SHOWN = 5
BUILT_IN_CONTEXT = 8192
LENGTHS = "Lengths are estimated at four characters a token."

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def check(
    project: Annotated[Path, typer.Argument(help="Project folder or its tailor.yaml.")] = Path("."),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Audit a project's data; exits with 1 if an error was found."""
    loaded = load_project(project)
    splits = load_splits(loaded)
    findings = audit(loaded, splits, estimate_tokens, loaded.task.model.context_tokens or BUILT_IN_CONTEXT)
    if as_json:
        echo_json(_record(loaded, splits, findings))
    else:
        _show(Screen(), loaded, splits, findings)
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


def _record(project: Project, splits: Splits, findings: Sequence[Finding]) -> dict[str, object]:
    sizes = {name: len(getattr(splits, name)) for name in ("train", "dev", "test", "reserve")}
    return {
        "project": project.task.name,
        "splits": sizes,
        "how": splits.how,
        "fingerprint": splits.fingerprint,
        "lengths": LENGTHS,
        "findings": [asdict(finding) for finding in findings],
    }


def _show(console: Console, project: Project, splits: Splits, findings: Sequence[Finding]) -> None:
    console.print(Text(f"{project.task.name}: {splits.how}"))
    table = Table(show_header=False, box=box.HORIZONTALS, show_lines=True)
    for finding in findings:
        lines = [Text(finding.what), *(Text(f"  {row}", "dim") for row in _where(finding.rows)), Text(finding.advice, "italic")]
        table.add_row(Text(finding.level, _STYLES[finding.level]), Text("\n").join(line for line in lines if line.plain))
    console.print(table)
    counts = [sum(finding.level == level for finding in findings) for level in _STYLES]
    found = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in zip(_STYLES, counts, strict=True))
    console.print(Text(f"{found}. {LENGTHS} Nothing was sent to a model."))


def _where(rows: Sequence[str]) -> list[str]:
    more = [f"and {len(rows) - ROWS_SHOWN:,} more"] if len(rows) > ROWS_SHOWN else []
    return [*rows[:ROWS_SHOWN], *more]
