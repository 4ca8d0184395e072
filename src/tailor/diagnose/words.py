"""The diagnosis in words: for a manager first. Every sentence is computed from the findings and says no more than they do."""

from __future__ import annotations

from tailor.diagnose.types import Diagnosis, Lever, LeverName
from tailor.stats.intervals import Interval

LACKS: dict[LeverName, str] = {
    "form": "because its answers break the form",
    "knowledge": "for lack of facts",
    "behaviour": "because it has not learned the task",
    "examples": "for lack of examples",
}
REMEDIES: dict[LeverName, str] = {
    "form": "holding answers to their form",
    "knowledge": "giving it the passages",
    "behaviour": "tuning its weights",
    "examples": "showing it the nearest examples",
}
CLEAR = 0.02
"""A gain below two points is not worth a sentence of its own."""


SOUND = 0.05
"""Labels look sound where not more of them than this may be wrong."""


def sentences(diagnosis: Diagnosis) -> list[str]:
    """What was found, the most important first: why the model fails, what every lever would win, the labels, what is not known."""
    if not diagnosis.failures:
        return [f"{_who(diagnosis)} fails none of the {diagnosis.rows} dev rows: nothing needs fixing.", *diagnosis.notes]
    said = [labels_sentence(diagnosis)] if diagnosis.labels and diagnosis.labels.are_the_limit else []
    said.append(headline(diagnosis))
    said += [lever_sentence(diagnosis, lever) for lever in diagnosis.levers]
    if diagnosis.labels and not diagnosis.labels.are_the_limit:
        said.append(labels_sentence(diagnosis))
    return [*said, *diagnosis.notes]


def summary(diagnosis: Diagnosis) -> list[str]:
    """The one or two sentences to read while the climb goes on."""
    if not diagnosis.failures:
        return sentences(diagnosis)[:1]
    worth_telling = diagnosis.labels is not None and bool(diagnosis.labels.noise.low)
    return [headline(diagnosis), *([labels_sentence(diagnosis)] if worth_telling else [])]


def headline(diagnosis: Diagnosis) -> str:
    """Why the model fails, and what would win most: "mostly" where that fixes half of the failures."""
    best = diagnosis.levers[0] if diagnosis.levers else None
    start = f"{_who(diagnosis)} fails {diagnosis.failures} of {diagnosis.rows} dev rows"
    if best is None:
        return f"{start}; nothing could be forecast."
    if best.forecast.mean - diagnosis.baseline < CLEAR:
        return f"{start}; no method is expected to gain {_points(CLEAR)} or more."
    share = "mostly" if 2 * best.alone >= diagnosis.failures else "partly"
    sure = "would" if (best.forecast.low or 0.0) > diagnosis.baseline else "may"
    return f"{start}, {share} {LACKS[best.name]}: {REMEDIES[best.name]} {sure} gain {_gain(diagnosis, best.forecast)}."


def lever_sentence(diagnosis: Diagnosis, lever: Lever) -> str:
    """What one lever would reach, how many failures it fixes, how many only it fixes, and how that is known."""
    name = REMEDIES[lever.name]
    if lever.alone == 0:
        fixes = "it would fix none of the failed rows"
    else:
        only = "none" if lever.only == 0 else "all" if lever.only == lever.alone else str(lever.only)
        fixes = f"it would fix about {lever.alone} of the {diagnosis.failures} failed rows and is the only fix for {only} of them"
    return f"{name[0].upper()}{name[1:]} would reach {_reached(lever.forecast)}: {fixes}. {lever.how}"


def labels_sentence(diagnosis: Diagnosis) -> str:
    """What was found about the labels; empty when they were not looked at."""
    labels = diagnosis.labels
    if labels is None:
        return ""
    noise = f"about {_percent(labels.noise.mean)} of the labels look wrong ({_limits(labels.noise)})"
    if not labels.noise.low:
        sound = labels.noise.high is not None and labels.noise.high <= SOUND
        return (
            f"The labels look sound: {noise}." if sound else f"No label is shown to be wrong: {noise}, and hard rows look the same."
        )
    if not labels.can_be_told:
        return (
            f"About {_percent(labels.noise.mean)} of the labels look wrong or are hard to tell ({_limits(labels.noise)}): with "
            f"{labels.rows_per_label:.0f} rows per label the two look alike. "
            "Have someone check these rows before training on them."
        )
    misses = f"A classifier that learned from the others misses {_percent(labels.missed)} of them"
    due = f"{_percent(labels.by_labels / labels.missed)} of its misses are due to wrong labels"
    if not labels.are_the_limit:
        return f"{noise[0].upper()}{noise[1:]}. {misses}; {due}."
    return f"Labels, not the model, are the limit: {noise}. {misses}; {due}. Fix the labels first."


def cannot_win(forecast: Interval, rung: str, leader: str, score: float) -> str | None:
    """Why a rung with this forecast is not expected to beat the leader's score on dev, or None where it may."""
    if forecast.high is None or forecast.high > score:
        return None
    level = f"{round(100 * forecast.level)} % interval"
    return (
        f"The next rung ({rung}) is not expected to pay: on dev its forecast goes up to {_percent(forecast.high)} ({level}), and "
        f"{leader} has {_percent(score)}."
    )


def _who(diagnosis: Diagnosis) -> str:
    """Whose baseline it is."""
    return f"The plain {diagnosis.model or 'model'}"


def _gain(diagnosis: Diagnosis, forecast: Interval) -> str:
    low, high = ((limit or 0.0) - diagnosis.baseline for limit in (forecast.low, forecast.high))
    level = f"{round(100 * forecast.level)} % interval"
    return f"about {_points(forecast.mean - diagnosis.baseline)} ({level} {_number(low)} to {_number(high)})"


def _reached(forecast: Interval) -> str:
    return f"about {_percent(forecast.mean)} ({_limits(forecast)})"


def _limits(interval: Interval) -> str:
    low, high = interval.low or 0.0, 1.0 if interval.high is None else interval.high
    return f"{round(100 * interval.level)} % interval {_number(low)} to {_number(high)} %"


def _points(share: float) -> str:
    return f"{_number(share)} point" if _number(share) == "1" else f"{_number(share)} points"


def _percent(share: float) -> str:
    return f"{_number(share)} %"


def _number(share: float) -> str:
    return f"{round(100 * share)}".replace("-", "\u2212")
