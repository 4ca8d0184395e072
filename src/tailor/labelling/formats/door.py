"""The one way in and out: labels of a file or folder in any format, and labels written in one.

A format that holds one annotator gets a folder for each: `adjudicated` for what settles differences, `annotators/NAME` for what
each person said. So two annotators of one image never become two images.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from tailor.data.finding import Finding
from tailor.errors import DataError, quoted
from tailor.labelling.formats.base import Files, Format, Losses, Source
from tailor.labelling.marks import Item, Labels, Layer
from tailor.plugins import LABEL_FORMATS

SETTLED, PEOPLE = "adjudicated", "annotators"


@dataclass(frozen=True)
class Written:
    """Labels as files.

    Attributes:
        files: their content by path.
        findings: what the format could not hold, by name and count.
    """

    files: Mapping[str, bytes]
    findings: tuple[Finding, ...]


def format_named(name: str) -> Format:
    """The format of this name.

    Raises:
        ConfigError: there is none.
    """
    found: Format = LABEL_FORMATS.load(name)
    return found


def recognised(path: Path) -> Format | None:
    """The format that a file or folder of labels is in; None where it is in none that is known."""
    source = _first_of(path)
    return next((format for name in LABEL_FORMATS.names if (format := format_named(name)).knows(source)), None)


def read_labels(path: Path, format: str = "") -> Labels:
    """The labels of a file or folder.

    Args:
        path: a file; a folder of files of one format; or what `write_labels` wrote for several annotators.
        format: name of the format; told by the content unless given.

    Raises:
        DataError: nothing is there, or it is in no format that is known, or it is broken.
        ConfigError: there is no such format.
    """
    way = format_named(format) if format else recognised(path)
    if way is None:
        raise DataError(
            f"{quoted(path, 200)} is in no format of labels that is known",
            f"Name it with --format; there are {', '.join(LABEL_FORMATS.names)}.",
        )
    parts = _parts(path)
    if not parts:
        return way.read(Source.of(path))
    read = [(_named(way.read(Source.of(folder)), folder, path)) for folder in parts]
    return _merged(read)


def _first_of(path: Path) -> Source:
    return Source.of(next(iter(_parts(path)), path))


def _parts(path: Path) -> list[Path]:
    """The folders of annotators in a folder that was written for several."""
    if not path.is_dir():
        return []
    people = sorted(child for child in (path / PEOPLE).iterdir() if child.is_dir()) if (path / PEOPLE).is_dir() else []
    return [*people, *([path / SETTLED] if (path / SETTLED).is_dir() else [])]


def _named(labels: Labels, folder: Path, path: Path) -> Labels:
    """The labels with the annotator that their folder names."""
    settled = folder == path / SETTLED

    def layer(given: Layer) -> Layer:
        return replace(given, role="adjudicated") if settled else replace(given, annotator=given.annotator or folder.name)

    items = tuple(replace(item, layers=tuple(map(layer, item.layers))) for item in labels.items)
    return replace(labels, items=items)


def _merged(parts: list[Labels]) -> Labels:
    """Items that several parts have, with the layers of all of them."""
    items: dict[str, Item] = {}
    for labels in parts:
        for item in labels.items:
            before = items.get(item.id)
            items[item.id] = item if before is None else replace(before, layers=(*before.layers, *item.layers))
    names = tuple(dict.fromkeys(name for labels in parts for name in labels.names))
    findings = tuple(dict.fromkeys(finding for labels in parts for finding in labels.findings))
    return replace(parts[0], items=tuple(items.values()), names=names, findings=findings)


def write_labels(labels: Labels, format: str) -> Written:
    """Labels as files of a format, and what it could not hold.

    Raises:
        ConfigError: there is no such format.
    """
    way = format_named(format)
    losses = Losses(way.name)
    if way.several:
        return Written(way.write(labels, losses), losses.findings())
    files: Files = {}
    for folder, part in _by_annotator(labels).items():
        files |= {f"{folder}{name}": content for name, content in way.write(part, losses).items()}
    return Written(files, losses.findings())


def _by_annotator(labels: Labels) -> dict[str, Labels]:
    """The labels of each person by the folder that they go into; in no folder where there is one person alone."""
    people = labels.annotators
    settled = [layer for item in labels.items for layer in item.layers if layer.role in ("adjudicated", "gold")]
    if len(people) + bool(settled) < 2 and not any(_twice(item) for item in labels.items):
        return {"": labels}
    folders = _folders(people)
    found = {folder: _only(labels, partial(_is_of, name)) for name, folder in folders.items()}
    if settled:
        found[f"{SETTLED}/"] = _only(labels, lambda layer: layer.role in ("adjudicated", "gold"))
    return found


def _is_of(name: str, layer: Layer) -> bool:
    return layer.role == "label" and layer.annotator == name


def _twice(item: Item) -> bool:
    return sum(layer.role != "prediction" for layer in item.layers) > 1


def _folders(people: tuple[str, ...]) -> dict[str, str]:
    """A folder for each person: their name, without what no folder's name should hold."""
    found: dict[str, str] = {}
    for number, name in enumerate(people, start=1):
        plain = re.sub(r"[^\w@.+-]+", "_", name).strip("._")[:80] or f"person-{number}"
        taken = {PurePosixPath(folder).name for folder in found.values()}
        found[name] = f"{PEOPLE}/{plain if plain not in taken else f'{plain}-{number}'}/"
    return found


def _only(labels: Labels, wanted: Callable[[Layer], bool]) -> Labels:
    """The items with a layer that is wanted, with the last such layer alone."""
    items = []
    for item in labels.items:
        layers = [layer for layer in item.layers if wanted(layer)]
        if layers:
            items.append(replace(item, layers=(layers[-1],)))
    return replace(labels, items=tuple(items))
