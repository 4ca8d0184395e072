"""The tasks of the benchmark `diagnosis`: small cuts of public data, each with what stands for every lever on it.

Data: banking77 (Casanueva et al. 2020, arXiv:2003.04807), CLINC150 (Larson et al. 2019), XQuAD (Artetxe et al. 2020,
arXiv:1910.11856), CLAP NQ (Rosenthal et al. 2024, arXiv:2404.02103), E2E NLG (Novikova et al. 2017, arXiv:1706.09254), NLU++
(Casanueva et al. 2022, arXiv:2204.13021) and GSM8K (Cobbe et al. 2021, arXiv:2110.14168).
"""

from __future__ import annotations

import csv
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from benchmarks.common import data_file
from benchmarks.intents import LABELS
from benchmarks.retrieval import clapnq, xquad
from tailor.approaches.approach import Approach, TrainingData
from tailor.approaches.prompting import Constraints
from tailor.data.example import Example
from tailor.documents.reading import Document
from tailor.engine import Engine, OnProgress
from tailor.system import System
from tailor.task import Task

Pair = tuple[str, tuple[str, ...]]
"""What is asked, and the accepted answers."""

TUNING = {"layers": 6, "rank": 64, "learning_rate": 2e-3}
"""LoRA on the top layers, for speed. Recorded outcomes are of adapters on all linear parts of them, as it then was."""
INTENT = "Read the customer's message and name what it is about."


@dataclass(frozen=True)
class Held:
    """Hold the answer to a regular expression."""

    pattern: str
    name: str = "held"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System whose decoding can write nothing else."""
        return system.then(self.name, decoding=system.decoding.model_copy(update={"pattern": self.pattern}))


@dataclass(frozen=True)
class Case:
    """A task, and what stands for its levers.

    Attributes:
        data: training and dev rows.
        documents: what can be retrieved.
        form: what holds answers to their form; None where the baseline is held already.
        shots: how many nearest examples a prompt shows.
        fresh: whether the constants of the forecasts were chosen without it.
    """

    data: TrainingData
    documents: tuple[Document, ...] = ()
    form: Approach | None = None
    shots: int = 5
    fresh: bool = False

    @property
    def name(self) -> str:
        """The task's name."""
        return self.data.task.name

    @property
    def simple(self) -> Literal["knowledge", "behaviour"]:
        """What the simple rule says: questions over documents are for retrieval, everything else is for tuning."""
        return "knowledge" if self.documents else "behaviour"


def cases() -> Iterator[Case]:
    """All of them: first those that the constants were chosen on, then the fresh ones."""
    yield from _known()
    for case in _fresh():
        yield replace(case, fresh=True)


def _fresh() -> Iterator[Case]:
    domains = _table("clinc150/train.csv", "domain", lambda row: row["out_of_scope"] == "0")
    yield _intents("domains-flipped", domains, each=24, dev=100, flipped=0.2)
    thirty = _table("clinc150/train.csv", "label", lambda row: row["domain"] in ("banking", "travel"))
    yield _intents("intents-30", thirty, each=10, dev=100)
    yield _ratings()
    yield _times()
    yield _clapnq()


def _known() -> Iterator[Case]:
    banking = _table("banking77/train.csv", "label")
    confusable = [pair for pair in banking if pair[1][0] in LABELS]
    yield _intents("banking-12", confusable, each=20, dev=96)
    yield _intents("banking-12-flipped", confusable, each=20, dev=96, flipped=0.2)
    domains = _table("clinc150/train.csv", "domain", lambda row: row["out_of_scope"] == "0")
    yield _intents("domains-50", domains, each=5, dev=100)
    yield _intents("domains-240", domains, each=24, dev=100)
    yield _dates()
    yield _prices()
    yield _restaurants()
    yield _maths()
    yield _xquad()
    yield _intents("banking-77", banking, each=5, dev=120)


def _intents(name: str, pairs: Sequence[Pair], each: int, dev: int, flipped: float = 0.0) -> Case:
    """`each` training rows of every label, and dev rows in turn of all labels; a share of the training labels is made wrong."""
    draw = random.Random(0)
    by_label: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_label[pair[1][0]].append(pair)
    labels = sorted(by_label)
    drawn = {label: draw.sample(by_label[label], min(len(by_label[label]), each + -(-dev // len(labels)))) for label in labels}
    train = [pair for label in labels for pair in drawn[label][:each]]
    left = [pair for label in labels for pair in drawn[label][each:]]
    draw.shuffle(train)
    draw.shuffle(left)
    for i in draw.sample(range(len(train)), round(flipped * len(train))):
        text, (label, *_) = train[i]
        train[i] = text, (draw.choice([other for other in labels if other != label]),)
    task = _task(name, kind="classify", instruction=INTENT, labels=labels)
    return Case(TrainingData(task, _examples("train", train), _examples("dev", left[:dev])))


def _dates() -> Case:
    return _open(_copying("dates", "which day or period is meant"), _slots("date"), train=240, dev=100)


def _times() -> Case:
    return _open(_copying("times", "which time is meant"), _slots("time"), train=120, dev=80)


def _copying(name: str, what: str) -> Task:
    instruction = f"Copy from the message the words that say {what}."
    limits = ["Write only these words and nothing else."]
    return _task(name, instruction=instruction, metric="exact", max_words=10, constraints=limits)


def _slots(kind: str) -> list[Pair]:
    """Messages with exactly one slot whose name begins so, and its text."""
    rows = [row for part in ("banking", "hotels") for row in _lines(f"nlupp/{part}.jsonl")]
    found = [(row["text"], [slot["text"] for slot in row["slots"] if slot["slot"].startswith(kind)]) for row in rows]
    return [(text, tuple(slots)) for text, slots in found if len(slots) == 1]


def _ratings() -> Case:
    rows = [row for row in _lines("e2e_nlg/dev.grouped.jsonl") if "customer rating" in row["slots"]]
    pairs = [(row["refs"][0], (row["slots"]["customer rating"],)) for row in rows]
    known = sorted({answers[0] for _, answers in pairs})
    instruction = f"Name the customer rating of the restaurant: {', '.join(known)}."
    task = _task("ratings", instruction=instruction, metric="exact", max_words=8)
    return _open(task, pairs, train=200, dev=100, form=Held("|".join(map(re.escape, known))))


def _prices() -> Case:
    rows = [row for row in _lines("e2e_nlg/dev.grouped.jsonl") if "priceRange" in row["slots"]]
    pairs = [(row["refs"][0], (row["slots"]["priceRange"],)) for row in rows]
    known = tuple(sorted({answers[0] for _, answers in pairs}))
    instruction = f"Name the price range of the restaurant: {', '.join(known)}."
    return _open(
        _task("prices", instruction=instruction, metric="exact", max_words=8),
        pairs,
        train=200,
        dev=100,
        form=Held("|".join(map(re.escape, known))),
    )


def _restaurants() -> Case:
    pairs = [(row["mr"], tuple(row["refs"])) for row in _lines("e2e_nlg/dev.grouped.jsonl")]
    task = _task(
        "restaurants",
        instruction="Describe the restaurant in a sentence that says all of these facts.",
        metric="f1",
        max_words=40,
        constraints=["Write one sentence of at most 30 words and nothing else."],
    )
    return _open(task, pairs, train=160, dev=80)


def _maths() -> Case:
    pairs = [(row["question"], (row["final"],)) for row in _lines("gsm8k/train.jsonl")]
    task = _task("maths", instruction="Solve the problem. Answer with the final number.", metric="exact", max_words=20)
    return _open(task, pairs, train=160, dev=100, form=Held(r"-?\d+(\.\d+)?"))


def _xquad() -> Case:
    documents, _ = xquad()
    pairs = [
        (row["question"], tuple(dict.fromkeys(answer["text"] for answer in row["answers"])))
        for row in _lines("squad_xquad/questions.en.jsonl")
    ]
    task = _task("xquad", instruction="Answer the question in a few words.", constraints=["Write at most five words."])
    return _open(task, pairs, train=240, dev=100, documents=documents)


def _clapnq() -> Case:
    documents, _ = clapnq()
    rows = [row for row in _lines("clapnq_dev/queries.jsonl") if row["answerable"]]
    pairs = [(row["question"], tuple(answer["text"] for answer in row["answers"])) for row in rows]
    task = _task(
        "clapnq",
        instruction="Answer the question in one to three full sentences.",
        metric="f1",
        max_words=50,
        constraints=["Write at most three sentences."],
    )
    return _open(task, pairs, train=100, dev=80, documents=documents)


def _open(
    task: Task,
    pairs: Sequence[Pair],
    train: int,
    dev: int,
    documents: Sequence[Document] = (),
    form: Approach = Constraints(),  # noqa: B008
) -> Case:
    """Rows drawn with seed 0; of equal inputs the first alone."""
    drawn = list(dict(random.Random(0).sample(list(pairs), len(pairs))).items())
    rows = _examples("train", drawn[:train]), _examples("dev", drawn[train : train + dev])
    return Case(TrainingData(task, *rows), tuple(documents), form, shots=3)


def _task(name: str, **settings: Any) -> Task:
    given: dict[str, Any] = {
        "kind": "answer",
        "input": "{{text}}",
        "output": "answer",
        "data": {"train": "train.csv", "test": "test.csv"},
    }
    given["tuning"] = TUNING
    return Task.model_validate({"name": name, **given, **settings})


def _examples(part: str, pairs: Sequence[Pair]) -> tuple[Example, ...]:
    return tuple(Example(f"{part}-{i}", {"text": text}, answers) for i, (text, answers) in enumerate(pairs))


def _table(name: str, label: str, wanted: Callable[[dict[str, str]], bool] = lambda row: True) -> list[Pair]:
    with data_file(name).open(encoding="utf-8", newline="") as file:
        return [(row["text"], (row[label],)) for row in csv.DictReader(file) if wanted(row)]


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data_file(name).read_text(encoding="utf-8").split("\n") if line]
