"""`tailor check PROJECT`: the audit of the data, before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tailor.cli.sending import AllowHttp, AllowPersonal, Yes, ask_about_personal, ask_to_send
from tailor.cli.terminal import Screen, echo_json, plain_console
from tailor.data.audit import audit
from tailor.data.example import Splits
from tailor.data.finding import Finding
from tailor.data.lengths import estimate_tokens
from tailor.errors import ConfigError, quoted
from tailor.labelled import labelled_tables, load_splits
from tailor.project import Project, load_project

if TYPE_CHECKING:
    from tailor.decide.amounts import Estimate
    from tailor.decide.preflight import Preflight

ROWS_SHOWN = 5
BUILT_IN_CONTEXT = 8192
LENGTHS = "Lengths are estimated at four characters per token."

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def check(
    project: Annotated[Path, typer.Argument(help="Project folder or its tailor.yaml.")] = Path("."),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    endpoint: Annotated[bool, typer.Option("--endpoint", help="Ask the endpoint, once or twice, and say what it shows.")] = False,
    yes: Yes = False,
    allow_http: AllowHttp = False,
    allow_personal: AllowPersonal = False,
) -> None:
    """Audit a project's data; exits with 1 if an error was found."""
    loaded = load_project(project)
    splits = load_splits(loaded)
    called = [quoted(label) if label else "the model" for label in loaded.task.model_labels]
    windows = {name: model.context_tokens or BUILT_IN_CONTEXT for name, model in zip(called, loaded.task.asked, strict=True)}
    findings = audit(loaded, splits, estimate_tokens, windows, labelled_tables(loaded))
    flights: tuple[Preflight, ...] = ()
    if endpoint:
        console = plain_console(stderr=True)
        ask_to_send(console, loaded, yes=yes, allow_http=allow_http)
        ask_about_personal(console, loaded, allowed=allow_personal)
        flights = _asked(loaded, splits)
    expected = _expected(loaded, splits, flights)
    if as_json:
        told = {"endpoint": [asdict(flight) for flight in flights], "expected": asdict(expected) if expected else None}
        echo_json(_record(loaded, splits, findings) | told)
    else:
        _show(Screen(), loaded, splits, findings, asked=endpoint)
        _show_endpoint(plain_console(), flights, expected)
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


def _asked(project: Project, splits: Splits) -> tuple[Preflight, ...]:
    """What the project's endpoints show when they are asked.

    Raises:
        ConfigError: the project names none.
        ModelError: one cannot be asked.
    """
    from tailor.decide.preflight import preflight
    from tailor.files import private_files, tighten
    from tailor.ledger import Ledger
    from tailor.open_engine import open_engine

    if not _endpoints(project):
        raise ConfigError("this project asks no endpoint", "Leave --endpoint out, or set `model.base_url`.")
    with private_files(), Ledger(tighten(project.store)) as ledger:
        return preflight(project.task, splits, open_engine(project, ledger), again=True)


def _expected(project: Project, splits: Splits, flights: Sequence[Preflight]) -> Estimate | None:
    """What a run is expected to ask endpoints for; None where it asks none. Nothing is asked for it."""
    if not _endpoints(project):
        return None
    from tailor.decide.estimate import expected_spending
    from tailor.documents.reading import read_documents
    from tailor.models.catalogue import open_model
    from tailor.models.fake import FakeModel

    task = project.task
    # Of a model on this machine only its abilities are looked at.
    models = [open_model(asked) if asked.is_remote else FakeModel(name=asked.name) for asked in task.asked]
    judge = open_model(task.judge.model) if task.judge and task.judge.model.is_remote else None
    documents = read_documents(project.documents, project.own_files) if project.documents is not None else []
    return expected_spending(task, splits, models, judge, documents, flights=flights)


def _endpoints(project: Project) -> bool:
    asked = [*project.task.asked, *([project.task.judge.model] if project.task.judge else [])]
    return any(model.is_remote for model in asked)


def _show_endpoint(console: Screen, flights: Sequence[Preflight], expected: Estimate | None) -> None:
    for flight in flights:
        table = Table(show_header=False, box=box.HORIZONTALS, title=Text(f"{flight.role} {flight.model}"), title_justify="left")
        for name, found in flight.checks.items():
            table.add_row(Text(name), Text(found))
        console.print(table)
    if expected is not None:
        console.print(Text(expected.sentence))


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


def _show(console: Console, project: Project, splits: Splits, findings: Sequence[Finding], *, asked: bool) -> None:
    console.print(Text(f"{project.task.name}: {splits.how}"))
    table = Table(show_header=False, box=box.HORIZONTALS, show_lines=True)
    for finding in findings:
        lines = [Text(finding.what), *(Text(f"  {row}", "dim") for row in _where(finding.rows)), Text(finding.advice, "italic")]
        table.add_row(Text(finding.level, _STYLES[finding.level]), Text("\n").join(line for line in lines if line.plain))
    console.print(table)
    counts = [sum(finding.level == level for finding in findings) for level in _STYLES]
    found = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in zip(_STYLES, counts, strict=True))
    console.print(Text(f"{found}. {LENGTHS}{'' if asked else ' Nothing was sent to a model.'}"))


def _where(rows: Sequence[str]) -> list[str]:
    more = [f"and {len(rows) - ROWS_SHOWN:,} more"] if len(rows) > ROWS_SHOWN else []
    return [*rows[:ROWS_SHOWN], *more]
