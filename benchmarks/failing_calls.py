"""Whether claims are as true, and no test set is opened, when one call in ten to an endpoint fails.

500 studies (TAILOR_STUDIES in the environment) of systems that are all equally good and one point below the target, so that every
claim is false: that one meets the target, or that one is better than another. Their endpoint fails at random, for certain rows, for
a while, or for one system above all; a failed study is run again until nothing fails, as a user would. Each is also run without
failures, and must end in the same decision.
"""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from tailor.approaches.approach import TrainingData
from tailor.data.doubt import Data
from tailor.data.example import Example, Splits
from tailor.data.identity import Identity
from tailor.decide.clock import Clock
from tailor.decide.finalists import finalists
from tailor.decide.ladder import Climb
from tailor.decide.prices import PriceList
from tailor.decide.rungs import tie
from tailor.decide.step import Step
from tailor.decide.types import Decision, Rates
from tailor.engine import Engine
from tailor.experiment import final_test
from tailor.ledger import Ledger
from tailor.models.base import Reply, Request
from tailor.models.fake import FakeEmbedder, FakeModel
from tailor.store.openings import Opening, Rated
from tailor.store.spending import Spent
from tailor.task import Task

STUDIES = 500
RATE, TARGET = 0.69, 0.70
SHARE = 0.1
"""Of calls that fail, whatever the way; what follows makes up this share of the calls of a study."""
ROW_FAILS, ROW_SHARE = 2, 0.06
DOWN_EVERY, DOWN_FROM, DOWN_FOR = 100, 50, 11
SYSTEM_SHARE = 0.2
MOST_RUNS = 40
"""A study whose calls fail at random is not expected to take more runs until none fails."""
RATES = Rates(1.0, 2.0, 0.0, "made up")
ROWS = {"train": 12, "dev": 32, "test": 60}

Way = Literal["at random", "by row", "by time", "by system"]
WAYS: tuple[Way, ...] = get_args(Way)


class Endpoint(FakeModel):
    """A model behind an endpoint, right on a fixed share of the questions by chance; one call in ten fails in some way.

    Args:
        seed: of what it knows.
        way: how calls fail; None for an endpoint that never does.
    """

    block = 8

    def __init__(self, seed: int, way: Way | None) -> None:
        super().__init__(self._said)
        self._seed, self._way = seed, way
        self._chance = random.Random(f"{seed} {way}")
        self._asked = Counter[str]()
        self._systems: list[str] = []
        self.made = self.failed = 0

    def stream(self, requests: Sequence[Request], deliver: Callable[[dict[int, Reply]], None]) -> None:
        """Each reply as it comes; those of failed calls with an error."""
        for place, request in enumerate(requests):
            self.made += 1
            if self._fails(request):
                self.failed += 1
                deliver({place: Reply("", finish="error", error="the endpoint failed (503)")})
            else:
                deliver({place: self.reply([request])[0]})

    def _said(self, request: Request) -> str:
        text = request.messages[-1].text
        return text.split()[-1].replace("q", "a") if self._share("knows", str(request.messages)) < RATE else "a"

    def _fails(self, request: Request) -> bool:
        if self._way is None:
            return False
        if self._way == "by row":  # the same rows for every system, as often as makes up the share of calls
            question = str(request.messages)
            self._asked[question] += 1
            return self._asked[question] <= ROW_FAILS and self._share("row", request.messages[-1].text.split()[-1]) < ROW_SHARE
        if self._way == "by time":
            return DOWN_FROM <= self.made % DOWN_EVERY < DOWN_FROM + DOWN_FOR
        if self._way == "by system":  # every other one
            return self._number(request) % 2 == 0 and self._chance.random() < SYSTEM_SHARE
        return self._chance.random() < SHARE

    def _number(self, request: Request) -> int:
        """Of the system that asks, in the order in which they first did."""
        system = f"{len(request.messages)} {request.messages[0].text}" if len(request.messages) > 1 else ""
        if system not in self._systems:
            self._systems.append(system)
        return self._systems.index(system)

    def _share(self, what: str, of: str) -> float:
        digest = hashlib.sha256(f"{self._seed} {what} {of}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48


class Quiet:
    """An observer that sees nothing."""

    def began(self, rung: str, system: str) -> None:
        """Nothing."""

    def progress(self, done: int, total: int) -> None:
        """Nothing."""

    def ended(self, step: Step) -> None:
        """Nothing."""

    def pays(self, spent: Callable[[], Spent]) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""


class Watched(Ledger):
    """A ledger that notes whether a test set was opened before all its answers had come."""

    def __enter__(self) -> Watched:
        """Itself."""
        return self

    early = 0
    missing: Callable[[], int] | None = None

    def open_test(
        self, rows: Sequence[Identity], systems: Iterable[str], data: Data | None = None, rated: Rated | None = None
    ) -> Opening:
        """Note it, and open."""
        self.early += self.missing is not None and self.missing() > 0
        return super().open_test(rows, systems, data, rated)


def run() -> dict[str, float]:
    """The figures, over all ways of failing together."""
    number = int(os.environ.get("TAILOR_STUDIES", str(STUDIES)))
    with ProcessPoolExecutor(max_workers=2) as pool:
        return figures(list(pool.map(studied, range(number), chunksize=5)))


def figures(found: Sequence[tuple[bool, bool, int, int, int, int]]) -> dict[str, float]:
    """What came of some studies."""
    table = np.array(found, dtype=float)
    false, false_without, _, runs, failed, made = table.mean(axis=0)
    by_way = {way.replace(" ", "_"): table[number :: len(WAYS)] for number, way in enumerate(WAYS)}
    return {
        "studies": float(len(found)),
        "false_claims": false,
        "false_claims_without_failures": false_without,
        "opened_on_failed_calls": float(table[:, 2].sum()),
        "other_decision_than_without_failures": float((table[:, 0] != table[:, 1]).sum()),
        "runs_until_decided": runs,
        "share_of_calls_failed": failed / made,
        **{f"failed_{way}": float(part[:, 4].sum() / part[:, 5].sum()) for way, part in by_way.items()},
        **{f"false_{way}": float(part[:, 0].mean()) for way, part in by_way.items()},
    }


def studied(number: int) -> tuple[bool, bool, int, int, int, int]:
    """One study: a false claim with failures and without, openings on failed calls, runs, calls failed and made."""
    way = WAYS[number % len(WAYS)]
    flaky, sound = Endpoint(number, way), Endpoint(number, None)
    with project(number) as (splits, ledger, folder):
        runs, decision = 0, None
        while decision is None and runs < MOST_RUNS:
            decision = decided(splits, ledger, folder, flaky)
            runs += 1
        early = ledger.early
    with project(number) as (splits, ledger, folder):
        other = decided(splits, ledger, folder, sound)
    assert decision is not None and other is not None, f"study {number} was not decided in {MOST_RUNS} runs"
    assert (decision.verdict, decision.chosen, decision.headline) == (other.verdict, other.chosen, other.headline), number
    return is_false(decision), is_false(other), early, runs, flaky.failed, flaky.made


def is_false(decision: Decision) -> bool:
    """Whether anything is claimed of systems that are equally good and miss the target."""
    claims = [found.estimate.low is not None and found.estimate.low > 0 for found in decision.differences]
    return decision.verdict == "target met" or any(claims)


def decided(splits: Splits, ledger: Watched, folder: Path, model: Endpoint) -> Decision | None:
    """One run of the study; None where failed calls kept the test set sealed."""
    task = task_of()
    engine = Engine(model, lambda name: FakeEmbedder(), ledger, folder)
    data, prices = TrainingData(task, splits.train, splits.dev), PriceList({model.digest: RATES}, RATES)
    climb = Climb(data, engine, prices, Clock(None), Quiet(), False, len(splits.test))
    climb.climb()
    chosen = finalists(climb.runs, tie(task)).values()
    ledger.missing = lambda: sum(engine.missing(found.system, splits.test) for found in chosen)
    return final_test(climb, splits, ledger, Quiet())[1]


def task_of() -> Task:
    """Short answers, right or not."""
    basic = {"name": "t", "kind": "answer", "instruction": "Answer.", "input": "{{q}}", "output": "a", "data": "a.csv"}
    return Task.model_validate(basic | {"metric": "exact", "target": TARGET, "persona": "You know."})


@contextmanager
def project(number: int) -> Iterator[tuple[Splits, Watched, Path]]:
    """Rows of a study, and an empty ledger of a user who opened nothing before."""
    rows = iter(range(number * 1000, (number + 1) * 1000))
    split = {
        name: tuple(Example(f"{i}", {"q": f"What is q{i}"}, (f"a{i}",)) for i, _ in zip(rows, range(count), strict=False))
        for name, count in ROWS.items()
    }
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        os.environ["TAILOR_STATE"] = f"{folder}/state"
        with Watched(Path(folder) / ".tailor") as ledger:
            yield Splits(split["train"], split["dev"], split["test"], ()), ledger, Path(folder)
