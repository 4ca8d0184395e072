"""The language of a text, from its script and its most common words.

Deterministic and without a model. Good enough to choose a stemmer or a decimal mark, which is all it is used for; short texts
without a common word have no language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

NAMES = {
    **{"ar": "Arabic", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "fa": "Persian"},
    **{"fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "it": "Italian", "ja": "Japanese"},
    **{"km": "Khmer", "ko": "Korean", "lo": "Lao", "my": "Burmese", "nb": "Norwegian", "nl": "Dutch", "pl": "Polish"},
    **{"pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "ta": "Tamil", "th": "Thai", "tr": "Turkish"},
    **{"uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese"},
}
UNSPACED = frozenset({"ja", "km", "lo", "my", "th", "zh"})
"""Languages that write no spaces between words."""

UNSPACED_SCRIPTS = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana, Han
)
_UNSPACED = re.compile(f"[{UNSPACED_SCRIPTS}]")

_SCRIPTS = {
    "ja": "\u3040-\u30ff",
    "zh": "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff",
    "ko": "\uac00-\ud7af\u1100-\u11ff",
    "th": "\u0e00-\u0e7f",
    "lo": "\u0e80-\u0eff",
    "km": "\u1780-\u17ff",
    "my": "\u1000-\u109f",
    "he": "\u0590-\u05ff",
    "ar": "\u0600-\u06ff",
    "hi": "\u0900-\u097f",
    "el": "\u0370-\u03ff",
    "ru": "\u0400-\u04ff",
    "ta": "\u0b80-\u0bff",
    "latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
}
_IN_SCRIPT = {code: re.compile(f"[{characters}]") for code, characters in _SCRIPTS.items()}
_KANA = 0.05
"""A share of kana from which Han characters are Japanese."""

# Letters that tell languages of one script apart.
_LETTERS = {"fa": re.compile("[پچژگ]"), "ur": re.compile("[ٹڈڑںے]"), "uk": re.compile("[іїєґ]")}

_COMMON_WORDS = {
    "da": "og det at en den til er som på de med han af for ikke der var jeg har et men hvad hvor hvornår hvilken hvordan af",
    "de": (
        "der die das und ist ein eine nicht mit von zu den dem des im auf für wie was wer wo wann welche welcher welches hat wird "
        "sich auch aus bei nach werden wurde sind oder es ich sie wir viel viele kann muss darf ihr am im zum zur man ob euro"
    ),
    "en": (
        "the a an and of to in is are was were what which who how when where why that for on with by from at as it this does do "
        "did be or not can has have many much"
    ),
    "es": "el la los las de que y en un una es por con para del se no qué cuál cuándo dónde quién cómo cuántos "
    "cuántas como su más está son fue hay cuesta cuánto cuánta",
    "fi": "ja on ei se että oli ovat mikä mitä missä milloin kuka kuinka monta hän joka tai kun myös sekä ole olla mutta",
    "fr": "combien sont ont cette ce ces avez quelles être à le la les de des du et est un une en dans que qui "
    "pour par sur au aux il elle ne pas quel quelle quels où quand avec",
    "hu": "a az és hogy nem is egy van volt mi milyen mikor hol ki hány mely meg csak el vagy azt ez",
    "it": "il lo la i gli le di che e è un una in per con del della dei delle non si quale quando dove chi come "
    "quanti da sono è quante quanto dov della nel",
    "nb": "og det er en et på som til av med for ikke han den de har jeg var hva hvor når hvilken hvordan hvem fra ble",
    "nl": "de het een en van is in dat op te zijn met voor niet aan er wat wie waar wanneer welke hoe veel door "
    "die naar ook werd hoeveel kost mag kan moet",
    "pl": "i w na nie z się do to jest że jak co kto gdzie kiedy ile który która które przez dla po od są był była",
    "pt": "o a os as de do da dos das e em um uma que não para com por no na é se qual quando onde quem como "
    "quantos mais quantas custa está são foi fica",
    "ro": "și de la în a este un o cu pe nu din care ce cine unde când cât câte să au fost pentru mai prin",
    "sv": "och att det är en ett på som till av med för inte han den de har jag var vad när vilken hur vem från",
    "tr": "ve bir bu için ile ne da de mi mı kim nerede zaman kaç hangi nasıl olarak daha çok en olan var değil",
    "vi": "và là của có không được trong cho những một các người này với đã để khi gì ai đâu bao nhiêu",
}
_WORDS_OF = {code: frozenset(words.split()) for code, words in _COMMON_WORDS.items()}
_CODES_OF = {word: [code for code, own in _WORDS_OF.items() if word in own] for words in _WORDS_OF.values() for word in words}
_LATIN_WORD = re.compile(r"[^\W\d_]+")
_LOOKED_AT = 4_000
"""Characters of a text that are looked at."""


@lru_cache(maxsize=4096)
def language_of(text: str) -> str:
    """The text's language as an ISO 639-1 code of `NAMES`; empty where it cannot be determined."""
    text = text[:_LOOKED_AT].lower().replace("\u0307", "")  # of the Turkish capital I
    if text.isascii():
        return _by_words(text)
    counts = {script: len(pattern.findall(text)) for script, pattern in _IN_SCRIPT.items()}
    script = max(counts, key=counts.__getitem__)
    if not counts[script]:
        return ""
    if script == "latin":
        return _by_words(text)
    if script == "zh" and counts["ja"] >= _KANA * counts["zh"]:
        return "ja"
    if script == "ar":
        return next((code for code in ("ur", "fa") if _LETTERS[code].search(text)), "ar")
    if script == "ru" and _LETTERS["uk"].search(text):
        return "uk"
    return script


def _by_words(text: str) -> str:
    """The language of a text in Latin letters, by which list holds most of its words; empty where none or two hold most."""
    held = Counter(code for word in _LATIN_WORD.findall(text) for code in _CODES_OF.get(word, ()))
    if not held:
        return ""
    most = max(held.values())
    best = [code for code, count in held.items() if count == most]
    return best[0] if len(best) == 1 else ""


def is_unspaced(character: str) -> bool:
    """Whether the character belongs to a script that writes no spaces between words."""
    return bool(_UNSPACED.match(character))


@dataclass(frozen=True)
class Languages:
    """What languages a collection of texts is in.

    Attributes:
        main: the language of most of the text, as an ISO 639-1 code; empty where none can be determined, or none has two thirds.
        share: the share of the text that is in it.
        unspaced: the share of the text in languages that write no spaces.
    """

    main: str
    share: float
    unspaced: float

    @property
    def said(self) -> str:
        """The languages in words, such as "German" or "several languages"."""
        if self.main:
            return NAMES[self.main] if self.share > _ALL_BUT else f"mostly {NAMES[self.main]}"
        return "several languages" if self.share else "a language that Tailor does not know"


_ALL_BUT = 0.9
_MOST = 2 / 3


def languages_of(texts: Iterable[str]) -> Languages:
    """The languages of texts, each weighted by its length."""
    weights: Counter[str] = Counter()
    for text in texts:
        weights[language_of(text[:_LOOKED_AT])] += len(text)
    total, unknown = sum(weights.values()), weights.pop("", 0)
    known = total - unknown
    if not known:
        return Languages("", 0.0, 0.0)
    main, weight = max(weights.items(), key=lambda item: (item[1], item[0]))
    unspaced = sum(weights[code] for code in UNSPACED)
    return Languages(main if weight >= _MOST * known else "", weight / known, unspaced / total)
