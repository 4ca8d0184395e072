"""Asking before anything is sent: what, where to, and with which key."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from tailor.cli.terminal import Screen
from tailor.errors import ConfigError
from tailor.project import Project

Yes = Annotated[bool, typer.Option("--yes", help="Permanently allow this project to send its data to the address it names.")]
AllowPersonal = Annotated[
    bool, typer.Option("--allow-personal", help="Permanently allow it to send what looks like personal data in its rows.")
]
AllowHttp = Annotated[bool, typer.Option("--allow-http", help="Allow plain http too, which others on the network can read.")]


def ask_to_send(console: Screen, project: Project, *, yes: bool, allow_http: bool) -> None:
    """Ask the user before a project sends data to an address for the first time, and remember the answer.

    Args:
        console: where it is shown.
        project: the project.
        yes: take it as allowed.
        allow_http: allow plain http to other machines.

    Raises:
        ConfigError: it was not allowed, or there is nobody to ask.
    """
    from tailor.trust import allow, not_allowed, refusal, refuse_plain

    wanted = not_allowed(project)
    if not wanted:
        return
    refuse_plain(wanted, allow_http, "give --allow-http once")
    for line in _shown(project):
        console.print(line)
    if not yes:
        if not sys.stdin.isatty():
            raise refusal(project, wanted[0])
        if not typer.confirm("Send it?", default=False):
            raise ConfigError("nothing was sent", "Change the model in tailor.yaml, or allow it.")
    allow(project, wanted)


def ask_about_personal(console: Screen, project: Project, *, allowed: bool) -> None:
    """Ask the user before rows or documents with what looks like personal data first leave this machine, and remember the answer.

    Args:
        console: where it is shown.
        project: the project.
        allowed: take it as allowed.

    Raises:
        ConfigError: it was not allowed, or there is nobody to ask.
        DataError: the rows cannot be read.
        DocumentsError: the documents cannot be read.
    """
    from tailor.labelled import load_splits
    from tailor.trust import allow_personal, personal_refusal, personal_to_ask, sendings

    if project.task.data.personal == "allowed" or all(sending.stays_here for sending in sendings(project)):
        return
    if (found := personal_to_ask(project, load_splits(project))) is None:
        return
    if not allowed:
        for one in found.found:
            console.print(f"What looks like {one.words}, such as {one.sample} ({one.rows[0]}).", markup=False)
        if not sys.stdin.isatty():
            raise personal_refusal(project, found)
        addresses = ", ".join(dict.fromkeys(sending.address for sending in found.away))
        if not typer.confirm(f"Send it to {addresses}?", default=False):
            raise ConfigError("nothing was sent", "Take it out (`tailor check` says where it is), or allow it.")
    allow_personal(project, found)


def _shown(project: Project) -> Sequence[str]:
    from tailor.data.split import read_tables
    from tailor.trust import is_made_here, not_allowed

    rows = sum(len(table.rows) for table in read_tables(project).values())
    files = ", ".join(str(path) for path in project.data_files)
    documents = f", and passages of the documents in {project.documents}" if project.documents else ""
    images = ", the images that they name" if project.task.data.images else ""
    lines = [f"This project sends data to another program: of {rows:,} rows in {files}{images}{documents}."]
    if not is_made_here(project):
        lines.append("It was not made here by `tailor init`: its tailor.yaml came from elsewhere, or was written by hand.")
    for sending in not_allowed(project):
        key = f", with the value of {sending.variable}" if sending.variable else ", without a key"
        lines.append(f"  {sending.role} {sending.model} at {sending.address}{key}")
    return lines
