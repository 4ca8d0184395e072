"""The chart of a learning curve: what was measured, and where it goes."""

from __future__ import annotations

import math

from tailor.decide.formats import format_target
from tailor.diagnose.curve import LearningCurve, sentence
from tailor.report.charts import ACCENT, BAND, NARROW, TARGET, Plane
from tailor.report.svg import INK, Drawing, Margin
from tailor.report.words import percent

TITLE = "Accuracy against number of labels"
MARGIN = Margin(left=52, right=20, top=8, bottom=48)


def curve_svg(curve: LearningCurve, target: float, width: int) -> str:
    """Measured points, the continued curve with its 80 % interval as a band, and the target; labels on a logarithmic axis.

    Args:
        curve: with points.
        target: accuracy wanted.
        width: of the whole chart in pixels.

    Raises:
        ValueError: the curve has no points.
    """
    if not curve.points:
        raise ValueError("the curve has no points to draw")
    series, largest = curve.series, curve.points[-1].size
    bottom = min(target, *(f.low for f in series), *(point.accuracy for point in curve.points))
    plane = Plane(
        width - MARGIN.left - MARGIN.right,
        *(260 if width > NARROW else 220, series[0].size / 1.1, series[-1].size * 1.1),
        *(max(0.0, bottom - 0.03), 1.0),
        log=True,
    )
    drawing = Drawing(plane.width, plane.height, MARGIN)
    ticks = _ticks(plane.left, plane.right, 4 if width <= NARROW else 7)
    drawing.bottom_axis([(plane.x(tick), f"{tick:,}") for tick in ticks], "Labels to learn from", grid=False)
    drawing.left_axis(plane.score_ticks())
    drawing.area([plane.at(f.size, f.high) for f in series], [plane.at(f.size, f.low) for f in series], BAND)
    goal = plane.y(target)
    drawing.line((0, goal), (plane.width, goal), TARGET, dash="5,4")
    drawing.path([plane.at(f.size, f.median) for f in series if f.size <= largest], ACCENT)
    drawing.path([plane.at(f.size, f.median) for f in series if f.size >= largest], ACCENT, dash="2,3")
    for point in curve.points:
        drawing.dot(plane.at(point.size, point.accuracy), 4.4, INK)
    drawing.text((4, goal + (-8 if target < 0.97 else 10)), f"target {format_target(target)}", TARGET, anchor="start", halo=True)
    return drawing.svg(TITLE, _describe(curve), f"curve-{curve.method}-{width}")


def _ticks(left: float, right: float, most: int) -> list[int]:
    """Round numbers of labels inside the axis, at most so many, about evenly spread over its logarithm."""
    round_ones = [step * 10**power for power in range(7) for step in (1, 2, 5)]
    inside = [n for n in round_ones if left <= n <= right]
    return inside[:: math.ceil(len(inside) / most)]


def _describe(curve: LearningCurve) -> str:
    told = "; ".join(f"{percent(point.accuracy)} with {point.size:,} labels" for point in curve.points)
    return f"Measured: {told}. {sentence(curve)}"
