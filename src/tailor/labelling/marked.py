"""How far people agree on what they mark: regions of images by how they overlap, links by what is said of which phrase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tailor.labelling.agreement import limits_of, meaning_of
from tailor.labelling.judgement import Judgement, by_subject
from tailor.labelling.marks import Box, Path, Span, around
from tailor.labelling.regionjson import LINKS, REGIONS, region_of
from tailor.stats.agreement import Coefficient, apart, boxes_apart, spans_apart


def agreement_on_marks(judgements: Iterable[Judgement]) -> dict[str, Coefficient]:
    """How far people agree on regions and on links, beyond chance; only what anybody marked is among them.

    Of boxes and polygons, the boxes around them are compared, with their labels; whoever marks nothing says that there is nothing.
    Points, segments and tracks are not compared. Of links, phrases and what is said of each are.

    Args:
        judgements: those that count (`Judgements.standing`).
    """
    given = [one for one in judgements if one.role == "label" and one.values]
    units = [said for said in by_subject(given).values() if len(said) > 1]
    found: dict[str, Coefficient] = {}
    if any(_boxes(one.values) for one in given):
        found["regions"] = apart([[_boxes(one.values) for one in said] for said in units], boxes_apart)
    if any(one.values.get(LINKS) for one in given):
        found["links"] = apart([[_phrases(one.values) for one in said] for said in units], spans_apart)
    return found


def sentences_on_marks(judgements: Iterable[Judgement]) -> list[str]:
    """What that means, one sentence for regions and one for links."""
    told = []
    for name, found in agreement_on_marks(judgements).items():
        if found.chance_corrected is None:
            told.append(f"How far people agree on {name} is not known: {found.why_not}.")
        else:
            said = f"{limits_of(found)} beyond chance: {meaning_of(found.chance_corrected.mean)}"
            told.append(f"On {found.rows} rows that several marked, agreement on {name} is {said}.")
    return told


def _boxes(values: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """The boxes around what is marked, with their labels."""
    regions = [region_of(given) for given in values.get(REGIONS, ())]
    drawn = [(region, around(region.shape)) for region in regions if isinstance(region.shape, Box | Path)]
    return [(", ".join(region.labels), [box.x, box.y, box.width, box.height]) for region, box in drawn if box is not None]


def _phrases(values: Mapping[str, Any]) -> frozenset[tuple[int, int, str]]:
    """The phrases that something is said of, and what: located, absent or not answered."""
    regions = {region.id: region.shape for region in map(region_of, values.get(REGIONS, ()))}
    said = [(regions.get(link["from"]), link["state"]) for link in values.get(LINKS, ())]
    return frozenset((shape.start, shape.end, state) for shape, state in said if isinstance(shape, Span))
