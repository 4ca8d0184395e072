"""Regions and links as plain JSON: what the pages send, and what judgements hold under `regions` and `links`.

A region is `{"id": "r1", "form": "box", "labels": ["dent"], "on": "image", "x": 64, "y": 96, "width": 160, "height": 60}`, in
pixels of its image; a link is `{"from": "p1", "to": ["r1"], "state": "located", "label": "refers to"}`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tailor.labelling.marks import Box, KeyFrame, Link, Opaque, Path, Point, Region, Segment, Shape, Span, Track, in_unit
from tailor.limits import MOST_MARKS

REGIONS, LINKS = "regions", "links"
"""Names under which a judgement holds regions and links."""
STATES = ("located", "absent", "unanswered")
"""What is said of a phrase: where it is shown, that it is not shown, or nothing yet."""
LONGEST = 500
_SIDES = ("x", "y", "width", "height")


def region_json(region: Region) -> dict[str, Any]:
    """A region as JSON, in pixels where the size of its image is known."""
    try:
        region = in_unit(region, "pixel")
    except ValueError:
        pass
    made: dict[str, Any] = {"id": region.id, "on": region.on, "labels": list(region.labels), **_shape_json(region.shape)}
    if region.unit != "pixel" and not isinstance(region.shape, Span | Segment | Opaque):
        made["unit"] = region.unit
    return {**made, **({"by": region.by} if region.by else {}), **({"score": region.score} if region.score is not None else {})}


def _shape_json(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, Box):
        turned = {"rotation": shape.rotation} if shape.rotation else {}
        return {"form": "box", **{side: getattr(shape, side) for side in _SIDES}, **turned}
    if isinstance(shape, Path):
        return {"form": shape.form, "points": [list(place) for place in shape.points]}
    if isinstance(shape, Point):
        return {"form": "point", "x": shape.x, "y": shape.y}
    if isinstance(shape, Span):
        return {"form": "span", "start": shape.start, "end": shape.end, "text": shape.text}
    if isinstance(shape, Segment):
        return {"form": "segment", "start": shape.start, "end": shape.end, "unit": shape.unit}
    if isinstance(shape, Track):
        frames = [{"frame": key.frame, "goes_on": key.goes_on, **_shape_json(key.shape)} for key in shape.frames]
        return {"form": "track", "frames": frames}
    return {"form": shape.form, "value": dict(shape.value)}


def region_of(given: object) -> Region:
    """The region that JSON holds.

    Raises:
        ValueError: it holds none, with what is wrong.
    """
    if not isinstance(given, Mapping):
        raise ValueError("a region is no object")
    labels, unit = given.get("labels", []), given.get("unit", "pixel")
    if not isinstance(labels, list) or not all(isinstance(label, str) and 0 < len(label) <= LONGEST for label in labels):
        raise ValueError("`labels` of a region are no list of short texts")
    shape = _shape(given)
    score = given.get("score")
    return Region(
        id=_text(given, "id"),
        shape=shape,
        labels=tuple(labels),
        on=_text(given, "on"),
        by=_text(given, "by"),
        unit=unit if unit in ("percent", "fraction") else "pixel",
        score=_number(given, "score") if score is not None else None,
    )


def _shape(given: Mapping[str, Any]) -> Shape:
    form = given.get("form")
    if form == "span":
        start, end = _number(given, "start"), _number(given, "end")
        if not (start.is_integer() and end.is_integer() and 0 <= start < end):
            raise ValueError(f"a span from {start:g} to {end:g}")
        return Span(int(start), int(end), _text(given, "text", longest=1 << 20))
    if form == "segment":
        start, end = _number(given, "start"), _number(given, "end")
        if not 0 <= start <= end:
            raise ValueError(f"a segment from {start:g} to {end:g}")
        return Segment(start, end, "second" if given.get("unit") == "second" else "frame")
    if form == "track":
        frames = _list(given, "frames")
        keys = [KeyFrame(_frame(one), _drawn(one), bool(one.get("goes_on", True))) for one in frames]
        if not keys or len({key.frame for key in keys}) < len(keys):
            raise ValueError("a track has no key frame, or two in one frame")
        return Track(tuple(sorted(keys, key=lambda key: key.frame)))
    if isinstance(form, str) and isinstance(given.get("value"), Mapping):
        return Opaque(form[:LONGEST], given["value"])
    return _drawn(given)


def _frame(given: object) -> int:
    number = _number(given, "frame") if isinstance(given, Mapping) else -1.0
    if not number.is_integer() or number < 0:
        raise ValueError("`frame` is no whole number from 0 up")
    return int(number)


def _drawn(given: Mapping[str, Any]) -> Box | Path | Point:
    form = given.get("form")
    if form == "box":
        left, top, width, height = (_number(given, side) for side in _SIDES)
        if width <= 0 or height <= 0:
            raise ValueError(f"a box of {width:g} by {height:g}")
        return Box(left, top, width, height, _number(given, "rotation") if given.get("rotation") else 0.0)
    if form == "point":
        return Point(_number(given, "x"), _number(given, "y"))
    if form in ("polygon", "polyline", "points"):
        least = {"polygon": 3, "polyline": 2, "points": 1}[form]
        places = [(_coordinate(place, 0), _coordinate(place, 1)) for place in _list(given, "points")]
        if len(places) < least:
            raise ValueError(f"a {form} of {len(places)} points")
        return Path(tuple(places), form)
    raise ValueError(f"the form {form!r} of a region")


def _list(given: Mapping[str, Any], name: str) -> list[Any]:
    found = given.get(name)
    if not isinstance(found, list) or len(found) > MOST_MARKS:
        raise ValueError(f"`{name}` is no list of at most {MOST_MARKS:,}")
    return found


def _coordinate(place: object, axis: int) -> float:
    if not isinstance(place, list) or len(place) != 2:
        raise ValueError("a point has no two coordinates")
    return _number({"coordinate": place[axis]}, "coordinate")


def _number(given: Mapping[str, Any], name: str) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1e9:
        raise ValueError(f"`{name}` is {value!r}, and no number")
    return float(value)


def _text(given: Mapping[str, Any], name: str, longest: int = LONGEST) -> str:
    value = given.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"`{name}` is no text of at most {longest:,} characters")
    return value


def link_json(link: Link) -> dict[str, Any]:
    """A link between two regions as JSON."""
    return {"from": link.source, "to": [link.target], "state": STATES[0], "label": ", ".join(link.labels)}


def checked_marks(values: Mapping[str, Any]) -> dict[str, Any]:
    """Regions and links as a page sends them, if they can be kept; what else a page sends is left out.

    Raises:
        ValueError: one is broken, an id is used twice, or a link names what is not there.
    """
    regions = [region_of(one) for one in _list({REGIONS: [], **values}, REGIONS)]
    names = [region.id for region in regions]
    if len(set(names)) < len(names) or not all(names):
        raise ValueError("two regions share an id, or one has none")
    links = [_checked_link(one, set(names)) for one in _list({LINKS: [], **values}, LINKS)]
    made: dict[str, Any] = {REGIONS: [region_json(region) for region in regions]} if REGIONS in values else {}
    return {**made, **({LINKS: links} if LINKS in values else {})}


def _checked_link(given: object, names: set[str]) -> dict[str, Any]:
    if not isinstance(given, Mapping) or given.get("state") not in STATES:
        raise ValueError(f"a link has none of the states {', '.join(STATES)}")
    ends = [given.get("from"), *_list({"to": [], **given}, "to")]
    if not set(map(str, ends)) <= names:
        raise ValueError("a link names a region that is not there")
    if (given["state"] == STATES[0]) != (len(ends) > 1):
        raise ValueError("a phrase that is located names what it is, and no other does")
    return {"from": ends[0], "to": ends[1:], "state": given["state"], "label": _text(given, "label")}


def links_of(given: object) -> list[Link]:
    """The links between regions that JSON holds; a phrase that is not shown has none, one that is shown twice has two."""
    found = given if isinstance(given, list) else []
    held = [one for one in found if isinstance(one, Mapping) and one.get("state") == STATES[0]]
    return [
        Link(str(one["from"]), str(target), tuple(filter(None, [str(one.get("label", ""))])))
        for one in held
        for target in one["to"]
    ]
