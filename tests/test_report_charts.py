"""Charts of the report: valid drawings in which labels keep apart and data stay data."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hostile import PAYLOADS
from hypothesis import given, settings
from hypothesis import strategies as st
from studies import answer_study, classify_study

from tailor.decide.types import Interval
from tailor.report.charts import confusion_svg, forest_svg, quality_cost_svg
from tailor.report.failures import Confusion
from tailor.report.labels import Box, place_labels
from tailor.report.quality import QualityCost, QualityPoint, chosen_pairs, quality_cost

SVG = "{http://www.w3.org/2000/svg}"
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), *(st.floats(0, 600), st.floats(0, 300)), *(st.floats(0, 200), st.floats(0, 100))
)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def point(name: str, cost: float, mean: float, *, low: float | None = None, high: float | None = None) -> QualityPoint:
    return QualityPoint(name, cost, Interval(mean, low, high, 50), pareto=True, chosen=False, eligible=True)


@pytest.mark.parametrize("width", [760, 344])
def test_the_chart_of_quality_against_cost_names_every_system_and_the_target(width: int) -> None:
    figure = quality_cost(answer_study())
    svg = quality_cost_svg(figure, "USD", width)
    told = texts(svg)
    assert {p.system for p in figure.points} | {"target 90 %", "Cost of 1,000 answers, USD"} <= set(told)
    root = ET.fromstring(svg)
    assert float(root.attrib["width"]) == pytest.approx(width, abs=1)
    assert root.attrib["aria-label"] == "Quality against cost" and root.attrib["role"] == "img"
    described = root.find(f"{SVG}desc")
    assert described is not None and "rag-hybrid 73.9 % [65.1, 81.6] at 0.02 USD" in (described.text or "")


@pytest.mark.parametrize(
    ("points", "log"),
    [
        ((point("free", 0.0, 0.5),), False),
        ((point("a", 0.0, 0.0, low=0.0, high=0.1), point("b", 0.0, 1.0, low=0.9, high=1.0)), False),
        ((point("a", 0.00001, 0.5), point("b", 40.0, 0.9)), True),
        ((point("a", 1234.5, 0.851, low=0.85, high=0.852), point("b", 1300.0, 0.85)), False),
        ((point("a", 0.01, 0.3), replace(point("b", 0.3, 0.3), pareto=False)), True),
    ],
)
def test_every_range_of_costs_and_scores_can_be_drawn(points: tuple[QualityPoint, ...], log: bool) -> None:
    svg = quality_cost_svg(QualityCost(points, (), "test", 0.85, log), "EUR", 760)
    assert {p.system for p in points} <= set(texts(svg))
    assert "NaN" not in svg and "Infinity" not in svg and "undefined" not in svg


def test_the_forest_has_a_row_per_pair_and_true_minus_signs() -> None:
    decision = classify_study().decision
    assert decision is not None
    pairs = chosen_pairs(decision)
    svg = forest_svg(pairs, decision.smallest_effect, 760)
    told = texts(svg)
    assert {pair.second for pair in pairs} <= set(told)
    assert not [text for text in told if text.startswith("-")]
    assert "Difference in percentage points" in told


def test_the_heat_map_shows_every_count_that_is_not_zero() -> None:
    figure = Confusion(
        "x", ("a", "b"), ("a", "b", "(no label)"), ((5, 0, 1), (3, 4, 0)), (("b", "a", 3), ("a", "(no label)", 1)), 13
    )
    told = texts(confusion_svg(figure, 760))
    assert sorted(text for text in told if text.isdigit()) == ["1", "3", "4", "5"]


def test_labels_alike_at_their_beginning_stay_two_labels() -> None:
    long = "the_same_long_beginning_of_a_label_"
    figure = Confusion(
        "x", (long + "1", long + "2"), (long + "1", long + "2"), ((5, 1), (2, 4)), ((long + "2", long + "1", 2),), 12
    )
    assert sorted(text for text in texts(confusion_svg(figure, 760)) if text.isdigit()) == ["1", "2", "4", "5"]


def test_hostile_labels_are_drawn_as_text() -> None:
    labels = PAYLOADS[:12]
    counts = tuple(tuple(1 for _ in labels) for _ in labels)
    svg = confusion_svg(Confusion(PAYLOADS[0], labels, labels, counts, ((labels[0], labels[1], 1),), 144), 760)
    points = tuple(point(text, i + 1.0, 0.5) for i, text in enumerate(PAYLOADS))
    for drawn in (svg, quality_cost_svg(QualityCost(points, (), "test", 0.85, False), PAYLOADS[0], 344)):
        root = ET.fromstring(drawn)
        names = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert names <= {"svg", "title", "desc", "g", "path", "line", "rect", "circle", "text"}
        assert not [name for element in root.iter() for name in element.attrib if name.startswith("on") or "href" in name]
    assert "<script>alert(1)</script>" in texts(svg)


@settings(deadline=None, derandomize=True)
@given(boxes, boxes)
def test_shared_area_is_symmetric_and_no_larger_than_either(first: Box, second: Box) -> None:
    shared = first.shared(second)
    assert shared == second.shared(first) >= 0
    assert shared <= first.shared(first) + 1e-6


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.floats(0, 700), st.floats(0, 300)), max_size=8))
def test_every_point_gets_a_label_beside_it(points: list[tuple[str, float, float]]) -> None:
    places = place_labels(points, 700, 300, [])
    assert len(places) == len(points)
    assert all(abs(place.dx) <= 11 and abs(place.dy) <= 42 for place in places)


def test_labels_of_points_in_one_place_do_not_cover_each_other() -> None:
    places = place_labels([(f"system-{i}", 350, 150) for i in range(6)], 700, 300, [Box(343, 143, 357, 157)])
    assert all(a.box.shared(b.box) == 0 for i, a in enumerate(places) for b in places[:i])
    assert all(place.box.left >= 0 and place.box.right <= 700 for place in places)
