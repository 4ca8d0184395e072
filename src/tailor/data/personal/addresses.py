"""Postal addresses in texts: a street with the number of a house, as countries write it."""

from __future__ import annotations

import re
from collections.abc import Iterator

Found = tuple[int, int]

_UP = r"A-ZÀ-ÖØ-ÞŁŚŻŹĆ"
_LOW = r"a-zà-öø-ÿąćęłńóśźżœ"
_NAME = rf"[{_UP}][{_LOW}'’{_UP}-]+"
_NUMBER = r"\d{1,4} ?[A-Da-d]?(?![\w%€$£]|[.,:/-]\d| ?(?:km|m|min\w*|Uhr|Minuten|Euro|EUR)\b)"
_PARTICLES = r"(?:d[aeou]s?|d[aei]l(?:l[aoe'])?|de la|de los|de las|della|dei|van|von|y|e) "

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"

_STREETS = (
    # English: 14 Mill Lane, 221b Baker St
    rf"\d{{1,5}}[A-Za-z]? (?:(?:[NSEW]\.? )?{_NAME}\.? ){{1,3}}"
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Crescent|Cres|Way|Place|Pl|Terrace|Boulevard|Blvd|Gardens|"
    r"Grove|Square|Parade|Highway|Hwy|Mews|Row|Nagar|Marg)(?:\.|\b)(?! (?:Station|Line|Festival)\b)",
    # German and Dutch: Lindenstraße 12, Lange Str. 4, Prinsengracht 263
    rf"(?:{_NAME} )?(?:[{_UP}][{_LOW}-]*(?:straße|strasse|str\.|gasse|allee|straat|laan|gracht|singel|kade)|Straße|"
    rf"Str\.) {_NUMBER}",
    # a place without such a word, with its postcode and town: Am Markt 5, 04109 Leipzig
    rf"(?!{_MONTH}){_NAME}(?: (?!{_MONTH}){_NAME})? \d{{1,4}} ?[a-d]?, ?(?:[A-Z]{{1,2}}-)?(?:\d{{5}}|(?!19|20)\d{{4}}|"
    rf"\d{{2}}-\d{{3}}|\d{{4}} ?[A-Z]{{2}}) {_NAME}",
    # French: 12 bis, rue de la Paix
    rf"\d{{1,4}}(?: ?(?:bis|ter|quater))?,? (?:rue|avenue|av\.|boulevard|bd|chemin|allée|impasse|quai|cours|place)"
    rf" (?:d['’]|l['’]|(?:de la|de l['’]|du|des|de|la|le|les) ?)*{_NAME}",
    # Spanish, Portuguese, Italian: Calle Mayor 5, Rua Augusta, 1500, Via Garibaldi 7
    rf"(?:Calle|C/|Avda\.|Avenida|Av\.|Plaza|Paseo|Rua|Travessa|Praça|Alameda|Via|Viale|Piazza|Corso|Vicolo) (?:{_PARTICLES}|"
    rf"{_NAME} )*"
    rf"{_NAME},? (?:n[ºo°.]{{1,2}} ?)?{_NUMBER}",
    # Polish: ul. Długa 15/3
    rf"(?:ul|al|pl|os)\. {_NAME}(?: {_NAME})? \d{{1,4}}[a-d]?(?:/\d{{1,4}})?",
    # Indian: Flat 4B, Shanti Towers, Pune 411001
    r"(?:Flat|Plot|House|Door)(?: [Nn]o\.?)? ?[\w/-]{1,6},[^.!?\n]{5,60}\b[1-9]\d{2} ?\d{3}(?!\d)",
    # Japanese
    r"〒 ?\d{3}-\d{4}|[都道府県][^\s、。，；\d]{1,8}[市区町村][^\s、。，；\d]{1,10}\d{1,4}(?:丁目|番|[-−]\d)",
)
_PATTERNS = tuple(re.compile(rf"(?<![\w.,£$€-]){street}") for street in _STREETS)


def addresses(text: str) -> Iterator[Found]:
    """Places of what looks like postal addresses; a street alone, without a number, is none."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield match.span()
