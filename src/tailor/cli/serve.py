"""`tailor serve`: the chosen system behind an endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tailor.cli.sending import AllowHttp, Yes, ask_to_send
from tailor.cli.terminal import plain_console

PORT = 8321


def serve(
    project: Annotated[Path, typer.Argument(help="Project folder, or a bundle that `tailor export --bundle` wrote.")] = Path("."),
    host: Annotated[str, typer.Option("--host", help="Where to listen; anything but this machine needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for any that is free.")] = PORT,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="What others call this machine; needed where others can reach it.")
    ] = None,
    queue: Annotated[int, typer.Option("--queue", min=1, max=10_000, help="Requests that may wait.")] = 64,
    rows: Annotated[
        int | None,
        typer.Option("--rows", min=1, help="Measured rows that it must answer alike first; 64, or 16 that are paid for."),
    ] = None,
    agreement: Annotated[
        float | None,
        typer.Option("--agreement", min=0, max=1, help="Share of them to be answered alike; all, or 0.75 behind an endpoint."),
    ] = None,
    yes: Yes = False,
    allow_http: AllowHttp = False,
) -> None:
    """Answer requests with the system that the last run chose, once it answers measured rows as it was measured."""
    from tailor.serving.bundle import BundleSource, is_bundle
    from tailor.serving.certified import ROWS
    from tailor.serving.endpoint import Endpoint
    from tailor.serving.parity import BILLED_AGREEMENT, BILLED_ROWS
    from tailor.serving.server import Server, check_token, run, token_given
    from tailor.serving.source import ProjectSource
    from tailor.serving.worker import Worker
    from tailor.web.listening import listen

    console = plain_console()
    token = token_given()
    check_token(host, token)
    kind: type[BundleSource | ProjectSource] = BundleSource if is_bundle(project) else ProjectSource
    source = kind(project, rows=rows or ROWS)
    ask_to_send(plain_console(stderr=True), source.project, yes=yes, allow_http=allow_http)
    listening = listen(host, port, tuple(name or ()))
    served = source.opened()
    server = Server(
        Endpoint(served, Worker(queue), source.recorder(served)),
        source,
        rows=rows or (BILLED_ROWS if served.is_billed else ROWS),
        agreement=agreement if agreement is not None else BILLED_AGREEMENT if served.is_billed else 1.0,
        say=lambda sentence: console.print(Text(sentence)),
    )
    console.print(Text(f"{served.system.name}, certified by {served.certified.study}."))
    console.print(Text(f"Listening on {listening.address}. Holding it to measured rows first."))
    if not run(server, listening, token):
        raise typer.Exit(1)
