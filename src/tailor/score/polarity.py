"""Yes and no: which of them an accepted answer is, and which of them an answer says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tailor.language.detect import UNSPACED
from tailor.language.tokens import tokens
from tailor.score import phrases
from tailor.score.asked import ScoredQuestion
from tailor.score.denial import CONTRARY, NOT, denies, is_opposite

_IN_SCRIPT = {
    "ja": (re.compile("いいえ|いや|違|ちがい"), re.compile("はい|ええ|そうです")),
    "th": (re.compile("ไม่|เปล่า"), re.compile("ใช่|ถูกต้อง")),
    "zh": (re.compile("不|否|没|非"), re.compile("是|对|可以|能|会|有")),
}
"""What a clause begins with that says no, and yes, in languages without spaces."""
_LETTERS = {("y",): {"yes"}, ("n",): {"no"}}
"""Answers of one letter."""
_VERB_LEADS = frozenset({"", "en", "de", "nl", "sv", "da", "nb"})
"""Languages in which a question of yes or no begins with its verb, and a statement does not."""
_EMPTY = phrases.FUNCTION_WORDS - CONTRARY - frozenset("due right true correct located found held named called exactly".split())
"""Words that tell nothing of what is asked."""


def polarity_of(wanted: str, language: str) -> str:
    """Yes or no in English, where that is all of an accepted answer; else an empty text."""
    words = tokens(wanted, language)
    if language in UNSPACED and len(wanted.strip()) <= 3:
        said = _characters_say(wanted, language)
    else:
        said = _polar(set(words)) if len(words) == 1 else set()
    return said.pop() if len(said) == 1 else ""


def polarities(text: str, asked: ScoredQuestion) -> set[str]:
    """Which of yes and no an answer says, in English."""
    plain = phrases.SAYING_YES.sub("yes", phrases.SAYING_NO.sub("no", phrases.DENYING_NO.sub("maybe", text)))
    said: set[str] = set()
    words = [tokens(clause, asked.language) for clause in asked.clauses(plain)]
    for clause, spoken in zip(asked.clauses(plain), words, strict=True):
        telling = {*spoken} - phrases.POLAR_FILLERS
        if asked.language in UNSPACED:
            said |= _characters_say(clause, asked.language)
        elif telling and telling <= phrases.YES | phrases.NO:
            said |= _polar(telling)
    whole = tokens(plain, asked.language)
    if whole in _LETTERS:
        return _LETTERS[whole]
    if not said and not _polar({*whole}):
        if _denies_the_question(whole, asked) or _says_the_opposite(whole, asked):
            return {"no"}
        if _restates_the_question(whole, asked):
            return {"yes"}
    return said or _polar({*whole[:1]}) or _polar({word for clause in words for word in clause})


def _denies_the_question(words: Sequence[str], asked: ScoredQuestion) -> bool:
    """Whether "not" and a word of the question behind it make up the answer: "It is not free." to "Is it free?"."""
    place = next((i for i, word in enumerate(words) if word in NOT), len(words))
    telling = [word for word in words[place + 1 :] if word not in _EMPTY]
    return bool(telling) and telling[0] in asked.words - _EMPTY and not denies(_as_asked(asked), asked.language)


def _says_the_opposite(words: Sequence[str], asked: ScoredQuestion) -> bool:
    """Whether the answer says that something is forbidden, or closed, where the question asks whether it is allowed, or open."""
    question = _as_asked(asked)
    return is_opposite(words, question) and not denies(words, asked.language) and _stays_with({*words} - {*CONTRARY}, question)


def _restates_the_question(words: Sequence[str], asked: ScoredQuestion) -> bool:
    """Whether the answer is the question as a statement: "Dogs are allowed." to "Are dogs allowed?".

    The question begins with its verb and the answer does not, so an echo of the question says nothing.
    """
    question = _as_asked(asked)
    if asked.language not in _VERB_LEADS or not words or not question or words[0] == question[0]:
        return False
    told = {*question} - _EMPTY
    whole = question[0] in {*words, "do", "does", "did"} and told <= {*words} and _stays_with({*words}, question)
    return bool(told) and whole and not denies(words, asked.language) and not denies(question, asked.language)


def _as_asked(asked: ScoredQuestion) -> tuple[str, ...]:
    """The words of the question without "yes or no" behind it."""
    plain = re.sub(r"[,;:(\s]*\b(?:yes or no|ja oder nein|yes/no|ja/nein)\b\W*$", "", asked.question, flags=re.IGNORECASE)
    return tokens(plain, asked.language)


def _stays_with(words: set[str], question: Sequence[str]) -> bool:
    """Whether the answer has no words of its own."""
    return words <= {*question} | phrases.FUNCTION_WORDS | phrases.POLAR_FILLERS


def _polar(words: set[str]) -> set[str]:
    return {kind for kind, known in (("yes", phrases.YES), ("no", phrases.NO)) if words & known}


def _characters_say(clause: str, language: str) -> set[str]:
    """Which of yes and no a clause begins with, or both where it names both."""
    no, yes = _IN_SCRIPT.get(language, _IN_SCRIPT["zh"])
    parts = [part for part in phrases.ALTERNATIVES.split(clause.replace("也", "或")) if part]
    return {"no" if no.match(part) else "yes" for part in parts if no.match(part) or yes.match(part)}
