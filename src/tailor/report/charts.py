"""The charts of the report: figures in, SVG out (`tailor.report.svg`).

Every chart is on a light card, on light and dark pages alike, so its colours are fixed here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tailor.decide.formats import format_effect, format_target
from tailor.decide.types import Difference, Interval
from tailor.report.failures import Confusion
from tailor.report.labels import CHARACTER, Align, Box, Spot, place_labels
from tailor.report.quality import QualityCost, QualityPoint
from tailor.report.svg import INK, MUTED, WHITE, Anchor, Drawing, Margin, Place, Tick, plain_number, round_ticks
from tailor.report.words import amount, limits, percent, plural, points, shorten

BAND, ACCENT, TARGET = "#eef1f4", "#1f5fa8", "#9a5b00"
UNSEEN, RIGHT = "#f6f7f8", "#dfe3e8"
MISTAKES = ((251, 233, 221), (240, 168, 120), (184, 69, 31))
"""From few mistakes to many, as red, green and blue."""
NARROW = 500
ROW = 38
PAIRS_TITLE = "Difference in percentage points"
ANCHORS: dict[Align, Anchor] = {"left": "start", "right": "end", "center": "middle"}


@dataclass(frozen=True)
class Plane:
    """The drawing area of a score against a cost or a number: its size in pixels and what its edges stand for."""

    width: float
    height: float
    left: float
    right: float
    bottom: float
    top: float
    log: bool

    def x(self, value: float) -> float:
        """Pixels from the left edge."""
        scale = math.log if self.log else float
        return (scale(value) - scale(self.left)) / (scale(self.right) - scale(self.left)) * self.width

    def y(self, score: float) -> float:
        """Pixels from the top edge."""
        return (self.top - score) / (self.top - self.bottom) * self.height

    def at(self, across: float, score: float) -> Place:
        """Both."""
        return self.x(across), self.y(score)

    def score_ticks(self) -> list[Tick]:
        """Round shares, as percentages."""
        ticks = round_ticks(self.bottom, min(1.0, self.top), 7)
        return [(self.y(tick), f"{plain_number(round(100 * tick, 3))} %") for tick in ticks]


def quality_cost_svg(figure: QualityCost, currency: str, width: int) -> str:
    """Points with whiskers over the cost of 1,000 answers, the target, and the line of systems that none beats at no higher cost.

    Args:
        figure: at least one point.
        currency: of the costs.
        width: of the whole chart in pixels.
    """
    plane = _plane(figure, width)
    drawing = Drawing(plane.width, plane.height, Margin(left=48, right=20, top=8, bottom=48))
    ticks = [(plane.x(tick), plain_number(tick)) for tick in _cost_ticks(plane, 4 if width <= NARROW else 6)]
    drawing.bottom_axis(ticks, f"Cost of 1,000 answers, {shorten(currency, 12)}")
    drawing.left_axis(plane.score_ticks())
    goal, marks = plane.y(figure.target), _marks(plane, figure.points)
    drawing.line((0, goal), (plane.width, goal), TARGET, dash="5,4")
    front = sorted(plane.at(point.per_1000, point.score.mean) for point in figure.points if point.pareto)
    drawing.path(_steps(front, plane.width), ACCENT, opacity=0.3)
    for point in figure.points:
        x = plane.x(point.per_1000)
        drawing.line((x, plane.y(_low(point.score))), (x, plane.y(_high(point.score))), _colour(point), width=1.5)
    for point in figure.points:
        colour = _colour(point)
        drawing.dot(plane.at(point.per_1000, point.score.mean), 5.5, colour if point.eligible else WHITE, edge=colour)
    spot = _target_spot(figure.target, plane, marks)
    _label(drawing, (0 if spot.align == "left" else plane.width, goal), f"target {format_target(figure.target)}", spot, TARGET)
    _point_labels(drawing, figure, plane, [*marks, spot.box])
    return drawing.svg("Quality against cost", _describe_points(figure, currency), f"quality-{width}")


def _plane(figure: QualityCost, width: int) -> Plane:
    low = min(figure.target, *(_low(point.score) for point in figure.points))
    high = max(figure.target, *(_high(point.score) for point in figure.points))
    pad = max(0.04, 0.1 * (high - low))
    costs = [point.per_1000 for point in figure.points]
    if figure.log:
        left, right = min(costs) / 2, max(costs) * 2
    else:
        left, right = 0.0, max(costs) * 1.15 or 1.0
    return Plane(width - 68, 340 if width > NARROW else 290, left, right, max(0.0, low - pad), min(1.03, high + pad), figure.log)


def _colour(point: QualityPoint) -> str:
    return ACCENT if point.chosen else INK if point.eligible else MUTED


def _marks(plane: Plane, drawn: Sequence[QualityPoint]) -> list[Box]:
    """What the points and their whiskers cover."""
    spots = [(*plane.at(p.per_1000, p.score.mean), plane.y(_high(p.score)), plane.y(_low(p.score))) for p in drawn]
    dots = [Box(across - 7, down - 7, across + 7, down + 7) for across, down, _, _ in spots]
    return [*dots, *(Box(across - 4, top, across + 4, bottom) for across, _, top, bottom in spots)]


def _steps(front: Sequence[Place], right: float) -> list[Place]:
    """The line through points that holds its height up to the next one, and up to the right edge."""
    ends = [*front, (right, front[-1][1])] if front else []
    return [*ends[:1], *(place for before, place in pairwise(ends) for place in ((place[0], before[1]), place))]


def _target_spot(target: float, plane: Plane, marks: Sequence[Box]) -> Spot:
    """Where the target's label covers least: at either end of its line, above or below it."""
    width, line = 92.0, plane.y(target)
    ends: tuple[tuple[Align, float], ...] = (("right", plane.width - width), ("left", 0.0))
    spots = [
        Spot(-2.0 if align == "right" else 4.0, dy, align, Box(left, line + dy - 8, left + width, line + dy + 8))
        for dy in (-9.0, 10.0)
        for align, left in ends
    ]
    return min(spots, key=lambda spot: sum(map(spot.box.shared, marks)))


def _point_labels(drawing: Drawing, figure: QualityCost, plane: Plane, taken: Sequence[Box]) -> None:
    texts = [shorten(point.system, 34 if plane.width > NARROW else 24) for point in figure.points]
    places = [plane.at(point.per_1000, point.score.mean) for point in figure.points]
    named = [(text, *place) for text, place in zip(texts, places, strict=True)]
    spots = place_labels(named, plane.width, plane.height, taken)
    for point, text, place, spot in zip(figure.points, texts, places, spots, strict=True):
        _label(drawing, place, text, spot, _colour(point))


def _label(drawing: Drawing, place: Place, text: str, spot: Spot, colour: str) -> None:
    """A text next to a place."""
    x, y = place
    drawing.text((x + spot.dx, y + spot.dy), text, colour, anchor=ANCHORS[spot.align], halo=True)


def _cost_ticks(plane: Plane, most: int) -> list[float]:
    """Round numbers inside the domain: powers of ten on a logarithmic axis (with 2 and 5 when few), else equal steps from 0."""
    if plane.log:
        decades = range(math.floor(math.log10(plane.left)), math.ceil(math.log10(plane.right)) + 1)
        for factors in ((1, 2, 5), (1, 3), (1,)):
            ticks = [float(f"{factor}e{decade}") for decade in decades for factor in factors]
            ticks = [tick for tick in ticks if plane.left <= tick <= plane.right]
            if len(ticks) <= most:
                break
        return ticks[:: math.ceil(len(ticks) / most)]
    return round_ticks(plane.left, plane.right, most)


def forest_svg(pairs: Sequence[Difference], smallest_effect: float, width: int) -> str:
    """Paired differences of one system against others: a dot and its simultaneous interval per row.

    Args:
        pairs: at least one, all with the same `first`.
        smallest_effect: half-width of the grey band of differences that do not matter.
        width: of the whole chart in pixels.
    """
    ends = [(100 * _low(pair.estimate), 100 * _high(pair.estimate)) for pair in pairs]
    least = 2.5 * 100 * smallest_effect
    lowest, highest = 1.08 * min(-least, *(low for low, _ in ends)), 1.08 * max(least, *(high for _, high in ends))
    names = [shorten(pair.second, 32 if width > NARROW else 20) for pair in pairs]
    left = CHARACTER * max(map(len, names)) + 16
    drawing = Drawing(width - left - 20, ROW * len(pairs), Margin(left=left, right=20, top=6, bottom=48))

    def x(value: float) -> float:
        return (value - lowest) / (highest - lowest) * drawing.width

    band = x(-100 * smallest_effect), x(100 * smallest_effect)
    drawing.rect((band[0], 0), band[1] - band[0], drawing.height, BAND)
    ticks = round_ticks(lowest, highest, 7 if width > NARROW else 4)
    drawing.bottom_axis([(x(tick), f"{'+' if tick > 0 else ''}{plain_number(tick)}") for tick in ticks], PAIRS_TITLE)
    drawing.line((x(0), 0), (x(0), drawing.height), MUTED)
    for place, (pair, name, (low, high)) in enumerate(zip(pairs, names, ends, strict=True)):
        y = (place + 0.5) * ROW
        drawing.text((-6, y), name, INK, anchor="end")
        drawing.line((x(low), y), (x(high), y), ACCENT, width=2)
        drawing.dot((x(100 * pair.estimate.mean), y), 5, ACCENT)
    told = "; ".join(f"against {d.second} {points(d.estimate.mean)} points {limits(d.estimate)}" for d in pairs)
    described = f"Paired differences: {told}. Grey: below {format_effect(smallest_effect)}."
    return drawing.svg(f"{pairs[0].first} against the other finalists", described, f"pairs-{width}")


def confusion_svg(figure: Confusion, width: int) -> str:
    """A heat map: rows are the right labels, columns the labels given; mistakes are coloured, right answers stay grey."""
    rows, columns = [shorten(label, 26) for label in figure.labels], [shorten(answer, 26) for answer in figure.answers]
    left, top = CHARACTER * max(map(len, rows)) + 14, 0.72 * CHARACTER * max(map(len, columns)) + 20
    wide = min(46, (width - left - 90) / len(columns))
    high = min(wide, 32)
    margin = Margin(left=left, right=max(20, top - wide), top=top, bottom=6)
    drawing = Drawing(wide * len(columns), high * len(rows), margin)
    for place, name in enumerate(columns):
        drawing.text(((place + 0.5) * wide + 2, -10), name, INK, anchor="start", turned=-45)
    wrong = (n for label, line in zip(figure.labels, figure.counts, strict=True) for n in _wrong(figure, label, line))
    most = max(wrong, default=1)
    for row, (label, name, line) in enumerate(zip(figure.labels, rows, figure.counts, strict=True)):
        drawing.text((-6, (row + 0.5) * high), name, INK, anchor="end")
        for column, (answer, n) in enumerate(zip(figure.answers, line, strict=True)):
            _cell(drawing, (column * wide, row * high), (wide, high), n, most=most, right=label == answer)
    told = "; ".join(f"{right} taken for {given} {plural(n, 'time')}" for right, given, n in figure.top[:8])
    return drawing.svg(f"Confusions of {figure.system}", f"Of {figure.n} examples: {told}.", "confusion")


def _wrong(figure: Confusion, label: str, line: Sequence[int]) -> list[int]:
    return [n for answer, n in zip(figure.answers, line, strict=True) if answer != label]


def _cell(drawing: Drawing, corner: Place, size: tuple[float, float], n: int, *, most: int, right: bool) -> None:
    """One cell of the heat map: its shade says how many mistakes, its number how many answers."""
    shade = UNSEEN if not n else RIGHT if right else _shade(n, most)
    drawing.rect(corner, *size, shade, edge=WHITE)
    if n:
        dark = n > (0.7 * most if most > 2 else 1)
        ink = MUTED if right else WHITE if dark else INK
        drawing.text((corner[0] + size[0] / 2, corner[1] + size[1] / 2), str(n), ink, bold=not right)


def _shade(n: int, most: int) -> str:
    """The colour of so many mistakes in a cell."""
    first, last = (1, most) if most > 2 else (0, 2)
    along = 2 * (n - first) / (last - first)
    low, high = MISTAKES[:2] if along <= 1 else MISTAKES[1:]
    part = along if along <= 1 else along - 1
    return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in zip(low, high, strict=True))


def _low(score: Interval) -> float:
    return score.mean if score.low is None else score.low


def _high(score: Interval) -> float:
    return score.mean if score.high is None else score.high


def _describe_points(figure: QualityCost, currency: str) -> str:
    told = "; ".join(
        f"{p.system} {percent(p.score.mean)} {limits(p.score)} at {amount(p.per_1000, currency)}" for p in figure.points
    )
    return f"Score on the {figure.split} set and cost of 1,000 answers: {told}. Target {format_target(figure.target)}."
