"""How often the corrected limits of a judged score hold, under judges with a bias, by simulation.

Each panel has its own true score, 30 to 70 ratings by people and 120 to 240 rows in all, of which half are long answers. `PANELS`
of them go round the six judges of `JUDGES`. `covered` is the share of the panels in which the 95 % interval of the score, with the
verdicts corrected by the ratings (`tailor.stats.ppi`), holds the true score; `covered_NAME` is that of one judge, on as many panels
of its own. `trusted` is the share in which an interval that takes the verdicts for true would hold it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tailor.stats.intervals import mean_interval
from tailor.stats.ppi import rectify

PANELS = 500
LEVEL = 0.95

Flags = NDArray[np.bool_]
Judge = Callable[[Flags, Flags, np.random.Generator], Flags]
"""Verdicts on answers: which are good, which are long."""

JUDGES: dict[str, Judge] = {
    "harsh": lambda good, long, random: good & (random.random(len(good)) < 0.9),
    "generous": lambda good, long, random: good | (random.random(len(good)) < 0.5),
    "prefers_long": lambda good, long, random: long,
    "always_yes": lambda good, long, random: np.ones(len(good), dtype=np.bool_),
    "wrong_way_round": lambda good, long, random: ~good & (random.random(len(good)) < 0.9),
    "fair_but_for_long": lambda good, long, random: np.where(long, True, good),
}


def run() -> dict[str, float]:
    """`covered` and `trusted` over all judges, and `covered_NAME` of each."""
    figures = dict(zip(("covered", "trusted"), coverage(list(JUDGES.values()), np.random.default_rng(11)), strict=True))
    for place, (name, judge) in enumerate(JUDGES.items()):
        figures[f"covered_{name}"], trusted = coverage([judge], np.random.default_rng([12, place]))
        print(f"  {name}: {figures[f'covered_{name}']:.3f} corrected, {trusted:.3f} taken for true", file=sys.stderr)
    return figures | {"panels": float(PANELS)}


def coverage(judges: Sequence[Judge], random: np.random.Generator, panels: int = PANELS) -> tuple[float, float]:
    """Share of the panels whose corrected interval holds the true score, and of those where one that trusts the verdicts does."""
    held, trusted = 0, 0
    for panel in range(panels):
        truth, rated, rows = random.uniform(0.3, 0.8), int(random.integers(30, 70)), int(random.integers(120, 240))
        good, long = random.random(rows) < truth, random.random(rows) < 0.5
        said, right = judges[panel % len(judges)](good, long, random).astype(float), good.astype(float)
        corrected = rectify(right[:rated, None], said[:rated, None], said[rated:, None]).interval(0, LEVEL)
        plain = mean_interval(list(said), LEVEL)
        held += corrected.low is not None and corrected.high is not None and corrected.low <= truth <= corrected.high
        trusted += plain.low is not None and plain.high is not None and plain.low <= truth <= plain.high
    return held / panels, trusted / panels
