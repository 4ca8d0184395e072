"""Columns that name image files: each cell becomes what the image is, so that a changed image is a changed row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tailor.content import MediaPart
from tailor.data.finding import Finding
from tailor.data.jsontext import Value, to_value
from tailor.data.table import Table
from tailor.errors import DataError, quoted
from tailor.files import write_atomically
from tailor.limits import IMAGE_BYTES
from tailor.media import ACCEPTED, read_image
from tailor.outside import read_file
from tailor.task import Task

NAMED = 5
COPIES = "images"
"""Folder of copies inside a project that is made from Python."""


def with_images(table: Table, columns: Sequence[str], folder: Path) -> Table:
    """The table with the words of each image's hash in the place of its file's name, and the images by these words.

    An empty cell stays empty: the row has no image there.

    Args:
        table: the rows.
        columns: which columns name images; one that the table lacks is left to whoever checks columns.
        folder: the project, where the files lie.

    Raises:
        DataError: a cell names no image that can be used; the rows are named.
    """
    columns = [column for column in columns if column in table.columns]
    found = _images(table.rows, columns, folder, table.place)
    if not columns:
        return table
    rows = [
        {**row, **dict.fromkeys(columns, ""), **{column: part.words for column, part in parts.items()}}
        for row, parts in zip(table.rows, found, strict=True)
    ]
    return replace(table, rows=tuple(rows), images={part.words: part for parts in found for part in parts.values()})


def asked_with_images(
    fields: Mapping[str, str], columns: Sequence[str], folder: Path
) -> tuple[dict[str, str], dict[str, MediaPart]]:
    """The columns of one new input as a row has them, and its images.

    Raises:
        DataError: a column names no image that can be used.
    """
    (media,) = _images([fields], columns, folder, lambda _: "what is asked")
    return {**fields, **{column: part.words for column, part in media.items()}}, media


def copied(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], base: Path, folder: Path) -> list[dict[str, Any]]:
    """The rows with copies of their images in a project's folder, under the names of their hashes.

    Args:
        rows: the rows.
        columns: which columns name images.
        base: the folder that their paths are relative to, and in which the files lie.
        folder: the project.

    Raises:
        DataError: a cell names no image that can be used; the rows are named.
        StoreError: a copy cannot be written.
    """
    found = _images(rows, columns, base, lambda index: f"row {index + 1}")
    different = {part.sha256: part for parts in found for part in parts.values()}
    names = {name: f"{COPIES}/{name[:16]}.{part.mime.removeprefix('image/')}" for name, part in different.items()}
    (folder / COPIES).mkdir(parents=True, exist_ok=True)
    for name, part in different.items():
        if not (folder / names[name]).exists():
            write_atomically(folder / names[name], read_file(base / part.path, IMAGE_BYTES))
    return [
        {**row, **{column: names[part.sha256] for column, part in parts.items()}} for row, parts in zip(rows, found, strict=True)
    ]


def _images(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], folder: Path, place: Callable[[int], str]
) -> list[dict[str, MediaPart]]:
    """The images that each row names, by column; none for an empty cell.

    Raises:
        DataError: a cell names no image that can be used; the rows are named.
    """
    known: dict[str, MediaPart] = {}
    bad: list[str] = []
    found: list[dict[str, MediaPart]] = []
    for index, row in enumerate(rows):
        found.append({})
        for column in columns:
            cell = to_value(row.get(column))
            try:
                if name := _name(cell):
                    found[-1][column] = known[name] if name in known else known.setdefault(name, read_image(folder, name))
            except ValueError as error:
                bad.append(f"{place(index)} ({quoted(cell, 60)}: {error})")
    if bad:
        more = f" and {len(bad) - NAMED:,} more" if len(bad) > NAMED else ""
        raise DataError(
            f"{' and '.join(map(quoted, columns))} must name image files, but does not in {'; '.join(bad[:NAMED])}{more}",
            f"Give the path of a {ACCEPTED} file inside {quoted(folder, 200)}, or take the column out of `data.images`.",
        )
    return found


def _name(cell: Value) -> str:
    if not isinstance(cell, str):
        raise ValueError("it holds several")
    return cell.strip()


def audit_images(task: Task, tables: Mapping[str, Table]) -> Iterator[Finding]:
    """What is found about the images of a project."""
    if refused := not_read(task):
        yield refused
    for table in tables.values():
        if task.data.images:
            sorts = Counter(part.mime.removeprefix("image/").upper() for part in table.images.values())
            held = ", ".join(f"{count:,} {sort}" for sort, count in sorts.most_common()) or "none"
            yield Finding("note", f"{table.file} names {len(table.images):,} different images: {held}.")


def not_read(task: Task, media: Sequence[Sequence[str]] | None = None) -> Finding | None:
    """What is in the way where rows hold images and a model does not read any; None where nothing does.

    Args:
        task: names the models.
        media: what each of them reads; what their settings say unless given.
    """
    read = [settings.media for settings in task.asked] if media is None else media
    blind = [settings.name for settings, known in zip(task.asked, read, strict=True) if "image" not in known]
    if not task.data.images or not blind:
        return None
    return Finding(
        "error",
        f"{quoted(blind[0])} reads text alone, but {quoted(task.data.images[0])} holds images (`data.images`).",
        advice="Name a model behind an endpoint that reads images, with `media: [image]` next to its `base_url`.",
    )
