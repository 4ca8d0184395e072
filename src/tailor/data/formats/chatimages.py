"""Images in chats: those of the user's last turn become columns that name files; all others are refused, none is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor.media import ADDRESS

KINDS = ("image", "image_url", "input_image")
MARK = "<image>"
"""Takes the place of an image in a turn that the row names next to the chat, in `images` or `image`."""
NO_FILE = "an image that is no file; save it in the project's folder and give its path"

Object = Mapping[str, object]


def image_in(part: Object) -> str:
    """The file that a part of a message names; the mark where the row names it.

    Raises:
        ValueError: it is no file.
    """
    named = next((part[key] for key in ("image_url", "image", "path", "url", "source") if part.get(key)), MARK)
    named = named.get("url") if isinstance(named, Mapping) else named
    if not isinstance(named, str) or ADDRESS.match(named):
        raise ValueError(f"a message holds {NO_FILE}")
    return named


def image_names(row: Object) -> tuple[str, ...]:
    """The columns of a row that name images next to its chat."""
    return tuple(name for name, kind in (("images", list), ("image", str)) if isinstance(row.get(name), kind))


def image_columns(row: Object, texts: Sequence[str], images: Sequence[Sequence[str]], asked: int) -> dict[str, object]:
    """The images of the turn that is asked, a column each, under the names `image`, `image_2` and so on.

    Args:
        row: the row; what `image_names` gives of it is in the columns.
        texts: of its turns.
        images: in these turns.
        asked: which turn is asked.

    Raises:
        ValueError: an image is in another turn, or it has no file.
    """
    others = [place for place in range(len(texts)) if place != asked]
    inside = [name for name in images[asked] if name != MARK]
    marks = texts[asked].count(MARK) + len(images[asked]) - len(inside)
    given = [row[name] for name in image_names(row)]
    named = [name for cell in given for name in (cell if isinstance(cell, list) else [cell]) if name]
    if any(images[place] for place in others) or (named and any(MARK in texts[place] for place in others)):
        raise ValueError("an image stands outside the user's last turn, where it cannot be used yet")
    is_plain = "images" not in row and not marks  # a column like any other, which need not even hold an image
    if len(named) != marks and not is_plain and (named or len(images[asked]) > len(inside) or "image" in row):
        raise ValueError(f"{len(named)} images are named next to it, and the user's last turn shows {marks}")
    if marks and any(not isinstance(name, str) or ADDRESS.match(name) for name in named):
        raise ValueError(f"it names {NO_FILE}")
    if is_plain and inside and named:
        raise ValueError("it holds an image and has a column `image`, too")
    return {"image" if number == 1 else f"image_{number}": name for number, name in enumerate([*inside, *named], start=1)}
