"""CVAT for images and for video, version 1.1: one XML file of images with shapes, or of tracks with a shape in each frame.

After https://docs.cvat.ai/docs/manual/advanced/xml_format/. Coordinates are pixels; frames count from 0. A track's shape with
`outside` says that the object is gone from that frame on. Skeletons, masks, ellipses and cuboids are kept as they are. It holds one
annotator.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, radians, sin
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from tailor.errors import DataError
from tailor.labelling.formats.base import NOTES, VIDEOS, Files, Format, Losses, Source, media_field, on_image, pixels
from tailor.labelling.formats.xmltree import parse_xml, said, xml_bytes
from tailor.labelling.marks import (
    Answer,
    Box,
    Item,
    KeyFrame,
    Labels,
    Layer,
    Mark,
    Opaque,
    Path,
    Point,
    Region,
    Shape,
    Size,
    Track,
    label_names,
)

NAME = "cvat"
FILE = "annotations.xml"
IMAGE, VIDEO = "image", "video"
_CORNERS = ("xtl", "ytl", "xbr", "ybr")
_PATHS = ("polygon", "polyline", "points")
_SHAPES = ("box", *_PATHS, "ellipse", "mask", "cuboid", "skeleton")
_USUAL = {"occluded": "0", "source": "manual", "z_order": "0", "keyframe": "1"}


def _knows(source: Source) -> bool:
    names = source.ending(".xml")
    return len(source.names) == 1 and bool(names) and b"<annotations>" in source.data(names[0])[:4096]


def _read(source: Source) -> Labels:
    name = source.names[0]
    root = parse_xml(source.data(name), name)
    if root.tag != "annotations":
        raise DataError(f"{name} is no CVAT file: its root is <{root.tag}>, and not <annotations>")
    try:
        items = [_image(node) for node in root.findall("image")]
        if root.find("track") is not None or not items:
            items.append(_video(root))
    except (KeyError, ValueError) as error:
        raise DataError(f"{name} is no CVAT file of version 1.1: a shape lacks {error}") from error
    names = tuple(said(label, "name") for label in root.iter("label") if label.find("name") is not None)
    others = [tostring(child, encoding="unicode") for child in root if child.tag not in ("image", "track")]
    return Labels(tuple(items), tuple(dict.fromkeys(names)), NAME, (), {NOTES: {"others": others}})


def _image(node: Element) -> Item:
    size = int(node.attrib["width"]), int(node.attrib["height"])
    marks = tuple(_mark(child, number, size) for number, child in enumerate(node, start=1))
    rest = {key: value for key, value in node.attrib.items() if key not in ("id", "name", "width", "height")}
    return Item(node.attrib.get("id", ""), {IMAGE: node.attrib["name"]}, (Layer(marks=marks),), size, rest)


def _mark(node: Element, number: int, size: Size) -> Mark:
    label = node.attrib["label"]
    if node.tag == "tag":
        return Answer("tag", label, on=IMAGE, extra=_extra(node, "label"))
    shape, used = _shape(node)
    return Region(str(number), shape, (label,), IMAGE, size=size, extra=_extra(node, "label", *used))


def _extra(node: Element, *used: str) -> dict[str, Any]:
    """The attributes of a shape that say something, and those of its label; what has its usual value is a note."""
    rest = {key: value for key, value in node.attrib.items() if key not in used}
    usual = {key: value for key, value in rest.items() if _USUAL.get(key) == value}
    extra: dict[str, Any] = {key: value for key, value in rest.items() if key not in usual}
    given = {child.attrib["name"]: child.text or "" for child in node.findall("attribute")}
    return {**extra, **({"attributes": given} if given else {}), NOTES: {"usual": usual}}


def _shape(node: Element) -> tuple[Box | Path | Point | Opaque, tuple[str, ...]]:
    """The shape of an element, and the attributes that it is made of."""
    if node.tag == "box":
        left, top, right, bottom = (float(node.attrib[corner]) for corner in _CORNERS)
        turned = float(node.attrib.get("rotation", 0))
        box = Box(left, top, right - left, bottom - top)
        return (_about_corner(box, turned) if turned else box), (*_CORNERS, "rotation")
    if node.tag in _PATHS:
        places = tuple(_place(pair) for pair in node.attrib["points"].split(";"))
        if node.tag == "points" and len(places) == 1:
            return Point(*places[0]), ("points",)
        form: Any = node.tag
        return Path(places, form), ("points",)
    if node.tag not in _SHAPES:
        raise ValueError(f"a shape that is known: <{node.tag}>")
    whole: str = tostring(node, encoding="unicode")
    return Opaque(node.tag, {"xml": whole}), tuple(key for key in node.attrib if key != "label")


def _place(pair: str) -> tuple[float, float]:
    across, down = pair.split(",")
    return float(across), float(down)


def _about_corner(box: Box, turned: float) -> Box:
    """A box that CVAT turns about its centre, as one that is turned about its top left corner."""
    return _moved(box, turned, 1)


def _about_centre(box: Box) -> Box:
    """The other way round; its sides are upright and its angle stays."""
    return _moved(box, box.rotation, -1)


def _moved(box: Box, turned: float, way: int) -> Box:
    angle = radians(turned)
    half = box.width / 2, box.height / 2
    across = half[0] - half[0] * cos(angle) + half[1] * sin(angle)
    down = half[1] - half[0] * sin(angle) - half[1] * cos(angle)
    return Box(box.x + way * across, box.y + way * down, box.width, box.height, turned)


def _video(root: Element) -> Item:
    """The whole task as one item: CVAT's file is of one video."""
    size_node = next(iter(root.iter("original_size")), None)
    size = (int(said(size_node, "width", "0")), int(said(size_node, "height", "0"))) if size_node is not None else None
    task = next(iter(root.iter("task")), None)
    marks = tuple(_track(node, size) for node in root.findall("track"))
    name = said(task, "source") or said(task, "name") or said(root, "source") or "video"
    return Item(said(task, "id"), {VIDEO: name}, (Layer(marks=marks),), size)


def _track(node: Element, size: Size | None) -> Region:
    keys, opaque = [], False
    for child in node:
        shape, used = _shape(child)
        opaque |= isinstance(shape, Opaque)
        extra = _extra(child, *used, "frame", "outside")
        if not isinstance(shape, Opaque):
            keys.append(KeyFrame(int(child.attrib["frame"]), shape, child.attrib.get("outside") != "1", extra))
    whole: Shape = Opaque("track of other shapes", {"xml": tostring(node, encoding="unicode")}) if opaque else Track(tuple(keys))
    rest = {key: value for key, value in node.attrib.items() if key not in ("id", "label")}
    usual = {key: value for key, value in rest.items() if _USUAL.get(key) == value}
    extra = {key: value for key, value in rest.items() if key not in usual}
    return Region(node.attrib["id"], whole, (node.attrib["label"],), VIDEO, size=size, extra={**extra, NOTES: {"usual": usual}})


def _write(labels: Labels, losses: Losses) -> Files:
    """One file of all images, and one for each video."""
    losses.foreign(labels)
    own = labels.format == NAME
    videos = [item for item in labels.items if VIDEO in item.fields or media_field(item.fields, VIDEOS)]
    images = [item for item in labels.items if item not in videos]
    files: Files = {}
    if images or not videos:
        root = _root(labels, images, own=own)
        for number, (item, name, layers) in enumerate(on_image(Labels(tuple(images)), losses)):
            _add_image(root, item, name, layers, number, losses, own=own)
        files[FILE] = xml_bytes(root)
    for number, item in enumerate(videos, start=1):
        root = _root(labels, [item], own=own)
        for layer in item.layers:
            if layer.role == "prediction":
                losses.add("predictions")
                continue
            losses.layer(layer)
            for place, region in enumerate(layer.regions):
                _add_track(root, region, item, place, losses, own=own)
        files[FILE if not files and len(videos) == 1 else f"annotations-{number}.xml"] = xml_bytes(root)
    return files


def _root(labels: Labels, items: list[Item], *, own: bool) -> Element:
    root = Element("annotations")
    if own:
        root.extend([fromstring(text) for text in labels.extra[NOTES]["others"]])
        return root
    SubElement(root, "version").text = "1.1"
    task = SubElement(SubElement(root, "meta"), "task")
    named = SubElement(task, "labels")
    for name in label_names(labels):
        SubElement(SubElement(named, "label"), "name").text = name
    size = next((item.size for item in items if item.size), None)
    if items and VIDEO in items[0].fields:
        SubElement(task, "source").text = str(items[0].fields[VIDEO])
        if size:
            sizes = SubElement(task, "original_size")
            SubElement(sizes, "width").text, SubElement(sizes, "height").text = str(size[0]), str(size[1])
    return root


def _add_image(root: Element, item: Item, name: str, layers: list[Layer], number: int, losses: Losses, *, own: bool) -> None:
    size = item.size or next((region.size for layer in layers for region in layer.regions if region.size), None)
    sized = {"width": str(size[0]), "height": str(size[1])} if size else {}
    identity = item.id if item.id.isdecimal() else str(number)
    node = SubElement(root, "image", {"id": identity, "name": name, **sized, **(item.extra if own else {})})
    losses.add("images whose size is not known", not size)
    for layer in layers:
        losses.layer(layer, "answers")
        for mark in layer.marks:
            if isinstance(mark, Answer):
                for label in mark.value if isinstance(mark.value, list) else [mark.value]:
                    _with_extra(SubElement(node, "tag", {"label": str(label)}), mark.extra, own=own)
            elif isinstance(mark, Region):
                _add_region(node, mark, item, losses, own=own)


def _add_region(parent: Element, region: Region, item: Item, losses: Losses, *, own: bool) -> None:
    losses.add("regions without a label", not region.labels)
    losses.add("scores", region.score is not None)
    if isinstance(region.shape, Opaque) and own:
        parent.append(fromstring(region.shape.value["xml"]))
        return
    placed = pixels(region, item, losses)
    if placed is None:
        return
    if not isinstance(placed.shape, Box | Path | Point):
        losses.region(region)
        return
    for label in region.labels:
        node = SubElement(parent, *_element(placed.shape))
        node.attrib = {"label": label, **node.attrib}
        _with_extra(node, region.extra, own=own)


def _element(shape: Box | Path | Point) -> tuple[str, dict[str, str]]:
    """The tag and the attributes of a shape."""
    if isinstance(shape, Box):
        box = _about_centre(shape) if shape.rotation else shape
        values = (box.x, box.y, box.x + box.width, box.y + box.height)
        turned = {"rotation": _number(box.rotation)} if box.rotation else {}
        return "box", {**dict(zip(_CORNERS, map(_number, values), strict=True)), **turned}
    places = shape.points if isinstance(shape, Path) else ((shape.x, shape.y),)
    tag = shape.form if isinstance(shape, Path) else "points"
    return tag, {"points": ";".join(f"{_number(x)},{_number(y)}" for x, y in places)}


def _number(value: float) -> str:
    """A coordinate as CVAT writes it, with two digits behind the point, or with as many as it needs."""
    return f"{value:.2f}" if round(value, 2) == round(value, 9) else repr(round(value, 9))


def _with_extra(node: Element, extra: Mapping[str, Any], *, own: bool) -> None:
    """Put the attributes of the shape and of its label on an element."""
    if not own:
        node.attrib |= {
            key: _USUAL[key] for key in (("source",) if node.tag in ("tag", "track") else ("source", "occluded", "z_order"))
        }
        return
    node.attrib |= extra.get(NOTES, {}).get("usual", {})
    node.attrib |= {key: value for key, value in extra.items() if key not in (NOTES, "attributes")}
    for name, value in extra.get("attributes", {}).items():
        SubElement(node, "attribute", {"name": name}).text = value


def _add_track(root: Element, region: Region, item: Item, number: int, losses: Losses, *, own: bool) -> None:
    losses.add("regions without a label", not region.labels)
    if isinstance(region.shape, Opaque) and own:
        root.append(fromstring(region.shape.value["xml"]))
        return
    placed = pixels(region, item, losses)
    if placed is None:
        return
    if not isinstance(placed.shape, Track):
        losses.region(region)
        return
    for label in region.labels:
        identity = region.id if own else str(number)
        node = SubElement(root, "track", {"id": identity, "label": label})
        _with_extra(node, region.extra, own=own)
        for key in placed.shape.frames:
            _add_frame(node, key, own=own)


def _add_frame(track: Element, key: KeyFrame, *, own: bool) -> None:
    tag, attributes = _element(key.shape)
    about = {"frame": str(key.frame), "outside": "0" if key.goes_on else "1"}
    node = SubElement(track, tag, {**about, **attributes})
    if own:
        _with_extra(node, key.extra, own=True)
    else:
        node.attrib |= {"occluded": "0", "keyframe": "1", "z_order": "0"}


CVAT = Format(NAME, _knows, _read, _write)
