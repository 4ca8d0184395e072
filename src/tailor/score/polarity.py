"""Yes and no: which of them an accepted answer is, and which of them an answer says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tailor.language.detect import UNSPACED
from tailor.language.tokens import tokens
from tailor.score import phrases
from tailor.score.asked import ScoredQuestion
from tailor.score.denial import NOT, denies

_IN_SCRIPT = {
    "ja": (re.compile("いいえ|いや|違|ちがい"), re.compile("はい|ええ|そうです")),
    "th": (re.compile("ไม่|เปล่า"), re.compile("ใช่|ถูกต้อง")),
    "zh": (re.compile("不|否|没|非"), re.compile("是|对|可以|能|会|有")),
}
"""What a clause begins with that says no, and yes, in languages without spaces."""


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
    if not said and not _polar({*whole}) and _denies_the_question(whole, asked):
        return {"no"}
    return said or _polar({*whole[:1]}) or _polar({word for clause in words for word in clause})


def _denies_the_question(words: Sequence[str], asked: ScoredQuestion) -> bool:
    """Whether "not" and a word of the question behind it make up the answer: "It is not free." to "Is it free?"."""
    place = next((i for i, word in enumerate(words) if word in NOT), len(words))
    telling = [word for word in words[place + 1 :] if word not in phrases.FUNCTION_WORDS]
    return bool(telling) and telling[0] in asked.words - phrases.FUNCTION_WORDS and not denies(asked.spoken, asked.language)


def _polar(words: set[str]) -> set[str]:
    return {kind for kind, known in (("yes", phrases.YES), ("no", phrases.NO)) if words & known}


def _characters_say(clause: str, language: str) -> set[str]:
    """Which of yes and no a clause begins with, or both where it names both."""
    no, yes = _IN_SCRIPT.get(language, _IN_SCRIPT["zh"])
    parts = [part for part in phrases.ALTERNATIVES.split(clause.replace("也", "或")) if part]
    return {"no" if no.match(part) else "yes" for part in parts if no.match(part) or yes.match(part)}
