"""Places in a text, counted in other units than characters.

A browser counts UTF-16 units, in which an emoji is two, and some tools count a line break of two signs (CRLF) as one. Inside
Tailor places are characters (code points) of the text as it is; they are converted here, at the border.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Counted = Literal["characters", "utf16", "lines"]
"""What places count: characters, UTF-16 units, or UTF-16 units of the text with single line breaks."""


def from_utf16(text: str, place: int) -> int:
    """The character at a UTF-16 unit; the character whose second half it is, where it splits one."""
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * place].decode("utf-16-le", "ignore"))


def to_utf16(text: str, place: int) -> int:
    """The UTF-16 unit at a character."""
    return len(text[:place].encode("utf-16-le", "surrogatepass")) // 2


def from_lines(text: str, place: int) -> int:
    """The character at a UTF-16 unit of the text in which each CRLF is one line break."""
    single = from_utf16(text.replace("\r\n", "\n"), place)
    made, left = 0, single
    while left > 0 and made < len(text):
        made += 2 if text.startswith("\r\n", made) else 1
        left -= 1
    return made


def to_lines(text: str, place: int) -> int:
    """The UTF-16 unit at a character, in the text in which each CRLF is one line break."""
    before = text[:place].replace("\r\n", "\n")
    return to_utf16(before, len(before))


READ: dict[Counted, Callable[[str, int], int]] = {"characters": lambda _, place: place, "utf16": from_utf16, "lines": from_lines}
WRITE: dict[Counted, Callable[[str, int], int]] = {"characters": lambda _, place: place, "utf16": to_utf16, "lines": to_lines}


def is_plain(text: str) -> bool:
    """Whether all units agree in this text."""
    return "\r\n" not in text and all(ord(sign) < 0x10000 for sign in text)


def counted(text: str, start: int, end: int, words: str, usual: Counted) -> Counted | None:
    """What two places count, by the words that stand between them; None where nothing fits.

    Args:
        text: the text.
        start: the first place.
        end: the place behind the last.
        words: what should stand between them; empty where that is not known.
        usual: what the format counts where the words do not decide.
    """
    if is_plain(text) or not words:
        return usual if not words or text[start:end] == words else None
    order: list[Counted] = [usual, *(unit for unit in READ if unit != usual)]
    same = words.replace("\r\n", "\n")
    return next((unit for unit in order if _between(text, start, end, unit).replace("\r\n", "\n") == same), None)


def _between(text: str, start: int, end: int, unit: Counted) -> str:
    to = READ[unit]
    return text[to(text, start) : to(text, end)]
