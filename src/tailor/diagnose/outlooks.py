"""What tuning and worked examples are expected to reach, from probes and neighbours.

The constants that turn one into the other were read off small runs of a small model and checked on other tasks (docs/log.md,
`python -m benchmarks diagnosis`); the standard errors say how far off they were.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailor.diagnose.classes import embedder_probe, hidden_probe, neighbour_values
from tailor.diagnose.form import in_form
from tailor.diagnose.marks import marking_probe
from tailor.diagnose.subject import Outlook, Subject, percent
from tailor.stats.intervals import Floats

FROM_BETTER = 1 / 3
"""Tuning lands a third of the way from the probe on the frozen model's states to the better of the two probes."""
STEPS = 50
"""Steps of training below which tuning gets only a part of the way, in proportion: 19 steps gave a third of it, 90 all."""
LEARNED = 1 / 3
"""What a tuned model adds to the nearest training row's answer, as a share of score x (1 - score)."""
COPIED = 0.9
"""Share of the way to the nearest example's answer that a model shown it goes."""
PROBED, MARKED, SHOWN, OPEN = 0.07, 0.07, 0.07, 0.08
"""Standard errors: of tuning from probes, from marks; of examples from neighbours; where only neighbours' answers speak."""


def behaviour(subject: Subject, classes: Sequence[str] | None) -> Outlook:
    """The forecast for tuning the weights on the training rows.

    Closed sets: linear probes on the frozen model's states and on the embedder's vectors. Answers that stand in the input: a probe
    that marks them. Else neither is known; the nearest training row's answer scores what can be had by learning how answers look.
    """
    values, error, how = _by_class(subject, classes) if classes is not None else _by_marks(subject) or _by_copies(subject)
    steps = _steps(subject)
    if steps < STEPS:
        base = np.array(subject.run.values)
        values = base + steps / STEPS * (values - base)
        how += f" Training takes {steps} steps only, which gets a part of the way."
    return Outlook("behaviour", values, error, how)


def examples(subject: Subject, classes: Sequence[str] | None) -> Outlook:
    """The forecast for showing the nearest worked examples.

    Closed sets: a model mostly takes over the nearest example's answer. Other answers: the better of that answer and the baseline's
    own in the form that examples show.
    """
    one, base = neighbour_values(subject), np.array(subject.run.values)
    if classes is not None:
        how = f"The nearest training row's answer scores {percent(one)}; a model shown it does not always take it over."
        return Outlook("examples", base + COPIED * (one - base), SHOWN, how)
    values = np.maximum(one, in_form(subject))
    how = f"The nearest training row's answer scores {percent(one)}; with the model's own in the right form, {percent(values)}."
    return Outlook("examples", values, OPEN, how)


def _by_class(subject: Subject, classes: Sequence[str]) -> tuple[Floats, float, str]:
    outer, hidden = embedder_probe(subject, classes), hidden_probe(subject, classes)
    rows = f"A linear probe that learned from {len(subject.train)} training rows reaches {percent(outer)} on the embedder's vectors"
    if hidden is None:
        return outer, PROBED, f"{rows}."
    better = outer if outer.mean() > hidden.mean() else hidden
    return hidden + FROM_BETTER * (better - hidden), PROBED, f"{rows}, and {percent(hidden)} on the frozen model's states."


def _by_marks(subject: Subject) -> tuple[Floats, float, str] | None:
    marks = marking_probe(subject)
    if marks is None:
        return None
    return (
        marks,
        MARKED,
        f"A linear probe on the frozen model's states that marks the answer in the input reaches {percent(marks)}.",
    )


def _by_copies(subject: Subject) -> tuple[Floats, float, str]:
    """The better of the baseline and of copies of the nearest answers, and what training adds to such copies."""
    one, base = neighbour_values(subject), np.array(subject.run.values)
    learned = one + LEARNED * one * (1 - one)
    how = f"The nearest training row's answer scores {percent(one)}; what else can be learned from free answers is not known."
    return learned if learned.mean() > base.mean() else base, OPEN, how


def _steps(subject: Subject) -> int:
    tuning = subject.material.task.tuning
    return -(-len(subject.material.train[: tuning.max_rows]) // tuning.batch_rows) * tuning.epochs
