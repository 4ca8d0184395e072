"""A question with its accepted answers, and what follows from the two for an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from tailor.language.numbers import UNIT_OF
from tailor.language.tokens import same, tokens
from tailor.score import phrases
from tailor.score.variants import variants

NUMBER = re.compile(r"[<>≤≥±]?-?\d+(?:[.:/]\d+)*\+?")
"""Fits a token that is a number."""


@dataclass(frozen=True)
class ScoredQuestion:
    """A question with its accepted answers."""

    question: str
    accepted: tuple[str, ...]
    language: str

    @cached_property
    def spoken(self) -> tuple[str, ...]:
        """The question's tokens."""
        return tokens(self.question, self.language)

    @cached_property
    def words(self) -> frozenset[str]:
        """The question's tokens, units in the form that they have behind a number."""
        return frozenset(self.spoken) | {UNIT_OF[word] for word in self.spoken if word in UNIT_OF}

    @cached_property
    def without_units(self) -> tuple[str, ...]:
        """Accepted numbers without the words that the question names: "30" for "30 days" where it asks how many days."""
        split = [tokens(wanted, self.language) for wanted in self.accepted]
        return tuple(
            number
            for words in split
            if len(words) > 1
            for number, rest in ((words[0], words[1:]), (words[-1], words[:-1]))
            if NUMBER.fullmatch(number) and {*rest} <= self.words
        )

    @cached_property
    def variants(self) -> tuple[str, ...]:
        """Other ways to write the accepted answers."""
        return tuple(other for wanted in self.accepted for other in variants(wanted))

    @cached_property
    def alternatives(self) -> tuple[str, ...]:
        """What the question offers to choose from, where an accepted answer is one of it."""
        parts = [part for part in phrases.ALTERNATIVES.split(self.question) if part.strip()]
        if len(parts) < 2:
            return ()
        ends = [tokens(part, self.language) for part in parts]
        found = []
        for wanted in (tokens(answer, self.language) for answer in self.accepted):
            width = len(wanted)
            at = [i for i, words in enumerate(ends) if wanted and wanted in (words[-width:], words[:width])]
            for i in at:
                if i + 1 < len(ends) and ends[i][-width:] == wanted:
                    found.append(ends[i + 1] if len(ends[i + 1]) <= width + 1 else ends[i + 1][:width])
                if i and ends[i][:width] == wanted:
                    found.append(ends[i - 1] if len(ends[i - 1]) <= width + 1 else ends[i - 1][-width:])
        return tuple(" ".join(words) for words in found if words)

    def without_echo(self, answer: str) -> str:
        """The answer without the question, where it repeats it."""
        if same(answer, self.question, self.language):
            return ""
        start = answer.casefold().find(self.question.strip().casefold()) if self.question.strip() else -1
        return answer if start < 0 else f"{answer[:start]} {answer[start + len(self.question.strip()) :]}"

    def without_questions(self, answer: str) -> str:
        """The answer without what it asks itself, which affirms nothing."""
        return answer if any("?" in wanted for wanted in self.accepted) else phrases.without_questions(answer)

    def clauses(self, answer: str) -> tuple[str, ...]:
        """The clauses of an answer, each of which affirms or denies; double denials are taken off."""
        plain = phrases.ALL_BUT.sub(r"\1 except", phrases.SURE.sub(" ", phrases.ONLY.sub("only", answer)))
        return tuple(part.strip() for part in phrases.CLAUSES.split(plain) if part and tokens(f"{part} ", self.language))
