"""Races between prompt variants, replayed on recorded outcomes: calls saved, and how often a worse variant is picked.

Recorded with the built-in model (`benchmarks.record_outcomes`): banking77, the same without the two variants that lead by far, so
that the best ones are close to each other, and XQuAD, whose questions on one paragraph stay together. Synthetic: 24 variants on
400 rows with accuracies in [.55, .85] (A) or [.75, .91] (B) and outcomes that correlate by .26 or .40. Every recorded matrix is
replayed in many orders of its rows, every synthetic world is drawn again. Tailor's own race is the code that the ladder runs.

A pick is wrong if its accuracy over all rows lies more than 2 points below the best one's, which a full grid would pick. `calls`
are shares of the full grid's. The headline, `calls_ratio` and `within_smallest_effect`, is the worst one of the recorded worlds.
The rivals are written here after their papers; successive rejects gets as many calls as Tailor, the others take what they need, and
none of them heeds the groups of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri
from scipy.stats import t as student

from benchmarks.intents import TASK
from benchmarks.outcomes import load_outcomes
from tailor.decide.race import Record, blocks_of, ranked, rounds
from tailor.decide.rungs import tie

RECORDED = {"banking77": ("banking77", ""), "banking77_close": ("banking77", "prior-removed"), "xquad": ("xquad", "")}
"""World -> the data set, and what the names of variants left out have in them."""
SYNTHETIC = {"synthetic_a": (0.55, 0.85, 0.42), "synthetic_b": (0.75, 0.91, 0.62)}
"""Lowest and highest accuracy, and the correlation of the normal variables behind the outcomes: theirs is then .26 and .40."""
VARIANTS, ROWS = 24, 400
ORDERS = 1000

Bits = NDArray[np.bool_]
Pick = tuple[int, float]
"""Number of the variant picked, and the calls made, as a share of the full grid's."""


@dataclass(frozen=True)
class Replay:
    """Outcomes in one order of their rows.

    Attributes:
        right: shape (variants, rows).
        tokens: of an answer of each variant.
        groups: of each row.
    """

    right: Bits
    tokens: tuple[float, ...]
    groups: tuple[str, ...]

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Of each variant, over all rows."""
        return np.asarray(self.right.mean(axis=1), dtype=np.float64)

    def is_wrong(self, variant: int) -> bool:
        """Whether a full grid would pick one that is better by more than the smallest effect."""
        return bool(self.accuracy[variant] < self.accuracy.max() - TASK.smallest_effect - 1e-9)


def tailor(replay: Replay) -> Pick:
    """Synchronised halving as on the ladder, near-ties at its end broken by tokens."""
    blocks = blocks_of(replay.groups)
    answered: list[list[int]] = [[] for _ in replay.right]

    def record(arm: int) -> Record:
        return Record(float(replay.right[arm, answered[arm]].mean()), replay.tokens[arm])

    field: tuple[int, ...] = ()
    for stage in rounds(len(answered), len(blocks), record):
        field = stage.candidates
        for arm in field:
            answered[arm] += [row for block in stage.blocks for row in blocks[block]]
    pick = ranked({arm: record(arm) for arm in field}, tie(TASK))[0]
    return pick, sum(map(len, answered)) / replay.right.size


def successive_rejects(replay: Replay, budget: float) -> Pick:
    """One variant leaves after each of K - 1 phases (Audibert, Bubeck and Munos 2010), all on the same rows.

    Args:
        replay: what is answered.
        budget: share of the full grid's calls.
    """
    count, rows = replay.right.shape
    calls = budget * replay.right.size
    log_bar = 0.5 + sum(1 / i for i in range(2, count + 1))
    field, spent, before = list(range(count)), 0, 0
    for phase in range(1, count):
        seen = min(rows, math.ceil((calls - count) / (log_bar * (count + 1 - phase))))
        spent += len(field) * (seen - before)
        before = seen
        means = replay.right[field, :seen].mean(axis=1)
        field.pop(len(field) - 1 - int(means[::-1].argmin()))
    return field[0], spent / replay.right.size


def paired_t(replay: Replay, alpha: float = 0.2, block: int = 30) -> Pick:
    """After each block, whoever loses a paired t-test against another one leaves: CAPO's race (Zehle et al. 2025,
    arXiv:2504.16005), uncorrected as there, to a single winner.
    """

    def behind(right: Bits) -> NDArray[np.bool_]:
        values = right.astype(float)
        n, means = values.shape[1], values.mean(axis=1)
        gaps = means[None, :] - means[:, None]
        squares = (values @ (1 - values).T + (1 - values) @ values.T) / n
        errors = np.sqrt(np.maximum(squares - gaps**2, 0) / (n - 1))
        return np.asarray(((gaps > 0) & (gaps >= student.ppf(1 - alpha, n - 1) * errors)).any(axis=1))

    return _raced(replay, block, behind)


def betting(replay: Replay, alpha: float = 0.05, block: int = 10) -> Pick:
    """Whoever is shown to be worse than another one leaves; valid however often one looks.

    The wealth of a gambler who bets on "the other one is better" at each row, averaged over eight fixed stakes (Waudby-Smith and
    Ramdas 2024, doi:10.1093/jrsssb/qkad009), must reach (K - 1) / alpha.
    """
    stakes = np.linspace(0.05, 0.75, 8)
    rivals = len(replay.right) - 1

    def behind(right: Bits) -> NDArray[np.bool_]:
        values = right.astype(float)
        losses = (1 - values) @ values.T
        wealth = losses[..., None] * np.log1p(stakes) + losses.T[..., None] * np.log1p(-stakes)
        return np.asarray((logsumexp(wealth, axis=2) - math.log(len(stakes)) >= math.log(rivals / alpha)).any(axis=1))

    return _raced(replay, block, behind)


def _raced(replay: Replay, block: int, behind: Callable[[Bits], NDArray[np.bool_]]) -> Pick:
    """All survivors answer block after block until one is left or the rows end; then the best of them is picked."""
    count, rows = replay.right.shape
    field, spent, seen = np.arange(count), 0, 0
    while seen < rows and len(field) > 1:
        more = min(block, rows - seen)
        spent += len(field) * more
        seen += more
        field = field[~behind(replay.right[field, :seen])]
    return int(field[replay.right[field, :seen].mean(axis=1).argmax()]), spent / replay.right.size


def recorded(world: str, orders: int = ORDERS) -> list[Replay]:
    """A recorded matrix in seeded orders of its rows."""
    name, left_out = RECORDED[world]
    found = load_outcomes(name)
    kept = [number for number, variant in enumerate(found.variants) if not left_out or left_out not in variant]
    tokens = tuple(found.tokens[number] for number in kept)
    replays = []
    for seed in range(orders):
        order = np.random.default_rng([seed, len(world)]).permutation(len(found.rows))
        replays.append(Replay(found.right[kept][:, order], tokens, tuple(found.groups[row] for row in order)))
    return replays


def synthetic(name: str, worlds: int = ORDERS) -> list[Replay]:
    """Seeded worlds: a row is answered rightly where a normal variable, shared in part by all variants, is low enough."""
    low, high, shared = SYNTHETIC[name]
    replays = []
    for seed in range(worlds):
        random = np.random.default_rng([seed, len(SYNTHETIC)])
        accuracy = random.uniform(low, high, VARIANTS)
        latent = math.sqrt(shared) * random.standard_normal(ROWS)
        latent = latent + math.sqrt(1 - shared) * random.standard_normal((VARIANTS, ROWS))
        tokens = tuple(map(float, random.uniform(100, 400, VARIANTS)))
        replays.append(Replay(latent < ndtri(accuracy)[:, None], tokens, ("",) * ROWS))
    return replays


def figures_of(name: str, replays: list[Replay]) -> dict[str, float]:
    """Calls and wrong picks of each rule in a world, and what Tailor's picks cost, relative to the full grid's."""
    picks: dict[str, list[Pick]] = {"tailor": [tailor(replay) for replay in replays]}
    budget = float(np.mean([calls for _, calls in picks["tailor"]]))
    picks["successive_rejects"] = [successive_rejects(replay, budget) for replay in replays]
    picks["paired_t"] = [paired_t(replay) for replay in replays]
    picks["betting"] = [betting(replay) for replay in replays]
    figures = {}
    for rule, made in picks.items():
        figures[f"{name}_{rule}_calls"] = float(np.mean([calls for _, calls in made]))
        wrong = [replay.is_wrong(pick) for replay, (pick, _) in zip(replays, made, strict=True)]
        figures[f"{name}_{rule}_wrong_picks"] = float(np.mean(wrong))
    grid = [replay.tokens[int(replay.accuracy.argmax())] for replay in replays]
    chosen = [replay.tokens[pick] for replay, (pick, _) in zip(replays, picks["tailor"], strict=True)]
    return figures | {f"{name}_tailor_tokens_ratio": float(np.sum(chosen) / np.sum(grid))}


def run() -> dict[str, float]:
    """`calls_ratio` and `within_smallest_effect`, the worst of the recorded worlds; each rule's figures there and in each world."""
    figures: dict[str, float] = {}
    for name in RECORDED:
        replays = recorded(name)
        figures |= {f"{name}_variants": len(replays[0].right), f"{name}_rows": len(replays[0].groups)}
        figures |= figures_of(name, replays)
    for name in SYNTHETIC:
        figures |= figures_of(name, synthetic(name))
    worst = {
        f"{rule}_{what}": max(figures[f"{name}_{rule}_{what}"] for name in RECORDED)
        for rule in ("tailor", "successive_rejects", "paired_t", "betting")
        for what in ("calls", "wrong_picks")
    }
    headline = {"calls_ratio": worst.pop("tailor_calls"), "within_smallest_effect": 1 - worst.pop("tailor_wrong_picks")}
    return headline | worst | figures
