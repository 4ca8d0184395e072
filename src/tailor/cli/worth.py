"""`tailor worth`: what more labels, corrected ones, a second person or more test rows are worth to the decision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tailor.cli.terminal import plain_console


def worth(project: Annotated[Path, typer.Argument(help="Folder with tailor.yaml.")] = Path(".")) -> None:
    """Say how far the people who label agree, and what labelling on is worth to the decision; no model is asked."""
    from tailor.labelled import load_splits, people_of
    from tailor.labelling.worth import labels_worth
    from tailor.project import load_project
    from tailor.saved import load_study

    loaded, console = load_project(project), plain_console()
    agreement, aggregation = people_of(loaded)
    for sentence in [*agreement.sentences, *aggregation.sentences]:
        console.print(Text(f"- {sentence}"))
    if not (loaded.store / "ledger.db").exists():
        console.print(f"Run `tailor run {project}` first to see what more labels are worth to the decision.")
        return
    study, splits = load_study(project), load_splits(loaded)
    labels = sum(map(len, (splits.train, splits.dev, splits.test, splits.reserve)))
    found = labels_worth(study.task, labels, study.decision, study.curve, study.diagnosis, agreement)
    for sentence in found.sentences:
        console.print(Text(f"- {sentence}"))
