"""Whether an answer keeps the limits on its form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from tailor.score.text import count_words

Check = Callable[[str], bool]

NUMBERS = {
    word: value for value, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), start=1)
}
NUMBER = rf"(\d+|{'|'.join(NUMBERS)})"
MOST = r"(?:at most|no more than|not more than|up to|a maximum of|maximum|max\.?|within)"
SENTENCE_END = re.compile(r"[.!?…]+[\"')\]”’“»*_]*(?=\s+\S|$)|[。！？।؟]+[」』”’]*")
LONGEST_ABBREVIATION = 20  # characters, of several initials
_ABBREVIATED = re.compile(
    r"(?:(?<!\w)(?:dr|mr|mrs|ms|prof|st|sr|jr|vs|hr|fr|bzw|inkl|zzgl|mme|mlle|sra|srta|[^\W\d_](?:\.[^\W\d_])+))\.$",
    re.IGNORECASE,
)
_INITIAL = re.compile(r"(?<=[\w.] )[A-Z]\.$")
_NAME = re.compile(r"[^\W\d_]{2}")
_NUMBERED = re.compile(r"(?<!\w)(?:no|nos|nr|abs|art|ca|approx|fig|ch|sec|vol|pp|bd|kap)\.$", re.IGNORECASE)
"""What has a full stop that ends no sentence: words before more, initials before a name, and others before a number."""


def form_checks(constraints: Iterable[str], max_words: int) -> tuple[Check, ...]:
    """The checks that the constraints ask for; the limit of `max_words` words unless they set their own.

    Understood are: "at most 20 words", "20 words or fewer", "fewer than 20 words", the same with sentences, "in one sentence",
    "one line", "lower case", "upper case". Other constraints, such as those on tone, cannot be measured and are passed over.
    """
    text = " ".join(" ".join(constraints).lower().split())
    words, sentences = _limit(text, "word"), _limit(text, "sentence")
    checks: list[Check] = [_at_most(count_words, max_words if words is None else words)]
    if sentences is not None:
        checks.append(_at_most(count_sentences, sentences))
    if re.search(r"\b(?:one|a single|single) line\b", text):
        checks.append(lambda answer: "\n" not in answer.strip())
    if re.search(r"\blower[- ]?case\b", text):
        checks.append(lambda answer: answer == answer.lower())
    if re.search(r"\b(?:upper[- ]?case|capital letters)\b", text):
        checks.append(lambda answer: answer == answer.upper())
    return tuple(checks)


def keeps_form(answer: str, checks: Iterable[Check]) -> bool:
    """Whether the answer passes every check."""
    return all(check(answer) for check in checks)


def count_sentences(text: str) -> int:
    """Sentences, as ended by a full stop, exclamation or question mark before white space or the end; a last one needs no mark.

    What goes on in small letters goes on with the sentence, and "Dr." or "e.g." ends none.
    """
    ends = [match.end() for match in SENTENCE_END.finditer(text) if not _goes_on(text, match)]
    rest = text[ends[-1] :] if ends else text
    return len(ends) + bool(re.search(r"\w", rest) if ends else rest.strip())


def _goes_on(text: str, mark: re.Match[str]) -> bool:
    behind = text[mark.end() :].lstrip()
    if mark.group()[0] not in ".…" or not behind:
        return False
    if behind[0].islower() and text != text.lower():
        return True
    abbreviated = [_ABBREVIATED, _NUMBERED if behind[0].isdigit() else _INITIAL if _NAME.match(behind) else _ABBREVIATED]
    before = max(0, mark.start() - LONGEST_ABBREVIATION)
    return mark.group() == "." and any(found.search(text, before, mark.end()) for found in abbreviated)


def _at_most(count: Callable[[str], int], limit: int) -> Check:
    return lambda answer: count(answer) <= limit


def _limit(text: str, unit: str) -> int | None:
    """The strictest number of units that the text allows, or None where it sets none."""
    found = [_number(n) for n in re.findall(rf"\b{MOST} {NUMBER} {unit}s?\b", text)]
    found += [_number(n) for n in re.findall(rf"\b{NUMBER} {unit}s? (?:or (?:fewer|less)|at most|maximum)\b", text)]
    found += [_number(n) - 1 for n in re.findall(rf"\b(?:fewer than|less than|under|below) {NUMBER} {unit}s?\b", text)]
    found += [
        _number(n) for n in re.findall(rf"\b(?:in|with|as|use|write|be|using|answer) {NUMBER}(?: short| full)? {unit}s?\b", text)
    ]
    found += [1] * len(re.findall(rf"\ba single {unit}\b", text))
    return min(found, default=None)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else NUMBERS[text]
