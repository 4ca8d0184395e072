"""Other ways to write an accepted answer that people take for the same, where the text's tokens alone do not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tailor.language.numbers import UNIT_OF

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
_PLACED = re.compile(
    r"(?:(?:in|on|at|am|im|en|à|au|em)\s+(?:(?:the|der|dem|den|el|la|le)\s+)?|a\s+(?-i:(?![a-z])))(?=[^\W\d])", re.IGNORECASE
)
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*(?:(am|pm|a\.m\.|p\.m\.)|uhr)?", re.IGNORECASE)
_POUNDS = re.compile(r"£\s?([\d.,]+\d|\d)")
_DEGREES = re.compile(r"((?:minus\s+|[-+−]\s?)?[\d.,]*\d)\s*(?:°|degrees?)\s*(?:C|F|Celsius|Fahrenheit)", re.IGNORECASE)
_SCHEME = re.compile(r"https?://(?=\w)")


_NAMES_A_VERSION = re.compile(
    r"(?<!\w)(?:versions?|v(?=\d+\.\d)|(?<!press )releases?|firmware|sections?|chapters?|clauses?|paragraphs?|appendix"
    r"|abschnitt|kapitel|versión|sección|capítulo|chapitre|versione|sezione|capitolo|versão|seção|versie|wersja|sürüm"
    r"|верси[яию]|раздел|глава|(?:python|java|node(?:\.js)?|php|ruby|rust|go|ubuntu|debian|android|ios|macos|windows|linux|kernel"
    r"|django|pytorch|tensorflow|numpy|pandas|cuda|kubernetes|postgres(?:ql)?|mysql|openssl|tls)(?= \d))(?:(?<=v)|(?!\w))"
    r"|版本|バージョン|버전|الإصدار|संस्करण|เวอร์ชัน",
    re.IGNORECASE,
)
_MARKED_VERSION = re.compile(r"(?<!\w)v\d+\.\d", re.IGNORECASE)
_BARE_DECIMAL = re.compile(
    r"(?<![\w.,:/$€£-])(?!\d+\.\d+\.\d{4})(?=\d+(?:\.\d+)+(?!\w|[.,:/]\d"
    rf"| ?(?:million|billion|{'|'.join(map(re.escape, sorted(UNIT_OF, key=len, reverse=True)))})(?!\w)))"
)


def with_versions(texts: Sequence[str]) -> list[str]:
    """A question, its accepted answers and an answer, with decimals marked as versions (v1.10) where these are meant.

    1.10 is 1.1 as a number, but not as a version or a section. It is one where the question or an accepted answer names a version,
    a section or a programme, or where any of the texts writes v1.10; a decimal with a unit stays a number.
    """
    named = any(map(_NAMES_A_VERSION.search, texts[:-1])) or _MARKED_VERSION.search(texts[-1])
    return [_BARE_DECIMAL.sub("v", text) for text in texts] if named else list(texts)


_CHANGE = re.compile(r"\b(?:chang\w+|differ\w+|veränder\w+|änder\w+|unterschied|cambio|variación|variation)\b", re.IGNORECASE)
_FALL = re.compile(
    r"\b(?:falls?|fell|drop(?:s|ped)?|decreas\w+|declin\w+|reduc\w+|loss|lost|down|gesunken|rückgang|abnahme|baisse|caída)"
    r"(?:\s+(?:of|by|um|von|de))?\s+(?=[$€£]?\d)|\b(?:fall|drop|decrease|decline|loss)\b",
    re.IGNORECASE,
)


def with_sign(question: str, answer: str) -> str:
    """The answer to how much something changed with a minus for a fall: "a fall of 19" is -19, unless a fall was asked for."""
    if not _CHANGE.search(question) or _FALL.search(question):
        return answer
    return _FALL.sub(lambda match: "minus " if match.group().endswith(" ") else match.group(), answer)


def variants(accepted: str) -> Iterator[str]:
    """Other ways to write the answer: comparisons as words, the other clock, degrees of no scale, a place without "in the"."""
    accepted = accepted.strip()
    if sign := _SIGN.match(accepted):
        yield from _compared({"<=": "≤", ">=": "≥"}.get(sign[1], sign[1]), accepted[sign.end() :])
    elif spelt := _SPELT.match(accepted):
        yield from _compared(_RELATION_OF[spelt.group().strip().casefold()], accepted[spelt.end() :])
    elif placed := _PLACED.match(accepted):
        yield accepted[placed.end() :]
    elif clock := _CLOCK.fullmatch(accepted):
        yield from _by_the_other_clock(clock)
    elif degrees := _DEGREES.fullmatch(accepted):
        yield f"{degrees[1]}°"
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
