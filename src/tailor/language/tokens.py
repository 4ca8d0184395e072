"""Texts as sequences of comparable tokens, and whether one is in another.

What differs only in form is the same: case, quotes, full stops, spacing, the way a number is written, articles. What carries
meaning stays: signs and comparisons of numbers, their units and currencies, decimals, the pluses of C++ and 18+, accents, vowel
signs, emoji. Scripts without spaces (Chinese, Japanese, Thai, Khmer, Lao, Burmese) are compared by characters with their marks;
in languages that glue particles, cases or prefixes to words, a word is found with them (`tailor.language.glue`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from tailor.language.alike import written_alike
from tailor.language.dates import with_dates
from tailor.language.detect import UNSPACED_SCRIPTS
from tailor.language.glue import bare, begins_inside, can_be_glued, is_word
from tailor.language.numbers import DECIMAL_COMMA, KEPT, NAMED_UNITS, SHOWN, SPELT_NUMBERS, with_han_numbers, with_numbers

_DIGIT = re.compile(r"\d")
_SUPERSCRIPT = re.compile("(?<=[0-9])[⁰¹²³⁴-⁹⁻]+")
_SPACED_THOUSANDS = re.compile("(?<=\\d)[\u00a0\u202f\u2009'’](?=\\d{3}(?!\\d))")
_MERIDIEM = re.compile(r"(?<=\d)\s?([ap])\.?\s?m\b\.?", re.IGNORECASE)
_MINUS = re.compile(
    rf"(?<!\w)(?:minus|negative|negativ|menos|moins|meno)\s+(?=[$€£]?\d|(?:{SPELT_NUMBERS})(?!\w))|负(?=\d)|零下(?=\d)",
    re.IGNORECASE,
)
_PLUSES = re.compile(r"(?<=[A-Za-z])\++(?!\w)|(?<=\b[A-Z])#(?!\w)")
_GRADE = re.compile(r"(?<!\S)([A-Z]{1,2})-(?=$|[\s.,;)])")
_STARRED = re.compile(r"(?<![\w*][A-Z])(?<=\b[A-Z])\*(?![\w*])")
_NAME_WITH_DOT = re.compile(r"(?<!\S)\.(?=[A-Za-z])")
_POSSESSIVE = re.compile(r"(?<=\w)['’](?=s\b)")
_NEXT_SENTENCE = re.compile(r"(?<=[^\W\d_A-Z][a-zà-ÿß])\.(?=[A-ZÀ-Þ][a-zà-ÿ])")
_ARABIC_ENDS = re.compile("(?<=[ةى\u064b-\u064d])(?=[\u0621-\u064a])")
_LETTER_AND_DIGIT = re.compile("(?<=[\u0400-\u1fff])(?=\\d)|(?<=\\d)(?=[\u0590-\u08ff\u0900-\u0dff])")
_APOSTROPHE = {"tr": r"(?<=\w)['’](?=\w)", "fr": r"(?<=\w)['’](?=\w)", "it": r"(?<=\w)['’](?=\w)", "fi": r"(?<=\w):(?=[^\W\d])"}

_ARTICLES = {
    "": "an|the",
    "de": "der|die|das|den|dem|des|ein|eine|einen|einem|einer|eines|the",
    "es": "el|la|los|las|un|una|unos|unas|the",
    "fr": "le|la|les|l|un|une|des|du|the",
    "it": "il|lo|la|i|gli|le|l|un|uno|una|the",
    "pt": "o|a|os|as|um|uma|the",
    "nl": "de|het|een|the",
}
_BEFORE_A_WORD = r"(?=\s+[\"'“‘«(*]*\w)"
_ARTICLE = {
    code: re.compile(rf"(?<!\w)(?<!\w-)(?:(?i:{words}){'|a' if not code else ''}){_BEFORE_A_WORD}")
    for code, words in _ARTICLES.items()
}
# "A" at the start of a sentence is an article, but not in "A is right", and "Vitamin A helps" has none.
_FIRST_A = re.compile(
    rf"(?:(?<=^)|(?<=[.!?:] )|(?<=\n))A{_BEFORE_A_WORD}(?!\s+(?:is|was|and|or|because|as|since|are|has|would|should)\b)"
)
_AROUND = " \t\n.`'\""
"""What may be around an answer that is nothing but signs, such as `==`."""
_ENGLISH_ARTICLES = frozenset({"", "en"})


def _marks(spans: str) -> str:
    """The combining marks among the characters of a pattern's ranges."""
    inside = re.compile(f"[{spans}]")
    return "".join(chr(c) for c in range(0x0E00, 0x18FF) if unicodedata.category(chr(c))[0] == "M" and inside.match(chr(c)))


_GRAPHEME = re.compile(f"[{UNSPACED_SCRIPTS}][{_marks(UNSPACED_SCRIPTS)}\u3099\u309a]*")
_DROPPED_MARKS = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u0652\u0670\u0640\u06d6-\u06ed\ufe0e\ufe0f]")
_SAME_LETTERS = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ı": "i", "٫": ".", "٬": ",", "−": "-"})


class _Signs(dict[int, str]):
    """What becomes of each character: punctuation goes, dashes and slashes become spaces, emoji and the like are tokens."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Pd", "Pc", "Ps", "Pe") or character in '/\\,;!?:"…،؛؟。、！？；：।॥·':
            kept = " "
        elif category == "Cf" or category[0] == "P" or category in ("Sc", "Sm") or character in "©®™°№`^¨´":
            kept = ""
        elif category == "So" or 0x1F3FB <= code <= 0x1F3FF:
            kept = f" {character} "
        else:
            kept = "" if category == "Sk" else character
        self[code] = kept
        return kept


_SIGNS = _Signs()


@lru_cache(maxsize=8192)
def tokens(text: str, language: str = "", *, articles: bool = False) -> tuple[str, ...]:
    """The text's comparable tokens, in order; empty for a text of nothing but punctuation.

    Args:
        text: any text.
        language: its ISO 639-1 code where it is known; decides which articles go, and what "1.050" is.
        articles: whether articles stay.
    """
    text = with_dates(written_alike(_plain(text), language), language, day_first=language in DECIMAL_COMMA)
    if not articles:
        text = _without_articles(text, language)
    text = _with_kept_signs(text, language)
    if not text.isascii():
        text = _GRAPHEME.sub(r" \g<0> ", with_han_numbers(text))
    text = with_numbers(text, language)
    signs = text.translate(_SIGNS).casefold().replace("\u0307", "").translate(_SAME_LETTERS)
    return tuple(NAMED_UNITS.get(token, token) for token in signs.translate(SHOWN).split())


def same(text: str, other: str, language: str = "") -> bool:
    """Whether two texts are equal as tokens; articles go from both or from none."""
    found, wanted = tokens(text, language), tokens(other, language)
    if wanted or found:
        return found == wanted
    return text.strip(_AROUND) == other.strip(_AROUND)


def contains(text: str, part: str, language: str = "") -> bool:
    """Whether the tokens of `part` are in a row in `text`; never for a `part` without tokens."""
    needle = _joined(part, language)
    return needle != "  " and (needle in _joined(text, language) or bool(places(text, part, language)))


@lru_cache(maxsize=8192)
def _joined(text: str, language: str) -> str:
    return f" {' '.join(tokens(text, language))} "


def places(text: str, part: str, language: str = "") -> list[tuple[int, int]]:
    """Where the tokens of `part` are in those of `text`, as (start, stop) over `tokens(text, language)`.

    Articles go from both sides; where nothing is found so and `part` has several tokens, they stay on both.
    """
    found = _runs(tokens(text, language), tokens(part, language), language)
    if found or len(tokens(part, language, articles=True)) < 2:
        return found
    whole = tokens(text, language, articles=True)
    return [
        _narrowed(span, whole, tokens(text, language)) for span in _runs(whole, tokens(part, language, articles=True), language)
    ]


def _narrowed(span: tuple[int, int], whole: Sequence[str], without: Sequence[str]) -> tuple[int, int]:
    """A span over tokens with articles as one over those without: both are the same text, so its end counts from the back."""
    start = max(0, min(len(without) - 1, span[0] - (len(whole) - len(without))))
    return start, max(start + 1, min(len(without), span[1]))


def _runs(text: Sequence[str], part: Sequence[str], language: str) -> list[tuple[int, int]]:
    width = len(part)
    if not width or width > len(text):
        return []
    exact = f" {' '.join(part)} " in f" {' '.join(text)} "
    if not exact and not (can_be_glued(part[0], language) or can_be_glued(part[-1], language)):
        return []
    return [(at, at + width) for at in range(len(text) - width + 1) if _fits(text[at : at + width], part, language)]


def _fits(run: Sequence[str], part: Sequence[str], language: str) -> bool:
    last = len(part) - 1
    if last and begins_inside(run[0], part[0]):  # a space was left out in front
        run = (part[0], *run[1:])
    if any(run[place] != part[place] for place in range(1, last)):
        return False
    return all(is_word(run[place], part[place], language, first=place == 0, last=place == last) for place in {0, last})


def _plain(text: str) -> str:
    """The text in NFKC with ASCII digits, without marks that nobody reads aloud."""
    if text.isascii():
        return _SPACED_THOUSANDS.sub("", text) if "'" in text else text
    text = _SUPERSCRIPT.sub(lambda match: "^" + unicodedata.normalize("NFKC", match.group()), text)
    text = text.replace("，", ", ")  # never a mark of decimals
    text = _ARABIC_ENDS.sub(" ", unicodedata.normalize("NFKC", _SPACED_THOUSANDS.sub("", text))).translate(_SAME_LETTERS)
    text = _DROPPED_MARKS.sub("", text)
    if not text.isascii():
        text = "".join(str(unicodedata.digit(c)) if unicodedata.category(c) == "Nd" and not c.isascii() else c for c in text)
    return text


def _without_articles(text: str, language: str) -> str:
    code = "" if language in _ENGLISH_ARTICLES else language
    if code == "ar":
        return " ".join(map(bare, text.split(" ")))
    if code not in _ARTICLE:
        return _ARTICLE[""].sub(" ", text) if not text.isascii() and code in ("ja", "ko", "zh", "hi", "th") else text
    if code in ("fr", "it"):
        text = re.sub(_APOSTROPHE[code], " ", text)
    text = _ARTICLE[code].sub(" ", text)
    return _FIRST_A.sub(" ", text) if not code else text


def _with_kept_signs(text: str, language: str) -> str:
    if language in _APOSTROPHE:
        text = re.sub(_APOSTROPHE[language], " ", text)
    if "'" in text or "’" in text:
        text = _POSSESSIVE.sub(" ", text)
    if "." in text:
        text = _NAME_WITH_DOT.sub(KEPT["."], _NEXT_SENTENCE.sub(" ", text))
    if _DIGIT.search(text):
        text = _MERIDIEM.sub(r" \1m", _LETTER_AND_DIGIT.sub(" ", text))
    text = _MINUS.sub("-", text)
    if "+" in text or "#" in text:
        text = _PLUSES.sub(lambda match: match.group().translate(_KEEP), text)
    if "*" in text:
        text = _STARRED.sub(KEPT["*"], text)
    return _GRADE.sub(lambda match: match[1] + KEPT["-"], text) if "-" in text else text


_KEEP = str.maketrans(KEPT)
