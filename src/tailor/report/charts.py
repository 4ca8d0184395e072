"""Charts as static SVG: figures in, one labelled ``<svg>`` element out; no script, nothing fetched.

Every chart stands on a light card, on light and dark pages alike, so its colours are fixed here. Texts from the data reach the
drawing only as data: as values of a field or as strings in a JSON array.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tailor.decide.formats import format_effect, format_target
from tailor.decide.types import Difference, Interval
from tailor.report.failures import Confusion
from tailor.report.labels import CHARACTER, Align, Box, Spot, place_labels
from tailor.report.quality import Point, QualityCost
from tailor.report.words import amount, limits, percent, plural, points, shorten

FONT = "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif"
INK, MUTED, GRID, BAND, ACCENT, TARGET = "#1f2328", "#59636e", "#e9ecef", "#eef1f4", "#1f5fa8", "#9a5b00"
MISTAKES = ["#fbe9dd", "#f0a878", "#b8451f"]
NARROW = 500
TEXT_SIZE = 12
PAIRS_TITLE = "Difference in percentage points"


@dataclass(frozen=True)
class Plane:
    """The drawing area of quality against cost: its size in pixels and what its edges stand for."""

    width: float
    height: float
    left: float
    right: float
    bottom: float
    top: float
    log: bool

    def x(self, per_1000: float) -> float:
        """Pixels from the left edge."""
        scale = math.log if self.log else float
        return (scale(per_1000) - scale(self.left)) / (scale(self.right) - scale(self.left)) * self.width

    def y(self, score: float) -> float:
        """Pixels from the top edge."""
        return (self.top - score) / (self.top - self.bottom) * self.height


def quality_cost_svg(figure: QualityCost, currency: str, width: int) -> str:
    """Points with whiskers over the cost of 1,000 answers, the target, and the line of systems that none beats at no higher cost.

    Args:
        figure: at least one point.
        currency: of the costs.
        width: of the whole chart in pixels.
    """
    import altair as alt

    plane = _plane(figure, width)
    ticks = _cost_ticks(plane, 4 if width <= NARROW else 6)
    names = _names([f"{tick:,.9f}".rstrip("0").rstrip(".") for tick in ticks], f"indexof({json.dumps(ticks)}, datum.value)")
    x = alt.X(
        "cost:Q", title=f"Cost of 1,000 answers, {_clean(shorten(currency, 12))}", axis=alt.Axis(values=ticks, labelExpr=names)
    )
    x = x.scale(type="log" if plane.log else "linear", domain=[plane.left, plane.right], nice=False)
    y_axis = alt.Axis(values=_score_ticks(plane), labelExpr="format(100 * datum.value, '.3~f') + ' %'")
    y = alt.Y("score:Q", title=None, axis=y_axis).scale(domain=[plane.bottom, plane.top], nice=False, zero=False)
    rows = [_point_row(point) for point in figure.points]
    front = [row for row in rows if row["front"]]
    front += [{**front[-1], "cost": plane.right}] if front else []
    stroke, fill = alt.Stroke("colour:N", scale=None, legend=None), alt.Fill("fill:N", scale=None, legend=None)
    marks = _marks(plane, rows)
    spot = _target_spot(figure.target, plane, marks)
    line = {"score": figure.target, "cost": plane.left if spot.align == "left" else plane.right}
    chart = alt.layer(
        alt.Chart(inline([line])).mark_rule(color=TARGET, strokeDash=[5, 4]).encode(y=y),
        _label(line, f"target {format_target(figure.target)}", x, y, spot, TARGET),
        alt.Chart(inline(front)).mark_line(interpolate="step-after", color=ACCENT, opacity=0.3, strokeWidth=2).encode(x=x, y=y),
        alt.Chart(inline(rows)).mark_rule(strokeWidth=1.5).encode(x=x, y=alt.Y("low:Q", title=None), y2="high:Q", stroke=stroke),
        alt.Chart(inline(rows)).mark_point(size=95, opacity=1, strokeWidth=2).encode(x=x, y=y, stroke=stroke, fill=fill),
        *_point_labels(figure, plane, rows, [*marks, spot.box], x, y),
    ).properties(width=plane.width, height=plane.height, padding={"left": 48, "right": 20, "top": 8, "bottom": 48})
    return to_svg(chart, "Quality against cost", _describe_points(figure, currency), f"quality-{width}")


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


def _point_row(point: Point) -> dict[str, Any]:
    colour = ACCENT if point.chosen else INK if point.eligible else MUTED
    fill = colour if point.eligible else "#ffffff"
    return {
        "cost": point.per_1000,
        "score": point.score.mean,
        "low": _low(point.score),
        "high": _high(point.score),
        "front": point.pareto,
        "chosen": point.chosen,
        "colour": colour,
        "fill": fill,
    }


def _marks(plane: Plane, rows: Sequence[dict[str, Any]]) -> list[Box]:
    """What the points and their whiskers cover."""
    spots = [(plane.x(row["cost"]), plane.y(row["score"]), plane.y(row["high"]), plane.y(row["low"])) for row in rows]
    dots = [Box(across - 7, down - 7, across + 7, down + 7) for across, down, _, _ in spots]
    return [*dots, *(Box(across - 4, top, across + 4, bottom) for across, _, top, bottom in spots)]


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


def _point_labels(
    figure: QualityCost, plane: Plane, rows: Sequence[dict[str, Any]], taken: Sequence[Box], x: Any, y: Any
) -> list[Any]:
    texts = [shorten(point.system, 34 if plane.width > NARROW else 24) for point in figure.points]
    named = [(text, plane.x(row["cost"]), plane.y(row["score"])) for text, row in zip(texts, rows, strict=True)]
    places = place_labels(named, plane.width, plane.height, taken)
    return [_label(row, text, x, y, place, row["colour"]) for row, text, place in zip(rows, texts, places, strict=True)]


def _label(row: dict[str, Any], text: str, x: Any, y: Any, spot: Spot, colour: str) -> Any:
    """A text beside a row's place, with a white edge so that lines behind it do not disturb."""
    import altair as alt

    base = alt.Chart(inline([{**row, "text": _clean(text)}])).encode(x=x, y=y, text="text:N")
    mark = {"dx": spot.dx, "dy": spot.dy, "align": spot.align, "baseline": "middle", "fontSize": TEXT_SIZE}
    return base.mark_text(**mark, color="#ffffff", stroke="#ffffff", strokeWidth=3) + base.mark_text(**mark, color=colour)


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
    step = 10 ** math.floor(math.log10(plane.right / most))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if plane.right / (step * factor) <= most)
    return [float(f"{i * step:.12g}") for i in range(int(plane.right / step) + 1)]


def _score_ticks(plane: Plane) -> list[float]:
    span = plane.top - plane.bottom
    step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.5) if span / step <= 7)
    return [round(i * step, 4) for i in range(int(1 / step) + 1) if plane.bottom <= i * step <= min(1.0, plane.top)]


def forest_svg(pairs: Sequence[Difference], smallest_effect: float, width: int) -> str:
    """Paired differences of one system against others: a dot and its simultaneous interval per row.

    Args:
        pairs: at least one, all with the same `first`.
        smallest_effect: half-width of the grey band of differences that do not matter.
        width: of the whole chart in pixels.
    """
    import altair as alt

    rows = [
        {"row": i, "mean": 100 * d.estimate.mean, "low": 100 * _low(d.estimate), "high": 100 * _high(d.estimate)}
        for i, d in enumerate(pairs)
    ]
    least = 2.5 * 100 * smallest_effect
    domain = [1.08 * min(-least, *(row["low"] for row in rows)), 1.08 * max(least, *(row["high"] for row in rows))]
    names = [shorten(d.second, 32 if width > NARROW else 20) for d in pairs]
    left = CHARACTER * max(map(len, names)) + 16
    axis = alt.Axis(labelExpr=_names(names), labelLimit=0, labelColor=INK, ticks=False, domain=False)
    y = alt.Y("row:O", title=None, axis=axis, sort=None)
    x_axis = alt.Axis(
        tickCount=7 if width > NARROW else 4, labelExpr="(datum.value > 0 ? '+' : '') + replace(datum.label, '-', '\u2212')"
    )
    x = alt.X("mean:Q", title=PAIRS_TITLE, axis=x_axis).scale(domain=domain, nice=False)
    band = alt.Chart(inline([{"from": -100 * smallest_effect, "to": 100 * smallest_effect}])).mark_rect(color=BAND)
    zero = alt.Chart(inline([{"mean": 0}])).mark_rule(color=MUTED)
    chart = alt.layer(
        band.encode(x=alt.X("from:Q", title=PAIRS_TITLE), x2="to:Q"),
        zero.encode(x=x),
        alt.Chart(inline(rows))
        .mark_rule(color=ACCENT, strokeWidth=2)
        .encode(x=alt.X("low:Q", title=PAIRS_TITLE), x2="high:Q", y=y),
        alt.Chart(inline(rows)).mark_point(color=ACCENT, filled=True, size=80, opacity=1).encode(x=x, y=y),
    ).properties(width=width - left - 20, height=38 * len(rows), padding={"left": left, "right": 20, "top": 6, "bottom": 48})
    told = "; ".join(f"against {d.second} {points(d.estimate.mean)} points {limits(d.estimate)}" for d in pairs)
    return to_svg(
        chart,
        f"{pairs[0].first} against the other finalists",
        f"Paired differences: {told}. Grey: below {format_effect(smallest_effect)}.",
        f"pairs-{width}",
    )


def confusion_svg(figure: Confusion, width: int) -> str:
    """A heat map: rows are the right labels, columns the labels given; mistakes are coloured, right answers stay grey."""
    import altair as alt

    cells = [
        {"row": r, "column": c, "n": n, "right": label == answer}
        for r, (label, line) in enumerate(zip(figure.labels, figure.counts, strict=True))
        for c, (answer, n) in enumerate(zip(figure.answers, line, strict=True))
    ]
    wrong = [cell for cell in cells if cell["n"] and not cell["right"]]
    diagonal = [cell for cell in cells if cell["n"] and cell["right"]]
    rows, columns = [shorten(label, 26) for label in figure.labels], [shorten(answer, 26) for answer in figure.answers]
    left, top = CHARACTER * max(map(len, rows)) + 14, 0.72 * CHARACTER * max(map(len, columns)) + 20
    size = min(46, (width - left - 90) / len(columns))
    most = max((cell["n"] for cell in wrong), default=1)
    named = {"labelLimit": 0, "ticks": False, "domain": False, "labelColor": INK}
    column_axis = alt.Axis(orient="top", labelAngle=-45, labelExpr=_names(columns), **named)
    row_axis = alt.Axis(labelExpr=_names(rows), **named)
    x = alt.X("column:O", title=None, axis=column_axis).scale(domain=list(range(len(figure.answers))))
    y = alt.Y("row:O", title=None, axis=row_axis).scale(domain=list(range(len(figure.labels))))
    shade = alt.Color("n:Q", legend=None).scale(domain=[1, (1 + most) / 2, most] if most > 2 else [0, 1, 2], range=MISTAKES)
    edge = {"stroke": "#ffffff", "strokeWidth": 2}
    over_half = f"datum.n > {most * 0.7}" if most > 2 else "datum.n > 1"
    ink = alt.condition(over_half, alt.value("#ffffff"), alt.value(INK))
    chart = alt.layer(
        alt.Chart(inline(cells)).mark_rect(color="#f6f7f8", **edge).encode(x=x, y=y),
        alt.Chart(inline(diagonal)).mark_rect(color="#dfe3e8", **edge).encode(x=x, y=y),
        alt.Chart(inline(wrong)).mark_rect(**edge).encode(x=x, y=y, color=shade),
        alt.Chart(inline(diagonal)).mark_text(color=MUTED, fontSize=TEXT_SIZE).encode(x=x, y=y, text="n:Q"),
        alt.Chart(inline(wrong)).mark_text(fontSize=TEXT_SIZE, fontWeight="bold").encode(x=x, y=y, text="n:Q", color=ink),
    ).properties(
        width=size * len(columns),
        height=min(size, 32) * len(rows),
        padding={"left": left, "right": max(20, top - size), "top": top, "bottom": 6},
    )
    told = "; ".join(f"{right} taken for {given} {plural(n, 'time')}" for right, given, n in figure.top[:8])
    return to_svg(
        chart.resolve_scale(color="independent"), f"Confusions of {figure.system}", f"Of {figure.n} examples: {told}.", "confusion"
    )


def _low(score: Interval) -> float:
    return score.mean if score.low is None else score.low


def _high(score: Interval) -> float:
    return score.mean if score.high is None else score.high


def inline(rows: Sequence[dict[str, Any]]) -> Any:
    """The rows as the data of a chart."""
    import altair as alt

    return alt.Data(values=list(rows))


def _names(labels: Sequence[str], index: str = "datum.value") -> str:
    """A Vega expression that gives the label at an index; the labels stand in it as JSON strings, so none can be code."""
    return f"{json.dumps([_clean(label) for label in labels])}[{index}]"


def _clean(text: str) -> str:
    """The text without what XML cannot hold: control characters and halves of surrogate pairs."""
    return "".join(c if c.isprintable() or c == " " else "�" for c in text)


def _describe_points(figure: QualityCost, currency: str) -> str:
    told = "; ".join(
        f"{p.system} {percent(p.score.mean)} {limits(p.score)} at {amount(p.per_1000, currency)}" for p in figure.points
    )
    return f"Score on the {figure.split} set and cost of 1,000 answers: {told}. Target {format_target(figure.target)}."


def to_svg(chart: Any, title: str, description: str, name: str) -> str:
    """Render offline and give the element a title and a description; `name` is the page-wide unique part of its id."""
    import vl_convert

    axis = {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "labelFontSize": TEXT_SIZE,
        "titleFontSize": TEXT_SIZE,
        "titleFontWeight": "normal",
    }
    drawn = chart.configure(font=FONT, background="#ffffff", autosize="none").configure_view(stroke=None)
    drawn = drawn.configure_axis(
        gridColor=GRID, domainColor="#c9cfd6", tickColor="#c9cfd6", titlePadding=10, labelPadding=6, **axis
    )
    svg: str = vl_convert.vegalite_to_svg(drawn.to_dict(), allowed_base_urls=[])
    found = re.match(r'<svg [^>]*?width="([\d.]+)" height="([\d.]+)" viewBox="([^"]+)">', svg)
    if found is None:
        raise AssertionError(f"the renderer no longer begins an SVG with its size: {svg[:120]!r}")
    width, height, box = found.groups()
    title, description = html.escape(_clean(title)), html.escape(_clean(description))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{title}" aria-describedby="{name}-text" '
        f'width="{width}" height="{height}" viewBox="{box}"><title>{title}</title><desc id="{name}-text">{description}</desc>'
    )
    return head + svg[found.end() :]
