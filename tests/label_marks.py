"""Labels to test formats with: made by hand, and made by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from tailor.labelling.marks import (
    Answer,
    Box,
    Item,
    KeyFrame,
    Labels,
    Layer,
    Link,
    Path,
    Point,
    Region,
    Segment,
    Shape,
    Span,
    Track,
)

SIZE = (640, 480)
NAMES = ("dent", "door", "wheel")
TEXT = "Acme 🎉 paid\r\n$40 to Jörg."

texts = st.text(alphabet=st.sampled_from("abcdefg hij.🎉é中"), min_size=1, max_size=30).filter(lambda text: bool(text.strip()))
coordinates = st.integers(0, 4 * 480).map(lambda quarter: quarter / 4)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, top = draw(coordinates), draw(coordinates)
    return Box(left, top, draw(coordinates) + 1, draw(coordinates) + 1)


@st.composite
def paths(draw: st.DrawFn) -> Path:
    places = draw(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6))
    return Path(tuple(places))


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    frames = sorted(draw(st.sets(st.integers(0, 300), min_size=1, max_size=5)))
    return Track(tuple(KeyFrame(frame, draw(boxes()), draw(st.booleans())) for frame in frames))


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    start = draw(st.integers(0, 200))
    return Segment(start, start + draw(st.integers(0, 50)))


@st.composite
def spans(draw: st.DrawFn, text: str) -> Span:
    start = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(start + 1, len(text)))
    return Span(start, end, text[start:end])


@st.composite
def layers(draw: st.DrawFn, shapes: Sequence[Shape], on: str, who: str, *, linked: bool) -> Layer:
    regions = [
        Region(str(number), shape, (draw(st.sampled_from(NAMES)),), on, size=None if on == "text" else SIZE)
        for number, shape in enumerate(shapes, start=1)
    ]
    links = []
    if linked and len(regions) > 1:
        links = [Link("1", "2", ("pays",))]
    return Layer(who, marks=(*regions, *links))


@st.composite
def of_texts(draw: st.DrawFn, people: tuple[str, ...] = ("anna",), *, linked: bool = True) -> Labels:
    """Texts with spans."""
    items = []
    for number, text in enumerate(draw(st.lists(texts, min_size=1, max_size=3, unique=True)), start=1):
        made = [draw(layers(draw(st.lists(spans(text), max_size=4)), "text", who, linked=linked)) for who in people]
        items.append(Item(str(number), {"text": text}, tuple(made)))
    return Labels(tuple(items))


@st.composite
def of_images(draw: st.DrawFn, people: tuple[str, ...] = ("anna",)) -> Labels:
    """Images with boxes, polygons and points."""
    items = []
    shapes = st.lists(st.one_of(boxes(), paths(), st.builds(Point, coordinates, coordinates)), max_size=5)
    for number in range(1, draw(st.integers(1, 3)) + 1):
        made = [draw(layers(draw(shapes), "image", who, linked=False)) for who in people]
        items.append(Item(str(number), {"image": f"picture-{number}.png"}, tuple(made), SIZE))
    return Labels(tuple(items), NAMES)


@st.composite
def of_videos(draw: st.DrawFn) -> Labels:
    """A video with tracks and segments."""
    shapes = draw(st.lists(st.one_of(tracks(), segments()), max_size=4))
    return Labels((Item("1", {"video": "clip.mp4"}, (draw(layers(shapes, "video", "anna", linked=False)),), SIZE),), NAMES)


def two_people() -> Labels:
    """An image that two people marked, one adjudicated, and one that the second person skipped."""

    def layer(who: str, x: float, role: str = "label") -> Layer:
        region = Region("b1", Box(x, 96.0, 160.0, 60.0), ("dent",), "image", size=SIZE)
        return Layer(who, "adjudicated" if role == "adjudicated" else "label", (region,), seconds=2.5)

    first = Item("1", {"image": "car.jpg"}, (layer("anna", 64.0), layer("ben", 72.0), layer("", 66.0, "adjudicated")), SIZE)
    second = Item("2", {"image": "van.jpg"}, (layer("anna", 10.0), Layer("ben", skipped="too dark")), SIZE)
    return Labels((first, second), NAMES)


def of_everything() -> Labels:
    """One item of each sort, with answers, links, and what models said."""
    phrase = Region("t1", Span(0, 9, "a red car"), ("phrase",), "caption")
    box = Region("b1", Box(64.0, 96.0, 160.0, 60.0), ("region",), "image", size=SIZE)
    turned = Region("b2", Box(10.0, 10.0, 30.0, 20.0, 30.0), ("dent",), "image", size=SIZE)
    link = Link("t1", "b1", ("refers_to",))
    choice = Answer("weather", ["sunny", "dry"], "choices", on="image")
    said = Layer("anna", marks=(phrase, box, turned, link, choice), seconds=4.5, at="2026-01-01T00:00:00+00:00")
    guess = Layer("m1", "prediction", (box,), score=0.9)
    return Labels((Item("7", {"caption": "a red car", "image": "car.jpg"}, (said, guess), SIZE),), ("phrase", "region", "dent"))
