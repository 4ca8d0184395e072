"""The chart of a learning curve: what was measured, and where it goes."""

from __future__ import annotations

import math

from tailor.decide.formats import format_target
from tailor.diagnose.curve import LearningCurve, sentence
from tailor.report.charts import ACCENT, BAND, INK, NARROW, TARGET, TEXT_SIZE, inline, to_svg
from tailor.report.words import percent

TITLE = "Accuracy against number of labels"
MARGIN = {"left": 52, "right": 20, "top": 8, "bottom": 48}


def curve_svg(curve: LearningCurve, target: float, width: int) -> str:
    """Measured points, the continued curve with its 80 % interval as a band, and the target; labels on a logarithmic axis.

    Args:
        curve: with points.
        target: accuracy wanted.
        width: of the whole chart in pixels.

    Raises:
        ValueError: the curve has no points.
    """
    import altair as alt

    if not curve.points:
        raise ValueError("the curve has no points to draw")
    series = [{"size": f.size, "accuracy": f.median, "low": f.low, "high": f.high} for f in curve.series]
    points = [{"size": point.size, "accuracy": point.accuracy} for point in curve.points]
    largest = curve.points[-1].size
    left, right = series[0]["size"] / 1.1, series[-1]["size"] * 1.1
    bottom = min(target, *(row["low"] for row in series), *(row["accuracy"] for row in points))
    x_axis = alt.Axis(values=_ticks(left, right, 4 if width <= NARROW else 7), format=",d", grid=False)
    x = alt.X("size:Q", title="Labels to learn from", axis=x_axis).scale(type="log", domain=[left, right], nice=False)
    y_axis = alt.Axis(tickCount=6, labelExpr="format(100 * datum.value, '.3~f') + ' %'")
    y = alt.Y("accuracy:Q", title=None, axis=y_axis).scale(domain=[max(0.0, bottom - 0.03), 1.0], nice=False, zero=False)
    goal = {"accuracy": target, "size": left}
    words = {"align": "left", "dx": 4, "dy": -8 if target < 0.97 else 10, "fontSize": TEXT_SIZE, "color": TARGET}
    chart = alt.layer(
        alt.Chart(inline(series)).mark_area(color=BAND, opacity=1).encode(x=x, y=alt.Y("low:Q", title=None), y2="high:Q"),
        alt.Chart(inline([goal])).mark_rule(color=TARGET, strokeDash=[5, 4]).encode(y=y),
        alt.Chart(inline([row for row in series if row["size"] <= largest])).mark_line(color=ACCENT).encode(x=x, y=y),
        alt.Chart(inline([row for row in series if row["size"] >= largest]))
        .mark_line(color=ACCENT, strokeDash=[2, 3])
        .encode(x=x, y=y),
        alt.Chart(inline(points)).mark_point(color=INK, filled=True, size=60, opacity=1).encode(x=x, y=y),
        alt.Chart(inline([goal])).mark_text(**words).encode(x=x, y=y, text=alt.value(f"target {format_target(target)}")),
    ).properties(width=width - 72, height=260 if width > NARROW else 220, padding=MARGIN)
    return to_svg(chart, TITLE, _describe(curve), f"curve-{curve.method}-{width}")


def _ticks(left: float, right: float, most: int) -> list[int]:
    """Round numbers of labels inside the axis, at most so many, about evenly spread over its logarithm."""
    round_ones = [step * 10**power for power in range(7) for step in (1, 2, 5)]
    inside = [n for n in round_ones if left <= n <= right]
    return inside[:: math.ceil(len(inside) / most)]


def _describe(curve: LearningCurve) -> str:
    told = "; ".join(f"{percent(point.accuracy)} with {point.size:,} labels" for point in curve.points)
    return f"Measured: {told}. {sentence(curve)}"
