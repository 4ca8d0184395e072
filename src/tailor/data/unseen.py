"""Labels that train lacks: answers that no system can give, which the test set counts as often as they will be asked for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from tailor.data.example import Example, Splits
from tailor.data.finding import Finding
from tailor.data.units import kept_together
from tailor.kinds.base import kind_of
from tailor.stats.intervals import mean_interval
from tailor.task import Task

CONFIDENCE = 0.95


def unseen(task: Task, splits: Splits, part: Sequence[Example]) -> tuple[Example, ...]:
    """The examples of a part whose label no system of this project knows: neither train nor the task's `labels` have it."""
    if not kind_of(task).closed:
        return ()
    kind = kind_of(task)
    known = {*task.labels, *(label for example in splits.train for label in kind.labels_in(example.label))}
    return tuple(example for example in part if not kind.can_be_right(example, known))


def unseen_clause(task: Task, splits: Splits) -> str:
    """A clause that counts the test rows with such a label; empty where there are none."""
    rows = unseen(task, splits, splits.test)
    if not rows:
        return ""
    which = f"; {len(rows):,} of the {len(splits.test):,} test rows {'has' if len(rows) == 1 else 'have'} a label that train lacks"
    return f"{which}, so that no system can be right there"


def percent_up(share: float) -> str:
    """A share as percent, rounded up to a tenth."""
    return f"{math.ceil(round(share * 1000, 6)) / 10:g} %"


def unseen_share(task: Task, splits: Splits) -> Iterator[Finding]:
    """What share of future rows will have a label that train lacks.

    The estimate is Good and Turing's (Good 1953, "The population frequencies of species and the estimation of population
    parameters", Biometrika 40): the share of labels that train has once among its rows. The limit is exact and assumes nothing of
    how labels are distributed: test and reserve are drawn by chance, so that the share of their rows whose label train lacks has a
    binomial limit (over units, where rows come in units). Labels that the task lists but train lacks count as lacking.
    """
    train, drawn = kept_together(splits.train), (*splits.test, *splits.reserve)
    kind = kind_of(task)
    held = [{label for example in unit for label in kind.labels_in(example.label)} for unit in train]
    counts = Counter(label for labels in held for label in labels)
    if kind.several:
        once, total = sum(any(counts[label] == 1 for label in labels) for labels in held), len(held)
    else:
        once, total = sum(count == 1 for count in counts.values()), counts.total()
    lacking = [float(not counts.keys() >= set(kind.labels_in(example.label))) for example in drawn]
    if not once and not any(lacking):
        return
    high = mean_interval(lacking, 1 - 2 * (1 - CONFIDENCE), groups=[example.unit for example in drawn]).high
    limit = "" if high is None else f", so that it is at most {percent_up(high)} with {percent_up(CONFIDENCE)} confidence"
    yield Finding(
        "warning" if any(lacking) else "note",
        f"About {round(100 * once / total, 1):g} % of future rows will have a label that train lacks, by Good and Turing: of its "
        f"{total:,} rows {once:,} {'has' if once == 1 else 'have'} a label that no other has. Of {len(drawn):,} rows in test and "
        f"reserve {sum(lacking):,.0f} {'has' if sum(lacking) == 1 else 'have'} a label that train lacks{limit}.",
        advice="Add rows of rare labels, list all labels as `labels`, or gather rare ones under one name such as `other`.",
    )
