"""Files of a project for a page: only those that lie inside it, with the type that their bytes have, and never as a page."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PureWindowsPath

from starlette.responses import FileResponse

from tailor.files import real_path
from tailor.media import ADDRESS, mime_of
from tailor.web.door import Refused

HEAD = 64
"""Bytes that tell what a file is."""
UNKNOWN = "application/octet-stream"


def media_type(head: bytes) -> str:
    """What the first bytes of a file are: an image, a video or a sound that a browser shows; empty for anything else.

    Drawings (SVG) and pages are not shown, since they can hold scripts. The name of a file says nothing.
    """
    if image := mime_of(head):
        return image
    if head[4:8] == b"ftyp":
        return "audio/mp4" if head[8:11] == b"M4A" else "video/mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav"
    signs = ((b"\x1aE\xdf\xa3", "video/webm"), (b"OggS", "video/ogg"), (b"ID3", "audio/mpeg"), (b"fLaC", "audio/flac"))
    return next((mime for sign, mime in signs if head.startswith(sign)), "")


def project_file(root: Path, name: str) -> Path:
    """The file of this name inside a folder, its links followed.

    Args:
        root: outside of it nothing is read, whatever a row names.
        name: relative to the folder.

    Raises:
        Refused: there is no such file; or it lies elsewhere, or is hidden, as the project's store is.
    """
    path = Path(name)
    odd = "\0" in name or "\\" in name or path.is_absolute() or PureWindowsPath(name).drive or ADDRESS.match(name)
    try:
        found = None if odd else (root / path).resolve(strict=True)
        inside = real_path(root)
        if found is None or not found.is_relative_to(inside):
            raise FileNotFoundError
        if any(part.startswith(".") for part in found.relative_to(inside).parts) or not stat.S_ISREG(os.stat(found).st_mode):
            raise FileNotFoundError
    except (OSError, RuntimeError):  # a loop of links is a RuntimeError in Python 3.11 and 3.12
        raise Refused("There is no such file in this project.", 404) from None
    return found


def file_response(root: Path, name: str) -> FileResponse:
    """A file of the project, in pieces where the browser asks for some, as it does of a video.

    What is no image, video or sound by its bytes is offered to be saved and never opened in the page.

    Raises:
        Refused: there is no such file that may be sent.
    """
    path = project_file(root, name)
    with path.open("rb") as file:
        kind = media_type(file.read(HEAD))
    way = "inline" if kind else "attachment"
    return FileResponse(path, media_type=kind or UNKNOWN, filename=path.name, content_disposition_type=way)
