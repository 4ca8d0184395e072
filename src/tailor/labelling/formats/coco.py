"""COCO: one JSON file of images, categories and boxes, polygons or key points, in pixels from the top left corner.

The format is described at https://cocodataset.org/#format-data. It holds one annotator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tailor.errors import DataError
from tailor.labelling.formats.base import NOTES, Files, Format, Losses, Source, dump_json, on_image, pixels
from tailor.labelling.marks import (
    Box,
    Item,
    Labels,
    Layer,
    Mark,
    Opaque,
    Path,
    Place,
    Point,
    Region,
    Size,
    around,
    label_names,
)

NAME = "coco"
FILE = "annotations.json"
IMAGE = "image"
SEEN = 2
"""How a key point that is labelled and visible is marked."""
_IMAGE = ("id", "file_name", "width", "height")
_GEOMETRY = ("bbox", "segmentation", "keypoints", "num_keypoints")
_HELD = ("id", "image_id", "category_id", "area", "iscrowd", *_GEOMETRY)

Object = Mapping[str, Any]


def _knows(source: Source) -> bool:
    if len(source.names) != 1 or not source.ending(".json"):
        return False
    head = source.text(source.names[0])
    return head.lstrip().startswith("{") and all(f'"{key}"' in head for key in ("images", "annotations", "categories"))


def _read(source: Source) -> Labels:
    name = source.names[0]
    held = source.json(name)
    if not isinstance(held, dict) or not all(isinstance(held.get(key), list) for key in ("images", "annotations", "categories")):
        raise DataError(f"{name} is no COCO file: it has no lists `images`, `annotations` and `categories`")
    try:
        categories = {category["id"]: category for category in held["categories"]}
        marks: dict[Any, list[Mark]] = {image["id"]: [] for image in held["images"]}
        sizes = {image["id"]: _size(image) for image in held["images"]}
        for annotation in held["annotations"]:
            if annotation["image_id"] not in marks:
                raise DataError(
                    f"{name}: annotation {annotation['id']} is of image {annotation['image_id']}, which it does not list"
                )
            size = sizes[annotation["image_id"]]
            marks[annotation["image_id"]].append(_region(annotation, categories[annotation["category_id"]], size))
        items = tuple(_item(image, sizes[image["id"]], marks[image["id"]]) for image in held["images"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{name} is no COCO file: an entry lacks {error}") from error
    rest = {key: value for key, value in held.items() if key not in ("images", "annotations", "categories")}
    return Labels(
        items,
        tuple(str(category["name"]) for category in held["categories"]),
        NAME,
        (),
        {**rest, NOTES: {"categories": held["categories"]}},
    )


def _size(image: Object) -> Size | None:
    width, height = image.get("width"), image.get("height")
    return (int(width), int(height)) if width and height else None


def _item(image: Object, size: Size | None, marks: Sequence[Mark]) -> Item:
    extra = {key: value for key, value in image.items() if key not in _IMAGE}
    return Item(str(image["id"]), {IMAGE: image["file_name"]}, (Layer(marks=tuple(marks)),), size, extra)


def _region(annotation: Object, category: Object, size: Size | None) -> Region:
    """One annotation as one region: a polygon where it has one and is no more than that, else its box."""
    extra = {key: value for key, value in annotation.items() if key not in _HELD}
    notes: dict[str, Any] = {"keys": list(annotation), **{key: annotation[key] for key in ("area", "iscrowd") if key in annotation}}
    segmentation = annotation.get("segmentation") or []
    keypoints = annotation.get("keypoints")
    shape: Box | Path | Point | Opaque
    if isinstance(segmentation, dict):
        shape = Opaque("mask", {key: annotation[key] for key in ("bbox", "segmentation") if key in annotation})
    elif keypoints and len(keypoints) == 3 and category.get("keypoints") == [category["name"]]:
        shape = Point(keypoints[0], keypoints[1])
    elif keypoints:
        shape = Opaque("skeleton", {key: annotation[key] for key in _GEOMETRY if key in annotation})
    elif len(segmentation) == 1:
        shape = Path(tuple(_pairs(segmentation[0])))
    elif segmentation:
        shape = Opaque("polygon of several parts", {key: annotation[key] for key in ("bbox", "segmentation") if key in annotation})
    else:
        shape = Box(*annotation["bbox"])
    if "bbox" in annotation and isinstance(shape, Path) and _differs(annotation["bbox"], shape):
        notes["bbox"] = annotation["bbox"]
    return Region(str(annotation["id"]), shape, (str(category["name"]),), IMAGE, size=size, extra={**extra, NOTES: notes})


def _pairs(numbers: Sequence[float]) -> Iterator[Place]:
    return zip(numbers[::2], numbers[1::2], strict=True)


def _differs(bbox: Sequence[float], shape: Path) -> bool:
    box = around(shape)
    return box is not None and list(bbox) != [box.x, box.y, box.width, box.height]


def _write(labels: Labels, losses: Losses) -> Files:
    losses.foreign(labels)
    own = labels.format == NAME
    names = list(label_names(labels))
    known = {str(category["name"]): category for category in labels.extra.get(NOTES, {}).get("categories", ())} if own else {}
    ids = _numbers([known.get(name, {}).get("id") for name in names], 0)
    categories = {
        name: {**known.get(name, {"supercategory": ""}), "id": number, "name": name}
        for name, number in zip(names, ids, strict=True)
    }
    kept = list(on_image(labels, losses))
    image_ids = _numbers([_number(item.id) if own else None for item, *_ in kept], 1)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    taken: set[int] = set()
    for (item, name, layers), image_id in zip(kept, image_ids, strict=True):
        size = item.size or next((region.size for layer in layers for region in layer.regions if region.size), None)
        sized = {"width": size[0], "height": size[1]} if size else {}
        images.append({"id": image_id, "file_name": name, **sized, **(item.extra if own else {})})
        for layer in layers:
            losses.layer(layer)
            for region in layer.regions:
                for made in _annotations(region, item, categories, losses, own=own):
                    wanted = _number(region.id) if own else None
                    number = wanted if wanted is not None and wanted not in taken else _free(taken)
                    taken.add(number)
                    annotations.append({**made, "id": number, "image_id": image_id})
    rest = (
        {key: value for key, value in labels.extra.items() if key != NOTES} if own else {"info": {"version": "1.0"}, "licenses": []}
    )
    return {FILE: dump_json({**rest, "images": images, "categories": list(categories.values()), "annotations": annotations})}


def _free(taken: set[int]) -> int:
    """The next number that is not taken."""
    return len(taken) + 1 if len(taken) + 1 not in taken else 1 + max(taken)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 18 else None


def _numbers(wanted: Sequence[int | None], first: int) -> list[int]:
    """A number for each, all different: the one that is wanted where there is one, else the next that is free."""
    taken = {number for number in wanted if number is not None}
    found, free, used = [], first, set[int]()
    for number in wanted:
        if number is None or number in used:
            while free in taken:
                free += 1
            number = free
        taken.add(number)
        used.add(number)
        found.append(number)
    return found


def _annotations(
    region: Region, item: Item, categories: Mapping[str, dict[str, Any]], losses: Losses, *, own: bool
) -> Iterator[dict[str, Any]]:
    """One annotation for each label of a region; none, and counted, for a shape that COCO has not."""
    placed = pixels(region, item, losses)
    shape = placed.shape if placed else None
    if shape is None:
        return
    body: dict[str, Any]
    if isinstance(shape, Box) and not shape.rotation:
        body = {"bbox": [shape.x, shape.y, shape.width, shape.height], "area": shape.width * shape.height, "segmentation": []}
    elif isinstance(shape, Path) and shape.form == "polygon" and (box := around(shape)):
        flat = [number for place in shape.points for number in place]
        body = {"bbox": [box.x, box.y, box.width, box.height], "area": area(shape.points), "segmentation": [flat]}
    elif isinstance(shape, Point):
        body = {
            "bbox": [shape.x, shape.y, 0, 0],
            "area": 0,
            "segmentation": [],
            "keypoints": [shape.x, shape.y, SEEN],
            "num_keypoints": 1,
        }
        for name in region.labels:
            categories[name].setdefault("keypoints", [name])
            categories[name].setdefault("skeleton", [])
    elif isinstance(shape, Opaque) and own:
        body = dict(shape.value)
    else:
        losses.region(region)
        return
    losses.add("regions without a label", not region.labels)
    losses.add("scores", region.score is not None)
    for name in region.labels:
        made = {"category_id": categories[name]["id"], **body, "iscrowd": 0}
        yield _as_it_was(made, region) if own and NOTES in region.extra else made


def _as_it_was(made: dict[str, Any], region: Region) -> dict[str, Any]:
    """An annotation with the keys that it had in the file, and no others."""
    notes = region.extra[NOTES]
    extra = {key: value for key, value in region.extra.items() if key != NOTES}
    whole = {**made, **extra, **{key: value for key, value in notes.items() if key != "keys"}}
    return {key: whole[key] for key in notes["keys"] if key in whole}


def area(points: Sequence[Place]) -> float:
    """The area of a polygon, by the shoelace formula."""
    pairs = zip(points, (*points[1:], *points[:1]), strict=True)
    return abs(sum(x * v - u * y for (x, y), (u, v) in pairs)) / 2


COCO = Format(NAME, _knows, _read, _write)
