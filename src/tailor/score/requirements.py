"""Requirements that a text must keep to, checked without a model: each is a name and a check of one answer."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from tailor.content import text_of, whole
from tailor.data.example import Example
from tailor.jsonform import read_json
from tailor.language.numbers import value_of
from tailor.language.tokens import tokens
from tailor.retrieval.passage import Passage
from tailor.score.form import count_sentences
from tailor.score.text import citations, contains, count_words
from tailor.settings import Limits, Requirements
from tailor.task import VARIABLE, columns_in

REQUIRED = "required"
"""Detail of a Score: 1 where an answer keeps every requirement, else 0; absent where nothing is required."""

_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_LISTED = re.compile(r"^\s*\d+[.)]\s", re.MULTILINE)
"""The number of a point in a list says nothing."""
_PARTS = re.compile(r"[:/]")
_DATE = re.compile(
    r"(?<![\d.,/-])(?:(?P<iso>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})|(?P<first>\d{1,2})(?P<mark>[-./])(?P<second>\d{1,2})(?P=mark)"
    r"(?P<year>\d{4}))(?![\d/]|[.,-]\d)"
)


def criterion_detail(name: str) -> str:
    """The detail of a judged Score that says whether the answer meets a criterion of the rubric, by the judge's verdict."""
    return f"rubric: {name}"


@dataclass(frozen=True)
class Written:
    """A text that is checked.

    Attributes:
        text: it, without the marks that cite passages.
        cited: the numbers that these marks name.
        example: the row that it answers.
        passages: what the model was given to read.
        language: of the text, as an ISO 639-1 code; empty where that is not known.
    """

    text: str
    cited: tuple[int, ...]
    example: Example
    passages: Sequence[Passage] = ()
    language: str = ""

    @property
    def columns(self) -> Mapping[str, str]:
        """The columns of the row that may be read."""
        return {**self.example.fields, **self.example.checked}


@dataclass(frozen=True)
class Requirement:
    """A requirement.

    Attributes:
        name: it, as "at most 60 words".
        keeps: whether a text keeps to it.
        reads: whether that depends on what the model was given to read.
    """

    name: str
    keeps: Callable[[Written], bool]
    reads: bool = False


def requirements_of(requirements: Requirements | None) -> tuple[Requirement, ...]:
    """Each requirement of a task by itself, in the order of the settings; none where nothing is required."""
    return tuple(_requirements(requirements)) if requirements else ()


def _requirements(wanted: Requirements) -> Iterator[Requirement]:
    for text in wanted.contains:
        yield Requirement(f"contains {_called(text)}", partial(_contains, text))
    for text in wanted.lacks:
        yield Requirement(f"lacks {_called(text)}", partial(_lacks, text))
    for noun, limits, count in (
        ("word", wanted.words, count_words),
        ("sentence", wanted.sentences, count_sentences),
        ("character", wanted.characters, len),
    ):
        if limits is not None:
            yield Requirement(_limited(noun, limits), partial(_within, limits, count))
    if wanted.valid_json:
        yield Requirement("valid JSON", _is_json)
    if wanted.cites:
        yield Requirement("cites what it was given", _cites, reads=True)
    if wanted.numbers_from:
        name = f"numbers from {_listed(wanted.numbers_from)}"
        yield Requirement(name, partial(_numbers_stand, wanted.numbers_from), reads=True)


def broken(wanted: Iterable[Requirement], written: Written) -> tuple[str, ...]:
    """The names of the requirements that a text breaks."""
    return tuple(requirement.name for requirement in wanted if not requirement.keeps(written))


def _called(text: str) -> str:
    """A text as names of requirements have it; a column is named without braces."""
    column = VARIABLE.fullmatch(text.strip())
    return f"the {column.group(1)}" if column else f"“{VARIABLE.sub(lambda match: f'{{{match.group(1)}}}', text)}”"


def _limited(noun: str, limits: Limits) -> str:
    least, most = limits.at_least, limits.at_most
    nouns = noun if (least if most is None else most) == 1 else f"{noun}s"
    if least is None:
        return f"at most {most:,} {nouns}"
    if least == most:
        return f"exactly {most:,} {nouns}"
    return f"at least {least:,} {nouns}" if most is None else f"{least:,} to {most:,} {nouns}"


def _listed(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _texts(template: str, written: Written) -> list[str]:
    """The texts that a template stands for: what the columns hold, each of several where a column alone holds a list."""
    read = columns_in(template)
    if any(not written.columns[name].strip() for name in read):
        return []  # where the row names nothing, nothing is asked for
    if VARIABLE.fullmatch(template.strip()):
        with suppress(ValueError):
            found = json.loads(written.columns[read[0]])
            if isinstance(found, list):
                return [str(one) for one in found]
    return [text_of(whole(template, replace(written.example, fields=written.columns, media={})))]


def _contains(template: str, written: Written) -> bool:
    return all(_holds(written, text) for text in _texts(template, written))


def _lacks(template: str, written: Written) -> bool:
    return not any(_holds(written, text) for text in _texts(template, written))


def _holds(written: Written, text: str) -> bool:
    """Whether the answer has these words in a row, whatever their case and punctuation; a text of signs alone, to the letter."""
    return contains(written.text, text, written.language) or (not tokens(text, written.language) and text in written.text)


def _within(limits: Limits, count: Callable[[str], int], written: Written) -> bool:
    number = count(written.text.strip())
    return (limits.at_least or 0) <= number and (limits.at_most is None or number <= limits.at_most)


def _is_json(written: Written) -> bool:
    try:
        return isinstance(read_json(written.text), dict | list)
    except (ValueError, RecursionError):
        return False


def _cites(written: Written) -> bool:
    """Passages are cited by their numbers; without any, the marks of the row's own texts are."""
    if written.passages:
        known = set(range(1, len(written.passages) + 1))
    else:
        known = {number for text in written.example.fields.values() for number in citations(text)}
    return bool(written.cited) and set(written.cited) <= known


def _numbers_stand(columns: Sequence[str], written: Written) -> bool:
    """Whether each number is one of the source, or a part of one: the 3 or the 3/5 of 3/5/2026. A date may be written otherwise."""
    source = "\n".join((*(written.columns[name] for name in columns), *(passage.text for passage in written.passages)))
    language = written.language
    spelt = {(token,) for token in tokens(source, language) if token[0].isdigit()}  # "three rooms" allows "3 rooms"
    known = _numbers(source, language) | spelt
    text = _DATE.sub(lambda found: " " if _has_date(source, found, language) else found.group(), _LISTED.sub("", written.text))
    return all(number in known or any(set(number) < set(other) for other in known) for number in _numbers(text, language))


def _has_date(source: str, found: re.Match[str], language: str) -> bool:
    """Whether the source names this day, in whatever form; 3/5/2026 is May or March."""
    first, mark, second, year = found.group("first", "mark", "second", "year")
    readings = [(first, second, year), (second, first, year)] if mark == "/" else [(first, second, year)]
    readings = readings if year else [(found["day"], found["month"], found["iso"])]
    forms = ("{0}.{1}.{2}", "{0}/{1}/{2}", "{1}/{0}/{2}")
    return any(contains(source, form.format(*reading), language) for reading in readings for form in forms)


def _numbers(text: str, language: str) -> set[tuple[str, ...]]:
    """The numbers written in digits, each in one form, and times, dates and fractions in their parts."""
    found = _NUMBER.findall(unicodedata.normalize("NFKC", text))
    return {_in_parts(digits, language) for digits in found}


def _in_parts(digits: str, language: str) -> tuple[str, ...]:
    """A number, or the parts of a date, a time or a fraction, whose zeros in front say nothing."""
    whole, *others = (value_of(part, language) for part in _PARTS.split(digits))
    return tuple(part.lstrip("0") or "0" for part in (whole, *others)) if others else (whole,)
