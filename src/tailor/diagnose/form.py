"""What holding answers to their form would win: those that cannot be used, and those that hold the right text among other words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailor.diagnose.subject import Outlook, Subject
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
"""Share of the rows that may be mended which asking for the form does mend, and its standard error: a tenth was seen with a small
model (docs/log.md), and larger ones listen better."""


def form(subject: Subject, classes: Sequence[str] | None) -> Outlook | None:
    """The forecast for constraints; None where answers are held to their form already, or none breaks it.

    Where free answers come from a closed set, and the model's probabilities are here, the set's answers are scored: decoding held
    to the set can do no better than that. Elsewhere a form can only be asked for: of what that may mend a quarter is counted.
    """
    run, task = subject.run, subject.material.task
    if not kind_of(task).closed and classes and len(set(classes)) <= MOST_CLASSES and subject.model.capabilities.scores:
        return None if run.system.decoding.pattern else _held(subject, tuple(dict.fromkeys(classes)))
    if run.system.decoding.method == "score":
        return None
    base = np.array(run.values)
    best = in_form(subject)
    broken = int((best > base).sum())
    if not broken:
        return None
    gain = float((best - base).mean())
    which = "1 answer cannot be read, or holds" if broken == 1 else f"{broken} answers cannot be read, or hold"
    how = f"{which} the right text among other words; asking for the form may mend all or none."
    return Outlook("form", base + ASKED * (best - base), ASKED_ERROR * gain, how)


def _held(subject: Subject, answers: tuple[str, ...]) -> Outlook:
    start = subject.run.system
    system = start.then("held", decoding={"method": "score", "labels": answers}, prompt={"show_labels": False})
    run = measure(subject.material.task, system, "dev", subject.dev, subject.engine)
    how = f"All {len(answers)} answers of the training rows were scored, and the likeliest taken."
    return Outlook("form", np.array(run.values), HELD_ERROR, how)


def in_form(subject: Subject) -> Floats:
    """What each dev row of the baseline would be worth in the right form; at least what it is worth."""
    scores = subject.run.scores
    parsed = [score.value for score in scores if score.outcome in ("right", "wrong", "cut") and not _unread(subject, score)]
    rate = float(np.mean(parsed)) if parsed else 0.0
    return np.array([max(score.value, _if_mended(subject, i, score, rate)) for i, score in enumerate(scores)])


def _if_mended(subject: Subject, row: int, score: Score, rate: float) -> float:
    """What the row would be worth in the right form: for an answer that could not be read, what readable ones are worth on average.

    An answer that names several known ones is worth the share of the right one among them.
    """
    if _unread(subject, score):
        return rate
    example = subject.dev[row]
    if kind_of(subject.material.task).closed or not any(contains(score.answer, wanted) for wanted in example.answers):
        return 0.0
    accepted = set(map(normalise, example.answers))
    named = [
        a for a in subject.known if normalise(a) not in accepted and contains(score.answer, a) and not _inside(a, example.answers)
    ]
    return 1 / (1 + len(named))


def _unread(subject: Subject, score: Score) -> bool:
    """Whether there is an answer, but none that can be read; free text that was cut off can be."""
    return score.outcome == "unparsed" or (score.outcome == "cut" and kind_of(subject.material.task).closed)


def _inside(answer: str, wanted: Sequence[str]) -> bool:
    return any(contains(other, answer) for other in wanted)
