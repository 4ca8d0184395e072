"""How far people agree on what they mark: regions by how they overlap, links by what is said of which phrase, and relations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tailor.labelling.agreement import limits_of, meaning_of
from tailor.labelling.judgement import Judgement, by_subject
from tailor.labelling.marks import Box, Path, Point, Region, Segment, Shape, Span, Track, around
from tailor.labelling.regionjson import LINKS, REGIONS, STATES, region_of
from tailor.stats.agreement import Coefficient, apart, box_iou, boxes_apart, spans_apart

SAME = 0.5
"""Overlap (intersection over union) from which on two regions are taken for the same, as in PASCAL VOC (Everingham et al. 2010)."""
NEAR = 10.0
"""Pixels between two points that are taken for the same."""


def agreement_on_marks(judgements: Iterable[Judgement]) -> dict[str, Coefficient]:
    """How far people agree on regions and on links, beyond chance; only what anybody marked is among them.

    Of boxes and polygons, the boxes around them are compared, with their labels; whoever marks nothing says that there is nothing.
    Points, segments and tracks are not compared. Of links, phrases and what is said of each are; of relations, which stands between
    which two phrases.

    Args:
        judgements: those that count (`Judgements.standing`).
    """
    given = [one for one in judgements if one.role == "label" and one.values]
    units = [said for said in by_subject(given).values() if len(said) > 1]
    found: dict[str, Coefficient] = {}
    if any(_boxes(one.values) for one in given):
        found["regions"] = apart([[_boxes(one.values) for one in said] for said in units], boxes_apart)
    for name, read in (("phrases", _typed), ("links", _links), ("relations", _relations)):
        if any(read(one.values) for one in given):
            found[name] = apart([[read(one.values) for one in said] for said in units], spans_apart)
    return found


def sentences_on_marks(judgements: Iterable[Judgement]) -> list[str]:
    """What that means, a sentence each for regions, phrases, links and relations."""
    told = []
    for name, found in agreement_on_marks(judgements).items():
        if found.chance_corrected is None:
            told.append(f"How far people agree on {name} is not known: {found.why_not}.")
        else:
            said = f"{limits_of(found)} beyond chance: {meaning_of(found.chance_corrected)}"
            told.append(f"On {found.rows} rows that several marked, agreement on {name} is {said}.")
    return told


def _boxes(values: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """The boxes around what is marked, with their labels."""
    regions = [region_of(given) for given in values.get(REGIONS, ())]
    drawn = [(region, around(region.shape)) for region in regions if isinstance(region.shape, Box | Path)]
    return [(", ".join(region.labels), [box.x, box.y, box.width, box.height]) for region, box in drawn if box is not None]


def _typed(values: Mapping[str, Any]) -> frozenset[tuple[int, int, str]]:
    """The phrases of a text, with what each is called; none where phrases are linked to an image, and have no types."""
    if any(region["form"] != "span" for region in values.get(REGIONS, ())) or _links(values):
        return frozenset()
    regions = [region_of(given) for given in values.get(REGIONS, ())]
    return frozenset(
        (one.shape.start, one.shape.end, name) for one in regions if isinstance(one.shape, Span) for name in one.labels
    )


def _links(values: Mapping[str, Any]) -> frozenset[tuple[int, int, str]]:
    """The phrases that something is said of, and what: located in an image, absent or not answered."""
    regions = _shapes(values)
    said = [(regions.get(link["from"]), link) for link in values.get(LINKS, ()) if not _between_phrases(link, regions)]
    return frozenset((shape.start, shape.end, link["state"]) for shape, link in said if isinstance(shape, Span))


def _relations(values: Mapping[str, Any]) -> frozenset[tuple[Shape, Shape, str]]:
    """The relations between phrases: of two people's, those between the same places count as the same."""
    regions = _shapes(values)
    links = [link for link in values.get(LINKS, ()) if _between_phrases(link, regions)]
    return frozenset(
        (replace(_span(regions[link["from"]]), text=""), replace(_span(regions[target]), text=""), str(link.get("label", "")))
        for link in links
        for target in link["to"]
    )


def _shapes(values: Mapping[str, Any]) -> dict[str, Shape]:
    return {region.id: region.shape for region in map(region_of, values.get(REGIONS, ()))}


def _between_phrases(link: Mapping[str, Any], regions: Mapping[str, Shape]) -> bool:
    ends = [regions.get(name) for name in (link["from"], *link["to"])]
    return len(ends) > 1 and all(isinstance(end, Span) for end in ends)


def _span(shape: Shape) -> Span:
    assert isinstance(shape, Span)
    return shape


def marks_differ(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two people's marks of one item need someone to settle them.

    They do not where each region of one has a partner of the same name in the other that overlaps it by `SAME` at least, and the
    same is said between partners: nobody draws a box twice to the pixel.
    """
    from scipy.optimize import linear_sum_assignment

    own, other = [region_of(one) for one in first.get(REGIONS, ())], [region_of(one) for one in second.get(REGIONS, ())]
    if len(own) != len(other):
        return True
    partner: dict[str, str] = {}
    if own:
        alike = np.array([[_alike(one, another) for another in other] for one in own])
        rows, columns = linear_sum_assignment(-alike)
        if (alike[rows, columns] < SAME).any():
            return True
        partner = {other[column].id: own[row].id for row, column in zip(rows, columns, strict=True)}
    itself = {region.id: region.id for region in own}
    return _said_between(first, itself) != _said_between(second, partner)


def _said_between(values: Mapping[str, Any], names: Mapping[str, str]) -> frozenset[tuple[Any, ...]]:
    """What links and relations say, regions by the names given; a phrase of which nothing was said yet is none of it."""
    return frozenset(
        (names.get(link["from"]), names.get(target), link["state"], link.get("label", ""))
        for link in values.get(LINKS, ())
        for target in link["to"] or [""]
        if link["state"] != STATES[-1]
    )


def _alike(first: Region, second: Region) -> float:
    """How much two regions overlap, in [0, 1]; 0 where they are called otherwise, lie elsewhere, or are of another form."""
    one, other = _bare(first.shape), _bare(second.shape)
    if (set(first.labels), first.on) != (set(second.labels), second.on) or type(one) is not type(other):
        return 0.0
    if one == other:
        return 1.0
    if isinstance(one, Segment) and isinstance(other, Segment):
        both = min(one.end, other.end) - max(one.start, other.start)
        whole = max(one.end, other.end) - min(one.start, other.start)
        return 1.0 if whole == 0 else max(0.0, both / whole)
    if isinstance(one, Track) and isinstance(other, Track):
        frames = sorted({key.frame for track in (one, other) for key in track.frames})
        pairs = [(one.at(frame), other.at(frame)) for frame in frames]
        return sum(_overlap(*pair) for pair in pairs) / len(frames)
    if isinstance(one, Box | Path | Point):
        return _overlap(one, other)
    return 0.0


def _overlap(one: object, other: object) -> float:
    """Of the boxes around two shapes; points are the same where they are near each other."""
    if isinstance(one, Point) and isinstance(other, Point):
        return float(math.hypot(one.x - other.x, one.y - other.y) <= NEAR)
    if not isinstance(one, Box | Path | Point) or not isinstance(other, Box | Path | Point):
        return float(one is other)  # neither is there
    boxes = around(one), around(other)
    if boxes[0] is None or boxes[1] is None:
        return 0.0
    return box_iou(_sides(boxes[0]), _sides(boxes[1]))


def _bare(shape: Shape) -> Shape:
    return replace(shape, text="") if isinstance(shape, Span) else shape


def _sides(box: Box) -> list[float]:
    return [box.x, box.y, box.width, box.height]
