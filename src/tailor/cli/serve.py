"""`tailor serve`: the chosen system behind an endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tailor.cli.sending import AllowHttp, Yes, ask_to_send
from tailor.cli.terminal import plain_console

if TYPE_CHECKING:
    from tailor.serving.bundle import BundleSource
    from tailor.serving.source import ProjectSource

PORT = 8321


def serve(
    project: Annotated[Path, typer.Argument(help="Project folder, or a bundle that `tailor export --bundle` wrote.")] = Path("."),
    host: Annotated[str, typer.Option("--host", help="Where to listen; anything but this machine needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for any that is free.")] = PORT,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="What others call this machine; needed where others can reach it.")
    ] = None,
    queue: Annotated[int, typer.Option("--queue", min=1, max=10_000, help="Requests that may wait.")] = 64,
    per_minute: Annotated[
        int, typer.Option("--per-minute", min=0, help="Requests a minute that each caller's token may make; 0 for any number.")
    ] = 0,
    rows: Annotated[
        int | None,
        typer.Option("--rows", min=1, help="Measured rows that it must answer alike first; 64, or 16 that are paid for."),
    ] = None,
    agreement: Annotated[
        float | None,
        typer.Option("--agreement", min=0, max=1, help="Share of them to be answered alike; all, or 0.75 behind an endpoint."),
    ] = None,
    check: Annotated[
        str,
        typer.Option("--check", metavar="URL", help="Hold another runtime to the measured rows instead: vLLM, llama.cpp, Ollama."),
    ] = "",
    check_model: Annotated[
        str, typer.Option("--check-model", help="What that runtime calls the model; its first one if left out.")
    ] = "",
    yes: Yes = False,
    allow_http: AllowHttp = False,
) -> None:
    """Answer requests with the system that the last run chose, once it answers measured rows as it was measured."""
    from tailor.serving.certified import ROWS
    from tailor.serving.endpoint import Endpoint
    from tailor.serving.parity import BILLED_AGREEMENT, BILLED_ROWS
    from tailor.serving.server import Server, check_token, run, token_given
    from tailor.serving.worker import Worker
    from tailor.web.listening import listen

    console = plain_console()
    token = token_given()
    check_token(host, token)
    if check:
        _check(project, check, check_model, rows=rows, agreement=agreement, allow_http=allow_http)
        return
    source = _source(project, rows)
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
    if not run(server, listening, token, per_minute):
        raise typer.Exit(1)


def _source(project: Path, rows: int | None) -> BundleSource | ProjectSource:
    from tailor.serving.bundle import BundleSource, is_bundle
    from tailor.serving.certified import ROWS
    from tailor.serving.source import ProjectSource

    kind: type[BundleSource | ProjectSource] = BundleSource if is_bundle(project) else ProjectSource
    return kind(project, rows=rows or ROWS)


def _check(project: Path, url: str, model: str, *, rows: int | None, agreement: float | None, allow_http: bool) -> None:
    """Hold another runtime to the measured rows; exit status 1 where it does not hold."""
    from tailor.serving.certified import ROWS
    from tailor.serving.elsewhere import Runtime, check

    console, source = plain_console(), _source(project, rows)
    runtime = Runtime(url, model, allow_http=allow_http)
    served = source.opened()
    try:
        found = check(served, runtime, rows=rows or ROWS, agreement=1.0 if agreement is None else agreement)
    finally:
        served.close()
    for sentence in found.sentences():
        console.print(Text(sentence))
    if not found.found.holds:
        raise typer.Exit(1)
    console.print(Text(f"{url} answers as {served.system.name} was measured."))
