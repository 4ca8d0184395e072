"""What tuning and worked examples are expected to reach, from probes and neighbours.

The constants that turn one into the other were read off small runs of a small model (docs/log.md); the intervals say how far off
they were there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailor.diagnose.classes import embedder_probe, hidden_probe, neighbour_values
from tailor.diagnose.form import in_form
from tailor.diagnose.marks import marking_probe
from tailor.diagnose.subject import Outlook, Subject, percent
from tailor.stats.intervals import Floats

PROBED = 0.07
"""Standard error of the probes' forecast of tuning."""
MARKED = 0.07
"""Standard error of the marking probe's forecast of tuning."""
NEIGHBOURLY = 0.06
"""Standard error of the neighbours' forecast of worked examples."""
OPEN = 0.08
"""Standard error where nothing but neighbours' answers speaks for tuning or examples."""


def behaviour(subject: Subject, classes: Sequence[str] | None) -> Outlook:
    """The forecast for tuning the weights on the training rows.

    Closed sets: the better of a linear probe on the frozen model's states and one on the embedder's vectors. Answers that stand in
    the input: a probe that marks them. Else neither is known; what the nearest training row's answer scores is the least that a
    tuned model should reach, since it can learn how answers look.
    """
    if classes is not None:
        probes = {"the embedder's vectors": embedder_probe(subject, classes)}
        hidden = hidden_probe(subject, classes)
        if hidden is not None:
            probes["the frozen model's states"] = hidden
        name = max(probes, key=lambda name: float(probes[name].mean()))
        scores = " and ".join(f"{percent(values)} on {name}" for name, values in probes.items())
        how = f"Linear probes that learned from {len(subject.train)} training rows reach {scores}."
        return Outlook("behaviour", probes[name], PROBED, how)
    marks = marking_probe(subject)
    if marks is not None:
        how = f"A linear probe on the frozen model's states that marks the answer in the input reaches {percent(marks)}."
        return Outlook("behaviour", marks, MARKED, how)
    values, how = _open(subject)
    return Outlook("behaviour", values, OPEN, how)


def examples(subject: Subject, classes: Sequence[str] | None) -> Outlook:
    """The forecast for showing the nearest worked examples.

    Closed sets: what the examples' own answers score, midway between the nearest one alone and the vote of five. Other answers:
    the better of the nearest example's answer and the baseline's own in the form that examples show.
    """
    one, vote = neighbour_values(subject)
    how = f"The nearest training row's answer scores {percent(one)}, the vote of the five nearest {percent(vote)}."
    if classes is not None:
        return Outlook("examples", (one + vote) / 2, NEIGHBOURLY, how)
    values = np.maximum(one, in_form(subject))
    how = f"The nearest training row's answer scores {percent(one)}; with the model's own in the right form, {percent(values)}."
    return Outlook("examples", values, OPEN, how)


def _open(subject: Subject) -> tuple[Floats, str]:
    base, (one, _) = np.array(subject.run.values), neighbour_values(subject)
    best = one if one.mean() > base.mean() else base
    return best, f"The nearest training row's answer, copied, scores {percent(one)}; no more is known of free answers."
