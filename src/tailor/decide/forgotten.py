"""What tuning cost elsewhere: the tuned systems that are about to meet the test set, and the models that they were made from."""

from __future__ import annotations

from collections.abc import Sequence

from tailor.approaches.replay import general_system
from tailor.decide.budget import no_room
from tailor.decide.finalists import finalists
from tailor.decide.ladder import Climb
from tailor.decide.rungs import tie
from tailor.decide.step import Observer
from tailor.errors import ModelError
from tailor.evaluate.forgetting import Forgetting, check_rows, forgetting
from tailor.evaluate.run import Run


def forgotten(climb: Climb, observer: Observer) -> tuple[Forgetting, ...]:
    """What each tuned finalist lost; empty where none is tuned, it is not wanted, or no time or a model is left for it.

    With `tuning.forgetting: exclude`, one that is shown to have lost something is no finalist: it is taken out of the climb's runs,
    and the next best tuned system is asked in its place.
    """
    found: dict[str, Forgetting] = {}
    task = climb.data.task
    while task.tuning.forgetting != "skip" and (asked := _unasked(climb, found)):
        for run in asked:
            if why := _no_time(climb, run):
                observer.message(f"What {run.system.name} forgot is not asked: {why}.")
                return tuple(found.values())
            observer.began("forgetting", run.system.name)
            try:
                one = forgetting(run.system, climb.engine, observer.progress)
            except ModelError as error:
                observer.message(f"What {run.system.name} forgot could not be asked: {error}.")
                return tuple(found.values())
            found[one.fingerprint] = one
            if one.is_shown and task.tuning.forgetting == "exclude":
                climb.track.runs.remove(run)
                observer.message(f"{sentence(one)} It is left out of the final test (`tuning.forgetting: exclude`).")
            elif one.is_shown:
                observer.message(sentence(one))
    return tuple(found.values())


def sentence(found: Forgetting) -> str:
    """What was lost, in a sentence or two."""
    n, change = found.change.n, found.change
    before, after = round(found.before * n), round(found.after * n)
    counts = f"{after} of {n} followed, {before} before"
    if found.is_shown and change.low is not None and change.high is not None:
        lost = f"{-100 * change.mean:.0f} points worse [{-100 * change.high:.0f}, {-100 * change.low:.0f}]"
        return f"Tuned on your task, {found.system} follows general instructions {lost}: {counts}."
    told = f"It is not shown that {found.system} lost anything elsewhere: of general instructions, {counts}"
    if change.low is None or change.high is None:
        return f"{told}."
    mean = round(100 * change.mean)
    points = f"{f'{mean:+}' if mean else 0} points [{100 * change.low:.0f}, {100 * change.high:.0f}]".replace("-", "−")
    return f"{told} ({points})."


def _unasked(climb: Climb, found: dict[str, Forgetting]) -> Sequence[Run]:
    chosen = finalists(climb.runs, tie(climb.data.task), climb.prices.weigh).values() if climb.generative else ()
    return [run for run in chosen if run.system.is_tuned and run.system.fingerprint not in found]


def _no_time(climb: Climb, run: Run) -> str:
    """Why the time limit leaves no room for it; empty where there is room."""
    if not climb.budget.is_limited:
        return ""
    systems = [general_system(run.system, tuned=tuned) for tuned in (False, True)]
    need = sum((climb.budget.row_seconds(system, check_rows()) or 0.0) * len(check_rows()) for system in systems)
    return no_room(need, climb.budget.left) if need > climb.budget.left else ""
