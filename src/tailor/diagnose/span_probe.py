"""A linear probe for answers that are in the input: it marks the tokens that belong to the answer.

What it reaches tells whether the weights know which words are wanted; writing those and nothing else is what tuning teaches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tailor.approaches.tuning import minimal_prompt
from tailor.data.example import Example
from tailor.diagnose.classes import standardised
from tailor.diagnose.context import Context
from tailor.models.base import Array
from tailor.models.head import one_thread
from tailor.models.hidden import chat_pieces
from tailor.render import render_messages
from tailor.score.text import contains
from tailor.stats.intervals import Floats

COPIED = 0.6
"""Share of the training rows whose answer must be in the input."""
PENALTY = 10.0
"""As for the classes' probes; vectors are about 1 long here, too."""


def copies(context: Context) -> float:
    """Share of the training rows with an answer whose answer is in their input."""
    rows = [example for example in context.train if example.answers]
    inputs = context.inputs(rows)
    return sum(contains(text, example.label) for text, example in zip(inputs, rows, strict=True)) / len(rows) if rows else 0.0


def span_probe(context: Context) -> Floats | None:
    """The metric on each dev row of the words that the probe marks; None where the model is not here or nothing can be learned."""
    model = context.model
    if not model.capabilities.states or copies(context) < COPIED:
        return None
    system = minimal_prompt(context.data.task, context.run.system)
    rows = (*context.train, *context.dev)
    read = chat_pieces(model, [render_messages(system, example) for example in rows])
    pieces = [words for words, _ in read]
    n = len(context.train)
    marks = [marked(words, example) for words, example in zip(pieces[:n], context.train, strict=True)]
    learned = [i for i, mark in enumerate(marks) if mark is not None]
    aims = np.concatenate([mark for mark in marks if mark is not None])
    states = standardised(
        np.concatenate([_with_neighbours(part) for _, part in [*(read[i] for i in learned), *read[n:]]]), len(aims)
    )
    chances = _chances(states, aims)
    ends = np.cumsum([len(words) for words in pieces[n:]])[:-1]
    spans = [best_span(part) for part in np.split(chances, ends)]
    return context.values(["".join(words[a:b]).strip() for words, (a, b) in zip(pieces[n:], spans, strict=True)])


def marked(pieces: Sequence[str], example: Example) -> NDArray[np.bool_] | None:
    """Which pieces of the input belong to the first accepted answer that is in it; None where none does."""
    text = "".join(pieces).lower()
    ends = np.cumsum([len(piece) for piece in pieces])
    starts = ends - [len(piece) for piece in pieces]
    for answer in example.answers:
        at = text.find(answer.lower())
        if answer and at >= 0:
            return np.array((starts < at + len(answer)) & (ends > at))
    return None


def best_span(chances: Floats) -> tuple[int, int]:
    """Start and stop of the run of tokens with the highest sum of (chance - 1/2): at least one token."""
    best, start, total = (-np.inf, 0, 1), 0, 0.0
    for place, gain in enumerate(chances - 0.5):
        if total <= 0:
            start, total = place, 0.0
        total += float(gain)
        best = max(best, (total, start, place + 1), key=lambda span: span[0])
    return best[1], best[2]


def _with_neighbours(states: Array) -> Array:
    """Each token's state with those of the tokens before and behind it: a causal model has not read on."""
    none = np.zeros((1, states.shape[1]), states.dtype)
    wide: Array = np.hstack([np.vstack([none, states[:-1]]), states, np.vstack([states[1:], none])])
    return wide


def _chances(states: Array, aims: NDArray[np.bool_]) -> Floats:
    """The chance of each token behind the first len(aims), from which is learned, to belong to the answer."""
    with one_thread():
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=PENALTY, max_iter=500).fit(states[: len(aims)], aims)
        chances: Floats = model.predict_proba(states[len(aims) :])[:, 1]
    return chances
