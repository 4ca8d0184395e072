"""Extracted fields held against the right ones: for each field whether it was found, misread, missed or invented.

Values are compared twice: to the letter (`Part.strict`), and as the policy says, in the language of the row. What differs only in
form is then the same: 1,240.00 and 1.240,00, dates, white space, and case where the policy is `text`.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from tailor.jsonform import FENCE
from tailor.language.tokens import same, tokens
from tailor.score.overlap import chrf
from tailor.score.phrases import NO, YES
from tailor.score.records import matched
from tailor.score.schema import Field, Fields
from tailor.score.spans import compare_entities, spans_in
from tailor.score.types import Part, Verdict

NOTHING = frozenset(
    ["", "-", "–", "—", "null", "none", "n/a", "unknown", "unspecified"]
    + [f"not {word}" for word in ("stated", "specified", "mentioned", "given", "provided", "available", "applicable")]
)
"""Texts by which models say that there is no value; never where the right value, or one of the field's choices, reads so."""

TRUE, FALSE = YES | {"true", "1", "y", "j"}, NO | {"false", "0", "n"}
"""Texts by which data and models say that something is so, or that it is not."""

_TIME = re.compile(r"(?<=\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s?(?:Z|[+-]\d{2}:?\d{2})?$")
_EASTERN = re.compile(r"\A(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日号號일](?!\w)")
_COMPACT = re.compile(r"\A((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=\Z|T)")
_NAMED_MONTH = re.compile(r"\A(\d{1,2})[-/]([A-Za-z]{3,9})[-/](\d{4}|\d\d)\Z")
"""Dates as 2026年3月5日, 20260305 and 5-Mar-2026."""
_SHORT_YEAR = re.compile(r"(\d{1,2}([./-])\d{1,2}\2)(\d{2})")
_WEEKDAY = re.compile(
    r"^(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch"
    r"|(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|lunes|martes|mi[ée]rcoles|jueves|viernes|s[áa]bado|domingo"
    r"|(?:maan|dins|woens|donder|vrij|zater|zon)dag|(?:lune|marte|mercole|giove|vener)d[ìi]|domenica)\b[.,]*\s+(?:(?:den|the|le|el|il)\s+)?",
    re.IGNORECASE,
)

_SPACED_MINUS = re.compile(r"^[-−]\s+(?=\d)")
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?")
_DECODER = json.JSONDecoder()


def read_object(text: str) -> dict[str, Any] | None:
    """The JSON object in what a model wrote: the whole text, what stands in a fence, or from the first brace to its partner."""
    fenced = FENCE.match(text)
    text = fenced[1] if fenced else text
    start = text.find("{")
    while start >= 0:
        try:
            found, _ = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        start = text.find("{", start + 1)
    return None


def compare(
    fields: Fields, wanted: Mapping[str, Any], said: Mapping[str, Any], *, source: str = "", language: str = ""
) -> tuple[Part, ...]:
    """Every field of an answer next to the right one, in the order of the fields.

    Records (lists of objects) are matched so that as many of their fields as can be are right (`tailor.score.records.matched`); two
    of which no value is the same are not one record. Entities are matched by where they are in the text (`tailor.score.spans`).
    Names that are no fields are left out: whether the answer has the form asked for is another question.

    Args:
        fields: what is extracted.
        wanted: the right object.
        said: the object given.
        source: the text that it was found in, for entities.
        language: of that text, as an ISO 639-1 code.
    """
    return tuple(part for field in fields.each for part in _compared(field, at(wanted, field), at(said, field), source, language))


def at(value: object, field: Field) -> Any:
    """The value of a field in an object; None where it has none."""
    for name in field.path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _compared(field: Field, wanted: Any, said: Any, source: str, language: str) -> Iterator[Part]:
    if field.inner:
        yield from _records(field, wanted, said, source, language)
    elif field.holds_entities:
        yield from compare_entities(field.name, field.choices, spans_in(wanted, source), spans_in(said, source, placed=False))
    else:
        yield _part(field.name, field, wanted, said, language)


def _part(name: str, field: Field, wanted: Any, said: Any, language: str) -> Part:
    verdict = _verdict(field, wanted, said, language)
    is_right = verdict in ("correct", "empty")
    strict = is_right and (is_empty(wanted) and is_empty(said) or _is_identical(field, wanted, said))
    return Part(name, verdict, as_text(wanted), as_text(said), strict, is_right)


def _verdict(field: Field, wanted: Any, said: Any, language: str) -> Verdict:
    if is_empty(wanted):
        return "empty" if _says_nothing(field, said) else "invented"
    if not is_empty(said) and is_same(field, wanted, said, language):
        return "correct"
    return "missed" if _says_nothing(field, said) else "misread"


def is_empty(value: Any) -> bool:
    """Whether there is no value: null, an empty text, or a list or object without one."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list):
        return all(map(is_empty, value))
    if isinstance(value, Mapping):
        return all(map(is_empty, value.values()))
    return value is None


def _says_nothing(field: Field, said: Any) -> bool:
    if isinstance(said, str):
        folded = said.strip().strip(".").casefold()
        return folded in NOTHING and folded not in map(str.casefold, field.choices)
    if isinstance(said, list):
        return all(_says_nothing(field, item) for item in said)
    return is_empty(said)


def is_same(field: Field, wanted: Any, said: Any, language: str = "") -> bool:
    """Whether two values are the same, as the field's policy says.

    exact: the same signs, whatever the white space; case counts, but not for choices. true and yes are the same. number: within the
    tolerance, whatever its marks and currency. date: the same day, however it is written. text: the same words
    (`tailor.language.tokens`), or a chrF as high as the field asks for. set: the same texts in any order. span: the same piece of
    the text, whatever the white space.
    """
    if field.policy == "set":
        found, right = (_distinct(value, language) for value in (said, wanted))
        return found == right
    if isinstance(said, list | Mapping) or isinstance(wanted, list | Mapping):
        return _is_identical(field, wanted, said)
    if field.policy == "number":
        numbers = number_in(wanted, language), number_in(said, language)
        if numbers[0] is not None and numbers[1] is not None:
            return abs(numbers[0] - numbers[1]) <= field.tolerance * (abs(numbers[0]) if field.is_share else 1)
    texts = as_text(wanted), as_text(said)
    if field.is_boolean or isinstance(wanted, bool) or isinstance(said, bool):
        truths = truth_in(wanted), truth_in(said)
        if None not in truths:
            return truths[0] == truths[1]
    if field.policy in ("exact", "span"):
        folds = bool(field.choices) or field.is_boolean
        return _spaced(texts[0], folds=folds) == _spaced(texts[1], folds=folds)
    if field.policy == "date":
        time = _TIME.search(texts[0].strip())
        timed = time is not None and time.group()[1:6] != "00:00"  # then the time is asked for
        texts = _day(texts[0], timed=timed), _day(texts[1], timed=timed)
    return same(texts[1], texts[0], language) or (field.alike > 0 and chrf(texts[1], [texts[0]]) >= field.alike)


def _day(text: str, *, timed: bool) -> str:
    """A date without the day of the week and, unless `timed`, the time around it, and with its whole year."""
    text = _NAMED_MONTH.sub(
        lambda date: f"{date[1]} {date[2]} {_whole_year(date[3])}",
        _EASTERN.sub(r"\1-\2-\3", _COMPACT.sub(r"\1-\2-\3", text.strip())),
    )
    year = _SHORT_YEAR.fullmatch(text.strip())
    if year:
        return f"{year[1]}{_whole_year(year[3])}"
    return _WEEKDAY.sub("", text.strip() if timed else _TIME.sub("", text.strip()))


def _whole_year(year: str) -> str:
    """A year of four digits; of two, as POSIX reads them: 69 is 1969."""
    return year if len(year) == 4 else f"{'19' if int(year) > 68 else '20'}{year}"


def _is_identical(field: Field, wanted: Any, said: Any) -> bool:
    """Whether two values are the same to the letter; a set has no order."""
    if field.policy == "set":
        wanted, said = (sorted(map(as_text, _listed(value))) for value in (wanted, said))
    return json.dumps(wanted, sort_keys=True) == json.dumps(said, sort_keys=True) or (
        _is_number(wanted) and _is_number(said) and wanted == said
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _distinct(value: Any, language: str) -> frozenset[tuple[str, ...]]:
    texts = [as_text(item) for item in _listed(value) if not is_empty(item)]
    return frozenset(tokens(text, language) or (text.strip(),) for text in texts)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def truth_in(value: Any) -> bool | None:
    """Whether a value says yes or no: true, "Yes", "nein", 1; None where it says neither."""
    folded = as_text(value).strip().strip(".").casefold()
    return True if folded in TRUE else False if folded in FALSE else None


def number_in(value: Any, language: str = "") -> Decimal | None:
    """The one number of a value, by the marks of the language: 1.240,00 EUR is 1240 in German; None where there is not just one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return Decimal(str(value)) if math.isfinite(value) else None
    found = [
        number for token in tokens(_SPACED_MINUS.sub("-", str(value).strip()), language) if (number := _decimal(token)) is not None
    ]
    return found[0] if len(found) == 1 else None


def _decimal(token: str) -> Decimal | None:
    try:
        return Decimal(token) if _PLAIN.fullmatch(token) else None
    except InvalidOperation:
        return None


def _spaced(text: str, *, folds: bool) -> str:
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return text.casefold() if folds else text


def as_text(value: Any) -> str:
    """A value as it is shown: texts as they are, all else as JSON, nothing as an empty text."""
    if isinstance(value, str):
        return value
    return "" if is_empty(value) else json.dumps(value, ensure_ascii=False)


# Records


def _records(field: Field, wanted: Any, said: Any, source: str, language: str) -> Iterator[Part]:
    right, odd = _objects(wanted)
    given, invented = _objects(said)
    if not right and not given and not invented and not odd:
        yield Part(field.name, "empty", "", "", strict=True, near=True)
    compared = {(i, j): tuple(_row(field, a, b, source, language)) for i, a in enumerate(right) for j, b in enumerate(given)}
    alone = [tuple(_row(field, record, {}, source, language)) for record in right]
    unasked = [tuple(_row(field, {}, record, source, language)) for record in given]
    most = 1 + sum(map(len, alone))
    pairs = dict(matched(len(right), len(given), lambda i, j: _alike(compared[i, j], most)))
    for i, parts in enumerate(alone):
        yield from compared[i, pairs[i]] if i in pairs else _filled(parts)
    for j, parts in enumerate(unasked):
        if j not in pairs.values():
            yield from _filled(parts)
    yield from (Part(field.name, "missed", as_text(value), "", strict=False, near=False) for value in odd)
    yield from (Part(field.name, "invented", "", as_text(value), strict=False, near=False) for value in invented)


def _objects(value: Any) -> tuple[list[Mapping[str, Any]], list[Any]]:
    """The objects of a list that hold something, and what is in it besides; an object alone is a list of one."""
    items = [item for item in _listed(value) if not is_empty(item) and not (isinstance(item, str) and item.casefold() in NOTHING)]
    objects = [item for item in items if isinstance(item, Mapping)]
    return objects, [item for item in items if not isinstance(item, Mapping)]


def _row(field: Field, wanted: Mapping[str, Any], said: Mapping[str, Any], source: str, language: str) -> Iterator[Part]:
    for part in field.inner:
        yield from (_named(field, found) for found in _compared(part, at(wanted, part), at(said, part), source, language))


def _named(field: Field, part: Part) -> Part:
    return Part(f"{field.name}.{part.name}", part.verdict, part.wanted, part.said, part.strict, part.near)


def _filled(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts of a record that has no partner: what it leaves empty is no success."""
    return (part for part in parts if part.verdict != "empty")


def _alike(pair: Sequence[Part], most: int) -> float:
    """How far two records are one: by the fields that are the same, then by those that both fill; 0 where nothing is the same."""
    same, filled = (sum(part.verdict in verdicts for part in pair) for verdicts in (("correct",), ("correct", "misread")))
    return float(same * most + filled if same else 0)
