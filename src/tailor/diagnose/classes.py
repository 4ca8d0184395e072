"""Probes and neighbours for answers from a closed set: labels, and free answers that repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import compress

import numpy as np

from tailor.approaches.tuning import fit_vectors, minimal_prompt
from tailor.diagnose.context import Context
from tailor.kinds.base import kind_of
from tailor.labels import as_set
from tailor.models.base import Array
from tailor.models.head import fit_head
from tailor.models.hidden import chat_means
from tailor.render import render_messages
from tailor.stats.intervals import Floats

REPEATED = 0.9
"""Free answers are taken for a closed set when so many training rows have an answer that another one has, too."""


def classes(context: Context) -> list[str] | None:
    """The class of each training row: its label, or its answer where answers repeat; else, or where there is only one, None."""
    labels = context.targets
    counts = Counter(labels)
    if len(counts) < 2:
        return None
    repeated = sum(count for count in counts.values() if count > 1) / len(labels)
    return labels if kind_of(context.data.task).closed or repeated >= REPEATED else None


def embedder_probe(context: Context, labels: Sequence[str]) -> Floats:
    """The metric on each dev row of a linear classifier on the embedder's vectors."""
    train, dev = context.vectors
    return _values(context, labels, train, dev)


def hidden_probe(context: Context, labels: Sequence[str]) -> Floats | None:
    """The same on the states of the frozen model, which reads the prompt that tuning would use; None where it is not here."""
    model = context.model
    if not model.capabilities.states:
        return None
    system = minimal_prompt(context.data.task, context.run.system)
    rows = (*context.train, *context.dev)
    states = chat_means(model, [render_messages(system, example) for example in rows])
    unit = standardised(states, len(context.train))
    return _values(context, labels, unit[: len(context.train)], unit[len(context.train) :])


def standardised(states: Array, rows: int) -> Array:
    """Numbers of mean 0 and such a spread that vectors are about 1 long, as the first rows are: what `fit_head` expects."""
    spread = states[:rows].std(axis=0)
    unit: Array = (states - states[:rows].mean(axis=0)) / np.where(spread > 0, spread, 1) / states.shape[1] ** 0.5
    return unit


def _values(context: Context, labels: Sequence[str], train: Array, dev: Array) -> Floats:
    """The metric if each dev row were answered as the first training row of the likeliest class should be.

    Where an answer may hold several labels, each is a class, and what is likelier than not is given.
    """
    if kind_of(context.data.task).several:
        head = fit_vectors(context.data.task, train, context.train)
        likely = head.log_probabilities(dev)[:, ::2] > np.log(0.5)
        return context.values([as_set(compress(head.labels, row)) for row in likely])
    head = fit_head(train, labels)
    written = dict(zip(reversed(labels), reversed(context.written), strict=True))
    return context.values([written[head.labels[i]] for i in head.log_probabilities(dev).argmax(axis=1)])


def neighbour_values(context: Context) -> Floats:
    """The metric on each dev row of the nearest training row's answer."""
    train, dev = context.vectors
    nearest = (dev @ train.T).argmax(axis=1)
    return context.values([context.written[i] for i in nearest])
