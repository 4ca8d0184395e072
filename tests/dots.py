"""Tiny images of one colour, and an endpoint that looks at their bytes."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_helpers import write_csv
from endpoint import Answer, completion

COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}
SIGN = b"\x89PNG\r\n\x1a\n"
SIDE = 4


def png(colour: str, number: int) -> bytes:
    """A PNG of 4 by 4 pixels near a colour; each number gives another one."""
    near = [min(255, value + (number * step) % 31) for value, step in zip(COLOURS[colour], (1, 7, 11), strict=True)]
    corner = [number % 256, number // 256, 0]
    rows = b"".join(b"\0" + bytes(corner if not row else near) + bytes(near) * (SIDE - 1) for row in range(SIDE))
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return SIGN + b"".join(chunk(*one) for one in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")))


def chunk(name: bytes, data: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def colour_of(data: bytes) -> str:
    """The colour that most of an image has, by its pixels."""
    assert data.startswith(SIGN)
    place, pixels = len(SIGN), b""
    while place < len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        if data[place + 4 : place + 8] == b"IDAT":
            pixels += zlib.decompress(data[place + 8 : place + 8 + size])
        place += 12 + size
    last = pixels[-3:]
    return max(COLOURS, key=lambda name: sum(a * b for a, b in zip(last, COLOURS[name], strict=True)))


def images_in(payload: Mapping[str, Any]) -> list[bytes]:
    """The images of a call, in their order, out of its data URIs."""
    parts = [part for turn in payload["messages"] if isinstance(turn["content"], list) for part in turn["content"]]
    uris = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert all(uri.startswith("data:image/png;base64,") for uri in uris)
    return [base64.b64decode(uri.partition(",")[2]) for uri in uris]


def sees(payload: Mapping[str, Any]) -> Answer:
    """Names the colour of the last image; says so where there is none."""
    found = images_in(payload)
    text = colour_of(found[-1]) if found else "I see no image."
    return Answer(completion(text, usage={"prompt_tokens": 20 + 85 * len(found), "completion_tokens": 1}))


def write_dots(folder: Path, rows: int = 96) -> Path:
    """A table of images and their colours, with the images next to it; returns the table."""
    (folder / "dots").mkdir(parents=True, exist_ok=True)
    names = list(COLOURS)
    table = []
    for number in range(rows):
        colour = names[number % len(names)]
        (folder / "dots" / f"{number}.png").write_bytes(png(colour, number))
        table.append((f"dots/{number}.png", colour))
    return write_csv(folder / "data.csv", table, "photo,colour")
