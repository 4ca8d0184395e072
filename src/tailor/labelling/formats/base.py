"""What every format of labels is: how it is recognised, read and written, and what is told of what it cannot hold."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tailor.data.finding import Finding
from tailor.data.formats.encoding import decode
from tailor.errors import DataError, quoted
from tailor.files import real_path
from tailor.labelling.formats.imagesize import HEAD, image_size
from tailor.labelling.marks import Box, Item, Labels, Layer, Mark, Region, Size
from tailor.labelling.marks import in_unit as in_unit
from tailor.limits import DATA_BYTES, LABEL_FILES
from tailor.outside import read_file

Files = dict[str, bytes]
"""What is written: the content of each file by its path inside the folder."""
NOTES = "_"
"""The key of `extra` for how a file was written; what else `extra` holds are fields that only its format has."""
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff")
TEXTS = ("text", "data", "content", "sentence", "message", "document", "caption", "displayed_text")
MEDIA = ("image", "video", "file_name", "filename", "img")
"""Fields that hold a text, or name a file, whatever their value looks like."""
VIDEOS = (".mp4", ".webm", ".mov", ".avi", ".mkv", ".ogv")


@dataclass(frozen=True)
class Source:
    """Files that hold labels: one file, or a folder of them.

    Attributes:
        root: the folder that they lie in.
        names: their paths inside it, sorted.
    """

    root: Path
    names: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> Source:
        """The file, or all files in the folder.

        Raises:
            DataError: there is nothing there, or too much.
        """
        if path.is_file():
            return cls(path.parent, (path.name,))
        if not path.is_dir():
            raise DataError(f"There is no file or folder {quoted(path, 200)}", "Give the labels' file, or the folder they lie in.")
        names = []
        for folder, _, inside in os.walk(path):
            names += [(Path(folder) / name).relative_to(path).as_posix() for name in inside]
            if len(names) > LABEL_FILES:
                raise DataError(f"{quoted(path, 200)} holds more than {LABEL_FILES:,} files", "Give a folder with fewer.")
        return cls(path, tuple(sorted(names)))

    def ending(self, *endings: str) -> list[str]:
        """The files whose names end so."""
        return [name for name in self.names if name.lower().endswith(endings)]

    def data(self, name: str, limit: int = DATA_BYTES) -> bytes:
        """The bytes of a file.

        Raises:
            DataError: it cannot be read, or is a link that leads out of the folder.
        """
        path = real_path(self.root / name)
        if not path.is_relative_to(real_path(self.root)):
            raise DataError(f"{quoted(name)} leads out of {quoted(self.root, 200)}", "Put the file itself there.")
        try:
            return read_file(path, limit)
        except OSError as error:
            raise DataError(f"{quoted(name)} cannot be read: {error.strerror}") from error

    def text(self, name: str) -> str:
        """The text of a file.

        Raises:
            DataError: it cannot be read, or is no text.
        """
        return decode(name, self.data(name))[0]

    def json(self, name: str) -> Any:
        """What a JSON file holds.

        Raises:
            DataError: it is no JSON.
        """
        return load_json(self.text(name), name)

    def lines(self, name: str) -> list[Mapping[str, Any]]:
        """The objects of a file of JSON Lines, or of a JSON list.

        Raises:
            DataError: a line is no object.
        """
        text = self.text(name)
        found: list[Any] = []
        if text.lstrip()[:1] == "[":
            found = load_json(text, name)
        else:
            found = [load_json(line, f"{name} line {at}") for at, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if bad := [number for number, row in enumerate(found, start=1) if not isinstance(row, dict)]:
            raise DataError(f"{name} row {bad[0]} is no JSON object", "Give an object per line.")
        return found

    def image_size(self, name: str) -> Size | None:
        """Width and height of an image in the folder, by its header; None where there is none that is known."""
        try:
            path = real_path(self.root / name)
            if not path.is_relative_to(real_path(self.root)) or not path.is_file():
                return None
            with path.open("rb") as file:
                return image_size(file.read(HEAD))
        except (OSError, ValueError):
            return None


def load_json(text: str, name: str) -> Any:
    """The JSON value that a text is, without NaN and Infinity.

    Raises:
        DataError: it is none.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"it holds {constant}, which JSON does not have")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DataError(f"{name} is no JSON: {why}") from error


def dump_json(value: object, *, lines: bool = False) -> bytes:
    """A JSON text, or one line for each item of a list."""
    if lines and isinstance(value, list):
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in value).encode("utf-8", "backslashreplace")
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "backslashreplace")


@dataclass
class Losses:
    """What a format could not hold, counted by what it is.

    Attributes:
        format: name of the format that is written.
        counted: how many of each thing were left out.
    """

    format: str
    counted: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, number: int = 1) -> None:
        """Note that so many of these are left out; `what` is a plural."""
        if number:
            self.counted[what] += number

    def layer(self, layer: Layer, *holds: str) -> None:
        """Count what of a layer is left out, without what the format holds: names of fields, "links", "answers"."""
        if "links" not in holds:
            self.add("links between regions", len(layer.links))
        if "answers" not in holds:
            self.add("answers about whole items", len(layer.answers))
        if "skipped" not in holds:
            self.add("skipped items", bool(layer.skipped))
        if "rejected" not in holds:
            self.add("rejected suggestions", layer.rejected)
        if "seconds" not in holds:
            self.add("times that a label took", layer.seconds is not None)
        if "at" not in holds:
            self.add("times at which a label was given", bool(layer.at))

    def region(self, region: Region) -> None:
        """Count a region that is left out whole."""
        self.add(f"regions that are a {region.name}" if not region.name.endswith("s") else f"regions that are {region.name}")

    def foreign(self, labels: Labels) -> None:
        """Count fields that only the format has that the labels were read from."""
        if labels.format in ("", self.format):
            return
        parts: list[Mapping[str, Any]] = [labels.extra]
        for item in labels.items:
            parts.append(item.extra)
            for layer in item.layers:
                parts += [layer.extra, *(mark.extra for mark in layer.marks)]
        for part in parts:
            for key in (*part, *part.get(NOTES, {}).get("rest", {})):
                self.add(f"fields `{key}` of {labels.format}", key != NOTES)

    def findings(self) -> tuple[Finding, ...]:
        """A sentence that names what is left out, and how many of each; none where nothing is."""
        if not self.counted:
            return ()
        named = "; ".join(f"{number:,} {what}" for what, number in self.counted.items())
        return (Finding("warning", f"{self.format} does not hold, so that they are left out: {named}."),)


@dataclass(frozen=True)
class Format:
    """A format of labels.

    Attributes:
        name: by which it is named in options.
        knows: whether files look like it.
        read: the labels that files hold.
        write: the files that hold labels; what they cannot hold is counted in the losses.
        several: whether it holds several annotators of one item; where it does not, each gets files of their own.
    """

    name: str
    knows: Callable[[Source], bool]
    read: Callable[[Source], Labels]
    write: Callable[[Labels, Losses], Files]
    several: bool = False


def text_field(fields: Mapping[str, Any]) -> str:
    """The field that holds an item's text: one that is called so, or the first that is a text; empty for none."""
    named = (name for name in TEXTS if isinstance(fields.get(name), str))
    others = (
        name
        for name, value in fields.items()
        if isinstance(value, str) and name not in MEDIA and not value.lower().endswith((*IMAGES, *VIDEOS))
    )
    return next(named, next(others, ""))


def media_field(fields: Mapping[str, Any], endings: Sequence[str] = IMAGES) -> str:
    """The field that names an item's image, or video: one that is called so, or the first whose value ends so; empty for none."""
    for name in MEDIA:
        if isinstance(fields.get(name), str) and (endings is not VIDEOS or name == "video"):
            return name
    return next((name for name, value in fields.items() if isinstance(value, str) and value.lower().endswith(tuple(endings))), "")


def on_image(labels: Labels, losses: Losses) -> Iterator[tuple[Item, str, list[Layer]]]:
    """The items that name an image, with its name and the layers that people gave; others are counted as lost."""
    for item in labels.items:
        name = item.fields.get(media_field(item.fields) or "image")
        if not isinstance(name, str) or not name:
            losses.add("items without an image")
            continue
        for layer in item.layers:
            if layer.role == "prediction":
                losses.add("predictions")
        others = [key for key in item.fields if key not in (media_field(item.fields), "image")]
        for key in others:
            losses.add(f"fields `{key}` of items")
        yield item, name, [layer for layer in item.layers if layer.role != "prediction"]


def sized(labels: Labels, losses: Losses) -> Labels:
    """The labels without regions in pixels of images whose size is not known, which have no place in percent; they are counted."""

    def kept(item: Item, mark: Mark) -> bool:
        try:
            return not isinstance(mark, Region) or bool(in_unit(mark, "percent", item.size))
        except ValueError:
            losses.add("regions on images whose size is not known")
            return False

    items = []
    for item in labels.items:
        layers = [replace(layer, marks=tuple(mark for mark in layer.marks if kept(item, mark))) for layer in item.layers]
        items.append(replace(item, layers=tuple(layers)))
    return replace(labels, items=tuple(items))


def pixels(region: Region, item: Item, losses: Losses) -> Region | None:
    """The region in pixels; None, and counted, where the size of its image is not known."""
    try:
        return in_unit(region, "pixel", item.size)
    except ValueError:
        losses.add("regions on images whose size is not known")
        return None


def upright(region: Region, losses: Losses) -> Box | None:
    """The box of a region that is an upright box; others are counted, a turned one among them."""
    if isinstance(region.shape, Box) and not region.shape.rotation:
        return region.shape
    losses.region(region)
    return None


def unique_id(taken: Sequence[str] | set[str], base: str) -> str:
    """An id that is not among those that are taken, made from one that may be."""
    if base not in taken:
        return base
    number = 2
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"
