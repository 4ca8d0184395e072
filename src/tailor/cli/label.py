"""`tailor label`: pages on which people label rows."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tailor.cli.sending import AllowHttp, Yes, ask_to_send
from tailor.cli.terminal import plain_console

if TYPE_CHECKING:
    from tailor.workbench.opening import Bench


def label(
    project: Annotated[
        Path, typer.Argument(help="Project folder, or a file with rows that have no label yet: a project is made of it.")
    ] = Path("."),
    labels: Annotated[
        str, typer.Option(help='The labels, as in refund,delivery,"other, or none"; else they are written on the page.')
    ] = "",
    kind: Annotated[str, typer.Option(help="Kind of task of a file that has no project yet; classify unless given.")] = "",
    input: Annotated[str, typer.Option(help="Column with what is asked, of a file that has no project yet.")] = "",
    name: Annotated[list[str] | None, typer.Option("--for", help="Name of someone who labels; each gets a link.")] = None,
    overlap: Annotated[int, typer.Option(min=1, max=50, help="How many people label each row.")] = 1,
    everything: Annotated[bool, typer.Option("--all", help="Label the rows that have a label in the file, too.")] = False,
    choose: Annotated[bool, typer.Option(help="Give out rows first that teach most; else all come at random.")] = True,
    settles: Annotated[str, typer.Option(help="Who settles differences, with a link of their own; everybody unless given.")] = "",
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Show what the chosen system of the last study says, except on three rows in ten.")
    ] = False,
    yes: Yes = False,
    allow_http: AllowHttp = False,
    host: Annotated[str, typer.Option(help="Interface to listen on; only this machine can reach the default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; the same one again where it is free.")] = 0,
    called: Annotated[list[str] | None, typer.Option("--name", help="Name by which others open this machine.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the first link in a browser.")] = True,
    given: Annotated[
        Path | None, typer.Option("--import", help="Keep the labels of this file or folder of another tool, and open no page.")
    ] = None,
    written: Annotated[
        Path | None, typer.Option("--write", help="Write the rows with the labels that count into this new file, and open no page.")
    ] = None,
    format: Annotated[str, typer.Option(help="Format of that file, such as labelstudio or coco; told by its content.")] = "",
) -> None:
    """Label rows in the browser, alone or with others; nothing leaves this machine."""
    if given is not None:
        _import(project, given, format)
        return
    if written is not None:
        _write(project, written)
        return
    from tailor.workbench.opening import ServedAlready, open_workbench, started

    people = tuple(name or [_own_name()])
    opened = started(project, labels=_listed(labels), kind=kind, input=input)
    for line in opened.said:
        plain_console().print(Text(line))
    pages = partial(open_workbench, overlap=overlap, everything=everything, settles=settles, choose=choose)
    try:
        with pages(opened.project, people, host=host, port=port, names=called or ()) as bench:
            # With one person for each row, a row that has a label is given to nobody.
            ask = partial(_suggest, yes=yes, allow_http=allow_http) if suggest else None
            _serve(bench, shows=everything or overlap > 1, ask=ask, browser=browser)
    except ServedAlready as served:
        told = f"The rows of this project are given out at {served.address} already, with the options given there."
        plain_console().print(Text(f"{told} {served.hint}"))
        _offer(served.links, browser=browser)


def _serve(bench: Bench, *, shows: bool, ask: Callable[[Bench], None] | None, browser: bool) -> None:
    """Say what there is, and serve the pages until Ctrl-C.

    Args:
        bench: the pages.
        shows: whether rows that have a label are given out, too.
        ask: has rows labelled by a system; None where nothing is suggested.
        browser: whether the first link is opened.
    """
    from tailor.web.listening import serve
    from tailor.workbench.opening import rows_shown_again

    console = plain_console()
    if shows and (told := rows_shown_again(bench.desk)):
        console.print(Text(told))
    if ask is not None:
        ask(bench)
    console.print(Text(bench.told))
    _offer(bench.links, browser=browser)
    console.print(
        "Labels are kept as they are given. Give each further person a link with --for and their name. Ctrl-C stops the server."
    )
    serve(bench.app, bench.listening)
    console.print(Text(bench.summary()))


def _offer(links: Mapping[str, str], *, browser: bool) -> None:
    """Say who has which link, and open the first."""
    import webbrowser

    for person, link in links.items():
        plain_console().print(Text(f"  {person}: {link}"), soft_wrap=True)
    if browser:
        webbrowser.open(next(iter(links.values())))


def _listed(labels: str) -> tuple[str, ...]:
    """The labels, as a line of CSV has them: one that holds a comma is written between quotation marks."""
    import csv

    return tuple(part.strip() for line in csv.reader([labels], skipinitialspace=True) for part in line if part.strip())


def _import(project: Path, given: Path, format: str) -> None:
    """Keep labels of another tool as judgements under the names of those who gave them."""
    from tailor.labelling.importing import import_labels
    from tailor.project import load_project

    found = import_labels(load_project(project), given, format)
    people = ", ".join(found.people[:5]) + (f" and {len(found.people) - 5:,} more" if len(found.people) > 5 else "")
    again = f"; {found.known:,} were known before" if found.known else ""
    console = plain_console()
    console.print(Text(f"Read {given.name} as {found.format}: {found.added:,} labels of {people}{again}."))
    for finding in found.findings:
        console.print(Text(finding.what))


def _write(project: Path, path: Path) -> None:
    """Write the rows with the labels that count into a file."""
    from tailor.labelled import write_labels
    from tailor.project import load_project

    rows, labelled = write_labels(load_project(project), path)
    plain_console().print(Text(f"Wrote {path}: {rows:,} rows, {labelled:,} of them with a label."))


def _suggest(bench: Bench, *, yes: bool, allow_http: bool) -> None:
    """Ask the chosen system about the rows that nobody labelled."""
    from tailor.asking import answering
    from tailor.workbench.suggesting import suggestions

    found = answering(bench.desk.project)
    ask_to_send(plain_console(stderr=True), found.project, yes=yes, allow_http=allow_http)
    bench.desk.suggestions |= suggestions(found, bench.desk.entry(), bench.desk.open_items())
    count = len(bench.desk.suggestions)
    said = f"{found.system.name} suggests a label for {count:,} rows that nobody labelled; the others stay blind."
    plain_console().print(Text(said))


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "me"
