"""How far the people who label agree, where they do not, and what the guideline should say about it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tailor.labelling.judgement import LABEL, Judgement, by_subject
from tailor.stats.agreement import Coefficient, Distance, apart, boxes_apart, krippendorff, spans_apart
from tailor.stats.intervals import Interval, mean_interval

PARTS = 3
"""Into so many parts of equal size judgements are put, to see whether agreement changes with time."""
FEW_RATINGS = 7
"""Whole numbers of at most so many values are ratings on a scale; others are measured."""
CHOSEN = ("uncertain", "diverse", "suspected")
"""Why a row was given to someone that was not taken at random."""
TELLING = 3
"""Rows on which two labels must be mixed up before it is told."""


@dataclass(frozen=True)
class Confusion:
    """Two labels that people mix up.

    Attributes:
        first: the label that sorts first.
        second: the other.
        mixed: rows that one person gave the first label and another the second.
        rows: rows of several people to which someone gave one of the two.
    """

    first: str
    second: str
    mixed: int
    rows: int

    @property
    def sentence(self) -> str:
        """What to do about it."""
        return f'"{self.first}" and "{self.second}" are mixed up in {self.mixed} of {self.rows} rows: show both in the guideline.'


@dataclass(frozen=True)
class AgreementFound:
    """How far people agree.

    Attributes:
        measure: what agreement beyond chance is measured by, in words.
        overall: of all people on all rows.
        blind: of those who were shown no suggestion, and `suggested` of those who were.
        by_label: of each label against all others; for fields, of each field.
        at_random: of all people on rows that were not chosen for being hard or for a label that looks wrong: on those, people agree
            less than on all that will come.
        by_annotator: each person -> on how many of their rows the others say the same, or how near they are, with its limits.
        over_time: of the first, second and last third of the rows that several people answered.
        confusions: labels that are mixed up, the most frequent first.
    """

    measure: str
    overall: Coefficient
    blind: Coefficient
    suggested: Coefficient
    at_random: Coefficient
    by_label: Mapping[str, Coefficient] = field(default_factory=dict)
    by_annotator: Mapping[str, Interval] = field(default_factory=dict)
    over_time: tuple[Coefficient, ...] = ()
    confusions: tuple[Confusion, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """What it means, and what to do, one sentence each."""
        found = self.overall
        if found.observed is None:
            return [f"How far people agree is not known: {found.why_not}."]
        rows = "1 row" if found.rows == 1 else f"{found.rows:,} rows"
        told = [f"People agree on {_percent(found)} of {rows} that several answered."]
        if found.chance_corrected is None:
            told.append(f"{self.measure} is not defined: {found.why_not}.")
        else:
            told.append(f"{self.measure} is {limits_of(found)}: {meaning_of(found.chance_corrected)}.")
        if self.blind.chance_corrected and self.suggested.chance_corrected:
            told.append(f"With suggestions it is {limits_of(self.suggested)}, blind {limits_of(self.blind)}.")
        return told + [confusion.sentence for confusion in self.confusions if confusion.mixed >= TELLING]


@dataclass(frozen=True)
class _Scale:
    """How answers of one form are compared: what it is called, agreement of units, and the distance of two answers in [0, 1]."""

    measure: str
    agreement: Callable[[Sequence[Sequence[Any]]], Coefficient]
    distance: Callable[[Any, Any], float]
    read: Callable[[Any], Any]


def agreement_of(judgements: Iterable[Judgement]) -> AgreementFound:
    """How far people agree, by a measure that fits what they answered.

    Labels: Krippendorff's alpha, nominal; ratings: ordinal; measured numbers: interval; sets: MASI. Spans and boxes: how far apart
    two people are on the same row and on different ones.

    Args:
        judgements: those that count (`Judgements.standing`); of those adjudicated or known, nothing is used.
    """
    given = [one for one in judgements if one.role == "label" and LABEL in one.values]
    scale = _scale([one.label for one in given])
    units = [(said, [scale.read(one.label) for one in said]) for said in by_subject(given).values() if len(said) > 1]
    size = -(-len(units) // PARTS) or 1
    timed = [answers for _, answers in sorted(units, key=lambda unit: max(one.at for one in unit[0]))]
    thirds = [timed[at : at + size] for at in range(0, len(timed), size)] if len(timed) >= 2 * PARTS else []
    return AgreementFound(
        scale.measure,
        scale.agreement([answers for _, answers in units]),
        scale.agreement(_among(units, scale, blind=True)),
        scale.agreement(_among(units, scale, blind=False)),
        scale.agreement([answers for said, answers in units if not any(one.chosen in CHOSEN for one in said)]),
        _by_label([one for _, answers in units for one in [answers]]) if scale.measure.endswith(("nominal", "MASI")) else {},
        _by_annotator([said for said, _ in units], scale),
        tuple(scale.agreement(part) for part in thirds),
        _confusions([answers for _, answers in units]) if scale.measure.endswith("nominal") else (),
    )


def _among(units: Sequence[tuple[list[Judgement], list[Any]]], scale: _Scale, *, blind: bool) -> list[list[Any]]:
    return [[scale.read(one.label) for one in said if one.blind == blind] for said, _ in units]


def _scale(labels: Sequence[Any]) -> _Scale:
    """How labels of this form are compared."""
    if labels and all(isinstance(label, int | float) and not isinstance(label, bool) for label in labels):
        few = len(set(labels)) <= FEW_RATINGS and all(float(label).is_integer() for label in labels)
        name: Distance = "ordinal" if few else "interval"
        span = (max(labels) - min(labels)) or 1.0
        return _Scale(f"Krippendorff's alpha, {name}", _alpha(name), lambda a, b: abs(a - b) / span, float)
    if labels and all(isinstance(label, list) for label in labels):
        members = [member for label in labels for member in label]
        if members and all(isinstance(member, dict) and {"x", "y", "width", "height"} <= member.keys() for member in members):
            return _Scale("Agreement of boxes beyond chance", lambda units: apart(units, boxes_apart), boxes_apart, _boxes)
        if members and all(isinstance(member, dict) and {"start", "end"} <= member.keys() for member in members):
            return _Scale("Agreement of spans (F1) beyond chance", lambda units: apart(units, spans_apart), spans_apart, _spans)
        return _Scale("Krippendorff's alpha with MASI", _alpha("masi"), _unlike, lambda label: frozenset(map(_text, label)))
    return _Scale("Krippendorff's alpha, nominal", _alpha("nominal"), _unlike, _text)


def _alpha(distance: Distance) -> Callable[[Sequence[Sequence[Any]]], Coefficient]:
    return lambda units: krippendorff(units, distance)


def _by_label(units: Sequence[Sequence[Any]]) -> dict[str, Coefficient]:
    """Agreement on each label against all others, by how often it was given."""

    def members(answer: Any) -> frozenset[str]:
        return answer if isinstance(answer, frozenset) else frozenset((answer,))

    counts = Counter(label for unit in units for answer in unit for label in members(answer))
    ordered = sorted(counts, key=lambda label: (-counts[label], label))
    return {label: krippendorff([[label in members(answer) for answer in unit] for unit in units]) for label in ordered}


def _by_annotator(units: Sequence[Sequence[Judgement]], scale: _Scale) -> dict[str, Interval]:
    near: dict[str, list[float]] = {}
    for said in units:
        read = [scale.read(one.label) for one in said]
        for place, one in enumerate(said):
            others = [1 - scale.distance(read[place], other) for at, other in enumerate(read) if at != place]
            near.setdefault(one.annotator, []).append(sum(others) / len(others))
    return {name: mean_interval(values) for name, values in sorted(near.items())}


def _confusions(units: Sequence[Sequence[str]]) -> tuple[Confusion, ...]:
    mixed: Counter[tuple[str, str]] = Counter(pair for unit in units for pair in combinations(sorted(set(unit)), 2))
    found = [
        Confusion(first, second, count, sum(first in unit or second in unit for unit in units))
        for (first, second), count in mixed.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.mixed, one.rows, one.first, one.second)))


def _boxes(label: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[float]]]:
    return [(str(one.get("label", "")), [float(one[name]) for name in ("x", "y", "width", "height")]) for one in label]


def _spans(label: Sequence[Mapping[str, Any]]) -> frozenset[tuple[int, int, str]]:
    return frozenset((int(one["start"]), int(one["end"]), str(one.get("label", ""))) for one in label)


def _unlike(first: Any, second: Any) -> float:
    return float(first != second)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def limits_of(found: Coefficient) -> str:
    """A coefficient that is defined, with its limits where they are known."""
    interval = found.chance_corrected
    assert interval is not None
    limits = "" if interval.low is None or interval.high is None else f" [{interval.low:.2f}, {interval.high:.2f}]"
    return f"{interval.mean:.2f}{limits}"


def meaning_of(found: Interval) -> str:
    """Krippendorff's (2004, p. 241) advice on what data of such reliability are good for; left open where its limits are apart."""
    advice = _advice(found.mean)
    if found.low is None or found.high is None or _advice(found.low) != _advice(found.high):
        return f"{advice}, as far as so few rows can tell"
    return advice


def _advice(value: float) -> str:
    if value >= 0.8:
        return "good enough to rely on"
    return "good enough for tentative conclusions" if value >= 0.667 else "too low to conclude from; improve the guideline first"


def _percent(found: Coefficient) -> str:
    """The observed agreement with its limits, where they are known."""
    assert found.observed is not None
    limits = "" if found.limits is None else f" [{100 * found.limits[0]:.0f}, {100 * found.limits[1]:.0f}]"
    return f"{100 * found.observed:.0f} %{limits}"
