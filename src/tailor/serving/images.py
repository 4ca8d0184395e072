"""Images that come with a request: as data URLs, told by their bytes, in a file while a model is asked about them, then gone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tailor.content import MediaPart
from tailor.data.example import Example
from tailor.errors import quoted
from tailor.files import private_files
from tailor.limits import IMAGE_BYTES
from tailor.media import ACCEPTED, is_whole, mime_of
from tailor.project import Project
from tailor.serving.refused import Refused

FOLDER = "asked"
"""Folder of the project's store with the images that are asked about now."""
LEFT_SECONDS = 3600.0
"""After which no request can wait any more."""
ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class SentImage(MediaPart):
    """An image of a request, before its file is written.

    Attributes:
        data: its bytes.
    """

    data: bytes = field(compare=False, repr=False)


def sent_image(url: object, param: str) -> SentImage:
    """The image that a data URL holds.

    Args:
        url: the URL, such as "data:image/png;base64,...". Nothing is fetched, so there are no others.
        param: the field that holds it.

    Raises:
        Refused: it is no such URL, or what it holds is no image that can be used.
    """
    head, comma, text = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not comma or not head.lower().startswith("data:") or not head.lower().endswith(";base64"):
        raise Refused(
            f"`{param}` must be a data URL in base64, such as data:image/png;base64,...: nothing is fetched.",
            param=param,
            code="invalid_value",
        )
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(f"`{param}` is not in base64.", param=param, code="invalid_value") from None
    mime = mime_of(data)
    if not mime or not is_whole(data, mime):
        why = "has an end that is missing" if mime else f"is no {ACCEPTED}"
        raise Refused(f"`{param}` holds an image that {why}.", param=param, code="invalid_image")
    if len(data) > IMAGE_BYTES:
        most = IMAGE_BYTES >> 20
        raise Refused(f"`{param}` holds an image of more than {most} MB.", param=param, code="image_too_large")
    return SentImage(hashlib.sha256(data).hexdigest(), mime, "", data)


def images_among(content: object, place: str) -> Iterator[tuple[object, str]]:
    """The URLs of the images in the content of a message, each with the field that holds it.

    Raises:
        Refused: one asks to be looked at in another way than images were measured.
    """
    for number, part in enumerate(content if isinstance(content, list) else []):
        if not isinstance(part, Mapping) or part.get("type") != "image_url":
            continue
        given, param = part.get("image_url"), f"{place}[{number}].image_url"
        given = given if isinstance(given, Mapping) else {"url": given}
        if (detail := given.get("detail")) not in (None, "auto"):
            shown = quoted(str(detail), 40)
            raise Refused(
                f"`{param}.detail` is {shown}. Leave it out, or send auto: this is what was measured.", param=f"{param}.detail"
            )
        yield given.get("url"), f"{param}.url"


def kept(project: Project, example: Example) -> Example:
    """The row with its images in files, for a model that reads them there; `forget` takes them away again.

    Args:
        project: the project.
        example: a row of a request; its id, which no other has, names the files.

    Raises:
        Refused: they cannot be written.
    """
    folder, media = project.store / FOLDER, dict[str, MediaPart]()
    try:
        with private_files():
            folder.mkdir(exist_ok=True)
            for name, part in example.media.items():
                if isinstance(part, SentImage):
                    path = folder / f"{example.id}-{len(media)}.{ENDINGS[part.mime]}"
                    media[name] = MediaPart(part.sha256, part.mime, path.relative_to(project.folder).as_posix())
                    path.write_bytes(part.data)
    except OSError:
        forget(project, replace(example, media=media))
        raise Refused("The image could not be kept while it is asked about.", 503, kind="server_error", code="not_kept") from None
    return replace(example, media=media)


def forget(project: Project, example: Example) -> None:
    """Take the files of a request's images away."""
    for part in example.media.values():
        (project.folder / part.path).unlink(missing_ok=True)


def forget_left(store: Path) -> None:
    """Take away what a server that was killed left behind: files of which no request can wait any more."""
    for path in (store / FOLDER).glob("*"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - LEFT_SECONDS:
                path.unlink()
