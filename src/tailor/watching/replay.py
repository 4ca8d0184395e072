"""Whether the decision would change: the finalists that the study kept answer audited requests, and are compared on them.

Only requests that deciding again would learn from are asked: the others stay unseen, so that they can decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tailor.data.example import Example
from tailor.decide.formats import counted, format_effect, format_money, format_percent
from tailor.decide.prices import price_list
from tailor.errors import CallsFailed, DataError
from tailor.evaluate.measure import measure
from tailor.evaluate.run import Run
from tailor.files import private_files, tighten
from tailor.ledger import Ledger
from tailor.models.base import Metered, Model
from tailor.open_engine import open_engine
from tailor.project import Project
from tailor.results import Study
from tailor.saved import chosen_system, load_study
from tailor.stats.intervals import Interval, mean_interval
from tailor.stats.paired import paired_max_t
from tailor.system import System
from tailor.watching.again import audited_rows, learnable

LEVEL = 0.95


@dataclass(frozen=True)
class Replayed:
    """A finalist on the audited requests.

    Attributes:
        name: its name.
        fingerprint: of it.
        chosen: whether it is the chosen one.
        score: the metric there, with an interval of its own.
        before: what it scored on the sealed test set.
        gain: what it has more than the chosen one, with limits that hold for all finalists together; None for that itself.
    """

    name: str
    fingerprint: str
    chosen: bool
    score: Interval
    before: float
    gain: tuple[float, float, float] | None


@dataclass(frozen=True)
class Replay:
    """What the finalists do today.

    Attributes:
        rows: audited requests that they answered.
        finalists: best first.
        better: those that are shown to be better than the chosen one by more than the smallest effect.
        sentence: what follows.
    """

    rows: int
    finalists: tuple[Replayed, ...]
    better: tuple[Replayed, ...]
    sentence: str


def replay(project: Project, say: Callable[[str], None], model: Model | None = None) -> Replay:
    """Ask the finalists what was audited, and compare them.

    Args:
        project: where the study and its traffic are.
        say: told what it will cost, before anything is asked.
        model: stands in for the model that the task names.

    Raises:
        ConfigError: nothing was decided.
        DataError: no audited request has a right answer that may be looked at.
        CallsFailed: a call failed.
    """
    study = load_study(project.folder)
    chosen = chosen_system(study)
    rows = learnable(audited_rows(project, study, chosen))
    if not rows:
        raise DataError("no audited request has a right answer yet", "Judge some on the sheet of `tailor watch --audit FILE`.")
    with private_files(), Ledger(tighten(project.store)) as ledger:
        engine = open_engine(project, ledger, model)
        systems = [engine.refreshed(run.system) for run in study.tests]
        say(_cost(study, systems, [engine.missing(system, rows) for system in systems], project, engine.models))
        runs = []
        for system in systems:
            run = measure(study.task, system, "dev", tuple(rows), engine)
            if run.failure:
                raise CallsFailed(f"of {system.name}, {run.failure}")
            runs.append(run)
    return compared(study, chosen, rows, runs)


def _cost(study: Study, systems: Sequence[System], missing: Sequence[int], project: Project, models: Sequence[Model]) -> str:
    prices, currency = price_list(project.task, models), project.task.prices.currency
    paid = {model.digest for model in models if isinstance(model, Metered)}
    total = 0.0
    for before, system, number in zip(study.tests, systems, missing, strict=True):
        price = prices.of(system).price(before.tokens_in, before.tokens_out) if system.weights.digest in paid else 0.0
        if price is None:
            return f"Asking the finalists takes {counted(sum(missing), 'answer')}, at a price that is not known."
        total += number * price
    what = f"about {format_money(total, currency)}" if total else "nothing but this machine's time"
    answers = counted(sum(missing), "answer")
    return f"Asking the finalists takes {answers}, which cost {what}; what is answered already is not asked again."


def compared(study: Study, chosen: System, rows: Sequence[Example], runs: Sequence[Run]) -> Replay:
    """The finalists side by side on the same audited requests.

    Args:
        study: the study that they are finalists of.
        chosen: the chosen system.
        rows: the requests.
        runs: theirs, in the order of `study.tests`.
    """
    place = next(place for place, before in enumerate(study.tests) if before.system.fingerprint == chosen.fingerprint)
    pairs = paired_max_t(np.array([run.values for run in runs]).T, LEVEL)
    gains: dict[int, tuple[float, float, float]] = {}
    for pair in pairs:
        if place in (pair.first, pair.second):
            low, high = (-1.0 if pair.low is None else pair.low), (1.0 if pair.high is None else pair.high)
            other = pair.second if pair.first == place else pair.first
            gains[other] = (-pair.mean, -high, -low) if pair.first == place else (pair.mean, low, high)
    found = [
        Replayed(before.system.name, before.system.fingerprint, n == place, mean_interval(run.values), before.mean, gains.get(n))
        for n, (before, run) in enumerate(zip(study.tests, runs, strict=True))
    ]
    found.sort(key=lambda one: (-one.score.mean, not one.chosen))
    better = tuple(one for one in found if one.gain is not None and one.gain[1] > study.task.smallest_effect)
    return Replay(len(rows), tuple(found), better, _sentence(study, chosen, len(rows), found, better))


def _sentence(study: Study, chosen: System, rows: int, found: Sequence[Replayed], better: Sequence[Replayed]) -> str:
    on, effect = f"on {counted(rows, 'audited request')}", format_effect(study.task.smallest_effect)
    if better:
        best = better[0]
        return (
            f"The decision would change: {best.name} is shown to be better than {chosen.name} by more than {effect} {on} "
            f"({format_percent(best.score.mean)} against {format_percent(next(o.score.mean for o in found if o.chosen))}). "
            "Decide again with `tailor run --again`."
        )
    if found[0].chosen:
        return f"The decision would stay: {chosen.name} is the best finalist {on}."
    return (
        f"{found[0].name} does better than {chosen.name} {on}, but that it is better by more than {effect} is not shown: "
        "the decision stays until more is audited."
    )
