"""`tailor init DATA`: a commented tailor.yaml for a data file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tailor.cli.terminal import plain_console
from tailor.data.corpus import documents_of
from tailor.data.guess import GivenOptions, guess_task
from tailor.data.scaffold import write_project
from tailor.errors import did_you_mean, quoted
from tailor.files import seen_from_here
from tailor.kinds.base import kind_of
from tailor.plugins import KINDS
from tailor.project import load_project
from tailor.trust import note_made_here


def _known_kind(name: str) -> str:
    if name and name not in KINDS:
        raise typer.BadParameter(
            f"{quoted(name)} is not one of {', '.join(map(repr, KINDS.names))}{did_you_mean(name, KINDS.names)}"
        )
    return name


def init(
    data: Annotated[
        Path, typer.Argument(help="File with your examples: CSV, TSV, JSONL, JSON, Parquet, CoNLL, or what another tool writes.")
    ],
    folder: Annotated[Path | None, typer.Option(help="Where to write tailor.yaml; next to the data unless given.")] = None,
    documents: Annotated[
        Path | None, typer.Option(help="Folder of documents that answer the questions, or AutoRAG's corpus.parquet.")
    ] = None,
    input: Annotated[str, typer.Option(help="Column with what is asked.")] = "",
    output: Annotated[str, typer.Option(help="Column with the right answer.")] = "",
    kind: Annotated[str, typer.Option(help="What is asked for: classify, write, or another kind.", callback=_known_kind)] = "",
    columns: Annotated[str, typer.Option(help="Names of the columns of a file without a header, such as text,label.")] = "",
    encoding: Annotated[str, typer.Option(help="How a file of text is encoded, such as cp1252; UTF-8 unless given.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing tailor.yaml.")] = False,
) -> None:
    """Look at a data file and write a commented tailor.yaml for it."""
    names = tuple(name.strip() for name in columns.split(",")) if columns else ()
    documents = documents_of(data, documents, folder or data.parent)
    options = GivenOptions(documents=documents, input=input, output=output, kind=kind, columns=names, encoding=encoding)
    guess = guess_task(data, options)
    path = write_project(guess, folder, force=force)
    task = load_project(path).task
    asked = f"{', '.join(map(quoted, task.variables))} {'is' if len(task.variables) == 1 else 'are'} asked"
    note_made_here(path.parent)
    called = "label" if kind_of(task).closed else "type"
    labels = f", {len(task.labels)} {called}{'' if len(task.labels) == 1 else 's'}" if task.labels else ""
    say = plain_console()
    say.print(Text(f"Wrote {path}: kind {task.kind}, {asked}, {quoted(task.output)} holds the right answer{labels}."))
    for finding in sorted(guess.findings, key=lambda finding: finding.level == "note"):
        say.print(Text(" ".join(filter(None, (f"{finding.level}: {finding.what}", finding.advice)))))
    say.print(
        Text(f"Read it, set the target and the prices, then look at the data with: tailor check {seen_from_here(path.parent)}")
    )
