"""Images and video of a row on the page: what is shown of it, what is marked on it, and the files behind both.

A page asks for a file by its row, the number of the column and its own number, never by a path: nothing is sent that no row names.
What it is, is told by its bytes (`tailor.web.media`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from starlette.responses import FileResponse

from tailor.conversation import readable as words
from tailor.data.example import Example
from tailor.errors import DataError, quoted
from tailor.files import real_path
from tailor.labelling.forms import FORMS
from tailor.labelling.judgement import Judgement
from tailor.labelling.regionjson import LINKS, REGIONS, checked_marks
from tailor.task import Task
from tailor.web.door import Refused
from tailor.web.media import file_response

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
MOST_FRAMES = 20_000
PHRASE = "phrase"
"""What the form for links calls a phrase."""


def files_of(task: Task, folder: Path, example: Example, column: str) -> list[str]:
    """The files that a column of a row names, relative to the project's folder: an image, a video, or the frames of one in order.

    Raises:
        Refused: the column names none.
    """
    if column in example.media:
        return [example.media[column].path]
    marks = task.marks
    if marks is None or marks.form != "video" or column != marks.column:
        raise Refused("There is no such file in this project.", 404)
    name = example.fields[column].strip()
    inside, place = real_path(folder), real_path(folder / name) if "\0" not in name else folder
    if not place.is_relative_to(inside) or place == inside:
        raise Refused("There is no such file in this project.", 404)
    if not place.is_dir():
        return [name]
    frames = sorted(one.name for one in place.iterdir() if one.suffix.lower() in PICTURES)[:MOST_FRAMES]
    return [str(PurePosixPath(name) / frame) for frame in frames]


def sent(task: Task, folder: Path, example: Example, column: int, number: int) -> FileResponse:
    """One of these files, by the number of its column among those that are asked.

    Raises:
        Refused: there is none that may be sent.
    """
    columns = list(example.fields)
    files = files_of(task, folder, example, columns[column]) if column < len(columns) else []
    if number >= len(files):
        raise Refused("There is no such file in this project.", 404)
    return file_response(folder, files[number])


def scripts_of(task: Task) -> tuple[str, ...]:
    """The scripts of the task's form, in the order in which they are loaded."""
    return FORMS[task.marks.form] if task.marks else ()


def shown(task: Task, folder: Path, row: str, example: Example) -> dict[str, Any]:
    """What a page needs to show a row: its texts, its images, and what is marked on which of them."""
    elsewhere = {*example.media, *((task.marks.column, task.marks.text) if task.marks else ())}
    texts = [{"name": name, "text": words(text)} for name, text in example.fields.items() if name not in elsewhere]
    marked = task.marks.column if task.marks else ""
    images = [{"name": name, "source": address(row, example, name)} for name in example.media if name != marked]
    return {"texts": texts, "images": images, "marks": marks_form(task, folder, row, example)}


def readable(example: Example) -> dict[str, str]:
    """What a row asks, in words: its texts, and the names of its images."""
    return {name: example.media[name].path if name in example.media else words(text) for name, text in example.fields.items()}


def address(row: str, example: Example, column: str, number: int = 0) -> str:
    """Where a page finds a file."""
    return f"/media/{row}/{list(example.fields).index(column)}/{number}"


def marks_form(task: Task, folder: Path, row: str, example: Example) -> dict[str, Any] | None:
    """The form in which a row is marked, and what it needs; None where nothing of it is."""
    marks = task.marks
    if marks is None or (marks.draws and marks.column not in example.media):
        return None
    if marks.form == "relations":
        told = {"labels": list(marks.labels), "relations": list(marks.relations)}
        return {"form": marks.form, "given": {**told, "text": example.fields[marks.column], "textOn": marks.column}}
    given: dict[str, Any] = {"labels": list(marks.labels), "on": marks.column, "source": address(row, example, marks.column)}
    if marks.form == "links":
        given |= {"text": example.fields[marks.text], "textOn": marks.text}
    if marks.form == "video":
        given |= {"rate": marks.rate, **_frames(task, folder, row, example)}
    return {"form": marks.form, "given": given}


def _frames(task: Task, folder: Path, row: str, example: Example) -> dict[str, Any]:
    """The addresses of the frames, where the video is a folder of images."""
    assert task.marks is not None
    column = task.marks.column
    try:
        files = files_of(task, folder, example, column)
    except Refused:
        return {}
    if files == [example.fields[column].strip()]:
        return {}
    return {"frames": [address(row, example, column, number) for number in range(len(files))]}


def said_before(judgement: Judgement | None) -> dict[str, Any] | None:
    """The marks of an earlier judgement."""
    values = judgement.values if judgement else {}
    return {name: values[name] for name in (REGIONS, LINKS) if name in values} or None


def names_in(judgements: Iterable[Judgement]) -> set[str]:
    """What marks and relations are called in judgements."""
    values = [judgement.values for judgement in judgements]
    regions = {label for held in values for region in held.get(REGIONS, ()) for label in region["labels"]}
    return regions | {link.get("label", "") for held in values for link in held.get(LINKS, ())}


def marks_in(task: Task, example: Example, given: Any, *, known: Collection[str] = (), settles: bool = False) -> Mapping[str, Any]:
    """The marks that a page sends, as they are kept; left out where nothing was marked, unless that is what `settles` a difference.

    Args:
        task: says what is marked.
        example: the row.
        given: what was sent.
        known: names of marks besides the task's, such as those that were read from a file.
        settles: whether they settle a difference.

    Raises:
        DataError: they cannot be kept.
    """
    if given is None or task.marks is None:
        return {}
    try:
        if not isinstance(given, dict):
            raise ValueError("marks are an object")
        found = checked_marks(given)
    except ValueError as error:
        raise DataError(f"the marks cannot be kept: {error}") from error
    marks = task.marks
    read = marks.text or (marks.column if marks.form == "relations" else "")
    names = {*marks.labels, *known, *([PHRASE] if marks.form == "links" else [])}
    for region in found.get(REGIONS, ()):
        places = [read] if region["form"] == "span" else [marks.column] if marks.form != "relations" else []
        if not region["on"] or region["on"] not in places:
            raise DataError(f"a {region['form']} lies on {quoted(region['on'])}, where none is marked")
        if other := [name for name in region["labels"] if name not in names]:
            raise DataError(f"a mark is called {quoted(other[0])}, which is not among `marks.labels`")
        if region["form"] == "span":
            if region["end"] > len(example.fields[read]):
                raise DataError(f"a phrase ends behind the text, at {region['end']:,}")
            region["text"] = example.fields[read][region["start"] : region["end"]]
    if marks.form == "relations" and (
        strange := [link["label"] for link in found.get(LINKS, ()) if link["label"] not in {*marks.relations, *known}]
    ):
        raise DataError(f"a relation is called {quoted(strange[0])}, which is not among `marks.relations`")
    return found if settles else {name: value for name, value in found.items() if value}
