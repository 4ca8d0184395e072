"""The rows that are in the pages of a SQLite file, read without SQLite: what can still be found in a file that it refuses.

The format is that of https://www.sqlite.org/fileformat2.html: leaf pages of tables (0x0D) and both kinds of pages of tables without
row numbers (0x0A and, between them, 0x02), records of values, long ones continued on overflow pages, and pages of the write-ahead
log in front of those of the file. Nothing is believed here: who uses the rows must check their seals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

PAGE = 4096
_LOG_HEADER, _FRAME_HEADER = 32, 24
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INSIDE = 0x0D, 0x0A, 0x02
_NUMBERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}

Row = tuple[int | None, tuple[bytes | int | None, ...]]
"""The row's number (None in tables without), and its values; texts as bytes."""


def rows(file: bytes, log: bytes = b"") -> Iterator[Row]:
    """Every row that can be read in a file and in its write-ahead log, in no order; a row may come more than once."""
    pages = {number + 1: file[number * PAGE : (number + 1) * PAGE] for number in range(len(file) // PAGE)}
    yield from _rows(pages)
    if newer := _logged(log):
        yield from _rows(pages | newer, newer)


def _logged(log: bytes) -> dict[int, bytes]:
    """The last state of each page in a write-ahead log."""
    found = {}
    for start in range(_LOG_HEADER, len(log) - _FRAME_HEADER - PAGE + 1, _FRAME_HEADER + PAGE):
        (number,) = struct.unpack_from(">I", log, start)
        found[number] = log[start + _FRAME_HEADER : start + _FRAME_HEADER + PAGE]
    return found


def _rows(pages: dict[int, bytes], among: dict[int, bytes] | None = None) -> Iterator[Row]:
    for number, page in (pages if among is None else among).items():
        start = 100 if number == 1 else 0
        kind = page[start]
        if kind not in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INSIDE):
            continue
        (cells,) = struct.unpack_from(">H", page, start + 3)
        # Inside an index, the number of another page is at the end of the header and in front of each row.
        further = 4 if kind == _INDEX_INSIDE else 0
        for cell in range(min(cells, (PAGE - start - 8 - further) // 2)):
            (place,) = struct.unpack_from(">H", page, start + 8 + further + 2 * cell)
            try:
                yield _cell(pages, page, place + further, kind)
            except (IndexError, ValueError, struct.error):
                continue


def _cell(pages: dict[int, bytes], page: bytes, place: int, kind: int) -> Row:
    size, place = _varint(page, place)
    number = None
    if kind == _TABLE_LEAF:
        number, place = _varint(page, place)
    # How much of a long record is on the page itself follows from its size (section 1.6 of the format).
    most = PAGE - 35 if kind == _TABLE_LEAF else (PAGE - 12) * 64 // 255 - 23
    least = (PAGE - 12) * 32 // 255 - 23
    here = size
    if size > most:
        here = least + (size - least) % (PAGE - 4)
        here = here if here <= most else least
    record = page[place : place + here]
    if here < size:
        (following,) = struct.unpack_from(">I", page, place + here)
        record += _overflow(pages, following, size - here)
    return number, _values(record)


def _overflow(pages: dict[int, bytes], number: int, size: int) -> bytes:
    parts, seen = [], set()
    while size > 0:
        if number in seen or number not in pages:
            raise ValueError("the chain of pages is broken")
        seen.add(number)
        part = pages[number][4 : 4 + min(size, PAGE - 4)]
        (number,) = struct.unpack_from(">I", pages[number], 0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _values(record: bytes) -> tuple[bytes | int | None, ...]:
    header, place = _varint(record, 0)
    kinds = []
    while place < header:
        kind, place = _varint(record, place)
        kinds.append(kind)
    values: list[bytes | int | None] = []
    place = header
    for kind in kinds:
        if kind >= 12:
            size = (kind - 12) // 2
            values.append(record[place : place + size])
        elif kind in _NUMBERS:
            size = _NUMBERS[kind]
            values.append(int.from_bytes(record[place : place + size], "big", signed=True))
        elif kind in (0, 8, 9):
            size = 0
            values.append(None if kind == 0 else kind - 8)
        else:
            raise ValueError("no value of a store")
        place += size
    if place != len(record):
        raise ValueError("the record is cut off")
    return tuple(values)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where what follows it begins."""
    value = 0
    for step in range(8):
        byte = data[place + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + step + 1
    return value << 8 | data[place + 8], place + 9
