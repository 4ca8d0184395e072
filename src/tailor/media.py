"""Images of the user's rows: found inside the project, told by their bytes, and read again when a model is asked."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from tailor.content import Content, MediaPart, TextPart
from tailor.errors import ModelError, quoted
from tailor.files import real_path
from tailor.limits import IMAGE_BYTES
from tailor.outside import read_file

SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
ADDRESS = re.compile(r"(?:https?|ftp|file|data|s3|gs|blob):", re.IGNORECASE)
ACCEPTED = "PNG, JPEG, WebP or GIF"


def read_image(folder: Path, name: str) -> MediaPart:
    """The image of this name.

    Args:
        folder: outside of it no image is read, whatever a row names.
        name: path of the file, relative to the folder.

    Raises:
        ValueError: there is none that can be used; it says why.
    """
    if ADDRESS.match(name):
        raise ValueError("it is an address; images are files, and nothing is fetched")
    try:
        path, inside = real_path(folder / name), real_path(folder)
        if not path.is_relative_to(inside):
            raise ValueError("it lies outside this folder")
        data = read_file(path, IMAGE_BYTES)
    except FileNotFoundError:
        raise ValueError("there is no such file") from None
    except OSError as error:
        raise ValueError(error.strerror or "it cannot be read") from error
    if not data:
        raise ValueError("it is empty")
    if (mime := mime_of(data)) and not is_whole(data, mime):
        raise ValueError("its end is missing")
    if not mime:
        raise ValueError("it is a drawing (SVG)" if b"<svg" in data[:1024].lower() else f"it is no {ACCEPTED}")
    return MediaPart(hashlib.sha256(data).hexdigest(), mime, path.relative_to(inside).as_posix())


def mime_of(data: bytes) -> str:
    """What the bytes are, by their beginning: an image of a sort that models read; empty for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for sign, mime in SIGNS if data.startswith(sign)), "")


def is_whole(data: bytes, mime: str) -> bool:
    """Whether the bytes of an image have the end that its format asks for: a copy that broke off has none."""
    if mime == "image/png":
        return b"IEND" in data
    if mime == "image/webp":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return (b"\xff\xd9" if mime == "image/jpeg" else b";") in data[len(data) // 2 :]


def located(content: Content, folder: Path) -> Content:
    """The content with the path of each image from the root, for a model that reads its bytes.

    Raises:
        ModelError: an image would lie outside the folder.
    """
    parts: list[TextPart | MediaPart] = []
    for part in content:
        if isinstance(part, MediaPart):
            path = real_path(folder / part.path)
            if not path.is_relative_to(real_path(folder)):
                raise ModelError(f"the image {quoted(part.path)} lies outside the project {quoted(folder, 200)}")
            part = replace(part, path=str(path))
        parts.append(part)
    return tuple(parts)


@lru_cache(maxsize=16)  # a hundred megabytes at most
def data_uri(part: MediaPart) -> str:
    """The image as an address that holds its bytes, for a model that is sent it; its path must lead there from anywhere.

    Raises:
        ModelError: the file is gone, or holds another image by now.
    """
    try:
        data = read_file(Path(part.path), IMAGE_BYTES)
    except OSError as error:
        raise ModelError(f"the image {quoted(os.path.basename(part.path))} cannot be read any more: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise ModelError(
            f"the image {quoted(os.path.basename(part.path))} was changed while it was being asked about", "Run again."
        )
    return f"data:{part.mime};base64,{base64.b64encode(data).decode('ascii')}"
