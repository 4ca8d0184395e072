"""What passages would win: how often the right one is found, and how often the model then answers rightly."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from tailor.approaches.retrieval import Retrieve
from tailor.diagnose.context import Context, LeverForecast, percent
from tailor.evaluate.measure import measure
from tailor.kinds.base import kind_of
from tailor.score.scorer import holds_answer
from tailor.stats.clusters import usual_size
from tailor.stats.intervals import Floats

ASKED = 48
"""Dev rows that are asked with their passage, at least; whole blocks, so that the ladder uses these answers again."""
OTHER_SEARCHES = 0.03
"""Standard error for what other searches, or more passages, would give."""


def knowledge(context: Context) -> tuple[LeverForecast, float]:
    """The forecast for retrieval, and the share of dev rows whose passage holds the answer.

    Passages are searched for every dev row, which asks no model. A first part of the rows is asked with the passage found: the same
    calls that the ladder makes on its rung "retrieve". Of the other rows, those whose passage holds the answer are expected to do
    as well as the asked ones of which this is true, and the rest as well as the rest.

    Raises:
        TailorError: the documents cannot be searched, or no request can succeed.
    """
    data, engine = context.data, context.engine
    system = Retrieve("hybrid").fit(context.run.system, data, engine)
    found = engine.retrieve(system, context.dev)
    # The passage holds the answer, it does not, or there is none to hold: a label does not stand in documents.
    closed = kind_of(data.task).closed
    kinds = [
        "none" if closed or not example.answers else "found" if any(holds_answer(p.text, example) for p in passages) else "missed"
        for example, passages in zip(context.dev, found, strict=True)
    ]
    block = context.model.block
    run = measure(data.task, system, "dev", context.dev[: -(-ASKED // block) * block], engine)
    values, error = _spread(np.array(run.values), kinds, usual_size(run.units))
    forecast = LeverForecast("knowledge", values, (error**2 + OTHER_SEARCHES**2) ** 0.5, _how(kinds, run.values))
    return forecast, kinds.count("found") / len(kinds)


def _spread(asked: Floats, kinds: list[str], alike: float = 1.0) -> tuple[Floats, float]:
    """The rows' values, those not asked with the mean of the asked ones of their kind; and the standard error of all their mean.

    `alike` rows count as one observation.
    """
    seen = defaultdict(list)
    for kind, value in zip(kinds, asked, strict=False):
        seen[kind].append(float(value))
    values = np.concatenate([asked, [float(np.mean(seen.get(kind) or asked)) for kind in kinds[len(asked) :]]])
    variance = 0.0
    for kind in set(kinds[len(asked) :]):
        some = seen.get(kind) or list(map(float, asked))
        share = kinds[len(asked) :].count(kind) / len(kinds)
        # One row added on either side keeps the error above nothing where all asked rows are alike.
        rate = (sum(some) + 1) / (len(some) + 2)
        variance += alike * share**2 * rate * (1 - rate) / len(some)
    return values, variance**0.5


def _how(kinds: list[str], asked: list[float]) -> str:
    answerable = len(kinds) - kinds.count("none")
    given = [value for kind, value in zip(kinds, asked, strict=False) if kind == "found"]
    if not answerable:
        return f"With the top passage, the model scores {percent(asked)} on the {len(asked)} that were asked."
    recall = f"The top passage contains the answer to {kinds.count('found')} of {answerable} questions"
    if not given:
        return f"{recall}; none of those was asked."
    return f"{recall}; given such a passage, the model scores {percent(given)} on the {len(given)} that were asked."
