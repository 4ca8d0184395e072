"""Labels next to points so that they do not cover one another: a greedy choice among places around each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SIZE = 12  # pixels
CHARACTER = 6.4  # pixels; a little more than the mean character of the usual sans-serifs at 12 px

Align = Literal["left", "right", "center"]


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y growing downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def shared(self, other: Box) -> float:
        """Area in square pixels that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


@dataclass(frozen=True)
class Spot:
    """Where a label stands, relative to its point; `box` is what it covers."""

    dx: float
    dy: float
    align: Align
    box: Box


def _spots(x: float, y: float, width: float) -> list[Spot]:
    spots = []
    sides: tuple[tuple[Align, float], ...] = (("left", 11.0), ("right", -11.0))
    for dy in (0.0, -14.0, 14.0, -28.0, 28.0, -42.0, 42.0):
        for align, dx in sides:
            left = x + dx if align == "left" else x + dx - width
            spots.append(Spot(dx, dy, align, Box(left, y + dy - SIZE / 2 - 1, left + width, y + dy + SIZE / 2 + 1)))
    return spots


def place_labels(points: Sequence[tuple[str, float, float]], width: float, height: float, obstacles: Sequence[Box]) -> list[Spot]:
    """A place for each label.

    Args:
        points: text, x and y in pixels.
        width: of the plot.
        height: of the plot.
        obstacles: boxes that labels should keep off, such as points and whiskers.

    Returns:
        One spot per point, in the same order: the first tried place that covers least.
    """
    taken: list[Box] = list(obstacles)
    chosen = []
    for text, x, y in points:
        spots = _spots(x, y, CHARACTER * len(text))
        best = min(spots, key=lambda spot: _cost(spot.box, taken, width, height))
        taken.append(best.box)
        chosen.append(best)
    return chosen


def _cost(box: Box, taken: Sequence[Box], width: float, height: float) -> float:
    """Covered area; leaving the plot counts ten times, because it would be cut off."""
    area = (box.right - box.left) * (box.bottom - box.top)
    outside = area - box.shared(Box(0, 0, width, height))
    return sum(box.shared(other) for other in taken) + 10 * outside
