"""How often limits hold, and how often the whole procedure claims what is false or picks wrongly, by simulation.

Limits: `RUNS` runs in each cell of rows x true rate x grouping. Groupings: rows alone; groups of 4 rows on average with an
intra-group correlation of 0.2, as rows of one customer or document have; groups of 8 with 0.6, strong. Sizes are geometric, so the
largest group is several times the mean; a group's own rate is drawn from a beta distribution (values are beta-binomial). In each
cell:

- interval: the two-sided 95 % interval of `mean_interval`;
- limit: the one-sided lower limit of `lower_bound` at 5 %;
- certified: the same at the error that one of five finalists has at a first opening;
- differences: all limits of `paired_max_t` among three systems together at 95 %, two of them alike and one 2 points better (at 98
  %, 1), on a normal latent score of which 60 % is common to the systems, and in groups half of that common to the group.

`worst_margin` is the least over all cells and statements of coverage - nominal + 3 Monte-Carlo errors, with the error
sqrt(nominal (1 - nominal) / runs). Limits that are drawn are drawn from fewer resamples here than in the product, which makes them
vary more, not hold less often.

The whole procedure: see `benchmarks.worlds`. Shares are the largest over the cells of kind x test rows x grouping, and of kind with
several models, so that no cell hides behind another; those of several models are given by themselves, too.
`finds_10_points_at_400` is of the kind gain alone, in which nothing comes in groups.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.groups import draw_groups
from benchmarks.worlds import try_world
from tailor.stats.clusters import Floats
from tailor.stats.intervals import lower_bound, mean_interval
from tailor.stats.paired import paired_max_t
from tailor.stats.spending import of_target

RUNS = 2_000
ROWS = (30, 100, 400)
TRUE_RATES = (0.5, 0.9, 0.98)
GROUPINGS = {"alone": (1.0, 0.0), "groups": (4.0, 0.2), "strong groups": (8.0, 0.6)}
"""Mean size of a group, and the correlation of values within one."""

WORLDS, GROUPED_WORLDS = 2_000, 500
DRAWS = 2_000
LEVEL = 0.95
NOMINAL = {"interval": LEVEL, "limit": LEVEL, "certified": 1 - of_target(1, 5), "differences": LEVEL}
SHARED = 0.6


@dataclass(frozen=True)
class Cell:
    """A cell of the simulation of limits."""

    rows: int
    rate: float
    grouping: str


@dataclass(frozen=True)
class WorldCell:
    """A cell of the simulation of the procedure."""

    kind: str
    rows: int
    grouped: bool
    several: bool = False

    @property
    def worlds(self) -> int:
        """Fewer where limits must be drawn over groups, which takes longer."""
        return GROUPED_WORLDS if self.grouped else WORLDS


CELLS = [Cell(*parts) for parts in product(ROWS, TRUE_RATES, GROUPINGS)]
WORLD_CELLS = [
    *(WorldCell(kind, 400, True) for kind in ("spread", "edge", "equal")),
    *(WorldCell(kind, rows, False) for kind in ("spread", "edge", "equal") for rows in (100, 400)),
    WorldCell("gain", 400, False),
    *(WorldCell(kind, 400, False, several=True) for kind in ("spread", "edge", "equal")),
]


def run() -> dict[str, float]:
    """The figures, over all cores; every cell's own go to standard error."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        # The longest first, so that no core waits at the end for the other.
        found = pool.map(procedure, WORLD_CELLS), pool.map(coverage, CELLS)
        worlds, limits = dict(zip(WORLD_CELLS, found[0], strict=True)), dict(zip(CELLS, found[1], strict=True))
    for cell, shares in [*limits.items(), *worlds.items()]:
        print(f"  {cell}: " + ", ".join(f"{name} {share:.4f}" for name, share in shares.items()), file=sys.stderr)
    margins = {
        name: min(shares[name] - nominal + 3 * np.sqrt(nominal * (1 - nominal) / RUNS) for shares in limits.values())
        for name, nominal in NOMINAL.items()
    }
    gain = worlds[WorldCell("gain", 400, False)]
    several = [shares for cell, shares in worlds.items() if cell.several]
    spread, grouped = (worlds[WorldCell("spread", 400, grouped)] for grouped in (False, True))
    return {
        "worst_margin": min(margins.values()),
        **{f"worst_margin_{name}": margin for name, margin in margins.items()},
        "least_coverage_95": min(shares["interval"] for shares in limits.values()),
        "false_claims": max(shares["false_claim"] for shares in worlds.values()),
        "wrong_cheap_picks": max(shares["wrong_cheap_pick"] for shares in worlds.values()),
        "missed_limits": max(shares["missed_limit"] for shares in worlds.values()),
        **{f"{name}s_several_models": max(shares[name] for shares in several) for name in ("false_claim", "missed_limit")},
        "finds_10_points_at_400": gain["find"],
        "claims_in_spread_worlds_at_400": spread["claim"],
        "claims_in_grouped_spread_worlds_at_400": grouped["claim"],
        "claims_in_spread_worlds_of_several_models": worlds[WorldCell("spread", 400, False, several=True)]["claim"],
        "cells": len(CELLS),
        "runs_per_cell": RUNS,
        "world_cells": len(WORLD_CELLS),
        "worlds_per_cell": WORLDS,
        "grouped_worlds_per_cell": GROUPED_WORLDS,
    }


def coverage(cell: Cell) -> dict[str, float]:
    """Share of the runs in which each statement holds."""
    random = np.random.default_rng([1, CELLS.index(cell)])
    size, correlation = GROUPINGS[cell.grouping]
    held = {name: 0 for name in NOMINAL}
    better = min(cell.rate + 0.02, (1 + cell.rate) / 2)
    gains = [0.0, cell.rate - better, cell.rate - better]
    for _ in range(RUNS):
        groups = draw_groups(cell.rows, size, random) if size > 1 else None
        values = beta_binomial(cell.rows, groups, cell.rate, correlation, random)
        interval = mean_interval(values, LEVEL, groups=groups, draws=DRAWS)
        held["interval"] += interval.low is None or interval.high is None or interval.low <= cell.rate <= interval.high
        for name in ("limit", "certified"):
            held[name] += lower_bound(values, 1 - NOMINAL[name], groups=groups, draws=DRAWS) <= cell.rate
        matrix = latent(cell.rows, groups, (cell.rate, cell.rate, better), random)
        found = paired_max_t(matrix, LEVEL, resamples=DRAWS, groups=groups)
        held["differences"] += all(
            d.low is None or d.high is None or d.low <= gain <= d.high for d, gain in zip(found, gains, strict=True)
        )
    return {name: count / RUNS for name, count in held.items()}


def beta_binomial(rows: int, groups: list[str] | None, rate: float, correlation: float, random: np.random.Generator) -> list[float]:
    """Values 0 and 1 of this mean; within a group they have this correlation."""
    if groups is None:
        return list((random.random(rows) < rate).astype(float))
    names, index = np.unique(groups, return_inverse=True)
    weight = 1 / correlation - 1
    own = random.beta(rate * weight, (1 - rate) * weight, size=len(names))
    return list((random.random(rows) < own[index]).astype(float))


def latent(rows: int, groups: list[str] | None, rates: tuple[float, ...], random: np.random.Generator) -> Floats:
    """Values 0 and 1 of these means, shape (rows, systems): what is hard for one system is hard for others, and for its group."""
    from scipy.special import ndtri

    common = random.normal(size=rows)
    if groups is not None:
        names, index = np.unique(groups, return_inverse=True)
        common = np.sqrt(0.5) * common + np.sqrt(0.5) * random.normal(size=len(names))[index]
    own = random.normal(size=(rows, len(rates)))
    score = np.sqrt(SHARED) * common[:, None] + np.sqrt(1 - SHARED) * own
    right: Floats = (score < ndtri(np.array(rates))).astype(float)
    return right


def procedure(cell: WorldCell) -> dict[str, float]:
    """Shares of the worlds in which each thing happened."""
    random = np.random.default_rng([2, WORLD_CELLS.index(cell)])
    outcomes = [try_world(cell.kind, cell.rows, cell.grouped, random, several=cell.several) for _ in range(cell.worlds)]
    names = ("false_claim", "missed_limit", "wrong_cheap_pick", "claim", "find")
    return {name: float(np.mean([getattr(outcome, name) for outcome in outcomes])) for name in names}
