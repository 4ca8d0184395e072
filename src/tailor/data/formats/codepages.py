"""Which of the older encodings a text seems to be in, by the letters that its language uses most."""

from __future__ import annotations

import re
import unicodedata

_COMMON = {
    "cp1251": "оеаинтсрвлкмдпуяыьгз",
    "koi8-r": "оеаинтсрвлкмдпуяыьгз",
    "gb18030": "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能子那得下自之年过发后作里请问没么吗怎什收退款",
    "big5": "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能子那得下自之年過發後作裡請問沒麼嗎怎什收退款",
    "cp932": "のにはをたがでてとしれさいなるかもこすまりけらくんょっスンイルトア",
    "euc_jp": "のにはをたがでてとしれさいなるかもこすまりけらくんょっスンイルトア",
    "cp949": "이다는의가을에고지하은를도로서기리나시사어해습니요",
    "cp1253": "αεοιτνσηρπκμλυςάέίόύώή",
    "cp1255": "ויהלאמרשתבנדכ",
    "cp1256": "اليمنورتبةعدسفهكق",
    "cp874": "านรกอเงมยลวดทสตะปบคห่้็ีัิ",
    "cp1250": "ąćęłńśźżčďěňřšťůžőű",
    "cp1254": "ışğçöüİŞĞ",
    "mac_roman": "éèàùâêîôûçëïäöüßñáíóúãõåøæÄÖÜÉ–—’‘“”…",
    "cp850": "éèàùâêîôûçëïäöüßñáíóúãõåøæÄÖÜÉ",
    "cp1252": "éèàùâêîôûçëïäöüßñáíóúãõåøæÄÖÜÉ€–—’‘“”…",
}
"""Codec -> letters (or signs) that make up much of what is not ASCII in texts written so; likelier ones of equals come first."""
_SHARE = {"gb18030": 0.15, "big5": 0.15, "cp932": 0.35, "euc_jp": 0.35, "cp949": 0.25}
_LEAST = 0.6
"""The least share of these letters, where a codec has no other one; texts of thousands of signs spread wider."""
_WESTERN = ("cp1250", "cp1252", "cp1254", "mac_roman", "cp850")
_SEVEN_BITS = {
    "iso2022_jp": re.compile(rb"\x1b\$[@B]"),
    "iso2022_kr": re.compile(rb"\x1b\$\)C"),
    "hz": re.compile(rb"~\{[!-w][!-~]"),
}
"""Encodings whose bytes are all ASCII, by what begins a run of other characters."""
_SHIFTED = re.compile(rb"\+[A-Za-z0-9+/]{3,}-?")
"""A run of other characters in UTF-7."""
_RUNS = 3
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_IN_A_ROW = 1.5
"""Of the letters of a Western text that are not ASCII, few follow one another."""
_WIDE = 0.95
_LOOKED_AT = 100_000  # bytes
_ACCENTED = 0.3
"""Of the letters of a Western text, at most so many are not ASCII."""


def seven_bit_codec(data: bytes) -> str:
    """The codec of bytes that are all ASCII and hold runs of other characters; empty where there are none."""
    data = data[:_LOOKED_AT]
    if not data.isascii():
        return ""
    for codec, begins in _SEVEN_BITS.items():
        if begins.search(data) and _decodes(data, codec):
            return codec
    shifted = [run for run in _SHIFTED.findall(data) if _decodes(run, "utf-7")]
    letters = [run.decode("utf-7").rstrip("-") for run in shifted]
    told = [text for text in letters if all(sign.isalpha() or sign.isspace() or ord(sign) > 0x2000 for sign in text)]
    words = [text for text in told if not text.isascii() and len({unicodedata.name(sign, "?").split()[0] for sign in text}) == 1]
    return "utf-7" if len(words) >= _RUNS and 2 * len(words) > data.count(b"+") else ""


def _decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError as error:
        return error.start > len(data) - 8 and len(data) == _LOOKED_AT  # only cut at the end
    return True


def likely_codecs(data: bytes) -> list[str]:
    """The codec, as Python names it, in which the bytes read most like text; several where only wide characters tell; or none."""
    data = data[:_LOOKED_AT]
    scores = {codec: score for codec in _COMMON if (score := _score(data, codec)) >= 1}
    if scores:
        return [max(scores, key=lambda codec: scores[codec])]
    return [codec for codec in _SHARE if _is_wide(data, codec)]


def _is_wide(data: bytes, codec: str) -> bool:
    """Whether all that is not ASCII are characters as wide as two Latin letters."""
    if not _decodes(data, codec):
        return False
    foreign = [character for character in data.decode(codec, "ignore") if not character.isascii()]
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in foreign)
    return bool(foreign) and wide >= _WIDE * len(foreign)


def _score(data: bytes, codec: str) -> float:
    """The share of common letters among all that is not ASCII, over the least that is asked for."""
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        if len(data) < _LOOKED_AT or error.start < len(data) - 4:  # not only cut at the end
            return 0.0
        text = data[: error.start].decode(codec)
    foreign = [character for character in text if not character.isascii()]
    letters = sum(character.isalpha() for character in text)
    if not foreign or (codec in _WESTERN and len(foreign) > _ACCENTED * letters):
        return 0.0
    if codec in _WESTERN and len(foreign) > _IN_A_ROW * len(_FOREIGN.findall(text)):
        return 0.0
    return sum(character in _COMMON[codec] for character in foreign) / len(foreign) / _SHARE.get(codec, _LEAST)
