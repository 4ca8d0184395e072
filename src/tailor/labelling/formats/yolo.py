"""YOLO: a text file for each image, a line for each object: its class and a box by its centre, or a polygon, in parts of the image.

After https://docs.ultralytics.com/datasets/detect/ and /datasets/segment/. The names of the classes are in `classes.txt`, a line
each, in the order of their numbers. Sizes of images are not in it; they are read from the images where these lie next to it. It
holds one annotator.
"""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from tailor.data.finding import Finding
from tailor.errors import DataError
from tailor.labelling.formats.base import IMAGES, NOTES, Files, Format, Losses, Source, on_image, unique_id
from tailor.labelling.marks import Box, Item, Labels, Layer, Path, Region, in_unit, label_names

NAME = "yolo"
CLASSES = "classes.txt"
IMAGE = "image"
DIGITS = 12
"""Digits behind the point that are written: a millionth of a pixel in the widest image."""


def _knows(source: Source) -> bool:
    return any(PurePosixPath(name).name == CLASSES for name in source.names)


def _read(source: Source) -> Labels:
    classes = next(name for name in source.names if PurePosixPath(name).name == CLASSES)
    names = tuple(line.strip() for line in source.text(classes).splitlines() if line.strip())
    images = {PurePosixPath(name).stem: name for name in reversed(source.ending(*IMAGES))}
    texts = {PurePosixPath(name).stem: name for name in source.ending(".txt") if name != classes}
    items, without = list[Item](), 0
    for stem in sorted({*images, *texts}):
        image = images.get(stem, "")
        without += not image
        size = source.image_size(image) if image else None
        layers = (_layer(source.text(texts[stem]), texts[stem], names, size),) if stem in texts else ()
        extra = {NOTES: {"path": texts[stem]}} if stem in texts else {}
        items.append(Item(stem, {IMAGE: image or stem}, layers, size, extra))
    told = Finding("note", f"{without:,} label files have no image next to them: its name and size are not known.")
    return Labels(tuple(items), names, NAME, (told,) if without else ())


def _layer(text: str, name: str, names: tuple[str, ...], size: tuple[int, int] | None) -> Layer:
    regions = []
    for number, line in enumerate(text.splitlines(), start=1):
        parts = line.split()
        if not parts:
            continue
        try:
            kind, values = int(parts[0]), [float(part) for part in parts[1:]]
            if not (0 <= kind < len(names) and all(map(math.isfinite, values))):
                raise ValueError(f"there are {len(names)} classes")
            shape = _shape(values)
        except ValueError as error:
            raise DataError(
                f"{name} line {number} is no object of YOLO: {line.strip()[:60]!r} ({error})",
                "A line is a class's number, then centre, width and height, or at least three corners, in parts of the image.",
            ) from error
        regions.append(Region(str(number), shape, (names[kind],), IMAGE, unit="fraction", size=size))
    return Layer(marks=tuple(regions))


def _shape(values: list[float]) -> Box | Path:
    if len(values) == 4:
        across, down, width, height = values
        return Box(round(across - width / 2, DIGITS + 3), round(down - height / 2, DIGITS + 3), width, height)
    if len(values) >= 6 and len(values) % 2 == 0:
        return Path(tuple(zip(values[::2], values[1::2], strict=True)))
    raise ValueError(f"it has {len(values)} numbers behind the class")


def _write(labels: Labels, losses: Losses) -> Files:
    losses.foreign(labels)
    own = labels.format == NAME
    names = label_names(labels)
    where = {name: number for number, name in enumerate(names)}
    files: Files = {CLASSES: "".join(f"{' '.join(name.split())}\n" for name in names).encode()}
    for item, name, layers in on_image(labels, losses):
        if own and not layers:
            continue
        lines = [line for layer in layers for region in layer.regions for line in _lines(region, item, where, losses)]
        for layer in layers:
            losses.layer(layer)
        wanted = item.extra[NOTES]["path"] if own and NOTES in item.extra else f"{PurePosixPath(name).stem or item.id}.txt"
        if wanted in files:
            wanted = f"{unique_id({PurePosixPath(file).stem for file in files}, PurePosixPath(wanted).stem)}.txt"
        files[wanted] = "".join(f"{line}\n" for line in lines).encode()
    return files


def _lines(region: Region, item: Item, where: dict[str, int], losses: Losses) -> list[str]:
    try:
        shape = in_unit(region, "fraction", item.size).shape
    except ValueError:
        losses.add("regions on images whose size is not known")
        return []
    if isinstance(shape, Box) and not shape.rotation:
        values = [shape.x + shape.width / 2, shape.y + shape.height / 2, shape.width, shape.height]
    elif isinstance(shape, Path) and shape.form == "polygon" and len(shape.points) > 2:
        values = [value for place in shape.points for value in place]
    else:
        losses.region(region)
        return []
    losses.add("regions without a label", not region.labels)
    losses.add("scores", region.score is not None)
    return [" ".join([str(where[label]), *map(_text, values)]) for label in region.labels]


def _text(value: float) -> str:
    return f"{value:.{DIGITS}f}".rstrip("0").rstrip(".") or "0"


YOLO = Format(NAME, _knows, _read, _write)
