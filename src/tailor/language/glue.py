"""Words that are written together with what belongs to them: particles, case endings, prefixed articles and prepositions."""

from __future__ import annotations

import re
from itertools import product

_KOREAN = re.compile(
    r"(?:들)?(?:께서|에서의|에서는|에서도|에서|에게서|에게|에는|에도|에|으로써|으로서|으로는|으로|로서|로써|로는|로|까지|부터|보다|처럼|만큼"
    r"|이나|나|이라고|라고|이라는|라는|이란|란|이며|며|이고|고|이다|다|이었다|였다|입니다|이었습니다|였습니다|이에요|예요|이야|야|인|인데"
    r"|은|는|이|가|을|를|의|와|과|도|만|요|이요|하고|동안|간|씩|쯤|경|정도)?"
)
_ARABIC_PREFIXES = frozenset("".join(parts) for parts in product(("", "و", "ف"), ("", "ب", "ك", "ل", "س"), ("", "ال", "ل")))
_HEBREW_PREFIXES = frozenset("".join(parts) for parts in product(("", "ו"), ("", "ש", "כש"), ("", "ב", "ל", "מ", "כ"), ("", "ה")))
_TURKISH = re.compile(
    r"(?:l[ae]r)?(?:[ıiuü]m[ıiuü]z|[ıiuü]n[ıiuü]z|s?[ıiuü]|[ıiuü]m|[ıiuü]n)?"
    r"(?:[dt][ae]n?|n[dt][ae]n?|y?[ae]|n[ae]|y?[ıiuü]|n[ıiuü]|n?[ıiuü]n|y?l[ae]|ki|[dt][ae]ki)?(?:[dt][ıiuü]r|y?[dt][ıiuü])?"
)
_FINNISH = re.compile(
    r"(?:i|e|t)?(?:ss[aä]|st[aä]|ll[aä]|lt[aä]|lle|n[aä]|ksi|tt[aä]|[aä]|t[aä]|n|[aeiouyäö]n|h[aeiouyäö]n|seen|siin|den|ten|iden|t)?"
    r"(?:kin|kaan|kään|ko|kö|ns[aä]|mme|nne)?"
)
_HUNGARIAN = re.compile(
    r"(?:[aeoö]?k)?(?:b[ae]n|b[ae]|b[óő]l|r[ae]|r[óő]l|t[óő]l|n[áé]l|h[oeö]z|n[ae]k|v[ae]l|ig|[oeö]n|n|[oeöá]?t|ért|ként|[ae]i|i)?"
)
_RUSSIAN = re.compile("(?:а|я|у|ю|е|и|ы|о|ь|ой|ей|ом|ем|ью|ам|ям|ами|ями|ах|ях|ов|ев)?")
_POLISH = re.compile("(?:a|u|o|y|i|ą|ę|e|owi|em|om|ie|ami|ach|ów)?")
_ENDINGS = {"tr": _TURKISH, "fi": _FINNISH, "hu": _HUNGARIAN, "ru": _RUSSIAN, "uk": _RUSSIAN, "pl": _POLISH}
_GRADED = (
    ("nk", "ng"),
    ("nt", "nn"),
    ("mp", "mm"),
    ("lt", "ll"),
    ("rt", "rr"),
    ("kk", "k"),
    ("pp", "p"),
    ("tt", "t"),
    ("k", ""),
    ("p", "v"),
    ("t", "d"),
)
"""Finnish consonants before a final vowel, and what they are before an ending (Helsinki, Helsingissä)."""

_HINDI = re.compile("(?:का|के|की|को|में|से|ने|पर|तक)?")
_HANGUL = re.compile("[\uac00-\ud7af]+")
_ARABIC = re.compile("[\u0620-\u06ff]+")
_DEVANAGARI = re.compile("[\u0900-\u097f]+")
_HEBREW = re.compile("[\u05d0-\u05ea]+")
_SHORTEST = 3
"""Letters of a word to which endings are read; shorter ones would fit by chance."""


def can_be_glued(word: str, language: str) -> bool:
    """Whether something may be written together with the word."""
    return language in _ENDINGS or bool(
        _HANGUL.search(word) or _ARABIC.match(word) or _HEBREW.match(word) or _DEVANAGARI.match(word)
    )


def is_word(written: str, word: str, language: str, *, first: bool, last: bool) -> bool:
    """Whether `written` is the word, or the word with what may be glued to it: before a `first` word, behind a `last` one."""
    if written == word:
        return True
    if _HANGUL.search(word):
        return last and written.startswith(word) and bool(_KOREAN.fullmatch(written[len(word) :]))
    if _ARABIC.match(word):
        return first and _prefixed(written, word, _ARABIC_PREFIXES) or first and _prefixed(written, bare(word), _ARABIC_PREFIXES)
    if _HEBREW.match(word):
        return first and _prefixed(written, word, _HEBREW_PREFIXES)
    if _DEVANAGARI.match(word):
        return last and len(word) > _SHORTEST and written.startswith(word) and bool(_HINDI.fullmatch(written[len(word) :]))
    if language in _ENDINGS and last and len(word) >= _SHORTEST:
        stems = (word, *_graded(word)) if language == "fi" else (word, *_without_ending(word, language))
        return any(written.startswith(stem) and _ENDINGS[language].fullmatch(written[len(stem) :]) for stem in stems)
    return False


def begins_inside(written: str, word: str) -> bool:
    """Whether an Arabic word ends in the word: with more words behind it, it was written without the space in front."""
    return bool(_ARABIC.match(word)) and len(word) > _SHORTEST and written.endswith(word)


def bare(word: str) -> str:
    """An Arabic word without its article, where a word is left."""
    return word[2:] if word.startswith("ال") and len(word) > 2 + _SHORTEST - 1 else word


def _prefixed(written: str, word: str, prefixes: frozenset[str]) -> bool:
    return len(word) > 1 and written.endswith(word) and written[: -len(word)] in prefixes


def _without_ending(word: str, language: str) -> list[str]:
    """Stems of a Slavic word: without its last vowel or soft sign, and with the o that stands for a Polish ó."""
    if language == "pl":
        word = re.sub("ó(?=[^aeiouyąęó]+$)", "o", word)
    stem = word.rstrip("аяоеьйыиaeoy") if language in ("ru", "uk", "pl") else word
    return [stem] if len(stem) > _SHORTEST and len(stem) >= len(word) - 1 else []


def _graded(word: str) -> list[str]:
    """Stems of a Finnish word as they come before endings."""
    stems = [word[:-1]] if word[-1] in "aeiouyäö" else []
    for strong, weak in _GRADED:
        if word[:-1].endswith(strong) and word[-1] in "aeiouyäö":
            stems.append(word[: -len(strong) - 1] + weak + word[-1])
            break
    return [stem for stem in stems if len(stem) >= _SHORTEST]
