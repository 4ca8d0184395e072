"""The chart of a learning curve: a valid drawing at both widths that says in words what it shows."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from golden_text import Golden

from tailor.diagnose.curve import LearningCurve, Measured, continued, sentence
from tailor.report.curve import curve_svg

SVG = "{http://www.w3.org/2000/svg}"


def curve(accuracies: list[float], target: float, largest: int = 320) -> LearningCurve:
    sizes = tuple(largest // 2**step for step in range(len(accuracies) - 1, -1, -1))
    return continued("probe", largest, Measured(sizes, np.array([accuracies]), 400), target)


@pytest.mark.parametrize("width", [760, 344])
def test_the_chart_shows_the_points_the_target_and_the_size_of_the_data(golden: Golden, width: int) -> None:
    drawn = curve([0.5, 0.62, 0.7, 0.76, 0.8], 0.9)
    root = ET.fromstring(curve_svg(drawn, 0.9, width))
    told = [element.text for element in root.iter(f"{SVG}text")]
    assert {"target 90 %", "Labels to learn from", "20", "100"} <= set(told)
    assert float(root.attrib["width"]) == pytest.approx(width, abs=1)
    assert root.attrib["role"] == "img"
    golden(root.attrib["aria-label"])
    described = root.find(f"{SVG}desc")
    assert described is not None and described.text is not None
    assert "50.0 % with 20 labels; 62.0 % with 40 labels" in described.text and sentence(drawn) in described.text


@pytest.mark.parametrize(
    ("accuracies", "target", "largest"),
    [([1.0, 1.0, 1.0], 0.99, 40), ([0.0, 0.0, 0.0], 0.5, 48), ([0.98, 0.97], 1.0, 20), ([0.2, 0.4, 0.9], 0.3, 100_000)],
)
def test_every_range_of_sizes_and_accuracies_can_be_drawn(accuracies: list[float], target: float, largest: int) -> None:
    svg = curve_svg(curve(accuracies, target, largest), target, 760)
    assert "NaN" not in svg and "Infinity" not in svg and "undefined" not in svg


def test_a_curve_without_points_is_refused() -> None:
    with pytest.raises(ValueError, match="no points"):
        curve_svg(LearningCurve("probe", 12, why_not="there are too few labels"), 0.9, 760)
