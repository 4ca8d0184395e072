"""`tailor try`: one answer from the winner."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailor.cli.sending import AllowHttp, Yes, ask_to_send
from tailor.cli.terminal import plain_console


def tryout(
    project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")],
    text: Annotated[str, typer.Argument(help="What is asked; it fills the first column that the task's input names.")],
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Value of a further column that the templates name.")
    ] = None,
    model: Annotated[str, typer.Option("--model", help="Ask the best finalist on this model of the study instead.")] = "",
    yes: Yes = False,
    allow_http: AllowHttp = False,
) -> None:
    """Answer with the system that the last run chose, with sources."""
    from tailor.asking import answering, asked
    from tailor.decide.formats import format_percent
    from tailor.errors import ConfigError, ModelError, quoted
    from tailor.evaluate.sources import holds
    from tailor.kinds.base import kind_of
    from tailor.project import load_project
    from tailor.score.confidence import confidence
    from tailor.score.parse import parse_answer
    from tailor.score.text import citations
    from tailor.task import VARIABLE
    from tailor.trust import personal_in_question

    opened = load_project(project)
    fields = {VARIABLE.findall(opened.task.input)[0]: text}
    for value in values or []:
        name, separator, content = value.partition("=")
        if not separator:
            raise ConfigError(f"{quoted(value)} is not NAME=VALUE", "write, for example, --set plan=fibre")
        fields[name] = content
    console = plain_console()
    found = answering(opened, model)
    ask_to_send(plain_console(stderr=True), found.project, yes=yes, allow_http=allow_http)
    if warning := personal_in_question(found.project, fields):
        plain_console(stderr=True).print(f"{warning}.", markup=False)
    system, answer, threshold, supported = asked(found, fields)
    if answer.error:
        raise ModelError(f"{system.name} gave no answer: {answer.error}", "ask something shorter, or try again")
    parsed = parse_answer(system, answer.raw)
    console.print(answer.raw if parsed is None else kind_of(found.project.task).shown(parsed), style="bold")
    cited = {number for number in citations(answer.raw) if 1 <= number <= len(answer.passages)}
    for number, passage in enumerate(answer.passages, start=1):
        mark = "cited" if number in cited else "read"
        mark = f"{mark}, holds the answer" if holds(system, answer, [passage]) else mark
        console.print(f"  [{number}] {mark}: {passage.document}, {passage.title}", style="dim")
    for sentence in (sentence for sentence, says in supported or () if not says):
        console.print(f"  no passage is found to say: {sentence}", style="dim", markup=False)
    sure = confidence(answer, several=system.decoding.several)
    if threshold is not None and (sure is None or sure < threshold):
        said = "it does not say how sure it is" if sure is None else f"{format_percent(sure)} sure"
        console.print(f"Hand over to a person: {said}, and {format_percent(threshold)} is asked for.", style="bold")
    console.print(f"  by {system.name}{'' if system.label else f' ({system.weights.model})'}", style="dim")
