"""`tailor advise`: what to expect before anything is measured, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from tailor.cli.terminal import Screen, echo_json

if TYPE_CHECKING:
    from tailor.advise.advice import Advice
    from tailor.advise.changes import Change
    from tailor.advise.criteria import Criteria
    from tailor.advise.facts import Answers, Facts
    from tailor.project import Project

FORMAT = 1  # of the JSON object; grows when its shape changes
SHOWN = 7  # ways to one other approach
OUTSIDE = {
    "target": ("target",),
    "answers_per_month": ("volume", "answers_per_month"),
    "error_price": ("prices", "error"),
    "label_price": ("prices", "label"),
    "context_tokens": (),  # the model says it itself, or `model.context_tokens` does
    "fixed_answers": (),  # follows from the kind
    "weights_available": (),  # follows from the model
}
"""Where in tailor.yaml the facts stand that are not under `facts`."""


def advise(
    project: Annotated[Path | None, typer.Argument(help="Folder with tailor.yaml.", show_default=False)] = None,
    fact: Annotated[list[str] | None, typer.Option("--fact", metavar="NAME=VALUE", help="Something you know.")] = None,
    ask: Annotated[
        bool | None, typer.Option("--ask/--no-ask", help="Ask for what is not known; the default on a terminal.")
    ] = None,
    criteria: Annotated[Path | None, typer.Option(help="Criteria of your own, in a file like Tailor's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Say which way of answering to expect, before anything is measured."""
    from tailor.advise.advice import advise as advise_on
    from tailor.advise.criteria import read_criteria, shipped_criteria

    judged_by = read_criteria(criteria) if criteria else shipped_criteria()
    opened = _open(project)
    facts = _gather(opened).with_answers(_given(fact or []))
    asked: dict[str, Any] = {}
    if ask or (ask is None and not as_json and sys.stdin.isatty()):
        facts, asked = ask_open(Screen(stderr=True), facts, judged_by)
    advice = advise_on(facts, judged_by)
    following = list(next_steps(advice, project, opened))
    if advice.unknown and not asked:
        following.insert(0, f"tailor advise{'' if project is None else f' {project}'} --ask, to answer what is open")
    if as_json:
        from pydantic import TypeAdapter

        record = TypeAdapter(type(advice)).dump_python(advice, mode="json")
        echo_json({"format": FORMAT, **record, "next": following})
        return
    console = Screen()
    console.print(render(advice))
    if asked:
        console.print(_heading("To keep your answers, write them into tailor.yaml"), Text(_as_settings(asked)), sep="\n")
    console.print(_heading("Next"), *(Text(f"  {step}") for step in following), sep="\n")


# --- what is known


def _open(path: Path | None) -> Project | None:
    """The project; none where nobody named one and there is none here."""
    from tailor.project import SETTINGS_FILE, load_project

    if path is None and not Path(SETTINGS_FILE).is_file():
        return None
    return load_project(path or Path())


def _gather(project: Project | None) -> Facts:
    """What the project says; its examples are counted as they are, also where they are too few to be split."""
    from tailor.advise.facts import Facts
    from tailor.advise.gather import gather
    from tailor.data.readers import to_examples
    from tailor.data.units import find_units
    from tailor.documents.reading import read_documents
    from tailor.labelled import labelled_tables

    if project is None:
        return Facts()
    tables = labelled_tables(project)
    rows = [example for name, table in tables.items() for example in to_examples(project.task, table, f"{name}-")]
    examples = find_units(rows, project.task).examples
    return gather(project.task, examples, read_documents(project.documents, project.own_files) if project.documents else ())


def _given(values: list[str]) -> Answers:
    """The facts of `--fact`, checked."""
    from tailor.advise.facts import read_answers
    from tailor.errors import ConfigError, quoted

    pairs = {}
    for value in values:
        name, separator, content = value.partition("=")
        if not separator:
            raise ConfigError(f"{quoted(value)} is not NAME=VALUE", "write, for example, --fact sources_required=yes")
        pairs[name.strip()] = content
    return read_answers(pairs)


def ask_open(console: Console, facts: Facts, criteria: Criteria) -> tuple[Facts, dict[str, Any]]:
    """Ask what is not known, one question after the other, until the input ends; returns all facts, and what was said by name."""
    from tailor.advise.advice import questions
    from tailor.advise.facts import choices, read_answers
    from tailor.errors import ConfigError

    console.print("A few questions. Press Enter if you do not know; nothing is guessed.")
    done: set[str] = set()
    said: dict[str, Any] = {}
    while left := [criterion for criterion in questions(facts, criteria) if criterion.id not in done]:
        criterion = left[0]
        console.print(Text(f"\n{criterion.question}", "bold"))
        if criterion.hint:
            console.print(Text(criterion.hint, "dim"))
        try:
            answer = console.input(f"{'/'.join(choices(criterion.id))}> ")
            told = read_answers({criterion.id: answer})
        except EOFError:
            break
        except ConfigError as error:
            console.print(Text(f"{error}", "yellow"))
            continue
        done.add(criterion.id)
        facts = facts.with_answers(told)
        said |= told.model_dump(exclude_none=True)
    return facts, said


def _as_settings(said: dict[str, Any]) -> str:
    """What was said, as lines of tailor.yaml."""
    import yaml

    settings: dict[str, Any] = {}
    for name, value in said.items():
        place = OUTSIDE.get(name, ("facts", name))
        if place:
            inner = settings if len(place) == 1 else settings.setdefault(place[0], {})
            inner[place[-1]] = int(value) if isinstance(value, float) and value.is_integer() else value
    return str(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


# --- what is shown


def render(advice: Advice) -> Group:
    """The advice for a reader: what to expect, why, what the data say, what would change it."""
    parts: list[Any] = [Text.assemble((f"Expected: {advice.expected}. ", "bold"), advice.means)]
    parts.append(Text(f"Confidence: {advice.confidence}, as far as rules of thumb go. {advice.why_confidence}"))
    parts.append(Text("This is only what to expect. Nothing has been measured yet: measure to confirm."))
    parts += [_heading("Why"), *_why(advice)]
    if advice.observed:
        parts += [_heading("What your data say"), *_bullets(advice.observed)]
    parts += [_heading("What would change it"), *_changes(advice)]
    if advice.mind:
        parts += [_heading("Keep in mind"), *_bullets(advice.mind)]
    return Group(*parts)


def _why(advice: Advice) -> Iterator[Any]:
    from tailor.advise.words import STEP_MEANS, STEP_NAMES, format_counts

    counting = [reason for reason in advice.reasons if reason.weight]
    if counting:
        table = Table(box=box.HORIZONTALS, show_lines=True, expand=True)
        for heading, ratio in (("What is known", 6), ("Said by", 3), ("Speaks", 5), ("Because", 9)):
            table.add_column(heading, ratio=ratio)
        for reason in counting:
            known = Text(f"{reason.name}: {reason.answer}")
            table.add_row(known, Text(reason.origin), Text(format_counts(reason.counts)), Text(reason.because))
        yield table
    yield Text("Every approach begins with a prompt. The points for each further step:")
    sums = []
    for step, points in advice.points.items():
        sum_of = f"{points:+d} points, {advice.needed[step]} needed".replace("+0", "0")
        wanted_in_vain = step in advice.ruled_out and points >= advice.needed[step]
        if step != "search" or advice.expected.startswith(("documents", "retrieval")):  # matters only with documents
            sums.append(f"{STEP_NAMES[step]} ({STEP_MEANS[step]}): {sum_of}{', but ruled out' if wanted_in_vain else ''}")
    yield from _bullets(sums)
    if rest := [f"{reason.name} ({reason.answer})" for reason in advice.reasons if not reason.weight]:
        yield Text(f"Known, but irrelevant here: {'; '.join(rest)}.")
    if advice.unknown:
        yield Text(f"Unknown, so not counted: {'; '.join(advice.unknown)}.")


def _changes(advice: Advice) -> Iterator[Any]:
    """What would have to be true for each other approach."""
    if not advice.changes:
        yield Text("Only a different task: no small set of other answers would change the advice.")
    for approach in dict.fromkeys(change.approach for change in advice.changes):
        wishes = [_wish(change) for change in advice.changes if change.approach == approach]
        yield Text(f"The advice would be {approach} if {'one of these were true' if len(wishes) > 1 else 'this were true'}:")
        yield from _bullets([*wishes[:SHOWN], *([f"and {len(wishes) - SHOWN} more"] if len(wishes) > SHOWN else [])])


def _wish(change: Change) -> str:
    return ", and ".join(f"{condition.would}{' (open)' if condition.is_open else ''}" for condition in change.conditions)


def next_steps(advice: Advice, given: Path | None, project: Project | None) -> Iterator[str]:
    """What to type, or to do, next."""
    folder = "" if given is None else f" {given}"
    documents = " --documents FOLDER" if advice.expected.startswith(("retrieval", "documents")) else ""
    if project is None:
        yield "Put real examples with their right answers into a CSV file, a few hundred if you can: they decide."
        yield f"tailor init DATA{documents}"
        return
    yield f"tailor check{folder}"
    # Tuning without documents is a rung that tasks of kind `answer` climb only on request.
    from tailor.kinds.base import kind_of

    everything = " --all" if kind_of(project.task).reads and advice.expected == "fine-tuning" else ""
    yield f"tailor run{folder}{everything}"


def _heading(text: str) -> Text:
    return Text(f"\n{text}", "bold")


def _bullets(sentences: Sequence[str]) -> Iterator[Table]:
    for sentence in sentences:
        grid = Table.grid(padding=(0, 1))
        grid.add_row("-", Text(sentence))
        yield grid
