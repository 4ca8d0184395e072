"""Watching: false alarms in a year, audited rows until a fall is found, and changes of inputs without one, in simulated streams.

A stream has 5 audited requests a day, and a window of 100 requests every two weeks, held against 200 rows of a study; it is looked
at every day. False alarms are counted at the worst that is no alarm: a quality at exactly the certified limit of 90 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from tailor.stats.betting import dealt_over, evidence_of_fall, reaches
from tailor.stats.intervals import mean_interval
from tailor.stats.shift import Floats
from tailor.store.traffic import DAY, Request
from tailor.task import Task
from tailor.watching.inputs import Known, Window, tested
from tailor.watching.levels import QUALITY
from tailor.watching.quality import Quality
from tailor.watching.watch import State, state_of

STREAMS, DAYS, AUDITED = 2_000, 365, 5
WINDOWS, WINDOW, ROWS, DIMENSIONS = 26, 100, 200, 16
CERTIFIED, MEASURED, EFFECT = 0.90, 0.94, 0.02
LABELS = tuple(f"label {number}" for number in range(8))
SHARES = np.array([0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05])
TASK = Task(
    name="watch",
    kind="classify",
    instruction="Sort the message.",
    input="{{text}}",
    output="label",
    labels=LABELS,
    data={"file": "x"},
)


class Stream:
    """A made-up stream of requests and the study that it is held against.

    Args:
        seed: of everything in it.
    """

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.vectors = self._vectors(ROWS, 0.0)
        answers = self._requests(ROWS, 0, 0.0, 0.0)
        self.known = Known(
            texts=tuple(map(str, range(ROWS))),
            words=tuple(request.words for request in answers),
            languages=tuple(request.language for request in answers),
            labels=tuple(request.label or "" for request in answers),
            outcomes=tuple(request.outcome for request in answers),
            retrieved=tuple(request.retrieved or 0.0 for request in answers),
            confidence=tuple(request.confidence or 0.0 for request in answers),
        )

    def _vectors(self, n: int, shift: float) -> Floats:
        drawn = self.random.normal(size=(n, DIMENSIONS))
        drawn[:, 0] += shift
        made: Floats = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
        return made

    def _requests(self, n: int, first: int, at: float, shift: float) -> list[Request]:
        random = self.random
        words = np.maximum(1, random.lognormal(3 + shift / 4, 0.5, n)).astype(int)
        languages = random.choice(["en", "de", ""], n, p=[0.9, 0.07, 0.03])
        labels = random.choice(LABELS, n, p=SHARES)
        outcomes = random.choice(["answered", "unparsed", "empty", "refused"], n, p=[0.96, 0.02, 0.01, 0.01])
        found, sure = random.normal(0.6, 0.1, n), random.beta(8, 2, n)
        return [
            Request(
                id=str(first + i),
                at=at,
                system="",
                audited=False,
                outcome=str(outcomes[i]),
                words=int(words[i]),
                language=str(languages[i]),
                label=str(labels[i]),
                retrieved=float(found[i]),
                confidence=float(sure[i]),
                tokens_in=0,
                tokens_out=0,
                seconds=0.0,
                price=None,
                fields={"text": str(first + i)},
                answer="",
                number=first + i,
            )
            for i in range(n)
        ]

    def windows(self, changed_at: int | None = None) -> list[Window]:
        """The windows of a year, until one alarms; from one of them on, requests are of another kind."""
        found: list[Window] = []
        for number in range(WINDOWS):
            shift = 1.0 if changed_at is not None and number >= changed_at else 0.0
            made = self._vectors(WINDOW, shift)
            requests = self._requests(WINDOW, 1 + number * WINDOW, number * 14 * DAY, shift)
            found.append(tested(TASK, requests, 1, self.known, partial(_first, made), self.vectors))
            if found[-1].alarms:
                break
        return found

    def values(self, mean: float, rows: int) -> list[float]:
        """What audited answers are worth."""
        return [float(right) for right in self.random.random(rows) < mean]


def _first(vectors: Floats, texts: Sequence[str]) -> Floats:
    return vectors[: len(texts)]


def quality(values: Sequence[float], numbers: Sequence[int]) -> Quality:
    """What the audited stream of a year says."""
    evidence = evidence_of_fall(values, CERTIFIED, alpha=QUALITY, dealt=dealt_over(np.linspace(0, 1, len(values)).tolist()))
    return Quality(
        certified=CERTIFIED,
        drawn=len(values),
        values=tuple(values),
        numbers=tuple(numbers),
        waiting=(),
        score=mean_interval(values[:2]),
        evidence=tuple(evidence),
        alarm=reaches(evidence, QUALITY),
        complaints=(0, 0),
    )


def year(seed: int, mean: float, changed_at: int | None = None) -> State:
    """What is said after a year of one stream. A daily look sees no alarm that the last one does not: evidence is kept."""
    stream = Stream(seed)
    rows = DAYS * AUDITED
    numbers = np.linspace(1, WINDOWS * WINDOW, rows).astype(int).tolist()
    return state_of(stream.windows(changed_at), quality(stream.values(mean, rows), numbers), EFFECT)


def rows_to_find(fall: float, healthy: int, streams: int = 1_000) -> NDArray[np.float64]:
    """Audited rows until a fall below the certified limit is found, in each stream; infinite where it is not within 4,000.

    Args:
        fall: how far below the limit.
        healthy: rows before it, of the measured quality.
        streams: how many.
    """
    random = np.random.default_rng([7, healthy])
    dealt = dealt_over((np.arange(healthy + 4_000) / (DAYS * AUDITED)).tolist())
    found: list[float] = []
    while len(found) < streams:
        before, after = random.random(healthy) < MEASURED, random.random(4_000) < CERTIFIED - fall
        values = np.concatenate([before, after]).astype(float).tolist()
        seen = reaches(evidence_of_fall(values, CERTIFIED, alpha=QUALITY, dealt=dealt), QUALITY)
        if seen is None or seen > healthy:
            found.append(np.inf if seen is None else seen - healthy)
    return np.array(found)


def cusum(values: NDArray[np.bool_], falls: Sequence[float] = (0.05, 0.10)) -> NDArray[np.float64]:
    """Page's (1954) cumulative sums against each fall, the largest one after each value, shape as `values`.

    For comparison: the method that finds a fall at an unknown time soonest for its false alarms (Moustakides 1986).
    """
    sums, found = np.zeros((len(values), len(falls))), np.empty(values.shape)
    below = np.array(falls)
    right, wrong = np.log(1 - below / CERTIFIED), np.log(1 + below / (1 - CERTIFIED))
    for place in range(values.shape[1]):
        sums = np.maximum(0, sums + np.where(values[:, place, None], right, wrong))
        found[:, place] = sums.max(axis=1)
    return found


def cusum_figures(streams: int = 2_000) -> dict[str, float]:
    """Audited rows until such sums find a fall, with a limit that these streams pass in a year as often as quality may alarm."""
    random = np.random.default_rng(11)
    limit = float(np.quantile(cusum(random.random((streams, DAYS * AUDITED)) < CERTIFIED).max(axis=1), 1 - QUALITY))
    figures = {}
    for points in (10, 5):
        for healthy in (0, 300):
            before, after = random.random((streams, healthy)) < MEASURED, random.random((streams, 2_000)) < CERTIFIED - points / 100
            passed = cusum(np.concatenate([before, after], axis=1)) >= limit
            first = np.where(passed.any(axis=1), passed.argmax(axis=1) + 1.0, np.inf)
            name = f"cusum_rows_{points}_points{'_after_300' if healthy else ''}"
            figures[name] = float(np.median(first[first > healthy] - healthy))
    return figures


def cusum_false_alarms(rows: int, fall: float, healthy: int = 300, streams: int = 4_000) -> float:
    """The share of years with a false alarm of such sums against this fall alone, with a limit that finds it within so many rows
    (median) after good ones.
    """
    random = np.random.default_rng(13)
    before, after = random.random((streams, healthy)) < MEASURED, random.random((streams, rows)) < CERTIFIED - fall
    limit = np.median(cusum(np.concatenate([before, after], axis=1), [fall])[:, healthy:].max(axis=1))
    null = cusum(random.random((streams, DAYS * AUDITED)) < CERTIFIED, [fall]).max(axis=1)
    return float(np.mean(null >= limit))


def least_false_alarms(rows: int, fall: float) -> float:
    """The share of years with a false alarm that no method falls below which finds a fall at any time within so many rows (median).

    A year is cut into parts of so many rows. If a part with a fall raises an alarm half of the time, one without does with at
    least the error of the most powerful test of power one half on its rows (Neyman and Pearson 1933), whatever came before.
    """
    healthy, fallen = (binom(rows, share) for share in (1 - CERTIFIED, 1 - CERTIFIED + fall))
    wrong = int(fallen.median())
    share = (0.5 - fallen.sf(wrong)) / fallen.pmf(wrong)
    error = healthy.sf(wrong) + share * healthy.pmf(wrong)
    return float(1 - (1 - error) ** (DAYS * AUDITED / rows))


def most_growth(values: Floats, chances: Floats) -> float:
    """The logarithm by which the best bet against the certified limit grows with each value, which has these chances."""
    most = 0.999 / max(1e-9, float(values.max()) - CERTIFIED)  # more would lose everything at the largest value
    found = minimize_scalar(lambda bet: -float(chances @ np.log1p(bet * (CERTIFIED - values))), bounds=(0, most), method="bounded")
    return -float(found.fun)


def verdicts_with_a_judge(fall: float, right: float) -> float:
    """People's verdicts until the best bet finds a fall, where a judge gives a verdict on every drawn request.

    People judge a random share of these, and a value is the judge's verdict, weighted, plus the difference of a person's verdict to
    it over the share: on average what people say, whatever the judge does. Share and weight are the best of those tried.

    Args:
        fall: how far the quality is below the certified limit.
        right: share of the judge's verdicts that are people's.
    """
    mean, best = CERTIFIED - fall, 0.0
    for share in (0.5, 0.2, 0.1):
        for weight in np.linspace(0, 1, 21):
            rows = [
                (people, judge, chance * (right if people == judge else 1 - right))
                for people, chance in ((1.0, mean), (0.0, 1 - mean))
                for judge in (0.0, 1.0)
            ]
            values = [
                value for people, judge, _ in rows for value in (weight * judge, weight * judge + (people - weight * judge) / share)
            ]
            chances = [part for _, _, chance in rows for part in (chance * (1 - share), chance * share)]
            best = max(best, most_growth(np.array(values), np.array(chances)) / share)
    return -math.log(QUALITY) / best


def judge_figures() -> dict[str, float]:
    """People's verdicts until a fall is found by the best bet: on their verdicts alone, and with judges that are right so often."""
    figures = {}
    for points in (10, 5):
        mean = CERTIFIED - points / 100
        alone = most_growth(np.array([0.0, 1.0]), np.array([1 - mean, mean]))
        figures[f"verdicts_{points}_points"] = -math.log(QUALITY) / alone
        for right in (0.90, 0.95, 0.98):
            figures[f"verdicts_{points}_points_judge_{100 * right:.0f}"] = verdicts_with_a_judge(points / 100, right)
    return figures


def run() -> dict[str, float]:
    """Figures of 2,000 years without a change, of falls, and of 500 years in which inputs change and quality does not."""
    null = [year(seed, CERTIFIED) for seed in range(STREAMS)]
    changed = [year(seed, MEASURED, changed_at=8) for seed in range(10_000, 10_500)]
    figures = {
        "false_alarms": float(np.mean([state not in ("as measured",) for state in null])),
        "false_alarms_of_quality": float(np.mean([state == "worse" for state in null])),
        "changed_not_worse": float(np.mean([state == "changed, not worse" for state in changed])),
        "changed_called_worse": float(np.mean([state == "worse" for state in changed])),
        "changed_not_seen": float(np.mean([state == "as measured" for state in changed])),
    }
    for points in (10, 5):
        figures[f"rows_{points}_points"] = float(np.median(rows_to_find(points / 100, 0)))
        for healthy in (300, 1_000):
            figures[f"rows_{points}_points_after_{healthy}"] = float(np.median(rows_to_find(points / 100, healthy)))
    for rows, fall in ((100, 0.10), (400, 0.05)):
        figures[f"least_false_alarms_{rows}_rows"] = least_false_alarms(rows, fall)
        figures[f"cusum_false_alarms_{rows}_rows"] = cusum_false_alarms(rows, fall)
    return figures | cusum_figures() | judge_figures()
