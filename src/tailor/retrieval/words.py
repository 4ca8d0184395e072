"""How keyword search tells words apart, by the language that the documents are in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from tailor.language.detect import NAMES, Languages, languages_of

Words: TypeAlias = dict[str, str | bool]
"""Settings of LanceDB's full-text index."""

ENGLISH: Words = {"language": "English", "stem": True, "remove_stop_words": True, "ascii_folding": True, "with_position": False}
"""On the English XQuAD questions nDCG@10 is 0.7 points lower without stemming and 0.3 lower with stop words."""

STEMMED = frozenset("ar da de el en es fi fr hu it nb nl pt ro ru sv ta tr".split())
"""Languages for which LanceDB has a stemmer (Snowball's); they also have stop words."""

_UNSPACED_FROM = 0.01
"""Share of text without spaces from which words are found by ICU's dictionaries. On XQuAD this costs English 0.3 points of nDCG@10
and German 0.2, and gives Chinese 0.96."""


def words_for(texts: Iterable[str]) -> Words:
    """The settings for documents with these texts.

    One index has one stemmer: that of the language of most of the text. Where no language has two thirds of it, or none is known,
    words are compared as they are; texts without any known word are taken for English, as product codes do no harm there.
    """
    return words_in(languages_of(texts))


def words_in(languages: Languages) -> Words:
    """The settings for documents in these languages."""
    words = dict(ENGLISH)
    if languages.main in STEMMED:
        words["language"] = NAMES[languages.main]
    elif languages.share:
        words |= {"stem": False, "remove_stop_words": False}
    if languages.unspaced >= _UNSPACED_FROM:
        words["base_tokenizer"] = "icu"
    return words
