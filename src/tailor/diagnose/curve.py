"""The learning curve: what more labels would bring, measured on fewer of the existing ones.

By *probe*: logistic regression on the frozen embedder, cross-validated over train and dev on nested subsets; seconds. By *LoRA*:
the model tuned on nested subsets of train, measured on dev; as expensive as so many trainings. The test set is not touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasChoices, Field

from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.tuning import FineTune
from tailor.content import question, text_of
from tailor.data.example import Example
from tailor.data.subsets import folds, nested_order
from tailor.data.units import kept_together
from tailor.engine import Engine, OnProgress
from tailor.errors import NotInstalled
from tailor.evaluate.measure import measure
from tailor.kinds.base import kind_of
from tailor.models.base import Array
from tailor.models.head import best_strength, fit_head
from tailor.models.together import side_by_side, train_together
from tailor.stats.curve import MAX_EXTRAPOLATION, Forecast, LabelsNeeded, fit_curve
from tailor.task import Task

Method = Literal["probe", "lora"]

TOO_FEW = "there are too few labels, or groups of them, to say what more would bring"
FOLDS = 5
NESTINGS = 4
LARGE, MOST = 40_000, 5_000
"""Rows times labels above which one nesting is measured instead of four, and the most rows looked at: a minute's work."""
SIZES, LORA_SIZES = 6, 3
SPAN, LORA_SPAN = 8, 4
"""The smallest subset is this part of the largest. The curve near its end says most about what comes."""
LEAST = 10
"""Rows of the smallest subset, which also has a row per label; the largest has at least twice as many.
And fewest units, if rows come in units."""
LEVEL = 0.8
SERIES = 48
"""Sizes at which the continued curve is drawn."""


@dataclass(frozen=True)
class CurvePoint:
    """Accuracy of systems that learned from `size` labels, the mean over the nestings."""

    size: int
    accuracy: float


@dataclass(frozen=True)
class LearningCurve:
    """Accuracy against labels, measured and continued.

    Attributes:
        method: what learned from the labels.
        labels: training rows of the task (`at_hand` in earlier studies).
        points: measured, by increasing size; empty where nothing could be, and then `why_not` says why.
        rows: independent rows that each point was measured on; near-duplicates and rows of a group count once.
        series: accuracy to expect on other rows of the kind, from the smallest size to the furthest, with its 80 % interval.
        needed: labels that reach the task's target; None without points.
        why_not: empty, or why there are no points.
    """

    method: Method
    labels: Annotated[int, Field(validation_alias=AliasChoices("labels", "at_hand"))]
    points: tuple[CurvePoint, ...] = ()
    rows: int = 0
    series: tuple[Forecast, ...] = ()
    needed: LabelsNeeded | None = None
    why_not: str = ""


@dataclass(frozen=True)
class Measured:
    """Accuracies on the same rows.

    Attributes:
        sizes: labels learned from.
        accuracies: shape (nestings, sizes).
        rows: independent rows tested on.
        commonest: share of the most common label among these rows; 0 for free answers.
    """

    sizes: tuple[int, ...]
    accuracies: NDArray[np.float64]
    rows: int
    commonest: float = 0.0


def learning_curve(
    data: TrainingData,
    engine: Engine,
    target: float,
    method: Method = "probe",
    sizes: Sequence[int] = (),
    on_progress: OnProgress | None = None,
) -> LearningCurve:
    """The curve on the task's train and dev rows, and the labels with which it reaches `target`.

    Args:
        data: train and dev rows.
        engine: embeds the rows for the probe; tunes and answers for LoRA.
        target: accuracy wanted.
        method: `probe` is for tasks with labels to choose from; `lora` needs local weights.
        sizes: labels to learn from; left out: six for the probe, from an eighth of the rows that can be had, three for LoRA, from
            a quarter.
        on_progress: called with (systems fitted, systems in all).

    Returns:
        A curve without points where there are too few labels, where nothing is learned from them yet, or where the probe does not
        apply; `why_not` says which.

    Raises:
        ConfigError: LoRA is asked for and the model's weights are not here.
        ValueError: the target is not between 0 and 1.
    """
    labels = len(data.train)
    if method == "probe" and not kind_of(data.task).closed:
        why_not = "the quick probe applies to tasks with labels to choose from, and this task asks for free answers"
        return LearningCurve(method, labels, why_not=why_not)
    if method == "probe" and kind_of(data.task).several:
        why_not = "the quick probe applies to one label per row, and here rows have several"
        return LearningCurve(method, labels, why_not=why_not)
    if method == "probe" and data.task.data.images:
        return LearningCurve(method, labels, why_not="the quick probe reads text alone, and no images")
    try:
        measured = (measure_probe if method == "probe" else measure_lora)(data, engine, sizes, on_progress)
    except NotInstalled as error:
        return LearningCurve(method, labels, why_not=f"{error}")
    if measured is None:
        return LearningCurve(method, labels, why_not=TOO_FEW)
    measured = learned(measured)
    if measured is None:
        why_not = "your labels teach little more than always giving the most common one, so there is no curve to continue"
        return LearningCurve(method, labels, why_not=why_not)
    if labels > MAX_EXTRAPOLATION * measured.sizes[-1]:
        return LearningCurve(method, labels, why_not="there are far more labels than the probe looks at")
    return continued(method, labels, measured, target)


def learned(measured: Measured) -> Measured | None:
    """Without the sizes up to the last at which nothing was learned yet; None where fewer than two are left.

    There the system does no better than always giving the most common label. Error falls as a power law only after that.
    """
    idle = np.flatnonzero(measured.accuracies.mean(axis=0) <= measured.commonest)
    first = int(idle[-1]) + 1 if idle.size else 0
    if len(measured.sizes) - first < 2:
        return None
    return replace(measured, sizes=measured.sizes[first:], accuracies=measured.accuracies[:, first:])


def commonest_share(examples: Sequence[Example]) -> float:
    """Share of the examples that have the most common label among them."""
    return max(Counter(example.label for example in examples).values()) / len(examples)


def continued(method: Method, labels: int, measured: Measured, target: float) -> LearningCurve:
    """The curve through what was measured, with its continuation."""
    curve = fit_curve(measured.sizes, measured.accuracies, measured.rows)
    points = tuple(CurvePoint(n, float(a)) for n, a in zip(measured.sizes, measured.accuracies.mean(axis=0), strict=True))
    drawn = np.unique(np.geomspace(curve.sizes[0], curve.cap, SERIES).round().astype(int))
    return LearningCurve(
        method, labels, points, measured.rows, curve.predict(drawn.tolist(), LEVEL), curve.labels_for(target, labels, LEVEL)
    )


def spaced(smallest: int, largest: int, count: int) -> tuple[int, ...]:
    """So many sizes at equal ratios; none where the largest is less than twice the smallest."""
    if largest < 2 * smallest:
        return ()
    return tuple(int(size) for size in np.unique(np.geomspace(smallest, largest, count).round()))


def measure_probe(
    data: TrainingData, engine: Engine, sizes: Sequence[int] = (), on_progress: OnProgress | None = None
) -> Measured | None:
    """Cross-validated accuracies of the probe over train and dev; None with too few labels.

    Every nesting deals the rows into folds of its own. In each fold the probe learns from nested subsets of the others; so every
    row is tested once a nesting, at every size, by a probe that has seen neither it nor a row of its unit.
    """
    rows = (*data.train, *data.dev)
    if len(rows) > MOST:
        rows = tuple(nested_order(kept_together(rows), seed=0)[:MOST])
    return _probed(rows, lambda: _vectors(data.task, rows, engine), sizes, on_progress)


def measure_vectors(rows: Sequence[Example], vectors: Mapping[str, Array]) -> Measured | None:
    """The same on rows whose vectors are known, by the ids of the rows."""
    return _probed(rows, lambda: vectors)


def _probed(
    rows: Sequence[Example],
    embedded: Callable[[], Mapping[str, Array]],
    sizes: Sequence[int] = (),
    on_progress: OnProgress | None = None,
) -> Measured | None:
    labels = len({example.label for example in rows})
    units = kept_together(rows)
    if len(units) < FOLDS:
        return None
    nestings = 1 if len(rows) * labels > LARGE else NESTINGS
    dealt = [folds(units, FOLDS, seed) for seed in range(nestings)]
    largest = len(rows) - max(sum(map(len, fold)) for nesting in dealt for fold in nesting)
    sizes = tuple(sizes) or spaced(max(LEAST, labels, -(-largest // SPAN)), largest, SIZES)
    # With few units there is next to nothing to deal into folds, and no interval worth the name.
    if len(sizes) < 2 or labels < 2 or sizes[-1] > largest or len(units) < LEAST:
        return None
    vectors = embedded()
    right = np.zeros((nestings, len(sizes)))
    strengths: dict[int, float] = {}  # chosen once a size: the search takes ten times as long as a fit
    for seed, nesting in enumerate(dealt):
        for number, tested in enumerate(nesting):
            pool = nested_order([unit for other in nesting if other is not tested for unit in other], seed)
            for place, size in enumerate(sizes):
                known = pool[:size]
                if size not in strengths and len({example.label for example in known}) > 1:
                    strengths[size] = best_strength(*_rows(known, vectors))
                right[seed, place] += _right(known, [e for unit in tested for e in unit], vectors, strengths.get(size))
            if on_progress is not None:
                on_progress((seed * FOLDS + number + 1) * len(sizes), nestings * FOLDS * len(sizes))
    return Measured(sizes, right / len(rows), len(units), commonest_share(rows))


def probe_accuracy(task: Task, known: Sequence[Example], tested: Sequence[Example], engine: Engine) -> float:
    """Accuracy on the tested rows of the probe that learned from the known ones."""
    return _right(known, tested, _vectors(task, (*known, *tested), engine)) / len(tested)


def _vectors(task: Task, rows: Sequence[Example], engine: Engine) -> dict[str, Array]:
    """The embedder's vector of each row, by its id."""
    texts = [text_of(question(task.input, example)) for example in rows]
    return dict(zip([example.id for example in rows], engine.embed(task.embedder, texts), strict=True))


def _rows(examples: Sequence[Example], vectors: Mapping[str, Array]) -> tuple[Array, list[str]]:
    """Vectors and labels of the examples."""
    return np.stack([vectors[example.id] for example in examples]), [example.label for example in examples]


def _right(known: Sequence[Example], tested: Sequence[Example], vectors: Mapping[str, Array], strength: float | None = None) -> int:
    """How many of the tested rows the probe gets right that learned from the known ones."""
    given, labels = _rows(known, vectors)
    asked, wanted = _rows(tested, vectors)
    if len(set(labels)) == 1:
        return wanted.count(labels[0])
    head = fit_head(given, labels, strength)
    return sum(head.labels[i] == label for i, label in zip(head.log_probabilities(asked).argmax(axis=1), wanted, strict=True))


def measure_lora(
    data: TrainingData, engine: Engine, sizes: Sequence[int] = (), on_progress: OnProgress | None = None
) -> Measured | None:
    """The metric's mean on dev with LoRA trained on nested subsets of train; None with too few labels.

    Dev also chooses each training's best epoch, so the points are a little too high, all alike.
    """
    task = data.task
    most = min(len(data.train), task.tuning.max_rows or len(data.train))
    sizes = tuple(sizes) or spaced(max(LEAST, -(-most // LORA_SPAN)), most, LORA_SIZES)
    if len(sizes) < 2 or sizes[-1] > most:
        return None
    whole = data.train[:most]
    pool = nested_order(kept_together(whole), seed=0)
    start = starting_system(task, data.train, engine.model)
    # All rows in their own order: what the ladder has trained or will train is not trained twice.
    subsets = [TrainingData(task, whole if size == most else pool[:size], data.dev) for size in sizes]
    train_together(side_by_side(FineTune().training(start, part, engine) for part in subsets))
    means = []
    for done, part in enumerate(subsets, start=1):
        system = FineTune().fit(start, part, engine)
        means.append(measure(task, system, "dev", data.dev, engine).mean)
        if on_progress is not None:
            on_progress(done, len(sizes))
    commonest = commonest_share(data.dev) if kind_of(task).closed and not kind_of(task).several else 0.0
    return Measured(sizes, np.array([means]), len(kept_together(data.dev)), commonest)


def sentence(curve: LearningCurve) -> str:
    """What more labels would bring, such as "About 300 more labels would reach 95 % (80 % interval 180 to 700)."."""
    needed = curve.needed
    if needed is None:
        return f"{curve.why_not[:1].upper()}{curve.why_not[1:]}."
    target, end = f"{round(100 * needed.target, 2):g} %", _end(curve)
    if needed.low is None:
        return f"More labels of this kind, up to {needed.cap:,} in all, are not expected to reach {target}: {end}."
    low, high = (None if n is None else _rounded(n - curve.labels) for n in (needed.low, needed.high))
    most = _rounded(needed.cap - curve.labels)
    if needed.median is None:
        least = f"; it probably takes at least {low:,} more" if low else ""
        return f"{target} is doubtful with more labels of this kind: {end}{least}."
    level = f"80 % interval {low:,} to {f'{high:,}' if high is not None else f'more than {most:,}'}"
    if high == 0:
        return f"Your labels are enough for {target}."
    more = _rounded(needed.median - curve.labels)
    if not more:
        return f"Your labels are roughly enough for {target} (more labels needed: {level})."
    return f"About {more:,} more labels would reach {target} ({level})."


def _end(curve: LearningCurve) -> str:
    """Where the curve goes: it flattens when four times the labels are expected to bring less than a point."""
    end = curve.series[-1]
    now = min(curve.series, key=lambda forecast: abs(forecast.size - curve.points[-1].size))
    limits = f"80 % interval {_percent(end.low)[:-2]} to {_percent(end.high)}"
    if end.median - now.median < 0.01:
        return f"the curve flattens near {_percent(end.median)} ({limits})"
    return f"{end.size:,} labels are expected to give {_percent(end.median)} ({limits})"


def _percent(share: float) -> str:
    return f"{round(100 * share, 1) if share > 0.99 else round(100 * share):g} %"


def _rounded(labels: int) -> int:
    """To the five below a hundred, else to two figures: nobody knows them better."""
    step = 5 if labels < 100 else 10 ** (len(str(labels)) - 2)
    return max(0, round(labels / step) * step)
