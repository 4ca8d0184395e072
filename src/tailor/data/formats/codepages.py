"""Which of the older encodings a text seems to be in, by the letters that its language uses most."""

from __future__ import annotations

_COMMON = {
    "cp1251": "оеаинтсрвлкмдпуяыьгз",
    "koi8-r": "оеаинтсрвлкмдпуяыьгз",
    "gb18030": "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能子那得下自之年过发后作里请问没么吗怎什收退款",
    "big5": "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能子那得下自之年過發後作裡請問沒麼嗎怎什收退款",
    "cp932": "のにはをたがでてとしれさいなるかもこすまりけらくんょっスンイルトア",
    "cp949": "이다는의가을에고지하은를도로서기리나시사어해습니요",
    "cp1253": "αεοιτνσηρπκμλυςάέίόύώή",
    "cp1255": "ויהלאמרשתבנדכ",
    "cp1256": "اليمنورتبةعدسفهكق",
    "cp874": "านรกอเงมยลวดทสตะปบคห่้็ีัิ",
    "cp1250": "ąćęłńśźżčďěňřšťůžőű",
    "cp1254": "ışğçöüİŞĞ",
    "cp1252": "éèàùâêîôûçëïäöüßñáíóúãõåøæÄÖÜÉ€–—’‘“”…",
}
"""Codec -> letters (or signs) that make up much of what is not ASCII in texts written so; likelier ones of equals come first."""
_SHARE = {"gb18030": 0.15, "big5": 0.15, "cp932": 0.35, "cp949": 0.25}
_LEAST = 0.6
"""The least share of these letters, where a codec has no other one; texts of thousands of signs spread wider."""
_LOOKED_AT = 100_000  # bytes
_ACCENTED = 0.3
"""Of the letters of a Western text, at most so many are not ASCII."""


def likely_codec(data: bytes) -> str:
    """The codec, as Python names it, in which the bytes read most like text; empty where none does."""
    scores = {codec: score for codec in _COMMON if (score := _score(data[:_LOOKED_AT], codec)) >= 1}
    return max(scores, key=lambda codec: scores[codec], default="")


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
    if not foreign or (codec in ("cp1250", "cp1252", "cp1254") and len(foreign) > _ACCENTED * letters):
        return 0.0
    return sum(character in _COMMON[codec] for character in foreign) / len(foreign) / _SHARE.get(codec, _LEAST)
