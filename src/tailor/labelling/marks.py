"""What people mark: stretches of text, shapes on images, segments and tracks of video, links between them, and answers.

Every format of labels is read into these types and written from them (`tailor.labelling.formats`), and the pages draw them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import cos, radians, sin
from typing import Any, Literal

from tailor.data.finding import Finding

Unit = Literal["pixel", "percent", "fraction"]
"""What coordinates count: pixels, hundredths of the image's width and height, or parts of them."""
Place = tuple[float, float]
Size = tuple[int, int]
"""Width and height of an image, in pixels."""
RATE = 25.0
"""Frames per second of a video of which nothing is known."""
PIXEL_DIGITS = 6
"""Digits kept of a pixel that was computed from shares of a width: what floats add to a whole pixel lies far below."""
_SCALE = {"percent": 100.0, "fraction": 1.0}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text, in characters (code points) from 0; the end is the first character behind it.

    Attributes:
        start: first character.
        end: the one behind the last.
        text: the words as the file gives them; empty where it does not.
    """

    start: int
    end: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: its top left corner, and how it is turned about that corner, clockwise in degrees."""

    x: float
    y: float
    width: float
    height: float
    rotation: float = 0.0


@dataclass(frozen=True, slots=True)
class Path:
    """Several places: a closed polygon, an open line, or points that belong together."""

    points: tuple[Place, ...]
    form: Literal["polygon", "polyline", "points"] = "polygon"


@dataclass(frozen=True, slots=True)
class Point:
    """One place."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time.

    Attributes:
        start: first frame, counted from 0, or second.
        end: last frame, or the second at which it ends.
        unit: what the two count.
    """

    start: float
    end: float
    unit: Literal["frame", "second"] = "frame"


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """Where a track is in one frame.

    Attributes:
        frame: its number, counted from 0.
        shape: where the object is.
        goes_on: whether the object is still there behind this frame, between it and the next key frame.
        extra: what a format holds of the frame besides.
    """

    frame: int
    shape: Box | Path | Point
    goes_on: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Track:
    """An object through a video: its key frames, in order; what lies between two of them is interpolated (`at`)."""

    frames: tuple[KeyFrame, ...]

    def at(self, frame: int) -> Box | Path | Point | None:
        """Where the object is in a frame, by linear interpolation; None where it is not there.

        Behind the last key frame it stays where it was, if it goes on.
        """
        before = max((key for key in self.frames if key.frame <= frame), key=lambda key: key.frame, default=None)
        if before is None or (before.frame < frame and not before.goes_on):
            return None
        after = min((key for key in self.frames if key.frame > frame), key=lambda key: key.frame, default=None)
        if after is None or before.frame == frame:
            return before.shape
        return between(before.shape, after.shape, (frame - before.frame) / (after.frame - before.frame))


@dataclass(frozen=True, slots=True)
class Opaque:
    """A shape that only its own format can hold, such as a mask, an ellipse or a skeleton; kept as the file has it."""

    form: str
    value: Mapping[str, Any]


Shape = Span | Box | Path | Point | Segment | Track | Opaque


@dataclass(frozen=True)
class Region:
    """A marked part of an item.

    Attributes:
        id: by which links name it; unique in its layer.
        shape: what is marked.
        labels: what it is called.
        on: the field of the item that it lies in, such as "text" or "image".
        by: the question that it answers, as the format names it.
        unit: what coordinates of the shape count.
        size: of the image or video, where the format gives it.
        score: how sure a model is, in [0, 1].
        extra: what its format holds besides.
    """

    id: str
    shape: Shape
    labels: tuple[str, ...] = ()
    on: str = ""
    by: str = ""
    unit: Unit = "pixel"
    size: Size | None = None
    score: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What sort of shape it is, in words for messages."""
        shape = self.shape
        if isinstance(shape, Opaque):
            return shape.form
        if isinstance(shape, Path):
            return shape.form
        if isinstance(shape, Box) and shape.rotation:
            return "rotated box"
        return type(shape).__name__.lower()


@dataclass(frozen=True)
class Answer:
    """What was said of a whole item, or of one region of it: a choice, a text, a rating.

    Attributes:
        by: the question that it answers.
        value: the answer; a list where several were chosen.
        form: what sort of answer, as Label Studio names it: choices, textarea, rating, ...
        region: id of the region that it is about; empty where it is the whole item.
        on: the field that was asked about.
        extra: what its format holds besides.
    """

    by: str
    value: Any
    form: str = "choices"
    region: str = ""
    on: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A relation between two regions; between a phrase and what shows it, the three states are in `tailor.labelling.regionjson`."""

    source: str
    target: str
    labels: tuple[str, ...] = ()
    directed: str = "right"
    extra: Mapping[str, Any] = field(default_factory=dict)


Mark = Region | Answer | Link


@dataclass(frozen=True)
class Layer:
    """What one person, or one model, said of an item.

    Attributes:
        annotator: their name, or that of the model; empty where the format has none.
        role: "label" for an ordinary judgement, "adjudicated" for one that settles a difference, "gold" for one that is known to
            be right, "prediction" for what a model said.
        marks: what was said, in order.
        skipped: why they gave no answer; empty where they gave one.
        rejected: whether the marks were shown and found wrong.
        at: when, ISO 8601.
        seconds: how long it took.
        score: how sure a model is of the whole.
        extra: what its format holds besides.
    """

    annotator: str = ""
    role: Literal["label", "adjudicated", "gold", "prediction"] = "label"
    marks: tuple[Mark, ...] = ()
    skipped: str = ""
    rejected: bool = False
    at: str = ""
    seconds: float | None = None
    score: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def regions(self) -> list[Region]:
        """The regions among the marks."""
        return [mark for mark in self.marks if isinstance(mark, Region)]

    @property
    def links(self) -> list[Link]:
        """The links among the marks."""
        return [mark for mark in self.marks if isinstance(mark, Link)]

    @property
    def answers(self) -> list[Answer]:
        """The answers among the marks."""
        return [mark for mark in self.marks if isinstance(mark, Answer)]


@dataclass(frozen=True)
class Item:
    """What is labelled: a text, an image, a video, or several of these together.

    Attributes:
        id: by which the file knows it.
        fields: what is shown, by name; media are named by their files.
        layers: what each annotator said.
        size: of its image, in pixels.
        extra: what its format holds besides.
        rate: frames per second of its video; what is usual unless given.
    """

    id: str
    fields: Mapping[str, Any]
    layers: tuple[Layer, ...] = ()
    size: Size | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    rate: float = RATE


@dataclass(frozen=True)
class Labels:
    """The labels of a file or a folder.

    Attributes:
        items: what was labelled.
        names: names of the labels, in the file's order.
        format: the name of the format that they were read from; what `extra` holds is of this format.
        findings: what was assumed when they were read.
        extra: what the file holds besides.
    """

    items: tuple[Item, ...]
    names: tuple[str, ...] = ()
    format: str = ""
    findings: tuple[Finding, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def annotators(self) -> tuple[str, ...]:
        """Who labelled, in order of their first layer; predictions and adjudicated layers are nobody's."""
        return tuple(dict.fromkeys(layer.annotator for item in self.items for layer in item.layers if layer.role == "label"))


def label_names(labels: Labels) -> tuple[str, ...]:
    """The names of all labels of regions: those of the file first, then others in order of their first use."""
    used = (name for item in labels.items for layer in item.layers for region in layer.regions for name in region.labels)
    return tuple(dict.fromkeys((*labels.names, *used)))


def in_unit(region: Region, unit: Unit, size: Size | None = None) -> Region:
    """The region with its coordinates in another unit.

    Args:
        region: a region with a shape on an image, or of any other kind, which stays as it is.
        unit: what its coordinates should count.
        size: of the image, where the region does not have it.

    Raises:
        ValueError: the size of the image is not known.
    """
    size = region.size or size
    if region.unit == unit or isinstance(region.shape, Span | Segment | Opaque):
        return replace(region, size=size)
    if "pixel" in (region.unit, unit) and not size:
        raise ValueError("the size of its image is not known")
    across, down = (_factor(region.unit, unit, length) for length in size or (1, 1))
    digits = PIXEL_DIGITS if unit == "pixel" else None
    return replace(region, shape=scaled(region.shape, across, down, digits), unit=unit, size=size)


def _factor(given: Unit, wanted: Unit, length: int) -> tuple[float, float]:
    """By what a coordinate is multiplied, and then divided, so that it counts another unit."""
    return (
        length if wanted == "pixel" else _SCALE[wanted],
        length if given == "pixel" else _SCALE[given],
    )


def scaled(shape: Shape, across: tuple[float, float], down: tuple[float, float], digits: int | None = None) -> Shape:
    """A shape in another scale; each factor is what a coordinate is multiplied and divided by."""

    def to(value: float, factor: tuple[float, float]) -> float:
        made = value * factor[0] / factor[1]
        return made if digits is None else round(made, digits)

    if isinstance(shape, Box):
        return Box(to(shape.x, across), to(shape.y, down), to(shape.width, across), to(shape.height, down), shape.rotation)
    if isinstance(shape, Path):
        return Path(tuple((to(x, across), to(y, down)) for x, y in shape.points), shape.form)
    if isinstance(shape, Point):
        return Point(to(shape.x, across), to(shape.y, down))
    if isinstance(shape, Track):
        return Track(tuple(replace(key, shape=_drawn(scaled(key.shape, across, down, digits))) for key in shape.frames))
    return shape


def _drawn(shape: Shape) -> Box | Path | Point:
    assert isinstance(shape, Box | Path | Point)
    return shape


def between(first: Box | Path | Point, second: Box | Path | Point, share: float) -> Box | Path | Point:
    """The shape that lies between two, by linear interpolation; the first where the two have nothing in common."""

    def mix(a: float, b: float) -> float:
        return a + (b - a) * share

    if isinstance(first, Box) and isinstance(second, Box):
        turned = (second.rotation - first.rotation + 180) % 360 - 180  # the short way round
        left, top, width, height = (mix(getattr(first, name), getattr(second, name)) for name in ("x", "y", "width", "height"))
        return Box(left, top, width, height, first.rotation + turned * share)
    if isinstance(first, Point) and isinstance(second, Point):
        return Point(mix(first.x, second.x), mix(first.y, second.y))
    if isinstance(first, Path) and isinstance(second, Path) and len(first.points) == len(second.points):
        pairs = zip(first.points, second.points, strict=True)
        return Path(tuple((mix(a, c), mix(b, d)) for (a, b), (c, d) in pairs), first.form)
    return first


def around(shape: Shape) -> Box | None:
    """The upright box around a shape; None for what is no shape on an image."""
    if isinstance(shape, Box) and not shape.rotation:
        return shape
    places = list(corners(shape))
    if not places:
        return None
    left, top = (min(place[axis] for place in places) for axis in (0, 1))
    right, bottom = (max(place[axis] for place in places) for axis in (0, 1))
    return Box(left, top, right - left, bottom - top)


def corners(shape: Shape) -> Iterator[Place]:
    """The corners of a shape; of a turned box, in pixels."""
    if isinstance(shape, Box):
        turned, (x, y) = radians(shape.rotation), (shape.x, shape.y)
        for across, down in ((0.0, 0.0), (shape.width, 0.0), (shape.width, shape.height), (0.0, shape.height)):
            yield x + across * cos(turned) - down * sin(turned), y + across * sin(turned) + down * cos(turned)
    elif isinstance(shape, Path):
        yield from shape.points
    elif isinstance(shape, Point):
        yield shape.x, shape.y
