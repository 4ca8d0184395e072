"""Numbers in text, written one way: "1,050.00" and "1.05 thousand" are one value; its sign, currency and unit stay with it.

A comma or point before exactly three digits is a mark of thousands or of decimals, by the language of the text; all else is
decided by its shape.
"""

from __future__ import annotations

import re
from decimal import Decimal

DECIMAL_COMMA = frozenset("da de el es fi fr hu it nb nl pl pt ro ru sv tr uk vi".split())
"""Languages that write 1,5 for one and a half, and 1.050 for one thousand and fifty."""

_UNITS = {
    "%": "% percent pct percentage prozent porcento procent",
    "‰": "‰ permille promille",
    "second": "s sec secs second seconds sekunde sekunden segundo segundos seconde secondes secondi",
    "minute": "min mins minute minutes minuten minuto minutos minuti",
    "hour": "h hr hrs hour hours std stunde stunden hora horas heure heures ora ore",
    "day": "d day days tag tage tagen tages día días dia dias jour jours giorno giorni",
    "week": "wk wks week weeks woche wochen semana semanas semaine semaines settimana settimane",
    "month": "month months monat monate monaten mes meses mois mese mesi",
    "year": "yr yrs year years jahr jahre jahren año años ano anos an ans anno anni",
    "mm": "mm millimetre millimetres millimeter millimeters",
    "cm": "cm centimetre centimetres centimeter centimeters zentimeter",
    "m": "m metre metres meter meters metern metro metros mètre mètres",
    "km": "km kms kilometre kilometres kilometer kilometers kilometern kilómetros kilomètres",
    "mile": "mi mile miles",
    "mg": "mg milligram milligrams milligramm",
    "g": "g gram grams gramm gramme grammes gramos",
    "kg": "kg kgs kilo kilos kilogram kilograms kilogramm kilogramos",
    "t": "t tonne tonnes ton tons tonnen",
    "ml": "ml millilitre millilitres milliliter milliliters",
    "l": "l litre litres liter liters litern litro litros",
    "kb": "kb kilobyte kilobytes",
    "mb": "mb megabyte megabytes",
    "gb": "gb gigabyte gigabytes",
    "tb": "tb terabyte terabytes",
    "$": "$ usd dollar dollars dólares",
    "€": "€ eur euro euros",
    "£": "£ gbp",
    "¥": "¥ jpy yen",
    "₹": "₹ inr rs rupee rupees",
    "chf": "chf fr franken franc francs",
    "°c": "°c",
    "°f": "°f",
    "°": "° degree degrees grad grados degrés",
    "am": "am",
    "pm": "pm",
}
UNIT_OF = {spelling: unit for unit, spellings in _UNITS.items() for spelling in spellings.split()}
"""Spelling -> unit, as it is read directly behind a number."""

_EVERYWHERE = frozenset("second minute hour day week month year % $ € ¥ ₹".split())
NAMED_UNITS = {spelling: unit for spelling, unit in UNIT_OF.items() if unit in _EVERYWHERE and len(spelling) > 3}
"""Names of units that are read so wherever they stand: "working days" and "day"."""

_NEVER_GLUED = frozenset("s d g t ans an fr".split())
"""1990s, 3d and 5G are words of their own."""

_SCALES = {
    **{
        "hundred": 2,
        "thousand": 3,
        "million": 6,
        "millions": 6,
        "billion": 9,
        "billions": 9,
        "trillion": 12,
        "lakh": 5,
        "crore": 7,
    },
    **{"k": 3, "mn": 6, "mio": 6, "bn": 9, "mrd": 9, "tausend": 3, "millionen": 6, "milliarde": 9, "milliarden": 9},
    **{"mil": 3, "millón": 6, "millones": 6, "milliard": 9, "milliards": 9, "mille": 3, "milioni": 6, "miliardi": 9},
    **{"тысяч": 3, "миллион": 6, "миллиона": 6, "миллионов": 6, "миллиард": 9, "миллиарда": 9, "миллиардов": 9},
    **{"हज़ार": 3, "हजार": 3, "लाख": 5, "करोड़": 7, "ألف": 3, "مليون": 6, "مليار": 9},
}
_LONG_SCALE = {"billion": 12, "billionen": 12, "billón": 12, "billones": 12, "billions": 12}
"""What these words are in languages that call 10^9 a milliard."""
_OF_MONEY = {"m": 6, "b": 9}
_HANGUL = re.compile("[\uac00-\ud7af]")
_LONG = frozenset("da de es fi fr hu it nb nl pl pt sv".split())

_CURRENCIES = "$€£¥₹₽₩₺₴฿₫₪"
_WORD = "[^\\W\\d_][\u093a-\u094d]*"  # a letter with its vowel sign
_UNIT = rf"°[CFcf]?|%|‰|[{_CURRENCIES}]|(?:{_WORD})+"
_PER = r"/(?:h|s|min|l|dl|d|m|km|kg|day|hour|week|month|year|tag|monat|jahr)(?!\w)"
_NUMBER = re.compile(
    rf"""
    (?P<relation>[<>≤≥±](?:=(?=[\s\d]))?\s*)?
    (?P<minus>(?<![^\s(\[{{"'“‘:=;,|*<>≤≥±{_CURRENCIES}])-)?
    (?P<money>[{_CURRENCIES}]\s?|(?<!\w)(?:US\$|USD|EUR|GBP|CHF|JPY|INR|Rs\.?|Fr\.)\s?)?
    (?P<minus2>(?<![\w)])-)?
    (?:(?P<version>(?<!\w)[vV](?=\d+\.\d))|(?<!\w)(?<!\d[.,]))(?P<digits>(?:\d+|(?<!\d)\.(?=\d))(?:[.,:/'’]?\d+)*)
    (?:(?P<exponent>\^-?\d+)|(?P<plus>\+(?![\w+]))|(?P<glued>(?:{_WORD})+)?)
    """,
    re.VERBOSE,
)
_ZEROS = re.compile(r"(?:\.0+)+$")
"""At the end of a version: 2.0 is 2, but 1.10 is not 1.1."""
_DIGIT = re.compile(r"\d")
_AFTER = re.compile(rf"[ \-]?(?P<unit>{_UNIT})(?P<per>{_PER})?(?!\w)")
_GROUPS = re.compile(r"\d{1,3}(?:([,.'’ ])\d{3})(?:\1\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}")
_SPACED = re.compile(r"(?<![\d.,] )(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d]| \d)")

_SPACED_MILLIONS = re.compile(r"(?<![\d.,] )(?<![\d.,+])[1-9]\d{0,2}(?: \d{3}){2,}(?![\d-]| \d)")
"""Two and more groups of three digits, which are a number in every language."""

# Of what stands for a number in running text, each mark is a private character until the other marks have been taken off.
KEPT = {mark: chr(0xE000 + place) for place, mark in enumerate(".:/-+<>≤≥±^%‰°#*" + _CURRENCIES)}
SHOWN = {ord(stand_in): mark for mark, stand_in in KEPT.items()}
_KEEP = str.maketrans(KEPT)

_WORDS = {
    "en": "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen",
    "de": "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn "
    "neunzehn",
    "es": "dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho "
    "diecinueve",
    "fr": "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
}
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "fr": "vingt trente quarante cinquante soixante",
}
_VALUES = {
    code: {word: n for n, word in enumerate(_WORDS[code].split(), start=2)}
    | {word: 10 * n for n, word in enumerate(_TENS[code].split(), start=2)}
    for code in _WORDS
}
_VALUES["en"] |= {"zero": 0, "one": 1}
_SPELT = {
    code: re.compile(rf"(?<!\w)(?:{'|'.join(sorted(values, key=len, reverse=True))})(?!\w)", re.I)
    for code, values in _VALUES.items()
}
_SPELT["en"] = re.compile(
    rf"(?<!\w)(?:(?P<tens>{_TENS['en'].replace(' ', '|')})[- ](?P<ones>one|two|three|four|five|six|seven|eight|nine)"
    rf"|{'|'.join(sorted(_VALUES['en'], key=len, reverse=True))})(?!\w)",
    re.I,
)

SPELT_NUMBERS = "|".join(sorted({word for values in _VALUES.values() for word in values}, key=len, reverse=True))
"""Words for numbers of any of these languages, as a pattern."""

_ORDINALS = {
    word: n
    for n, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
        "sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        start=1,
    )
}
# By then the number in front is in digits: 20-first. "30 second" and "per second" are a time.
_ORDINAL = re.compile(
    rf"(?<!\w)(?:(?P<tens>[2-9]0)-)?(?P<word>{'|'.join(_ORDINALS)})(?!\w)(?:(?<!second)"
    rf"|(?<!\d[ -]second)(?<!(?:per|ery|ach) second))",
    re.IGNORECASE,
)

_HAN_DIGITS = {
    digit: value
    for value, digits in enumerate(("零〇", "一", "二两兩", "三", "四", "五", "六", "七", "八", "九"))
    for digit in digits
}
_HAN_TENS = {"十": 1, "百": 2, "千": 3}
_HAN_SCALES = {"万": 4, "萬": 4, "亿": 8, "億": 8}
_HAN = re.compile(f"[{''.join(_HAN_DIGITS)}十][{''.join(_HAN_DIGITS)}十百千万萬亿億]*")
_HAN_BEHIND = re.compile(r"(\d+(?:[.,]\d+)*) ?([十百千万萬亿億]+)")


def with_numbers(text: str, language: str = "") -> str:
    """The text with every number in one form, followed by its unit or currency; marks that carry meaning are characters of `KEPT`.

    The text must be in Unicode's form NFKC and have ASCII digits.
    """
    spelt = _SPELT.get(language or "en")
    if spelt is not None:
        text = spelt.sub(lambda match: _spelt(match, language or "en"), text)
    if not language or language == "en":
        text = _ORDINAL.sub(_ordinal, text)
    if not _DIGIT.search(text):
        return text
    spaced = _SPACED if language in DECIMAL_COMMA else _SPACED_MILLIONS
    text = spaced.sub(lambda match: match.group().replace(" ", ""), text)
    parts, end = [], 0
    for match in _NUMBER.finditer(text):
        if match.start() < end:
            continue
        parts.append(text[end : match.start()])
        written, end = _written(text, match, language)
        parts.append(f" {written} ")
    return "".join(parts) + text[end:]


def with_han_numbers(text: str) -> str:
    """The text with Chinese numerals as digits: 一百二十 as 120, 二〇一九 as 2019, 10亿 as 1000000000."""
    text = _HAN.sub(lambda match: f" {_han(match.group())} ", text)
    powers = _HAN_TENS | _HAN_SCALES
    return _HAN_BEHIND.sub(lambda match: f" {_scaled(value_of(match[1]), sum(powers[c] for c in match[2]))} ", text)


def value_of(digits: str, language: str = "") -> str:
    """Digits with their marks as one form: no marks of thousands, a decimal point, no zeros behind it.

    Times (10:30), ratios and fractions (24/7), versions and addresses (1.10.2.4) stay as they are.
    """
    if ":" in digits or "/" in digits:
        return re.sub(r"^0(?=\d:)", "", digits)
    whole, _, decimals = _split(digits, language in DECIMAL_COMMA)
    if not whole:
        return digits.replace(",", " ")
    decimals = decimals.rstrip("0")
    return f"{whole.lstrip('0') or '0'}.{decimals}" if decimals else whole


def _split(digits: str, decimal_comma: bool) -> tuple[str, str, str]:
    """Whole part, mark and decimals; the whole part is empty for what is not one number."""
    marks = [mark for mark in digits if not mark.isdigit()]
    if not marks:
        return digits, "", ""
    last = digits.rfind(marks[-1])
    head, tail = digits[:last] or "0", digits[last + 1 :]
    if len(set(marks)) == 2 and marks.count(marks[-1]) == 1 and _GROUPS.fullmatch(head):
        return re.sub(r"\D", "", head), marks[-1], tail
    if len(set(marks)) == 1:
        grouped = _GROUPS.fullmatch(digits) and not digits.startswith("0")
        if len(marks) == 1 and marks[0] in ".,":
            thousands = grouped and (marks[0] == ".") == decimal_comma
            return (head + tail, "", "") if thousands else (head, marks[0], tail)
        if grouped:
            return re.sub(r"\D", "", digits), "", ""
    return "", "", ""


def _written(text: str, match: re.Match[str], language: str) -> tuple[str, int]:
    """A number as it is compared, and where it ends in the text."""
    glued, end = (match["glued"] or "").casefold(), match.end()
    value = _ZEROS.sub("", match["digits"]) if match["version"] else value_of(match["digits"], language)
    scales = _SCALES | (_LONG_SCALE if language in _LONG else {})
    unit = ""
    if match["money"] and glued in _OF_MONEY:
        value = _scaled(value, _OF_MONEY[glued])
    elif glued in scales:
        value = _scaled(value, scales[glued])
    elif glued in UNIT_OF and glued not in _NEVER_GLUED:
        end = match.start("glued")
    elif glued:
        return _kept((value if _HANGUL.match(glued) else match["digits"]) + glued), end
    while unit == "" and (after := _AFTER.match(text, end)):
        word = after["unit"].casefold()
        if word in scales and not after["per"]:
            value, end = _scaled(value, scales[word]), after.end()
        elif word in UNIT_OF:
            unit, end = UNIT_OF[word] + (after["per"] or "").casefold(), after.end()
        else:
            break
    money = (match["money"] or "").strip(" .").casefold().removeprefix("us")
    unit = UNIT_OF.get(money or unit, money or unit)
    minus = "-" if match["minus"] or match["minus2"] else ""
    relation = {"<=": "≤", ">=": "≥"}.get(sign := (match["relation"] or "").strip(), sign)
    tail = (match["exponent"] or "") + (match["plus"] or "")
    return _kept(f"{relation}{minus}{value}{tail} {unit}".strip()), end


def _scaled(value: str, power: int) -> str:
    try:
        scaled = Decimal(value).scaleb(power)
    except ArithmeticError:
        return f"{value}e{power}"
    return value_of(f"{scaled:f}")


def _kept(written: str) -> str:
    return written.translate(_KEEP)


def _spelt(match: re.Match[str], language: str) -> str:
    values, found = _VALUES[language], match.groupdict()
    if found.get("tens"):
        return str(values[match["tens"].casefold()] + values[match["ones"].casefold()])
    return str(values[match.group().casefold()])


def _ordinal(match: re.Match[str]) -> str:
    number = int(match["tens"] or 0) + _ORDINALS[match["word"].casefold()]
    return f"{number}{'th' if 10 < number < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _han(run: str) -> str:
    if not set(run) & {*_HAN_TENS, *_HAN_SCALES}:
        return "".join(str(_HAN_DIGITS[c]) for c in run)
    total = section = digit = 0
    for character in run:
        if character in _HAN_DIGITS:
            digit = _HAN_DIGITS[character]
        elif character in _HAN_TENS:
            section += (digit or 1) * 10 ** _HAN_TENS[character]
            digit = 0
        else:
            total, section, digit = total + (section + digit) * 10 ** _HAN_SCALES[character], 0, 0
    return str(total + section + digit)
