"""Groups of texts that are the same or nearly the same.

Two texts are near-duplicates if a small edit makes one into the other: another word in one place, one or two typos, a phrase in
front or behind, another number, the same words in another order. Longer texts are, too, if they share most of their runs of five
characters, as they do when every seventh word is another, or a passage word for word, as a reply does with the mail that it quotes.
Each kind of edit has a look of its own, because no single similarity finds all of them in a short text: one word in six changes a
third of its characters.

What many texts have in common is a template, such as "what does ... mean", and no sign that one was made from another; each look
says from how many texts on. Another number is the exception: texts that only fill in another number are always near.

Edits are looked for in a plain form of the text. Whether two texts are *the same* is another question, which `normalise` answers: a
vowel sign, an emoji, a minus and the sign of a currency are part of what a text says. Texts that differ in them may be
near-duplicates, and are never the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from tailor.data.minhash import jaccard_links
from tailor.data.near_passages import passage_links, reordered_links
from tailor.data.near_typos import typo_links
from tailor.data.near_words import UNSPACED, word_links
from tailor.data.union import UnionFind

NUMBER = "0"  # stands for every number in the plain form of a text
WORDS_LEAST = 2  # with fewer words, numbers are all that a text says

_MINUS = "\ue000"  # stands for a sign while punctuation is taken out
_SIGNED = re.compile(r"(?<!\w)[-\u2212](?=\d)")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_INSIDE_WORD = re.compile(r"(?<=\w)[!-/:-@\u2019](?=\w)")
_WORD = re.compile(r"[^\W\d_]")
_SPACE = re.compile(r"\s+")
_KEPT_PUNCTUATION = "%‰#&@"


class _Marks(dict[int, str]):
    """What becomes of each character: letters, digits, marks and symbols stay, punctuation becomes space, format characters go."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cf" or character in "\ufe0e\ufe0f":  # joiners, and whether an emoji is shown in colour
            kept = ""
        elif category in ("Sm", "Sc", "So") or character in _KEPT_PUNCTUATION or (category == "Sk" and code > 0x2FF):
            kept = f" {character} "
        else:
            kept = " " if category[0] in "PSZ" or category == "Cc" else character
        self[code] = kept
        return kept


_MARKS = _Marks({ord(_MINUS): " -"})


def normalise(text: str) -> str:
    """The text without differences of case, encoding, spacing and sentence punctuation.

    Marks on letters, the minus of a number, emoji and other symbols (+, <, %, $, #) stay. So does punctuation where there is
    nothing else.
    """
    folded = _fold(text)
    return " ".join(_SIGNED.sub(_MINUS, folded).translate(_MARKS).split()) or _SPACE.sub(" ", folded).strip()


def near_groups(texts: Sequence[str]) -> list[int]:
    """For each text the index of the first text of its group; a text without a near-duplicate is its own group.

    A group is a text with its near-duplicates, and those that have no other text to go to; a chain of near-duplicates is several
    groups. The groups do not depend on the order of the texts. The time is in proportion to the amount of text: less than a
    minute for 100,000 questions of a dozen words.
    """
    same, plain = [normalise(text) for text in texts], [_plain(text) for text in texts]
    nodes = sorted(set(plain))  # this order makes the groups independent of the order of the texts
    place = {text: index for index, text in enumerate(nodes)}
    twins = UnionFind(len(nodes))
    seen: dict[str, int] = {}
    for text, form in zip(same, plain, strict=True):  # the same text may have two plain forms: "e-mail" and "e mail"
        twins.join(place[form], seen.setdefault(text, place[form]))
    links = chain(word_links(nodes), typo_links(nodes), jaccard_links(nodes), reordered_links(nodes), passage_links(nodes))
    group_of = _stars(len(nodes), {(twins.find(a), twins.find(b)) for a, b in links})
    first: dict[int, int] = {}
    return [first.setdefault(group_of[twins.find(place[form])], index) for index, form in enumerate(plain)]


def _stars(n: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """A group for each item: an item with all that are linked to it and not yet in a group, those with the most links first.

    An item whose neighbours are all in groups by then joins the group of most of them. So a chain of links does not become one
    group, and every item that has neighbours has one of them in its group (star clustering; Aslam, Pelekhov, Rus 2004).
    """
    near: list[set[int]] = [set() for _ in range(n)]
    for a, b in links:
        if a != b:
            near[a].add(b)
            near[b].add(a)
    group = [-1] * n
    late = []
    for item in sorted(range(n), key=lambda item: (-len(near[item]), item)):
        if group[item] >= 0:
            continue
        free = [other for other in near[item] if group[other] < 0]
        if near[item] and not free:
            late.append(item)
            continue
        for other in (item, *free):
            group[other] = item
    for item, chosen in [(item, Counter(group[other] for other in near[item])) for item in late]:
        group[item] = min(chosen, key=lambda number: (-chosen[number], number))
    return group


def near_matches(texts: Sequence[str], known: Sequence[str]) -> list[int | None]:
    """For each text the index of the first known text in its group, or None if it is in no group with a known one.

    The groups are those of all texts together, as `near_groups` finds them.
    """
    groups = near_groups([*known, *texts])
    return [group if group < len(known) else None for group in groups[len(known) :]]


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")  # a capital dotted I of Turkish
    return unicodedata.normalize("NFKC", folded)


def _plain(text: str) -> str:
    """The text as edits are looked for in it: words and symbols, each number alike, and none at the ends.

    Where numbers are nearly all that it says, they stay. Scripts without spaces get one around each character.
    """
    folded = _INSIDE_WORD.sub("", _fold(text))
    masked = normalise(_NUMBER.sub(NUMBER, folded))
    masked = UNSPACED.sub(r" \g<0> ", masked)
    words = masked.split()
    if sum(bool(_WORD.search(word)) for word in words) < WORDS_LEAST:
        return normalise(text)
    start, end = 0, len(words)
    while words[start] == NUMBER:
        start += 1
    while words[end - 1] == NUMBER:
        end -= 1
    return " ".join(words[start:end])
