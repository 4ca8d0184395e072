"""`tailor judge`: how the judge compares with people, and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tailor.cli.terminal import plain_console


def judge(project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")] = Path(".")) -> None:
    """Show how many answers people have rated, how far they agree with the judge, and what to do next."""
    from tailor.decide.judgewords import agreement_sentence, failed_sentence, next_step, people_sentence
    from tailor.judging import judge_state

    state = judge_state(project)
    check, console = state.check, plain_console()
    console.print(f"Rubric: {state.rubric}", style="dim")
    if state.added:
        console.print(f"Wrote {state.added:,} answers to rate into {state.sheet}: put yes or no into the column `rating`.")
    console.print(f"{check.rated:,} of {check.wanted:,} answers are rated; {check.judge} judged {check.judgements:,} in all.")
    if check.unused:
        console.print(f"{check.unused:,} further ratings are of other answers, or by another rubric, and are not used.")
    for sentence in (agreement_sentence(check), people_sentence(check), failed_sentence(check)):
        if sentence:
            console.print(sentence)
    told = (
        "All answers are rated, so people decide."
        if check.all_rows
        else f"The judge {'may' if check.passed else 'may not'} decide."
    )
    console.print(Text(told, "bold"), next_step(check, state.sheet.name))
