"""Phone numbers in texts: by the country code, by the forms that countries write, or by a word such as "call me on" in front."""

from __future__ import annotations

import re
from collections.abc import Iterator

Found = tuple[int, int]

# Of the words around numbers only those in ASCII count: some scripts write no spaces.

_COUNTRY = re.compile(r"(?<![\w.+])(?:\+ ?|00(?=[1-9]\d?[ ./-]))[1-9](?:(?: ?\(0\) ?)|[ ()./-]{0,2}\d){7,14}(?!\d)", re.ASCII)
_AREA = (
    r"\(0[1-9]\d{0,4}\)[ /-]?|0[1-9]\d{1,4}[ /.-]|0[1-9][ .-](?=\d\d[ .-]\d\d)|0[1-9]-(?=\d{4}-\d{4})|0[36]-(?=\d{8})|"
    r"0[1-9] (?=\d{4} \d{4})"
)
_TRUNK = re.compile(rf"(?<![\w.,:/+#-])(?:{_AREA})\d{{2,8}}(?:[ .-]\d{{2,5}}){{0,4}}(?![\w%]|[-.,:/]\d)", re.ASCII)
_MOBILE = re.compile(r"(?<![\w.,:/+#-])(?:07[1-9]\d{8}|01[567]\d{8,9}|04\d{8})(?!\w|[-.,:/]\d)", re.ASCII)
_AMERICAN = re.compile(
    r"(?<![\w.,/+#-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[.-])[2-9]\d{2}[.-]\d{4}(?!\w|[-.,/]\d)"  # North America
    r"|(?<!\w)\([1-9]\d\) ?9?\d{4}-\d{4}(?![\w-])",  # Brazil
    re.ASCII,
)
_CUE = re.compile(
    r"(?<!\w)(?:tel(?:\.|efon\w*|ephone|éphone|éfono|efone|efono)?|phone|mobile?|mob|cell(?:phone|ulare)?|fax|whats ?app|handy|"
    r"portable|"
    r"m[óo]vil|telefoon|celular|kom[óo]rk\w+|numer telefonu|(?:call|ring|text|reach|phone)(?: me| us| him| her| them)?(?: back)?|"
    r"appelez|rufen sie|llám\w+|chiam\w+|電話番号?|携帯)"
    r"(?:(?:[ .:]+(?:number|no|nr|nummer|numéro|número|numero|is|ist|est|es|è|on|at|me|my|unter|au|al|to|under|mein\w*)\b)|"
    r"[ .:=#(]|は){0,6}"
    r"(?P<number>\(?\d[\d ()./-]{5,17}\d)(?!\w|[-.,:/]\d)",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\b(?:order|invoice|ref(?:erence)?|ticket|version|isbn|ean|gtin|sku|serial|tracking|parcel|model|part|article|item|booking|"
    r"case|"
    r"bestell\w*|rechnung\w*|artikel\w*|auftrag\w*|commande|facture|pedido|factura|ordine|fattura|zam[óo]wieni\w+|faktur\w*|"
    r"bestelling|"
    r"build|patent|id|code|number plate)\b[^.!?\n]{0,20}$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\d{1,2}([./-])\d{1,2}\1(?:19|20)\d\d|(?:19|20)\d\d([./-])\d{1,2}\2\d{1,2}|\d{1,2}([./-])\d{1,2}\3\d\d(?![ ./-]?\d)"
)
_BEFORE = 45  # characters that are looked at
_LEAST, _MOST = 7, 15  # digits; the most that E.164 allows


def phones(text: str) -> Iterator[Found]:
    """Places of what looks like phone numbers; numbers of orders, versions, dates and the like are none."""
    for match in _COUNTRY.finditer(text):
        if 8 <= _digits(match[0].removeprefix("00")) <= _MOST and not _DATE.match(match[0]):
            yield match.span()
    for pattern, least, most in ((_TRUNK, 9, 12), (_MOBILE, 10, 12), (_AMERICAN, 10, 11)):
        for match in pattern.finditer(text):
            if least <= _digits(match[0]) <= most and not _DATE.match(match[0]) and not _is_another(text, match.start()):
                yield match.span()
    for match in _CUE.finditer(text):
        number = match["number"]
        if _LEAST <= _digits(number) <= _MOST and not _DATE.match(number) and not _is_another(text, match.start("number")):
            yield match.span("number")


def _is_another(text: str, start: int) -> bool:
    """Whether words just before a number say that it is one of an order, a version and the like."""
    return bool(_OTHER.search(text[max(0, start - _BEFORE) : start]))


def _digits(text: str) -> int:
    return sum(sign.isdecimal() for sign in text)
