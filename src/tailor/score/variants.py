"""Other ways to write an accepted answer that people take for the same, where the text's tokens alone do not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

_RELATIONS = {
    "<": ("less than", "fewer than", "under", "below"),
    ">": ("more than", "over", "above"),
    "≤": ("at most", "no more than", "up to"),
    "≥": ("at least", "no fewer than", "no less than"),
}
_RELATION_OF = {words: sign for sign, spelt in _RELATIONS.items() for words in spelt}
_SIGN = re.compile(r"([<>]=|[<>≤≥])\s*(?=[\d$€£-])")
_SPELT = re.compile(rf"(?:{'|'.join(sorted(_RELATION_OF, key=len, reverse=True))})\s+(?=\w)", re.IGNORECASE)
_OR_MORE = {"≥": ("or more", "and more", "or over"), "≤": ("or less", "or fewer")}
_PLACED = re.compile(r"(?:in|on|at|am|im|en|à|au|a|em)\s+(?:(?:the|der|dem|den|el|la|le)\s+)?(?=[^\W\d])", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*(?:(am|pm|a\.m\.|p\.m\.)|uhr)?", re.IGNORECASE)
_POUNDS = re.compile(r"£\s?([\d.,]+\d|\d)")
_SCHEME = re.compile(r"https?://(?=\w)")


def variants(accepted: str) -> Iterator[str]:
    """Other ways to write the answer: signs of comparison as words, a time by the other clock, a place without "in the"."""
    accepted = accepted.strip()
    if sign := _SIGN.match(accepted):
        yield from _compared({"<=": "≤", ">=": "≥"}.get(sign[1], sign[1]), accepted[sign.end() :])
    elif spelt := _SPELT.match(accepted):
        yield from _compared(_RELATION_OF[spelt.group().strip().casefold()], accepted[spelt.end() :])
    elif placed := _PLACED.match(accepted):
        yield accepted[placed.end() :]
    elif clock := _CLOCK.fullmatch(accepted):
        yield from _by_the_other_clock(clock)
    elif pounds := _POUNDS.fullmatch(accepted):
        yield f"{pounds[1]} pounds"
    elif scheme := _SCHEME.match(accepted):
        yield accepted[scheme.end() :].rstrip("/")


def _compared(sign: str, value: str) -> Iterator[str]:
    yield f"{sign}{value}"
    yield from (f"{words} {value}" for words in _RELATIONS[sign])
    yield from (f"{value} {words}" for words in _OR_MORE.get(sign, ()))
    if sign in _OR_MORE and (number := re.match(r"[\d.,]+", value)):
        yield from (f"{number.group()} {words}{value[number.end() :]}" for words in _OR_MORE[sign])


def _by_the_other_clock(clock: re.Match[str]) -> Iterator[str]:
    hour, minutes, half = int(clock[1]), clock[2] or "00", (clock[3] or "").casefold().replace(".", "")
    if half and 1 <= hour <= 12:
        yield f"{hour % 12 + 12 * (half == 'pm')}:{minutes}"
    elif not half and hour <= 24 and (clock[2] or not clock.group().isdigit()):
        yield f"{hour}:{minutes}"
        yield f"{hour} Uhr" if minutes == "00" else f"{hour}:{minutes} Uhr"
        yield f"{hour % 12 or 12}{'' if minutes == '00' else f':{minutes}'} {'pm' if 12 <= hour < 24 else 'am'}"
