"""What tuning and worked examples are expected to reach, from probes and neighbours.

The constants that turn one into the other were read off small runs of a small model and checked on other tasks (docs/log.md,
`python -m benchmarks diagnosis`); the standard errors say how far off they were.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailor.diagnose.classes import embedder_probe, hidden_probe, neighbour_values
from tailor.diagnose.context import Context, LeverForecast, percent
from tailor.diagnose.form import in_form
from tailor.diagnose.span_probe import span_probe
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


def behaviour(context: Context, classes: Sequence[str] | None) -> LeverForecast:
    """The forecast for tuning the weights on the training rows.

    Closed sets: linear probes on the frozen model's states and on the embedder's vectors. Answers that are in the input: a probe
    that marks them. Else neither is known; the nearest training row's answer scores what can be had by learning how answers look.
    """
    values, error, how = _by_class(context, classes) if classes is not None else _by_spans(context) or _by_copies(context)
    steps = _steps(context)
    if steps < STEPS:
        base = np.array(context.run.values)
        values = base + steps / STEPS * (values - base)
        how += f" Training takes only {steps} steps, which gets part of the way."
    return LeverForecast("behaviour", values, error, how)


def examples(context: Context, classes: Sequence[str] | None) -> LeverForecast:
    """The forecast for showing the nearest worked examples.

    Closed sets: a model mostly takes over the nearest example's answer. Other answers: the better of that answer and the baseline's
    own in the form that examples show.
    """
    one, base = neighbour_values(context), np.array(context.run.values)
    if classes is not None:
        how = f"The nearest training row's answer scores {percent(one)}; a model shown it does not always take it over."
        return LeverForecast("examples", base + COPIED * (one - base), SHOWN, how)
    values = np.maximum(one, in_form(context))
    how = f"The nearest training row's answer scores {percent(one)}; with the model's own in the right form, {percent(values)}."
    return LeverForecast("examples", values, OPEN, how)


def _by_class(context: Context, classes: Sequence[str]) -> tuple[Floats, float, str]:
    outer, hidden = embedder_probe(context, classes), hidden_probe(context, classes)
    rows = f"A linear probe that learned from {len(context.train)} training rows reaches {percent(outer)} on the embedder's vectors"
    if hidden is None:
        return outer, PROBED, f"{rows}."
    better = outer if outer.mean() > hidden.mean() else hidden
    return hidden + FROM_BETTER * (better - hidden), PROBED, f"{rows}, and {percent(hidden)} on the frozen model's states."


def _by_spans(context: Context) -> tuple[Floats, float, str] | None:
    marks = span_probe(context)
    if marks is None:
        return None
    return (
        marks,
        MARKED,
        f"A linear probe on the frozen model's states that marks the answer in the input reaches {percent(marks)}.",
    )


def _by_copies(context: Context) -> tuple[Floats, float, str]:
    """The better of the baseline and of copies of the nearest answers, and what training adds to such copies."""
    one, base = neighbour_values(context), np.array(context.run.values)
    learned = one + LEARNED * one * (1 - one)
    how = f"The nearest training row's answer scores {percent(one)}; what else can be learned from free answers is not known."
    return learned if learned.mean() > base.mean() else base, OPEN, how


def _steps(context: Context) -> int:
    tuning = context.data.task.tuning
    return -(-len(context.data.train[: tuning.max_rows]) // tuning.batch_rows) * tuning.epochs
