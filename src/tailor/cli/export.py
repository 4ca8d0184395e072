"""`tailor export PROJECT`: the rows, the chosen system's prompts and its answers, for other tools."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tailor.cli.terminal import plain_console
from tailor.errors import ConfigError
from tailor.files import real_path

if TYPE_CHECKING:
    from tailor.project import Project

FORMAT = "chat"
FOLDER = "export"


def export(
    project: Annotated[Path, typer.Argument(help="Project folder or its tailor.yaml.")] = Path("."),
    format: Annotated[
        str,
        typer.Option("--format", help="chat, trl, promptfoo, csv or parquet; for labels: labelstudio, coco, voc, yolo, ..."),
    ] = FORMAT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"Folder to write into; `{FOLDER}` in the project if left out.")
    ] = None,
    open_test: Annotated[
        bool, typer.Option("--open-test", help="Export the sealed test set too. It is then open: this counts as an opening.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Open the test set without asking.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    bundle: Annotated[
        bool, typer.Option("--bundle", help="Write the chosen system with all it needs instead, to be served on another machine.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="With --bundle: tuned weights merged into their base as well, for other runtimes.")
    ] = False,
) -> None:
    """Write the rows, the chosen system's prompts and its answers for other tools. No model is asked."""
    from tailor.export.files import format_named, refuse_existing, write_export
    from tailor.export.rows import export_of
    from tailor.files import seen_from_here
    from tailor.plugins import LABEL_FORMATS
    from tailor.project import load_project

    console = plain_console()
    if bundle:
        _export_bundle(project, output, merge=merge, force=force)
        return
    if merge:
        raise ConfigError("--merge is for --bundle", "Write `tailor export --bundle --merge`.")
    opened = load_project(project)
    folder = output or opened.folder / FOLDER
    if format in LABEL_FORMATS:
        _export_labels(opened, folder, format, test=open_test, yes=yes, force=force)
        return
    way = format_named(format)
    if not force:
        refuse_existing(folder, way, ("train", "dev", *(["test"] if open_test else [])))
    if open_test and not yes:
        _ask_to_open()

    def say(sentence: str) -> None:
        console.print(Text(sentence))

    exported = export_of(opened, test=open_test, say=say)
    for path in write_export(exported, folder, way):
        say(f"Wrote {seen_from_here(real_path(path))}.")
    counts = {name: sum(row.split == name for row in exported.rows) for name in dict.fromkeys(row.split for row in exported.rows)}
    kept = "" if open_test else " The test set stays sealed."
    say(f"Exported {', '.join(f'{count:,} {name}' for name, count in counts.items())} rows.{kept}")


def _export_labels(project: Project, folder: Path, format: str, *, test: bool, yes: bool, force: bool) -> None:
    """Write the project's labels, and name what the format does not hold."""
    from tailor.export.labels import exported_labels, write_exported
    from tailor.files import seen_from_here

    console = plain_console()
    if test and not yes:
        _ask_to_open()
    labels = exported_labels(project, test=test, say=lambda sentence: console.print(Text(sentence)))
    paths, written = write_exported(labels, folder, format, force=force)
    place = seen_from_here(real_path(paths[0] if len(paths) == 1 else folder))
    where = place if len(paths) == 1 else f"{len(paths):,} files to {place}"
    console.print(Text(f"Wrote {where}."))
    for finding in written.findings:
        console.print(Text(finding.what))
    people = len(labels.annotators)
    kept = "" if test else " The test set stays sealed."
    who = f" by {people:,} {'person' if people == 1 else 'people'}" if people else ""
    console.print(Text(f"Exported labels of {len(labels.items):,} rows{who}.{kept}"))


def _export_bundle(project: Path, output: Path | None, *, merge: bool, force: bool) -> None:
    """Write the chosen system with all it needs."""
    from tailor.files import seen_from_here
    from tailor.project import load_project
    from tailor.serving.bundle import export_bundle
    from tailor.serving.certified import ROWS

    console = plain_console()
    folder = real_path(output or load_project(project).folder / "bundle")
    export_bundle(project, folder, rows=ROWS, merge=merge, force=force, say=lambda sentence: console.print(Text(sentence)))
    console.print(Text(f"Wrote {seen_from_here(folder)}. Serve it with `tailor serve {seen_from_here(folder)}`."))


def _ask_to_open() -> None:
    """Ask before the sealed test set is opened.

    Raises:
        ConfigError: it was not allowed, or there is nobody to ask.
    """
    what = (
        "Whoever has seen test rows can choose by them, so this counts as an opening of the sealed test set: a later decision on "
        "these rows needs larger differences"
    )
    if not sys.stdin.isatty():
        raise ConfigError(what[0].lower() + what[1:], "Give --yes too if you want it, or leave --open-test out.")
    if not typer.confirm(f"{what}. Open it?", default=False):
        raise ConfigError("nothing was exported", "Leave --open-test out to export train and dev alone.")
