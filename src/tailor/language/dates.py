"""Dates, days and months written one way: "May 3rd, 1998", "3. Mai 1998" and "1998-05-03" are all "3 may 1998"."""

from __future__ import annotations

import re
from functools import lru_cache

_MONTHS = {
    "en": "january february march april may june july august september october november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
_NAMES = tuple(_MONTHS["en"].split())
_SHORT = {name[:3]: name for name in _NAMES if name != "may"} | {"sept": "september"}
"""Read as months only where a day or a year is next to them."""

_DIGIT = re.compile(r"\d")
_PLURALS = (
    (re.compile(r"(?<!\w)((?:mon|tues|wednes|thurs|fri|satur|sun)day)s(?!\w)", re.I), r"\1", ("days",)),
    (
        re.compile(
            r"(?<!\w)((?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend)(?:s(?!\w)|(?=(?:vor|nach)?(?:mittag|abend)s?(?!\w)))",
            re.I,
        ),
        r"\1 ",
        ("tag", "mittwoch", "sonnabend"),
    ),
    (
        re.compile(r"(?<!\w)((?:lun|mar|mercre|jeu|vendre|same)di|dimanche|sábado|domingo)s(?!\w)", re.I),
        r"\1",
        ("dis", "dimanches", "sábados", "domingos"),
    ),
    (re.compile(r"(?<!\w)(segunda|terça|quarta|quinta|sexta)s-feiras(?!\w)", re.I), r"\1-feira", ("feiras",)),
    (re.compile(r"(?<!\w)((?:maan|dins|woens|donder|vrij|zater|zon)dag)(?:s|en)(?!\w)", re.I), r"\1", ("dag",)),
)
"""Days that recur: "Mondays", "montags", "Montagvormittag", "les lundis"; each with what a text must hold to be looked at."""

_NUMERIC = re.compile(r"(?<![\w.,/:-])(\d{4}|\d{1,2})([-./])(\d{1,2})\2(\d{4}|\d{1,2})(?![\w]|[-./,:]\d)")


def with_dates(text: str, language: str, *, day_first: bool) -> str:
    """The text with dates as day, English month and year, and each day of the week in its basic form.

    Args:
        text: in Unicode's form NFKC, with ASCII digits.
        language: whose names of months are read; English where it is not known.
        day_first: whether 3/5/1998 is the third of May; else it is left as it is, as either is read so.
    """
    folded = text.casefold()
    for pattern, basic, parts in _PLURALS:
        if any(part in folded for part in parts):
            text = pattern.sub(basic, text)
    if _DIGIT.search(text):
        for pattern in _dates(language):
            text = pattern.sub(lambda match: _named(match, language), text)
        text = _NUMERIC.sub(lambda match: _numeric(match, day_first), text)
    if language in _MONTHS and language != "en":
        text = _alone(language).sub(lambda match: _english(match.group(), language), text)
    return text


def _named(match: re.Match[str], language: str) -> str:
    name, day, year = match["month"], match["day"] or "", match["year"] or ""
    if name.casefold() in ("may", "mar", "march") and not name[0].isupper():
        return match.group()
    return " ".join(part for part in (day.lstrip("0"), _english(name, language), year) if part) + " "


def _numeric(match: re.Match[str], day_first: bool) -> str:
    first, mark, second, last = match[1], match[2], int(match[3]), match[4]
    if mark == "." and len(first) < 3 and len(last) == 1:  # a version or a section, such as 1.10.2
        return match.group()
    if len(first) == 4:
        day, month, year = int(last), second, first
    elif mark == "." or day_first or int(first) > len(_NAMES):
        day, month, year = int(first), second, last
    elif second > len(_NAMES):
        day, month, year = second, int(first), last
    else:
        month = 0
    if not 1 <= month <= len(_NAMES) or not 1 <= day <= 31 or len(year) != 4:
        return f" {int(first)} {second} {int(last)} "
    return f" {day} {_NAMES[month - 1]} {year} "


@lru_cache(maxsize=64)
def _dates(language: str) -> tuple[re.Pattern[str], ...]:
    code = language if language in _MONTHS else "en"
    names = [*_MONTHS[code].split(), *(_SHORT if code == "en" else ())]
    month = rf"(?P<month>{'|'.join(sorted(names, key=len, reverse=True))})"
    day_first = re.compile(
        rf"(?<![\w.,/:])(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|[.º])?\s+(?:of\s+|de\s+)?{month}(?!\w)\.?"
        r"(?:,?\s+(?:de\s+|del\s+)?(?P<year>\d{4})(?!\w))?",
        re.IGNORECASE,
    )
    if code != "en":
        return (day_first,)
    month_first = re.compile(
        rf"(?<!\w){month}\.?\s+(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\w%]|[.,:]\d))?(?:,?\s*(?<=[\s,])(?P<year>\d{{4}})(?!\w))?",
        re.IGNORECASE,
    )
    return day_first, month_first


@lru_cache(maxsize=64)
def _alone(language: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(_MONTHS[language].split())})(?!\w)", re.IGNORECASE)


def _english(name: str, language: str) -> str:
    folded = name.casefold()
    names = _MONTHS.get(language, _MONTHS["en"]).split()
    return _NAMES[names.index(folded)] if folded in names else _SHORT.get(folded, folded)
