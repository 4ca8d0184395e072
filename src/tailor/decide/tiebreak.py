"""Two finalists that scores do not tell apart: which one a judge prefers side by side, corrected by people's blind comparisons.

It names the better guess and certifies nothing: a verdict "not shown" stays so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tailor.decide.decision import POWER
from tailor.decide.formats import format_about, format_percent
from tailor.decide.types import Decision, Interval, TieBreak
from tailor.evaluate.pairwise import Compared, Pair
from tailor.evaluate.run import Run
from tailor.stats.intervals import mean_interval
from tailor.stats.power import rows_to_separate
from tailor.stats.ppi import rectify
from tailor.task import Task

LEVEL = 0.95


def not_told_apart(decision: Decision, runs: Sequence[Run]) -> tuple[Run, Run] | None:
    """The best guess and the best other finalist, where nothing is shown and their difference may be 0; else None."""
    if decision.verdict != "not shown" or decision.judge is None or not decision.judge.passed:
        return None
    by_key = {run.key: run for run in runs}
    others = [one for one in decision.finalists if one.key != decision.winner.key]
    for other in sorted(others, key=lambda one: -one.score.mean):
        (difference,) = [one for one in decision.differences if set(one.keys) == {decision.winner.key, other.key}]
        low, high = difference.estimate.low, difference.estimate.high
        if low is None or high is None or low <= 0 <= high:
            return by_key[decision.winner.key], by_key[other.key]
    return None


def sampled_pairs(task: Task, compared: Compared, one: Run) -> dict[int, Pair]:
    """The pairs that people are asked to compare: `judge.sample` of them, drawn by chance, whole units together."""
    units = {row: one.examples[row].unit or one.examples[row].key for row in compared.pairs}
    drawn = sorted(set(units.values()), key=lambda unit: hashlib.sha256(f"{task.split.seed} pair {unit}".encode()).digest())
    chosen: set[str] = set()
    for unit in drawn:
        if sum(found in chosen for found in units.values()) >= (task.judge.sample if task.judge else 0):
            break
        chosen.add(unit)
    return {row: pair for row, pair in compared.pairs.items() if units[row] in chosen}


def tie_break(task: Task, one: Run, other: Run, compared: Compared, people: Mapping[str, int | None]) -> TieBreak:
    """Which of two Runs is preferred; nobody is without people's comparisons of the whole sample, whatever the judge says."""
    sample = sampled_pairs(task, compared, one)
    rated = [row for row, pair in sample.items() if pair.id in people]
    rows, units = list(compared.pairs), one.units
    verdicts = dict(zip(rows, compared.values, strict=True))
    share, more = Interval(float(np.mean(compared.values)) if rows else 0.5, None, None, len(rows), method="the judge alone"), None
    if rated and len(rated) == len(sample):
        preferred = {row: _preferred(sample[row], people[sample[row].id]) for row in rated}
        others = [row for row in rows if row not in preferred]
        if others:
            found = rectify(
                np.array([[preferred[row]] for row in rated]),
                np.array([[verdicts[row]] for row in rated]),
                np.array([[verdicts[row]] for row in others]),
                rated_groups=[units[row] for row in rated],
                other_groups=[units[row] for row in others],
            )
            share, variance = found.interval(0, LEVEL), float(found.variances[0])
        else:
            values = [preferred[row] for row in rated]
            share, variance = mean_interval(values, LEVEL, groups=[units[row] for row in rated]), float(np.var(values))
        more = rows_to_separate(abs(share.mean - 0.5), variance, (1 - LEVEL) / 2, POWER)
    low, high = share.low, share.high
    decided = one.key if low is not None and low > 0.5 else other.key if high is not None and high < 0.5 else None
    return TieBreak(
        one=one.system.name,
        other=other.system.name,
        preferred=decided[0] if decided else "",
        rows=len(rows),
        flipped=compared.flipped,
        wanted=len(sample),
        rated=len(rated),
        share=share,
        more=None if decided or more is None or more <= len(rated) else more - len(rated),
    )


def _preferred(pair: Pair, better: int | None) -> float:
    """1 where people prefer the one, 0 where they prefer the other, one half for neither."""
    return 0.5 if better is None else float(pair.blind[better] == 0)


def with_tie_break(decision: Decision, found: TieBreak, file: str) -> Decision:
    """The decision with what the comparison says, as a reason; the better guess in its headline where there is one."""
    said = sentences(found, file)
    better = f" Side by side, {found.preferred} is preferred." if found.preferred else ""
    return replace(decision, headline=decision.headline + better, reasons=(*decision.reasons, *said), tie_break=found)


def sentences(found: TieBreak, file: str) -> list[str]:
    """What was compared, what came of it, and what would decide."""
    both = f"{found.one} and {found.other}"
    if not found.rows:
        return [f"{both} gave no different answers that could be compared."]
    said = [
        f"Side by side, in both orders, the judge compared {both} on {found.rows:,} rows; {found.flipped:,} of its verdicts "
        "changed with the order and count as ties."
    ]
    if found.share.low is None or found.share.high is None:
        missing = found.wanted - found.rated
        return [
            *said,
            f"Not decided: {missing:,} more blind comparisons by people are needed; write A, B or tie into {file} and run again.",
        ]
    limits = f"{format_percent(found.share.mean)} [{100 * found.share.low:.0f}, {100 * found.share.high:.0f}]"
    said.append(f"Corrected by {found.rated:,} blind comparisons, {found.one} is preferred in {limits}.")
    if found.preferred:
        return [*said, f"{found.preferred} is the better guess."]
    more = f"; about {format_about(found.more)} more blind comparisons would probably decide" if found.more else ""
    return [*said, f"Not decided{more}."]
