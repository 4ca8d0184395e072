"""Columns that name image files: each cell becomes what the image is, so that a changed image is a changed row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tailor.content import MediaPart
from tailor.data.finding import Finding
from tailor.data.jsontext import Value
from tailor.data.table import Table
from tailor.errors import ConfigError, DataError, quoted
from tailor.media import ACCEPTED, read_image
from tailor.task import Task

NAMED = 5


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
    known: dict[str, MediaPart] = {}
    bad: list[str] = []
    rows: list[Mapping[str, Value]] = []
    for index, row in enumerate(table.rows):
        changed: dict[str, Value] = {}
        for column in columns:
            try:
                part = _image(row[column], folder, known)
            except ValueError as error:
                bad.append(f"{table.place(index)} ({quoted(row[column], 60)}: {error})")
                continue
            changed[column] = part.words if part else ""
        rows.append({**row, **changed})
    if bad:
        more = f" and {len(bad) - NAMED:,} more" if len(bad) > NAMED else ""
        raise DataError(
            f"{' and '.join(map(quoted, columns))} must name image files, but does not in {'; '.join(bad[:NAMED])}{more}",
            f"Give the path of a {ACCEPTED} file inside the project's folder, or take the column out of `data.images`.",
        )
    return replace(table, rows=tuple(rows), images={part.words: part for part in known.values()}) if columns else table


def audit_images(task: Task, tables: Mapping[str, Table]) -> Iterator[Finding]:
    """What is found about the images of a project."""
    if refused := not_read(task):
        yield refused
    for table in tables.values():
        if task.data.images:
            sorts = Counter(part.mime.removeprefix("image/").upper() for part in table.images.values())
            held = ", ".join(f"{count:,} {sort}" for sort, count in sorts.most_common()) or "none"
            yield Finding("note", f"{table.file} names {len(table.images):,} different images: {held}.")


def not_read(task: Task, model: Sequence[str] | None = None) -> Finding | None:
    """What stands in the way where rows hold images and a model does not read any; None where nothing does.

    Args:
        task: says what its models read.
        model: what the model reads that stands in for the first of them.
    """
    read: list[Sequence[str]] = [settings.media for settings in task.asked]
    if model is not None:
        read[0] = model
    blind = [settings.name for settings, media in zip(task.asked, read, strict=True) if "image" not in media]
    if not task.data.images or not blind:
        return None
    return Finding(
        "error",
        f"{quoted(blind[0])} reads text alone, but {quoted(task.data.images[0])} holds images (`data.images`).",
        advice="Name a model behind an endpoint that reads images, with `media: [image]` next to its `base_url`.",
    )


def asked_with_images(
    fields: Mapping[str, str], columns: Sequence[str], folder: Path
) -> tuple[dict[str, str], dict[str, MediaPart]]:
    """The columns of one new input as a row has them, and its images.

    Raises:
        ConfigError: a column names no image that can be used.
    """
    media: dict[str, MediaPart] = {}
    for column in columns:
        try:
            part = _image(fields.get(column, ""), folder, {})
        except ValueError as error:
            raise ConfigError(
                f"{quoted(column)} names no image: {quoted(fields[column], 60)}: {error}",
                f"Give the path of a {ACCEPTED} file inside the project's folder.",
            ) from error
        media |= {column: part} if part else {}
    return {**fields, **{column: part.words for column, part in media.items()}}, media


def _image(cell: Value, folder: Path, known: dict[str, MediaPart]) -> MediaPart | None:
    """The image that a cell names; None for an empty cell.

    Raises:
        ValueError: it names none that can be used.
    """
    if not isinstance(cell, str):
        raise ValueError("it holds several")
    name = cell.strip()
    if name and name not in known:
        known[name] = read_image(folder, name)
    return known.get(name)
