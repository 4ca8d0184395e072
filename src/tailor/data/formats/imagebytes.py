"""Images that a table holds as bytes, as Hugging Face `datasets` writes them: named instead of being read as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor.data.finding import Finding
from tailor.errors import quoted
from tailor.media import mime_of

Object = Mapping[str, object]


def without_image_bytes(name: str, rows: Sequence[Object]) -> tuple[Sequence[Object], tuple[Finding, ...]]:
    """The rows with the name of each image's file in the place of its bytes, empty where it has none, and what is to say of that.

    Args:
        name: of the table's file.
        rows: as they were read.
    """
    held = sorted({column for row in rows for column, cell in row.items() if _is_image(cell)})
    if not held:
        return rows, ()
    named = [{column: _name(cell) if column in held else cell for column, cell in row.items()} for row in rows]
    what = f"{name} holds images as bytes in {' and '.join(map(quoted, held))}; they are not read."
    advice = "Save each as a file in the project's folder, name the files in the column, and list the column as `data.images`."
    return named, (Finding("warning", what, advice=advice),)


def _bytes(cell: object) -> object:
    return cell.get("bytes") if isinstance(cell, Mapping) else cell


def _is_image(cell: object) -> bool:
    data = _bytes(cell)
    return isinstance(data, bytes) and bool(mime_of(data))


def _name(cell: object) -> object:
    return cell.get("path") if isinstance(cell, Mapping) else None
