"""Subsets of labelled rows: nested and stratified for learning curves, folds for cross-validation. A unit stays together."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from tailor.data.example import Example

Units = Sequence[tuple[Example, ...]]


def nested_order(units: Units, seed: int) -> tuple[Example, ...]:
    """All examples in an order whose every beginning is a random, stratified sample of them: nested subsets.

    A beginning of n rows has each label's share of n, to within one unit. Units stand whole, so a beginning cuts at most one.

    Args:
        units: examples that stay together, as `tailor.data.units.kept_together` gives them.
        seed: of the order.
    """
    return tuple(example for unit in _dealt(units, seed) for example in unit)


def folds(units: Units, count: int, seed: int) -> list[list[tuple[Example, ...]]]:
    """The units in `count` folds, stratified by label, each unit in exactly one."""
    ordered = sorted(_dealt(units, seed), key=_label)  # stable: within a label, the random order stays
    return [list(ordered[fold::count]) for fold in range(count)]


def _dealt(units: Units, seed: int) -> list[tuple[Example, ...]]:
    """The units of each label at equal steps from a random start, those of all labels merged (systematic sampling)."""
    draw = random.Random(seed)
    by_label: dict[str, list[tuple[Example, ...]]] = defaultdict(list)
    for unit in units:
        by_label[_label(unit)].append(unit)
    placed = []
    for _, same in sorted(by_label.items()):
        start = draw.random()
        placed += [((step + start) / len(same), unit) for step, unit in enumerate(draw.sample(same, len(same)))]
    return [unit for _, unit in sorted(placed, key=lambda pair: pair[0])]


def _label(unit: tuple[Example, ...]) -> str:
    return unit[0].label
