"""Ways of writing that mean the same, brought to one before numbers and units are read."""

from __future__ import annotations

import re

_EVERYWHERE = tuple(
    (re.compile(pattern, re.IGNORECASE if ignore_case else 0), written)
    for pattern, written, ignore_case in (
        (r"(?<!\w)(?:degrees?|deg\.?|grad|grados|degrés)\s+(?:c|celsius)(?!\w)", "°C", True),
        (r"(?<!\w)(?:degrees?|deg\.?|grad|grados|degrés)\s+(?:f|fahrenheit)(?!\w)", "°F", True),
        (r"(?:\+/-|(?<!\w)plus or minus)\s*(?=\d)", "±", True),
        (r"(?:^|(?<=[^\d\s]\s)|(?<=[(\[=:]))[–‒](?=\d)", "-", False),  # a dash for a minus
        (r"\\frac\{(\d+)\}\{(\d+)\}|(?<=\d)⁄(?=\d)", r"\1/\2", False),
        (r"(?<=\d) : (?=\d)", ":", False),
        (r"(?<=\d) [-–] (?=\d)", " ", False),  # a range, and no minus
        (r"(?<=\d):00(?=\s?(?:[ap]\.?m\b|uhr\b))", "", True),
        (r"(?<=\d)\.(?=\d\d ?uhr\b)", ":", True),
        (r"(?<=\d)['’](?=s\b)", "", False),  # 1980's
        (r"(?<!\w)(version|release|firmware)\s+(?=\d+\.\d)", r"\1 v", True),
        (r"(?<!\w)([A-Z]{3,})(?=\d{3})", r"\1 ", False),  # ISO9001
        (r"(\d)\s+(?:to|bis|tot)\s+(?=-?\d)", r"\1 ", True),
        (r"(?<!\w)(?:from|von|van)\s+(?=-?\d[\d.,:]* ?[-– ] ?-?\d)", "", True),
        (r"(?<!\w)(?:between|zwischen|entre|tussen|tra)\s+(-?\d[\d.,:]*)\s+(?:and|und|y|et|e|en)\s+(?=-?\d)", r"\1 ", True),
    )
)
_WITHOUT_DIGITS = (
    (re.compile(r"(?<!\w)an?\s+second(?=\W*$|\s+(?:or two|later|ago|per|each|of)(?!\w)|[.,;:!?)])", re.IGNORECASE), "1 second"),
    (re.compile(r"(?<=\b[A-Z])\s&\s(?=[A-Z]\b)"), "&"),  # R & D
    (re.compile(r"(?<!\w)per cent(?!\w)", re.IGNORECASE), "%"),
)
_DIGIT = re.compile(r"\d")
_OF_LANGUAGE = {
    "fr": ((re.compile(r"(?<=\d) ?h ?(?=\d\d(?!\d))"), ":"), (re.compile(r"(?:(?<!\w)de )?(\d+) à (?=\d)"), r"\1 ")),
    "es": ((re.compile(r"(?:(?<!\w)de )?(\d+) a (?=\d)"), r"\1 "),),
}
_IN_THE_RED = re.compile(r"\(\s*([$€£]?\s?\d{1,3}(?:[,.]\d{3})+(?:[.,]\d{1,2})?)\s*\)")


def written_alike(text: str, language: str) -> str:
    """The text with units, ranges, times and names of standards in one way of writing, and an amount in brackets as a negative."""
    if red := _IN_THE_RED.fullmatch(text.strip()):
        return f"-{red[1].strip()}"
    for pattern, written in _WITHOUT_DIGITS:
        text = pattern.sub(written, text)
    if _DIGIT.search(text):
        for pattern, written in (*_EVERYWHERE, *_OF_LANGUAGE.get(language, ())):
            text = pattern.sub(written, text)
    return text
