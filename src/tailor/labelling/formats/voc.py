"""Pascal VOC: an XML file for each image, with upright boxes in pixels by their corners.

After the development kit's description (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/). Corners are taken as they are
written, as nearly all tools do, though the first of VOC's own files count from 1. It holds one annotator.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from tailor.errors import DataError
from tailor.labelling.formats.base import NOTES, Files, Format, Losses, Source, on_image, pixels, unique_id, upright
from tailor.labelling.formats.xmltree import number_text, parse_xml, said, xml_bytes
from tailor.labelling.marks import Box, Item, Labels, Layer, Region

NAME = "voc"
IMAGE = "image"
CHANNELS = "3"
"""Of an image of which no more is known than its size."""
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def _knows(source: Source) -> bool:
    names = source.ending(".xml")
    return bool(names) and b"<annotation>" in source.data(names[0])[:4096]


def _read(source: Source) -> Labels:
    items, names = list[Item](), dict[str, None]()
    for name in source.ending(".xml"):
        item = _item(parse_xml(source.data(name), name), name)
        items.append(item)
        names |= dict.fromkeys(label for layer in item.layers for region in layer.regions for label in region.labels)
    return Labels(tuple(items), tuple(names), NAME)


def _item(root: Element, name: str) -> Item:
    if root.tag != "annotation":
        raise DataError(f"{name} is no Pascal VOC file: its root is <{root.tag}>, and not <annotation>")
    size = root.find("size")
    try:
        width, height = (int(float(said(size, side, "0"))) for side in ("width", "height"))
        regions = [_region(node, number, (width, height)) for number, node in enumerate(root.findall("object"), start=1)]
    except ValueError as error:
        raise DataError(f"{name}: {error}") from error
    extra: dict[str, Any] = {**_rest(root, "object", "filename", "size"), NOTES: {"path": name, "attributes": dict(root.attrib)}}
    if size is not None and (depth := said(size, "depth")):
        extra["depth"] = depth
    sized = (width, height) if width and height else None
    return Item(PurePosixPath(name).stem, {IMAGE: said(root, "filename")}, (Layer(marks=tuple(regions)),), sized, extra)


def _region(node: Element, number: int, size: tuple[int, int]) -> Region:
    corners = node.find("bndbox")
    if corners is None:
        raise ValueError(f"object {number} has no <bndbox>")
    left, top, right, bottom = (float(said(corners, corner, "nan")) for corner in _CORNERS)
    if not all(abs(value) < 1e9 for value in (left, top, right, bottom)):
        raise ValueError(f"object {number} has corners that are no numbers")
    extra = _rest(node, "name", "bndbox")
    box = Box(left, top, right - left, bottom - top)
    return Region(str(number), box, (said(node, "name"),), IMAGE, size=size if all(size) else None, extra=extra)


def _rest(element: Element, *known: str) -> dict[str, Any]:
    """The other children, as XML by their tags."""
    found: dict[str, list[str]] = {}
    for child in element:
        if child.tag not in known:
            child.tail = None
            found.setdefault(child.tag, []).append(tostring(child, encoding="unicode"))
    return dict(found)


def _restored(element: Element, extra: Mapping[str, Any]) -> None:
    """Put such children back."""
    for given in extra.values():
        if isinstance(given, list):
            element.extend([fromstring(text) for text in given])


def _write(labels: Labels, losses: Losses) -> Files:
    losses.foreign(labels)
    own = labels.format == NAME
    files: Files = {}
    for item, name, layers in on_image(labels, losses):
        root = Element("annotation", item.extra[NOTES]["attributes"] if own else {})
        SubElement(root, "filename").text = name
        if own:
            _restored(root, item.extra)
        size = item.size or next((region.size for layer in layers for region in layer.regions if region.size), None)
        if size:
            sizes = SubElement(root, "size")
            for tag, value in zip(("width", "height", "depth"), (*size, item.extra.get("depth") or CHANNELS), strict=True):
                SubElement(sizes, tag).text = str(value)
        for layer in layers:
            losses.layer(layer)
            for region in layer.regions:
                _add(root, region, item, losses, own=own)
        wanted = item.extra[NOTES]["path"] if own else f"{PurePosixPath(name).stem or item.id}.xml"
        files[_unique(files, wanted)] = xml_bytes(root)
    return files


def _unique(files: Files, wanted: str) -> str:
    return (
        wanted
        if wanted not in files
        else f"{unique_id({PurePosixPath(name).stem for name in files}, PurePosixPath(wanted).stem)}.xml"
    )


def _add(root: Element, region: Region, item: Item, losses: Losses, *, own: bool) -> None:
    """An <object> for each label of a region that is an upright box."""
    placed = pixels(region, item, losses)
    box = upright(placed, losses) if placed else None
    if box is None:
        return
    losses.add("regions without a label", not region.labels)
    losses.add("scores", region.score is not None)
    for label in region.labels:
        node = SubElement(root, "object")
        SubElement(node, "name").text = label
        if own:
            _restored(node, region.extra)
        corners = SubElement(node, "bndbox")
        for tag, value in zip(_CORNERS, (box.x, box.y, box.x + box.width, box.y + box.height), strict=True):
            SubElement(corners, tag).text = number_text(value)


VOC = Format(NAME, _knows, _read, _write)
