"""Static SVG: shapes, texts and axes in, one labelled ``<svg>`` element out; no script, nothing fetched.

A drawing library would cost a report two seconds and an installation 50 MB, and every place in our charts is computed anyway.
All texts are escaped here; coordinates and colours are our own.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

FONT = "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif"
INK, MUTED, GRID, AXIS, WHITE = "#1f2328", "#59636e", "#e9ecef", "#c9cfd6", "#ffffff"
TEXT_SIZE = 12
TICK = 5.0

Anchor = Literal["start", "middle", "end"]
Place = tuple[float, float]
Tick = tuple[float, str]
"""Where on an axis, in pixels, and what it is called."""


@dataclass(frozen=True)
class Margin:
    """Pixels around the plot."""

    left: float
    right: float
    top: float
    bottom: float


@dataclass
class Drawing:
    """A chart being drawn: places are in pixels from the plot's upper left corner, y growing downwards; what comes later is on top.

    Args:
        width: of the plot.
        height: of the plot.
        margin: around it.
    """

    width: float
    height: float
    margin: Margin
    _parts: list[str] = field(default_factory=list)

    def line(self, start: Place, end: Place, color: str, *, width: float = 1, dash: str = "") -> None:
        """A straight line; `dash` as in SVG, such as "5,4"."""
        ends = zip(("x1", "y1", "x2", "y2"), (*start, *end), strict=True)
        self._add("line", **{name: _number(value) for name, value in ends}, **_stroke(color, width, dash))

    def path(self, places: Sequence[Place], color: str, *, width: float = 2, dash: str = "", opacity: float = 1.0) -> None:
        """A line through places; nothing for fewer than two."""
        if len(places) > 1:
            faint = {} if opacity == 1 else {"stroke-opacity": _number(opacity)}
            self._add("path", d=_through(places), fill="none", **_stroke(color, width, dash), **faint)

    def area(self, upper: Sequence[Place], lower: Sequence[Place], color: str) -> None:
        """The area between two lines, both from left to right."""
        self._add("path", d=_through([*upper, *reversed(lower)]) + "Z", fill=color)

    def rect(self, corner: Place, width: float, height: float, color: str, *, edge: str = "") -> None:
        """A rectangle by its upper left corner."""
        x, y = map(_number, corner)
        self._add("rect", x=x, y=y, width=_number(width), height=_number(height), fill=color, **(_stroke(edge, 2) if edge else {}))

    def dot(self, at: Place, radius: float, color: str, *, edge: str = "") -> None:
        """A circle."""
        x, y = map(_number, at)
        self._add("circle", cx=x, cy=y, r=_number(radius), fill=color, **(_stroke(edge, 2) if edge else {}))

    def text(
        self,
        at: Place,
        text: str,
        color: str = MUTED,
        *,
        anchor: Anchor = "middle",
        halo: bool = False,
        bold: bool = False,
        turned: float = 0,
    ) -> None:
        """A text, centred on its height; a halo keeps lines behind it off, `turned` is in degrees."""
        x, y = map(_number, at)
        more = {"stroke": WHITE, "stroke-width": "3", "paint-order": "stroke"} if halo else {}
        more |= {"font-weight": "bold"} if bold else {}
        more |= {"transform": f"rotate({_number(turned)},{x},{y})"} if turned else {}
        attributes = {"x": x, "y": y, "dy": "0.35em", "fill": color, "text-anchor": anchor, **more}
        self._parts.append(f"<text {_written(attributes)}>{escaped(text)}</text>")

    def bottom_axis(self, ticks: Iterable[Tick], title: str, *, grid: bool = True) -> None:
        """The axis below the plot, with lines up through it."""
        for x, name in ticks:
            if grid:
                self.line((x, 0), (x, self.height), GRID)
            self.line((x, self.height), (x, self.height + TICK), AXIS)
            self.text((x, self.height + 17), name)
        self.line((0, self.height), (self.width, self.height), AXIS)
        self.text((self.width / 2, self.height + 38), title)

    def left_axis(self, ticks: Iterable[Tick]) -> None:
        """The axis to the left of the plot, with lines across it."""
        for y, name in ticks:
            self.line((0, y), (self.width, y), GRID)
            self.line((-TICK, y), (0, y), AXIS)
            self.text((-11, y), name, anchor="end")
        self.line((0, 0), (0, self.height), AXIS)

    def svg(self, title: str, description: str, name: str) -> str:
        """The whole element with its title and description; `name` is the page-wide unique part of its id."""
        width = _number(self.margin.left + self.width + self.margin.right)
        height = _number(self.margin.top + self.height + self.margin.bottom)
        title, description = escaped(title), escaped(description)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{title}" aria-describedby="{name}-text" '
            f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
            f'<title>{title}</title><desc id="{name}-text">{description}</desc>'
            f'<rect width="{width}" height="{height}" fill="{WHITE}"/>'
            f'<g font-family="{FONT}" font-size="{TEXT_SIZE}" '
            f'transform="translate({_number(self.margin.left)},{_number(self.margin.top)})">{"".join(self._parts)}</g></svg>'
        )

    def _add(self, tag: str, **attributes: str) -> None:
        self._parts.append(f"<{tag} {_written(attributes)}/>")


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between both ends, `most` of them at most; `high` must lie above `low`."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def escaped(text: str) -> str:
    """The text for use in an element or an attribute, without what XML cannot hold: control characters and halves of surrogate
    pairs.
    """
    return html.escape("".join(c if c.isprintable() or c == " " else "�" for c in text))


def plain_number(value: float) -> str:
    """A number without a power of ten and without zeros at its end, such as "0.005"."""
    text = f"{value:,.9f}".rstrip("0").rstrip(".")
    return text.replace("-", "\u2212")


def _stroke(color: str, width: float, dash: str = "") -> dict[str, str]:
    return {"stroke": color, "stroke-width": _number(width)} | ({"stroke-dasharray": dash} if dash else {})


def _written(attributes: dict[str, str]) -> str:
    return " ".join(f'{name}="{value}"' for name, value in attributes.items())


def _through(places: Sequence[Place]) -> str:
    return "M" + "L".join(f"{_number(x)},{_number(y)}" for x, y in places)


def _number(value: float) -> str:
    """Hundredths of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
