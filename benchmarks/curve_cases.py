"""Classification tasks out of public data for the learning curves: what is available, what comes later, and rows to test on.

Data: banking77 (Casanueva et al. 2020, arXiv:2003.04807), clinc150 (Larson et al. 2019, arXiv:1909.02027), NLU++ (Casanueva et al.
2022, arXiv:2204.13021), WNUT 2017 (Derczynski et al. 2017) and XQuAD (Artetxe et al. 2019, arXiv:1910.11856).
"""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.common import data_file
from tailor.data.example import Example
from tailor.data.near import near_groups
from tailor.task import Task

TEST_ROWS = 400
Row = tuple[str, str]


@dataclass(frozen=True)
class Case:
    """One task.

    Attributes:
        name: of the data and of what is asked.
        rows: the pool in a random order; the first `size` of them are available, the first `2 * size` at the last size.
        test: rows to test on, none of them near a row of the pool.
        size: existing labels.
        developed_on: the method's constants were set while looking at this case.
    """

    name: str
    rows: tuple[Example, ...]
    test: tuple[Example, ...]
    size: int
    developed_on: bool

    @property
    def task(self) -> Task:
        """As a user would write it."""
        labels = tuple(sorted({example.label for example in (*self.rows, *self.test)}))
        return Task.model_validate(
            {
                "name": self.name,
                "kind": "classify",
                "instruction": "Read the text and name its label.",
                "input": "{{text}}",
                "output": "label",
                "labels": labels,
                "data": {"train": "train.csv", "test": "test.csv"},
                "tuning": {"layers": 6, "rank": 64, "learning_rate": 2e-3},
            }
        )


def cases() -> list[Case]:
    """All of them, in a fixed order. Those of clinc150 served to develop the method, the others did not."""
    sizes = (80, 120, 160, 240, 320, 480)
    return [
        case for number, (name, rows) in enumerate(_tasks()) if (case := _case(name, rows, sizes[number % len(sizes)])) is not None
    ]


def _case(name: str, rows: list[Row], size: int) -> Case | None:
    """A random draw: at least four labels of each class available on average; a text and its near-duplicates come once."""
    size = max(size, 4 * len({label for _, label in rows}))
    drawn = random.Random(name).sample(rows, min(len(rows), 3 * size + 2 * TEST_ROWS))
    first = [i for i, group in enumerate(near_groups([text for text, _ in drawn])) if group == i]
    size = min(size, len(first) // 3)
    examples = [Example(f"{name}-{i}", {"text": drawn[i][0]}, (drawn[i][1],)) for i in first]
    return Case(
        name, tuple(examples[: 2 * size]), tuple(examples[2 * size : 2 * size + TEST_ROWS]), size, name.startswith("clinc150")
    )


def _tasks() -> Iterator[tuple[str, list[Row]]]:
    yield from _banking()
    yield from _clinc()
    yield from _nlupp()
    yield from _questions()
    tweets = [(r["text"], {e["label"] for e in r["entities"]}) for r in _lines("wnut17/train.jsonl")]
    yield "wnut17 names something", [(text, "yes" if kinds else "no") for text, kinds in tweets]
    yield "wnut17 names a person", [(text, "yes" if "person" in kinds else "no") for text, kinds in tweets]


def _banking() -> Iterator[tuple[str, list[Row]]]:
    """Disjoint sets of intents, from five to sixteen of them, and all 77 together."""
    rows = [(r["text"], r["label"]) for part in ("train", "test") for r in _table(f"banking77/{part}.csv")]
    intents = sorted({label for _, label in rows})
    random.Random(0).shuffle(intents)
    start = 0
    for count in (5, 6, 7, 8, 9, 12, 14, 16):
        kept = set(intents[start : start + count])
        start += count
        yield f"banking77 {count} intents", [row for row in rows if row[1] in kept]
    yield "banking77 all intents", rows


def _clinc() -> Iterator[tuple[str, list[Row]]]:
    """The intents of each domain, the domains, two sets of thirty intents, and in scope or not."""
    rows = [r for part in ("train", "val", "test") for r in _table(f"clinc150/{part}.csv")]
    inside = [r for r in rows if r["out_of_scope"] == "0"]
    for domain in sorted({r["domain"] for r in inside}):
        yield f"clinc150 {domain}", [(r["text"], r["label"]) for r in inside if r["domain"] == domain]
    yield "clinc150 domains", [(r["text"], r["domain"]) for r in inside]
    intents = sorted({r["label"] for r in inside})
    random.Random(0).shuffle(intents)
    for start in (0, 30):
        kept = set(intents[start : start + 30])
        yield f"clinc150 intents {start + 1} to {start + 30}", [(r["text"], r["label"]) for r in inside if r["label"] in kept]
    outside = [(r["text"], "outside") for r in rows if r["out_of_scope"] == "1"]
    yield "clinc150 scope", outside + [(r["text"], "inside") for r in random.Random(0).sample(inside, len(outside))]


def _nlupp() -> Iterator[tuple[str, list[Row]]]:
    """Which domain; whether a frequent intent is among a text's; how many intents it has."""
    parts = {name: list(_lines(f"nlupp/{name}.jsonl")) for name in ("banking", "hotels")}
    yield "nlupp domain", [(r["text"], name) for name, part in parts.items() for r in part]
    for name, part in parts.items():
        common = Counter(intent for r in part for intent in r["intents"]).most_common(3)
        for intent, _ in common:
            yield f"nlupp {name} {intent}", [(r["text"], "yes" if intent in r["intents"] else "no") for r in part]
        yield f"nlupp {name} number of intents", [(r["text"], str(min(3, len(r["intents"])))) for r in part]


def _questions() -> Iterator[tuple[str, list[Row]]]:
    """Which of a dozen articles a question is about."""
    article = {r["doc_id"]: int(r["article"]) for r in _lines("squad_xquad/documents.en.jsonl")}
    rows = [(r["question"], article[r["doc_id"]]) for r in _lines("squad_xquad/questions.en.jsonl")]
    for start in (0, 12, 24):
        yield f"xquad articles from {start}", [(text, f"article {n}") for text, n in rows if start <= n < start + 12]


def _table(name: str) -> list[dict[str, str]]:
    with data_file(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _lines(name: str) -> Iterator[dict[str, Any]]:
    with data_file(name).open(encoding="utf-8") as file:
        yield from map(json.loads, file)
