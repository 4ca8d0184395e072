"""What holding answers to their form would win: those that cannot be used, and those that hold the right text among other words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailor.diagnose.context import Context, LeverForecast
from tailor.evaluate.measure import measure
from tailor.kinds.base import kind_of
from tailor.score.text import contains, normalise
from tailor.score.types import Score
from tailor.stats.intervals import Floats

MOST_CLASSES = 100
"""Answers that a model is held to by scoring all of them."""
HELD_ERROR = 0.05
"""Standard error of what scoring a list of answers says about answers held to it."""
ASKED, ASKED_ERROR = 0.25, 0.35
"""Share of the rows that may be fixed which asking for the form does fix, and its standard error: a tenth was seen with a small
model (docs/log.md), and larger ones listen better."""


def form(context: Context, classes: Sequence[str] | None) -> LeverForecast | None:
    """The forecast for constraints; None where answers are held to their form already, or none breaks it.

    Where free answers come from a closed set, and the model's probabilities are here, the set's answers are scored: decoding held
    to the set can do no better than that. Elsewhere a form can only be asked for: of what that may fix a quarter is counted.
    """
    run, task = context.run, context.data.task
    if not kind_of(task).closed and classes and len(set(classes)) <= MOST_CLASSES and context.model.capabilities.scores:
        return None if run.system.decoding.pattern else _held(context, tuple(dict.fromkeys(classes)))
    if run.system.decoding.method == "score":
        return None
    base = np.array(run.values)
    best = in_form(context)
    broken = int((best > base).sum())
    if not broken:
        return None
    gain = float((best - base).mean())
    which = "1 answer cannot be read, or holds" if broken == 1 else f"{broken} answers cannot be read, or hold"
    how = f"{which} the right text among other words; asking for the form may fix all or none."
    return LeverForecast("form", base + ASKED * (best - base), ASKED_ERROR * gain, how)


def _held(context: Context, answers: tuple[str, ...]) -> LeverForecast:
    start = context.run.system
    system = start.then("held", decoding={"method": "score", "labels": answers}, prompt={"show_labels": False})
    run = measure(context.data.task, system, "dev", context.dev, context.engine)
    how = f"All {len(answers)} answers of the training rows were scored, and the likeliest taken."
    return LeverForecast("form", np.array(run.values), HELD_ERROR, how)


def in_form(context: Context) -> Floats:
    """What each dev row of the baseline would be worth in the right form; at least what it is worth."""
    scores = context.run.scores
    parsed = [score.value for score in scores if score.outcome in ("right", "wrong", "cut") and not _unread(context, score)]
    rate = float(np.mean(parsed)) if parsed else 0.0
    return np.array([max(score.value, _if_fixed(context, i, score, rate)) for i, score in enumerate(scores)])


def _if_fixed(context: Context, row: int, score: Score, rate: float) -> float:
    """What the row would be worth in the right form: for an answer that could not be read, what readable ones are worth on average.

    An answer that names several known ones is worth the share of the right one among them.
    """
    if _unread(context, score):
        return rate
    example = context.dev[row]
    if kind_of(context.data.task).closed or not any(contains(score.answer, wanted) for wanted in example.answers):
        return 0.0
    accepted = set(map(normalise, example.answers))
    named = [
        a for a in context.known if normalise(a) not in accepted and contains(score.answer, a) and not _inside(a, example.answers)
    ]
    return 1 / (1 + len(named))


def _unread(context: Context, score: Score) -> bool:
    """Whether there is an answer, but none that can be read; free text that was cut off can be."""
    return score.outcome == "unparsed" or (score.outcome == "cut" and kind_of(context.data.task).closed)


def _inside(answer: str, wanted: Sequence[str]) -> bool:
    return any(contains(other, answer) for other in wanted)
