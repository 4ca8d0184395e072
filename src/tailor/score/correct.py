"""Whether an answer is right: it holds an accepted answer, affirms it, and offers no other one.

An answer that holds the accepted value may still hedge ("Yes or no."), deny it ("No, it is not 30 days."), list everything that
might be meant, or echo a question that names the alternatives. So each clause is asked whether it affirms or denies the values in
it, and any other value of the same kind that is affirmed makes the answer wrong: a number with the same unit, a day or month, yes
or no, another letter of a choice, another alternative of the question, another item of a list.

The rules are words and patterns (`tailor.score.phrases`, `tailor.score.denial`), held against answers that people rated
(tests/answer_pairs).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from tailor.language.detect import UNSPACED, UNSPACED_SCRIPTS, language_of
from tailor.language.numbers import UNIT_OF
from tailor.language.tokens import contains, places, same, tokens
from tailor.score import phrases
from tailor.score.asked import NUMBER, ScoredQuestion
from tailor.score.denial import NOT, held_once, is_denied, is_opposite, is_verb_denied
from tailor.score.polarity import polarities, polarity_of
from tailor.score.variants import with_sign, with_versions

_YEAR = re.compile(r"1\d{3}|20\d{2}")
_BETWEEN_CHARACTERS = re.compile(rf"(?<=[{UNSPACED_SCRIPTS}]) (?=[{UNSPACED_SCRIPTS}])")
_ITEMS = re.compile(
    r"\s*(?:[,;/|、，；·•]|\n[-*\d. ]*)\s*(?:(?:and|or|und|oder|y|o|et|ou)\s+)?"
    r"|\s+(?:&|and|or|as well as|und|oder|sowie|y|o|et|ou)\s+",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_KOREAN_OR = re.compile("[\uac00-\ud7af](?:이나|거나)$")
_MARKED_NUMBER = re.compile(r"\d[,/]\d")
_IN_A_LIST = re.compile(r"[、;|·•\n]|\s/\s|\s(?:and|or|und|oder|y|o|et|ou)\s", re.IGNORECASE)
_JOINS = re.compile(r"\s(?:&|and|as well as|und|sowie|y|et|e|en|och|og)\s", re.IGNORECASE)
_BRACKETS = re.compile(r"\[([^\[\]{}]+,[^\[\]{}]+)\]", re.DOTALL)
_OF_SENTENCES = NOT | frozenset("which who whom whose where when is are was were ist sind war est sont es son".split())
"""Words that make an item more than a name."""
_LED_BY = re.compile(r"\A(?:[\w'’]+[ \t]){0,5}[\w'’]+:\s+")
"""What leads up to a list, such as "Possible answers:"."""
_LEADING = (
    frozenset(phrases.LIGHT.split()) | phrases.MAYBE | frozenset("could might answer answers one any possible either both".split())
)
"""Words that lead up to the first item of a list."""
NEAR = 80
"""Words around a value by which a clause affirms or denies it; those of a text without marks can be thousands."""
LONGEST = 20_000
"""Characters of an answer that are looked at: how a longer one begins and ends."""
_LONGEST_ITEM = 4  # words
_WRAPPING = re.compile(r"```\w*\n|```|</?[a-z]\w*>")
"""Code fences and tags around an answer."""
_CHOICES = frozenset("abcdefgh")
_OPEN_ENDS = frozenset(
    "below above under over better worse higher lower greater more less fewer longer so later earlier older "
    "younger mehr weniger länger más menos plus moins".split()
)

Span = tuple[int, int]


def is_correct(question: str, accepted: Sequence[str], answer: str, fields: Mapping[str, str] | None = None) -> bool:
    """Whether the answer is right as people judge it, by its text alone.

    Args:
        question: what was asked.
        accepted: the accepted answers.
        answer: what was said, without citations.
        fields: the example's columns; where an accepted answer names one (the letter of a choice), what is there is right too.
    """
    if len(answer) > LONGEST:
        answer = f"{answer[: LONGEST // 2]} {answer[-LONGEST // 2 :]}"
    question, *texts = with_versions([question, *accepted, answer])
    accepted, answer = texts[:-1], texts[-1]
    asked = ScoredQuestion(question, tuple(accepted), language_of(f"{question} {' '.join(accepted)}"))
    answer = with_sign(question, asked.without_questions(_WRAPPING.sub(" ", asked.without_echo(answer))))
    choices = [fields[wanted] for wanted in accepted if fields and len(wanted) == 1 and fields.get(wanted)]
    if any(same(answer, wanted, asked.language) for wanted in (*accepted, *choices)):
        return True
    if any(_same_items(answer, wanted, asked.language) for wanted in accepted):
        return True
    said = ReadAnswer(asked, answer)
    return any(said.commits_to(wanted) for wanted in (*accepted, *asked.without_units, *asked.variants))


@dataclass(frozen=True)
class ReadAnswer:
    """An answer, clause by clause."""

    asked: ScoredQuestion
    text: str

    @cached_property
    def clauses(self) -> tuple[str, ...]:
        """Its clauses."""
        return self.asked.clauses(self.text)

    def words(self, clause: str) -> tuple[str, ...]:
        """The tokens of a clause."""
        return tokens(clause, self.asked.language)

    def commits_to(self, wanted: str) -> bool:
        """Whether the answer affirms the value and no other one of its kind."""
        language = self.asked.language
        if phrases.HEDGES.search(_spoken(self.words(self.text))) and not phrases.HEDGES.search(_spoken(self.words(wanted))):
            return False
        if len(phrases.PERHAPS.findall(self.text)) > 1 or self._adds_another(language):
            return False
        if polarity := polarity_of(wanted, language):
            return polarities(self.text, self.asked) == {polarity}
        if not contains(self.text, wanted, language):
            return False
        found = [(clause, span) for clause in self.clauses for span in places(clause, wanted, language)]
        clauses = self.clauses if found else (self.text,)  # the value itself has a comma or the like
        found = found or [(self.text, span) for span in places(self.text, wanted, language)]
        if not all(self._affirms(clause, span) and self._has_unit(clause, span, wanted) for clause, span in found):
            return False
        taken = {
            (clause, place)
            for value in self.asked.accepted
            for clause in clauses
            for span in places(clause, value, language)
            for place in range(*span)
        } | {(clause, place) for clause, span in found for place in range(*span)}
        return not (
            any(self._offers_other(clause, span) for clause, span in found)
            or self._lists(wanted)
            or self._is_taken_back(found)
            or any(self._is_rival(clause, span, wanted, found, taken) for clause in clauses for span in self._values(clause))
        )

    def _adds_another(self, language: str) -> bool:
        """Whether a sentence of its own offers something else: "Lumen. Or Orvik."."""
        others = [found["other"] for found in phrases.OR_AGAIN.finditer(self.text)]
        return any(not any(contains(other, value, language) for value in self.asked.accepted) for other in others)

    def _is_taken_back(self, found: Sequence[tuple[str, Span]]) -> bool:
        """Whether a bare "no" follows the value: "Lumen - no, Orvik"."""
        held = {clause for clause, _ in found}
        return any(
            before in held and {*self.words(after)} <= phrases.NO for before, after in pairwise(self.clauses) if self.words(after)
        )

    def _affirms(self, clause: str, span: Span) -> bool:
        words = self.words(clause)
        stop = span[1] + (NUMBER.fullmatch(words[span[1] - 1]) is not None and _unit(words, span[1] - 1) in UNIT_OF.values())
        before, after = _spoken(words[max(0, span[0] - NEAR) : span[0]]), _spoken(words[stop : stop + NEAR])
        if is_opposite(words, self.asked.spoken):
            return is_denied(before, after) or is_verb_denied(before, after, (), self.asked.language)
        if is_denied(before, after) or held_once(before, self.asked.words):
            return False
        if is_verb_denied(before, after, self.asked.spoken, self.asked.language):
            return False
        if not self._is_name_of(words, span) or self._names_another(before, after):
            return False
        limit = phrases.MORE_OR_LESS.search(before)
        return not (
            limit and NUMBER.fullmatch(words[span[0]]) and not {*limit.group().split()} & {"more", "less"} & self.asked.words
        )

    def _is_name_of(self, words: Sequence[str], span: Span) -> bool:
        """Whether the value stands for itself: no "no" in front of it, no "may" for May, not the time before or after a year."""
        value, front = words[span[0]], words[span[0] - 1] if span[0] else ""
        if front == "no" and self.asked.language != "pt" and not NUMBER.fullmatch(value):
            return False
        if front in ("before", "after") and front not in self.asked.words and _YEAR.fullmatch(value):
            return False
        return value != "may" or span[1] - span[0] > 1 or span[0] in (0, len(words) - 1) or _is_name(words, span)

    def _names_another(self, before: str, after: str) -> bool:
        """Whether the value only says whose brother, friend or the like is meant, which was not asked."""
        related = phrases.OF_WHOM_BEHIND.match(after) or phrases.OF_WHOM_IN_FRONT.match(before)
        return related is not None and not any(word.startswith(related[1]) for word in self.asked.words)

    def _has_unit(self, clause: str, span: Span, wanted: str) -> bool:
        """Whether a number without a unit is not given another one than was asked for."""
        words, value = self.words(clause), tokens(wanted, self.asked.language)
        if len(value) != 1 or not NUMBER.fullmatch(value[0]):
            return True
        unit = _unit(words, span[0])
        if unit not in UNIT_OF.values():
            return True
        own = {word for answer in self.asked.accepted for word in tokens(answer, self.asked.language)[1:]}
        return unit in self.asked.words or unit in own or not (own or unit in ("%", "‰"))

    def _offers_other(self, clause: str, span: Span) -> bool:
        """Whether "or" and something else is next to the value."""
        words = self.words(clause)
        either = phrases.OR | phrases.OR_OF.get(self.asked.language, frozenset())
        if len(words) > span[1] and _KOREAN_OR.search(words[span[1] - 1]):
            return True
        behind = span[1] < len(words) - 1 and words[span[1]] in either and words[span[1] + 1] not in _OPEN_ENDS
        front = span[0] > 0 and words[span[0] - 1] in either
        if not behind and not front:
            return False
        rest = _spoken(words[span[1] + 1 :] if behind else words[: span[0] - 1])
        return not any(contains(rest, other, self.asked.language) for other in self.asked.accepted)

    def _lists(self, wanted: str) -> bool:
        """Whether the answer lists items of which the value is one, or to which it adds others."""
        listed = _items_of(self.text)
        shown = [self._bare(item) for item in listed.items]
        if len(shown) < listed.least or any(not words or len(words) > _LONGEST_ITEM for words in shown):
            return False
        if any(NUMBER.fullmatch(word) or word in _OF_SENTENCES for words in shown for word in words):
            return False
        accepted = [self.words(value) for value in self.asked.accepted]
        if len(shown) == 2 and all(words in accepted for words in shown):
            return False
        own = [self.words(item) for item in _items_of(wanted).items]
        more = [words for words in shown if words not in own]
        longer = 1 < len(own) < len(shown) and all(words in shown for words in own)
        if longer and all(len(words) <= max(map(len, own)) <= 2 and words[0] not in phrases.FUNCTION_WORDS for words in more):
            return True
        return self.words(wanted) in shown

    def _bare(self, item: str) -> tuple[str, ...]:
        """The words of an item without what leads up to it, such as "it could be"."""
        words = self.words(item)
        leads = next((place for place, word in enumerate(words) if word not in _LEADING), len(words))
        return words[leads:]

    def _values(self, clause: str) -> Iterator[Span]:
        """Places of all that could be a value: numbers, days and months, letters of choices, alternatives of the question."""
        words = self.words(clause)
        yield from ((i, i + 1) for i, word in enumerate(words) if NUMBER.fullmatch(word) or word in _CHOICES)
        for other in self.asked.alternatives:
            yield from places(clause, other, self.asked.language)
        yield from ((i, i + 1) for i, word in enumerate(words) if word in phrases.ONE_WORD)
        for name in phrases.MORE_WORDS if self.asked.language in UNSPACED else ():
            yield from places(clause, name.replace(" ", ""), self.asked.language)

    def _is_rival(
        self, clause: str, span: Span, wanted: str, found: Sequence[tuple[str, Span]], taken: set[tuple[str, int]]
    ) -> bool:
        words, value = self.words(clause), tokens(wanted, self.asked.language)
        if any((clause, place) in taken for place in range(*span)) or not self._affirms(clause, span):
            return False
        if span[0] and words[span[0] - 1] in phrases.CONTEXT:
            return False
        other = " ".join(words[span[0] : span[1]])
        if other in self.asked.alternatives:
            return True
        if other in self.asked.words and not set(value) & self.asked.words:
            return False
        if NUMBER.fullmatch(other):
            return self._is_other_number(clause, span, found)
        if other in _CHOICES:
            return len(value) == 1 and value[0] in _CHOICES
        return any(
            _member(members, other) != _member(members, _spoken_value(value, members))
            for members in phrases.SETS
            if _member(members, other) and _spoken_value(value, members)
        ) and not (other in ("may", "i") and not _is_name(words, span))

    def _is_other_number(self, clause: str, span: Span, found: Sequence[tuple[str, Span]]) -> bool:
        """Whether a number has the unit of the accepted one, or is joined to it."""
        words = self.words(clause)
        unit = _unit(words, span[0])
        for where, place in found:
            own = self.words(where)
            numbers = [i for i in range(*place) if NUMBER.fullmatch(own[i])]
            if len(numbers) != 1:
                continue
            wanted, own_unit = own[numbers[0]], _unit(own, numbers[0])
            if wanted == words[span[0]]:
                continue
            if unit == own_unit and bool(_YEAR.fullmatch(wanted)) == bool(_YEAR.fullmatch(words[span[0]])):
                return True
            between = words[min(span[1], numbers[0] + 1) : max(span[0], numbers[0])]
            if where == clause and (unit in ("", own_unit) or not own_unit) and set(between) <= phrases.JOINING:
                return True
        return False


@dataclass(frozen=True)
class _Listed:
    """What may be a list: its items, and from how many on it is one."""

    items: tuple[str, ...]
    least: int


def _items_of(text: str) -> _Listed:
    """The items of a text that may be a list.

    Lines that begin with a mark, and two names that "and" joins, are a list of two. With commas alone there are four: three may be
    a place, as in "Lumen, Northshire, England".
    """
    text = _LED_BY.sub("", text.strip(" .!"))
    if (brackets := _BRACKETS.fullmatch(text)) is not None:
        return _Listed(tuple(item.strip(" '\"") for item in brackets[1].split(",") if item.strip(" '\"")), 2)
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1 and all(map(_BULLET.match, lines)):
        return _Listed(tuple(_BULLET.sub("", line) for line in lines), 2)
    items = tuple(item for item in _ITEMS.split(text) if item and item.strip())
    least = 2 if _JOINS.search(text) else 3 if _IN_A_LIST.search(text) else 4
    return _Listed(items, least)


def _same_items(answer: str, wanted: str, language: str) -> bool:
    """Whether both are lists of the same items, in whatever order."""
    if _MARKED_NUMBER.search(wanted):
        return False
    parts, own = ([item for item in _ITEMS.split(text.strip(" .!")) if item and item.strip()] for text in (wanted, answer))
    if len(parts) < 2 or len(parts) != len(own):
        return False
    items, found = (sorted(tokens(_BULLET.sub("", item), language) for item in side) for side in (parts, own))
    return items == found and not any(word in phrases.OR for word in tokens(answer, language))


def _spoken(words: Sequence[str]) -> str:
    """Tokens as text, characters of scripts without spaces together."""
    return _BETWEEN_CHARACTERS.sub("", " ".join(words))


def _unit(words: Sequence[str], place: int) -> str:
    """What a number counts: the word behind it, if that can be one."""
    word = words[place + 1] if place + 1 < len(words) else ""
    return "" if word in phrases.FUNCTION_WORDS or NUMBER.fullmatch(word) else word


def _member(members: Sequence[frozenset[str]], name: str) -> int:
    """The number of a name's value in a set, from 1; 0 where it is none of it."""
    return next((place for place, names in enumerate(members, start=1) if name in names), 0)


def _spoken_value(value: Sequence[str], members: Sequence[frozenset[str]]) -> str:
    """The one member of a set that an accepted answer holds, or an empty text."""
    text = f" {' '.join(value)} "
    held = [name for names in members for name in names if f" {name} " in text]
    return held[0] if len(held) == 1 else ""


def _is_name(words: Sequence[str], span: Span) -> bool:
    """Whether "may" is a month, or "I" a number, by the words next to it."""
    near = {*words[max(0, span[0] - 1) : span[0]], *words[span[1] : span[1] + 1]}
    return not near or any(NUMBER.fullmatch(word) or word in {"in", "of", *phrases.JOINING} for word in near)
