"""Facts that are changed in copies of documents: the right answer of a row becomes another one of the same kind."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from tailor.data.example import Example
from tailor.documents.reading import Document

MOST = 60
"""Facts changed at most; with so many, a share is known to about 13 points."""

MOSTLY = 0.8
"""Of the answers to questions that begin with one word, so many are names if the word asks for names."""

_NUMBER = re.compile(r"\d+")
_YEAR = re.compile(r"1\d\d\d|20\d\d")
_DAYS, _LAST_DAY = 31, 28  # of a month, and of every month
_DECADE = re.compile(r"['’]?s(?![a-z])")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Change:
    """One fact that is changed.

    Attributes:
        example: the row that asks for it, with its old answer.
        document: path of the document that states it.
        old: the answer as the document states it.
        new: what it is changed to.
    """

    example: Example
    document: str
    old: str
    new: str

    @property
    def asked(self) -> Example:
        """The row with the new answer as the right one."""
        return replace(self.example, answers=(self.new,), quote="")


def changes(examples: Sequence[Example], documents: Sequence[Document], most: int = MOST) -> list[Change]:
    """Facts that can be changed so that one document states something else.

    A row takes part if its answer is in the document that it names as its source, or, where it names none, in one document
    alone. Numbers become other numbers of as many digits ("48 hours" becomes "52 hours"), unless the document has the number
    elsewhere, too, and would contradict itself. Names become other names if their questions begin with a word that asks for
    names ("Who"). All else stays: what another row says in its place would make no sense, and a model that passes over nonsense
    does not fail to follow. Numbers come first; else rows are taken in the order of a hash, so that they are the same every time.
    """
    pages = {document.path: document for document in documents}
    names = _names(examples)
    found: list[Change] = []
    taken: dict[str, list[str]] = defaultdict(list)  # document -> what is changed there, and to what
    for example in sorted(examples, key=lambda example: (not _NUMBER.search(" ".join(example.answers)), example.key)):
        for document, old in _stated(example, pages):
            new = _other(old, example, names[_opening(example)], " ".join([pages[document].text, *taken[document]]))
            apart = not any(old in other or other in old for other in taken[document])
            if new and apart and len(found) < most:
                found.append(Change(example, document, old, new))
                taken[document] += [old, new]
                break
    return found


def with_changes(documents: Sequence[Document], made: Sequence[Change]) -> list[Document]:
    """Copies of the documents in which these facts are changed, wherever they stand in their documents."""
    by_path: dict[str, list[Change]] = defaultdict(list)
    for change in made:
        by_path[change.document].append(change)
    return [_changed(document, by_path[document.path]) if document.path in by_path else document for document in documents]


def _changed(document: Document, made: Sequence[Change]) -> Document:
    text = document.text
    found = sorted((*match.span(), change.new) for change in made for match in _stating(change.old).finditer(text))
    apart = [one for one, after in zip(found, [*found[1:], (len(text) + 1, 0, "")], strict=True) if one[1] <= after[0]]
    for start, end, new in reversed(apart):
        text = text[:start] + new + text[end:]
    return replace(document, text=text, digest="", pages=())


def _stated(example: Example, pages: Mapping[str, Document]) -> Iterator[tuple[str, str]]:
    """Documents that state an answer of the row, with the words in which they do."""
    for answer in example.answers:
        searched = [example.source] if example.source else list(pages)
        wanted = _stating(answer)
        stating = [path for path in searched if path in pages and wanted.search(pages[path].text)]
        if len(stating) == 1 and len(answer) > 1 and (found := wanted.search(pages[stating[0]].text)):
            yield stating[0], found[0]


def _stating(answer: str) -> re.Pattern[str]:
    """Finds the words of an answer in a text, whatever the case and the space between them."""
    words = r"\s+".join(map(re.escape, answer.split()))
    before = r"(?<!\w)" if answer[:1].isascii() else ""
    after = r"(?!\w)" if answer[-1:].isascii() else ""
    return re.compile(f"{before}{words}{after}", re.IGNORECASE)


def _names(examples: Sequence[Example]) -> dict[str, list[str]]:
    """The names that rows answer with, by the first word of their questions; only words that ask for hardly anything else."""
    answers: dict[str, list[str]] = defaultdict(list)
    for example in examples:
        answers[_opening(example)] += example.answers[:1]
    asking = {
        word: names for word, given in answers.items() if len(names := list(filter(_is_name, given))) >= MOSTLY * len(given) > 0
    }
    return defaultdict(list, asking)


def _opening(example: Example) -> str:
    """The first word of the question, or of what stands for it."""
    texts = [text.casefold() for column, text in example.fields.items() if column not in example.media]
    asked = next((text for text in texts if "?" in text), texts[0] if texts else "")
    return next(iter(re.findall(r"\w+", asked)), "")


def _is_name(answer: str) -> bool:
    return answer[:1].isupper() and not _NUMBER.search(answer)


def _other(old: str, example: Example, names: Sequence[str], text: str) -> str:
    """Another answer of the same kind that the document does not state yet; empty where there is none."""
    if number := _NUMBER.search(old):
        other = "" if _is_elsewhere(number[0], old, text) else _other_number(number[0], old[number.end() :], text)
        return old[: number.start()] + other + old[number.end() :] if other else ""
    others = {
        name for name in names if not any(_stating(name).search(said) for said in (text, old)) and not _stating(old).search(name)
    }
    words = len(old.split())
    by_likeness = sorted(others, key=lambda name: (abs(len(name.split()) - words), _hash(example.key + name)))
    return by_likeness[0] if by_likeness and _is_name(old) else ""


def _is_elsewhere(number: str, old: str, text: str) -> bool:
    """Whether a text has a number outside the words that are changed as well."""
    alone = re.compile(rf"(?<!\d){number}(?!\d)")
    return bool(alone.search(_stating(old).sub(" ", text)))


def _other_number(number: str, behind: str, text: str) -> str:
    """A number of as many digits, near it, that the text does not hold: of a year, a decade or a day another one, and no "22th"."""
    value = int(number)
    step = 10 if _DECADE.match(behind) else 3 if _YEAR.fullmatch(number) else 4
    ends = ending[0].casefold() if (ending := _ORDINAL.match(behind)) else ""
    most = _LAST_DAY if value <= _DAYS else 10 ** len(number)
    found = (value + sign * step * times for times in range(1, 200) for sign in (1, -1) if value + sign * step * times <= most)
    fits = (
        str(one) for one in found if one > 0 and len(str(one)) == len(number.lstrip("0") or "0") and ends in ("", _ordinal(one))
    )
    return next((one.zfill(len(number)) for one in fits if not re.search(rf"(?<!\d){one}(?!\d)", text)), "")


def _ordinal(number: int) -> str:
    """What English writes behind a number that counts a place."""
    return "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
