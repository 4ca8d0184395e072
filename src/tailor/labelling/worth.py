"""What the next hour of labelling is worth to the decision: in points, in the chance that the target is then shown, and its price.

The decision says that a system meets the target when the lower limit of its score on the sealed test set reaches it. What more
labels teach is read off the learning curve; what a system scores, off the test set that was opened. All of it is a forecast: it
chooses what to do next, and claims nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailor.data.split import SHARES
from tailor.decide.formats import counted
from tailor.decide.types import Decision
from tailor.diagnose.curve import LearningCurve
from tailor.diagnose.types import Diagnosis
from tailor.kinds.base import kind_of
from tailor.labelling.agreement import AgreementFound
from tailor.stats.intervals import Floats, Interval
from tailor.stats.spending import of_target
from tailor.task import Task

MORE = 50
"""Labels whose worth is told."""
LEVEL = 0.8
DRAWS = 2_000
SIZES = 40
"""Numbers of labels at which it is looked whether the target is shown by then."""
CHURN = 0.02
"""Share of the test rows that a system trained again answers rightly and did not before, and as many the other way, besides what it
gains: a classifier that learned from 32 rows more changed 1 % each way on intents (docs/log.md), and other systems vary more."""
GRID = 41
"""Points at which what is known of a system's true score is averaged over."""


@dataclass(frozen=True)
class Ceiling:
    """The most that any system can be expected to score against labels of one person each.

    Attributes:
        agreed: share of pairs of people, on the same row, who gave the same label.
        rows: rows that several people labelled, and that were not chosen for being hard.
        limits: of `agreed`; None where they are not known.
    """

    agreed: float
    rows: int
    limits: tuple[float, float] | None = None

    @property
    def highest(self) -> float:
        """The highest score that can be expected: the root of the agreement.

        Where a share q of people give a row a label, two of them agree on it with the sum of all q squared, and the best answer to
        it is right with the highest q, which is at most the root of that sum. A mean of roots is at most the root of the mean.
        Agreement itself is no limit: people who are each right on 90 % agree on about 81 %.
        """
        return math.sqrt(self.agreed)

    @property
    def sentence(self) -> str:
        """What it means for the target."""
        agreed, highest = f"{100 * self.agreed:.0f} %", f"{100 * self.highest:.0f} %"
        if self.limits is not None:
            low, high = self.limits
            agreed += f" [{100 * low:.0f}, {100 * high:.0f}]"
            highest += f" [{100 * math.sqrt(low):.0f}, {100 * math.sqrt(high):.0f}]"
        return (
            f"Two people agree on {agreed} of {counted(self.rows, 'row')}, so against labels of one person each no system can be "
            f"expected to score above {highest}."
        )


@dataclass(frozen=True)
class Option:
    """One thing to do next.

    Attributes:
        name: what.
        points: by how many points the score is expected to rise.
        before: 1 where the test set shows the target as things are, else 0: the same answers show nothing more.
        after: chance that a further opening shows it once this is done; the rows that were tested on stay.
        labels: labels that people have to give for it.
        price: what they cost; None where the price is not known.
    """

    name: str
    points: float
    before: float
    after: float
    labels: int
    price: float | None

    def sentence(self, currency: str) -> str:
        """What it brings, and what it costs."""
        price = "" if self.price is None else f" for {self.price:,.2f} {currency}"
        if self.before == 1:
            return f"{self.name}{price}: {self.points:+.1f} points; the target is shown already."
        before, after = (f"{100 * chance:.0f} %" for chance in (self.before, self.after))
        chance = f"stays at {after}" if before == after else f"goes from {before} to {after}"
        return f"{self.name}{price}: {self.points:+.1f} points, and the chance that the target is shown {chance}."


@dataclass(frozen=True)
class UntilDecided:
    """How many labels there are in all once the target is shown; None where that is beyond `cap`.

    Attributes:
        median: as likely to be too few as too many.
        low: the target is shown with fewer in one case of ten.
        high: it is not shown yet in one case of ten.
        cap: the most that are looked at.
    """

    median: int | None
    low: int | None
    high: int | None
    cap: int

    def holds(self, labels: int | None) -> bool:
        """Whether so many labels, None for more than `cap`, lie in the interval."""
        return (self.low or math.inf) <= (labels or math.inf) and (labels or math.inf) <= (self.high or math.inf)

    def sentence(self, labels: int, target: float) -> str:
        """How many more it takes.

        Args:
            labels: how many there are.
            target: the target.
        """
        if self.low is None:
            return f"Up to {self.cap:,} labels are not expected to show {100 * target:g} %."
        if self.high is not None and self.high <= labels:
            return f"The labels that there are would probably show {100 * target:g} % once more."
        high = f"{self.high - labels:,}" if self.high is not None else f"more than {self.cap - labels:,}"
        if self.median is not None and self.median <= labels:
            even = f"The labels that there are would show {100 * target:g} % once more as likely as not"
            return f"{even} (80 % interval 0 to {high} more)."
        about = f"About {self.median - labels:,} more labels" if self.median is not None else "More labels"
        return f"{about} would probably show {100 * target:g} % (80 % interval {self.low - labels:,} to {high})."


@dataclass(frozen=True)
class LabelsWorth:
    """What labels are worth to the decision.

    Attributes:
        ceiling: set by how far people agree; None where that is not known.
        options: what can be done next, the best for its price first.
        until: labels until the target is shown; None without a learning curve.
        labels: labels there are.
        target: the target.
        currency: of the prices.
    """

    ceiling: Ceiling | None
    options: tuple[Option, ...]
    until: UntilDecided | None
    labels: int
    target: float
    currency: str

    @property
    def sentences(self) -> list[str]:
        """All of it, the most important first."""
        told = [self.ceiling.sentence] if self.ceiling else []
        told += [self.until.sentence(self.labels, self.target)] if self.until else []
        return told + [option.sentence(self.currency) for option in self.options]


def labels_worth(
    task: Task,
    labels: int,
    decision: Decision | None,
    curve: LearningCurve | None,
    diagnosis: Diagnosis | None,
    agreement: AgreementFound | None,
) -> LabelsWorth:
    """What labels are worth, as far as it is known.

    Args:
        task: with the target, the price of a label, and how rows are split.
        labels: rows that have one.
        decision: what the last opening of the test set showed; None where it was not opened.
        curve: the learning curve.
        diagnosis: with the labels that look wrong.
        agreement: of the people who label.
    """
    agreed, kind = agreement.at_random if agreement else None, kind_of(task)
    told = agreed and kind.closed and not kind.several  # elsewhere two answers may count as one though they are not the same
    ceiling = Ceiling(agreed.observed, agreed.rows, agreed.limits) if told and agreed and agreed.observed is not None else None
    alone = 1 - min(1.0, agreement.overall.rows / labels) if agreement and labels else 0.0
    options = _options(task, decision, curve, diagnosis, ceiling, alone) if decision else []
    until = None
    if curve and curve.points:
        taught = 1.0 if task.data.train else SHARES["train"]
        shift = decision.winner.score.mean - _curve_at(curve, curve.labels)[1] if decision else 0.0
        test = (decision.n_test, 0.0) if decision and task.data.train else (0, SHARES["test"])
        share = of_target(decision.opening + 1 if decision else 1, len(decision.finalists) if decision else 1)
        until = labels_until_shown(curve, task.target, labels, taught=taught, test=test, alpha=share, shift=shift)
    ranked = sorted(options, key=lambda option: -(option.after - option.before) / max(option.price or 0.0, 1.0))
    return LabelsWorth(ceiling, tuple(ranked), until, labels, task.target, task.prices.currency)


def labels_until_shown(
    curve: LearningCurve,
    target: float,
    labels: int,
    *,
    taught: float = SHARES["train"],
    test: tuple[int, float] = (0, SHARES["test"]),
    alpha: float,
    shift: float = 0.0,
    seed: int = 0,
) -> UntilDecided:
    """How many labels it takes until a test set shows the target.

    Many futures are drawn: each has a true curve within the band of the forecast, and test rows that are answered rightly by it.
    The target is shown at the first size, of a geometric row of them, whose lower limit reaches it.

    Args:
        curve: with points.
        target: to be shown.
        labels: rows that have a label now, of all splits.
        taught: share of them that is learned from.
        test: rows of the test set that stay, and the share of all labels that are test rows.
        alpha: one-sided error of the limit (Clopper and Pearson).
        shift: by how much the system is better than the curve's.
        seed: of the draws.
    """
    from scipy.stats import binom

    most = int(curve.series[-1].size / taught)
    sizes = look_sizes(labels, most)
    rows = np.array([test[0] + round(test[1] * size) for size in sizes])
    draw = np.random.default_rng(seed)
    low, median, high = (np.array(column) for column in zip(*(_curve_at(curve, taught * size) for size in sizes), strict=True))
    z = draw.standard_normal((DRAWS, 1)) / _z(LEVEL)
    true = np.clip(median + shift + np.where(z > 0, z * (high - median), z * (median - low)), 0.0, 1.0)
    chances = draw.random((DRAWS, int(rows[-1])))
    needed = [float(binom.isf(alpha, int(n), target)) if target < 1 else math.inf for n in rows]
    shown = np.stack([(chances[:, :n] < true[:, k : k + 1]).sum(axis=1) > needed[k] for k, n in enumerate(rows)], axis=1)
    reached = np.logical_or.accumulate(shown, axis=1).mean(axis=0)
    median_at, low_at, high_at = (np.flatnonzero(reached >= share) for share in (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2))
    found = [int(sizes[places[0]]) if places.size else None for places in (median_at, low_at, high_at)]
    return UntilDecided(found[0], found[1], found[2], most)


def look_sizes(labels: int, most: int) -> list[int]:
    """The numbers of labels at which it is looked whether the target is shown."""
    return [int(size) for size in np.unique(np.geomspace(labels, max(labels, most), SIZES).round())]


def _options(
    task: Task,
    decision: Decision,
    curve: LearningCurve | None,
    diagnosis: Diagnosis | None,
    ceiling: Ceiling | None,
    alone: float,
) -> list[Option]:
    """What can be done next; `alone` is the share of rows that one person labelled."""
    score, n = decision.winner.score, decision.n_test
    alpha = of_target(decision.opening + 1, len(decision.finalists))
    price = task.prices.label
    before = float(decision.verdict == "target met")

    def option(name: str, gain: float, new: int, labels: int, churn: float = CHURN) -> Option:
        after = before or _chance(score, gain, churn, task.target, (n, new), alpha)
        return Option(name, 100 * gain, before, after, labels, price * labels)

    found = []
    if curve and curve.points:
        taught, tested = (MORE, 0) if task.data.train else (round(SHARES["train"] * MORE), round(SHARES["test"] * MORE))
        gain = _curve_at(curve, curve.labels + taught)[1] - _curve_at(curve, curve.labels)[1]
        found.append(option(f"{MORE} more labels", max(0.0, gain), tested, MORE))
    if diagnosis and diagnosis.labels and diagnosis.suspects:
        suspects = len(diagnosis.suspects)
        name = f"Correcting the {counted(suspects, 'label')} that look wrong"
        found.append(option(name, diagnosis.labels.by_labels, 0, suspects))
    if ceiling and ceiling.agreed < 1 and (more := round(alone * n)):
        # Two people who err independently agree where both are right; of the labels of two who then talk, only common errors stay.
        gain = min(1 - score.mean, score.mean * (1 - ceiling.highest) * alone)
        found.append(option("A second person on the test set, and deciding where the two differ", gain, 0, more))
    found.append(option(f"{MORE} more test rows", 0.0, MORE, MORE, churn=0.0))
    return found


def _chance(score: Interval, gain: float, churn: float, target: float, rows: tuple[int, int], alpha: float) -> float:
    """Chance that a test set shows the target which holds the rows that were tested on, and some that are new.

    The rows that were tested on keep their answers, but for those that the gain puts right, and for the churn either way. New ones
    are answered by what is known of the true score (Jeffreys). A test set of new rows alone would be another one: its chance said
    70 % where 93 of 100 showed the target, and 5 % where none did (docs/log.md).

    Args:
        score: that was measured on the rows tested on.
        gain: by how much it rises.
        churn: share of these rows that turn right, and of those that turn wrong, besides.
        target: to be shown.
        rows: that were tested on, and new ones.
        alpha: one-sided error of the limit (Clopper and Pearson).
    """
    from scipy.stats import beta, binom

    tested, new = rows
    if target >= 1 or not tested:
        return 0.0
    right = round(score.mean * tested)
    wrong = tested - right
    up, down = (min(1.0, share * tested / max(1, many)) for share, many in ((gain + churn, wrong), (churn, right)))
    kept = np.convolve(binom.pmf(np.arange(right + 1), right, 1 - down), binom.pmf(np.arange(wrong + 1), wrong, up))
    rates = np.clip(beta.ppf((np.arange(GRID) + 0.5) / GRID, right + 0.5, wrong + 0.5) + gain, 0.0, 1.0)
    among_new = np.mean([binom.pmf(np.arange(new + 1), new, rate) for rate in rates], axis=0)
    needed = int(binom.isf(alpha, tested + new, target))
    return float(min(1.0, np.convolve(kept, among_new)[needed + 1 :].sum()))


def _curve_at(curve: LearningCurve, size: float) -> tuple[float, float, float]:
    """Lower limit, median and upper limit of the forecast with so many labels, between those that were kept."""
    at = np.log([forecast.size for forecast in curve.series])
    columns: Sequence[Floats] = [
        np.array([getattr(forecast, name) for forecast in curve.series]) for name in ("low", "median", "high")
    ]
    low, median, high = (float(np.interp(math.log(max(size, 1.0)), at, column)) for column in columns)
    return low, median, high


def _z(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))
