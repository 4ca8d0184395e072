"""Near-duplicates: small edits found, distinct texts kept apart, and the time that 100,000 rows take.

A thousand texts of each set are edited in six ways, and each way by itself is put back among all texts of the set; then all six
at once. An edit is found if it falls into the group of its original. Two texts of one intent (of one document, on XQuAD) are
distinct if no single edit of these kinds makes one into the other, by a comparison that shares only the normal form with
`tailor.data`. Such a pair in one group is false.
"""

from __future__ import annotations

import csv
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from benchmarks.common import data_file
from tailor.data.near import near_groups, normalise

EDITED = 1000
ROWS = 100_000
SHOWN = 20
LANGUAGES = ("en", "de", "es", "zh", "hi", "ar")
BEHIND = (
    "please help me with this as soon as you can",
    "thank you very much",
    "can you tell me",
    "I would be glad of an answer today",
    "what should I do now",
    "asap",
)
IN_FRONT = ("hello there", "good morning, a quick question:", "excuse me but", "I wonder,", "hi team please tell me")
BEHIND_ZH, IN_FRONT_ZH = ("请尽快帮我处理", "谢谢", "我该怎么办"), ("你好", "请问一下", "我想知道")

Row = tuple[str, str]  # text, intent


def run() -> dict[str, float]:
    """Found per kind of edit and false per 1,000 pairs, the worst set of each; the largest group; seconds for 100,000 rows."""
    figures: dict[str, float] = {}
    sets = {"banking77": _csv("banking77", "train", "test"), "clinc150": _csv("clinc150", "train", "val", "test")}
    sets |= {f"xquad_{language}": _xquad(language) for language in LANGUAGES}
    for name, rows in sets.items():
        unspaced = name.endswith("zh")
        figures |= {f"{name}_found_{kind}": share for kind, share in _found(rows, unspaced).items()}
        figures |= {f"{name}_{key}": value for key, value in _false(name, rows, unspaced).items()}
        print(f"  {name}: { ({key: round(value, 3) for key, value in figures.items() if key.startswith(name)}) }", file=sys.stderr)
    for kind in EDITS:
        figures[f"found_{kind}_worst"] = min(value for key, value in figures.items() if key.endswith(f"_found_{kind}"))
    figures["false_per_1000_worst"] = max(value for key, value in figures.items() if key.endswith("_false_per_1000"))
    figures["largest_group"] = max(value for key, value in figures.items() if key.endswith("_largest_group"))
    figures["seconds_100000"] = _seconds([text for name in ("banking77", "clinc150") for text, _ in sets[name]])
    return figures


def _csv(name: str, *parts: str) -> list[Row]:
    rows = []
    for part in parts:
        with data_file(f"{name}/{part}.csv").open(encoding="utf-8", newline="") as file:
            rows += [(row["text"], row["label"]) for row in csv.DictReader(file)]
    return rows


def _xquad(language: str) -> list[Row]:
    lines = data_file(f"squad_xquad/questions.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["question"], row["doc_id"]) for row in map(json.loads, lines)]


# --- edits


def _word(text: str, words: Sequence[str], rng: random.Random, unspaced: bool) -> str:
    if unspaced:  # two characters, about a word
        place = rng.randrange(max(1, len(text) - 2))
        return text[:place] + rng.choice(words) + text[place + 2 :]
    mine = text.split(" ")
    mine[rng.randrange(len(mine))] = rng.choice(words)
    return " ".join(mine)


def _typo(text: str, words: Sequence[str], rng: random.Random, unspaced: bool) -> str:
    place, kind, letter = rng.randrange(len(text)), rng.choice("change drop add exchange".split()), rng.choice(rng.choice(words))
    if kind == "exchange" and place + 1 < len(text):
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text[:place] + ("" if kind == "drop" else letter) + text[place + (kind != "add") :]


def _two_typos(text: str, words: Sequence[str], rng: random.Random, unspaced: bool) -> str:
    return _typo(_typo(text, words, rng, unspaced) or text, words, rng, unspaced)


def _behind(text: str, words: Sequence[str], rng: random.Random, unspaced: bool) -> str:
    return f"{text}{rng.choice(BEHIND_ZH)}" if unspaced else f"{text} {rng.choice(BEHIND)}"


def _in_front(text: str, words: Sequence[str], rng: random.Random, unspaced: bool) -> str:
    return f"{rng.choice(IN_FRONT_ZH)}{text}" if unspaced else f"{rng.choice(IN_FRONT)} {text}"


def _number(text: str, words: Sequence[str], rng: random.Random, unspaced: bool) -> str:
    return f"{text} {rng.randrange(1, 10_000)}"


EDITS: Mapping[str, Callable[[str, Sequence[str], random.Random, bool], str]] = {
    "word": _word,
    "typo": _typo,
    "two_typos": _two_typos,
    "phrase_behind": _behind,
    "phrase_in_front": _in_front,
    "number_behind": _number,
}


def _found(rows: Sequence[Row], unspaced: bool) -> dict[str, float]:
    """Share of the edits found per kind; and when a text's six edits are all in the file."""
    rng = random.Random(0)
    texts = [text for text, _ in rows]
    words = sorted(
        {word for text in texts for word in ((text[i : i + 2] for i in range(len(text) - 1)) if unspaced else text.split())}
    )
    some = rng.sample(range(len(texts)), min(EDITED, len(texts)))
    found, all_edits = {}, []
    for kind, edit in EDITS.items():
        edited = [edit(texts[index], words, rng, unspaced) for index in some]
        all_edits += list(zip(some, edited, strict=True))
        groups = near_groups([*texts, *edited])
        found[kind] = sum(groups[index] == group for index, group in zip(some, groups[len(texts) :], strict=True)) / len(some)
    groups = near_groups([*texts, *(text for _, text in all_edits)])
    together = sum(groups[index] == group for (index, _), group in zip(all_edits, groups[len(texts) :], strict=True))
    return {**found, "all_at_once": together / len(all_edits)}


# --- distinct texts


def _false(name: str, rows: Sequence[Row], unspaced: bool) -> dict[str, float]:
    distinct = list({normalise(text): (text, intent) for text, intent in rows}.values())
    groups: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(near_groups([text for text, _ in distinct])):
        groups[group].append(index)
    pairs = sum(count * (count - 1) // 2 for count in Counter(intent for _, intent in distinct).values())
    linked = [
        (distinct[a][0], distinct[b][0])
        for group in groups.values()
        for a, b in combinations(group, 2)
        if distinct[a][1] == distinct[b][1]
    ]
    edits = [_is_edit(a, b, unspaced) for a, b in linked]
    for (a, b), edit in random.Random(0).sample(list(zip(linked, edits, strict=True)), min(SHOWN, len(linked))):
        print(f"  {name}, {'an edit' if edit else 'FALSE'}: {a!r} ~ {b!r}", file=sys.stderr)
    return {
        "false_per_1000": 1000 * edits.count(False) / (pairs - edits.count(True)),
        "linked_per_1000": 1000 * len(linked) / pairs,
        "rows_in_groups_per_1000": 1000 * sum(len(group) for group in groups.values() if len(group) > 1) / len(distinct),
        "largest_group": max(map(len, groups.values())),
    }


def _is_edit(a: str, b: str, unspaced: bool) -> bool:
    """Whether one edit of the kinds above makes one text into the other; case, punctuation and digits do not count."""
    a, b = (re.sub(r"\d+", "0", normalise(text)) for text in (a, b))
    if _distance(a.replace(" ", ""), b.replace(" ", "")) <= 2:
        return True
    short, long = sorted([list(text.replace(" ", "")) if unspaced else text.split() for text in (a, b)], key=len)
    if long[: len(short)] == short or long[-len(short) :] == short:
        return True
    start = next((place for place, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short))
    backwards = enumerate(zip(short[start:][::-1], long[start:][::-1], strict=False))
    end = next((place for place, (x, y) in backwards if x != y), len(short) - start)
    return len(long) - start - end <= (4 if unspaced else 1)


def _distance(a: str, b: str) -> int:
    """Edit distance with exchanges of neighbours (Damerau 1964)."""
    before_that: list[int] = []
    before = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        now = [i]
        for j, y in enumerate(b, start=1):
            best = min(before[j] + 1, now[-1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, before_that[j - 2] + 1)
            now.append(best)
        before_that, before = before, now
    return before[-1]


def _seconds(texts: Sequence[str]) -> float:
    """Seconds for 100,000 rows: all texts, and edits of them."""
    rng = random.Random(0)
    words = sorted({word for text in texts for word in text.split()})
    kinds = list(EDITS.values())
    rows = [*texts, *(rng.choice(kinds)(rng.choice(texts), words, rng, False) for _ in range(ROWS - len(texts)))]
    started = time.perf_counter()
    near_groups(rows)
    return time.perf_counter() - started
