"""A whole study, to its decision: eight prompt variants, four with retrieval, four tuned; against the full grid with public tools.

Data: banking77 (Casanueva et al. 2020, arXiv:2003.04807), the twelve intents of the benchmark `intents`: 240 training rows, 128 dev
rows, 200 test rows. The documents are a page for each intent with fifteen of its messages, none of them a training row.

Tailor races the candidates of each rung (synchronised halving; tuned ones on the dev rows that did not choose their epoch), tests
the finalists and decides. The other side is the same work done by hand: every candidate's prompts on every dev row, and three
finalists on the test rows, scored by lm-evaluation-harness at its best batch size; four trainings of as many rows and epochs by
`trl sft`; documents and questions embedded for each retrieval candidate. Its cost is measured on a sample (four rows of each
candidate; one epoch of 64 training rows) and scaled. The second run adds one prompt variant; the other side does the whole grid
again.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from benchmarks.common import engine_for
from benchmarks.intents import LABELS, TASK, read_rows
from benchmarks.lm_eval_task import Harness, write_task
from benchmarks.timing import seconds_of
from benchmarks.train import BATCH, banking_rows, trl_seconds
from tailor.approaches.approach import Approach, TrainingData, starting_system
from tailor.approaches.prompting import Constraints, FewShot, Persona, ZeroShot
from tailor.approaches.retrieval import Retrieve
from tailor.approaches.tuning import FineTune
from tailor.data.example import Example, Splits
from tailor.decide.clock import Clock
from tailor.decide.ladder import Climb
from tailor.decide.prices import price_list
from tailor.decide.rungs import Proposal, Rung
from tailor.decide.step import Step
from tailor.documents.reading import Document
from tailor.engine import Engine, OnProgress
from tailor.errors import TailorError
from tailor.experiment import final_test
from tailor.labels import display_labels
from tailor.models.catalogue import open_embedder
from tailor.models.local import LocalModel
from tailor.store.spending import Spent
from tailor.system import System

TRAIN, DEV, TEST, PAGE = 240, 128, 200, 15
SAMPLE, TRAIN_SAMPLE, FINALISTS = 4, 64, 3
PROMPTS: tuple[Approach, ...] = (
    ZeroShot(),
    FewShot(2),
    FewShot(3),
    FewShot(5),
    FewShot(2, "nearest"),
    FewShot(5, "nearest"),
    Persona(),
    Constraints(),
)
RETRIEVALS: tuple[Approach, ...] = (Retrieve("bm25"), Retrieve("vector"), Retrieve("hybrid"), Retrieve("hybrid", passages=3))
ADDED: Approach = FewShot(3, "nearest")


@dataclass(frozen=True)
class Tuned:
    """LoRA with a rank and a learning rate of its own."""

    rank: int
    learning_rate: float
    looks_at_dev: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Rank and rate."""
        return f"lora-{self.rank}-{self.learning_rate:g}"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The tuned System."""
        tuning = data.task.tuning.model_copy(update={"rank": self.rank, "learning_rate": self.learning_rate})
        task = data.task.model_copy(update={"tuning": tuning})
        return FineTune("lora").fit(system, replace(data, task=task), engine, on_progress)


TUNED: tuple[Approach, ...] = (Tuned(8, 1e-3), Tuned(16, 5e-4), Tuned(16, 1e-3), Tuned(32, 1e-3))


class Quiet:
    """An observer that notes on standard error what was measured."""

    def began(self, rung: str, system: str) -> None:
        """Nothing."""

    def progress(self, done: int, total: int) -> None:
        """Nothing."""

    def ended(self, step: Step) -> None:
        """One line."""
        mean = f"{step.dev.mean:.2f}" if step.dev else step.status
        print(f"    {step.rung}: {step.system} {mean} in {step.seconds:.0f} s", file=sys.stderr)

    def pays(self, spent: Callable[[], Spent]) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""


class Grid(Climb):
    """A climb over rungs that are given."""

    def over(self, rungs: Sequence[tuple[str, Sequence[Approach]]]) -> None:
        """Race the candidates of each rung."""
        start = starting_system(self.data.task, self.data.train, self.engine.model)
        for name, approaches in rungs:
            self.track.race(Rung(name, lambda start, runs: []), [Proposal(approach, start) for approach in approaches])


def run() -> dict[str, float]:
    """`ratio_wall`, `ratio_second_run`, and the seconds they come from."""
    splits, documents = data()
    extra = {"persona": "You are a careful bank clerk.", "constraints": ("Answer with the label only.",)}
    task = TASK.model_copy(update=extra)
    with engine_for(task, documents) as engine:
        taught = TrainingData(task, splits.train, splits.dev)
        rungs = [("prompt", PROMPTS), ("retrieve", RETRIEVALS), ("tune", TUNED)]
        first, climb = seconds_of(lambda: study(taught, splits, engine, rungs))
        again = [("prompt", (*PROMPTS, ADDED)), *rungs[1:]]
        second, _ = seconds_of(lambda: study(taught, splits, engine, again))
        print(f"  Tailor: {first:.0f} s, with one more {second:.0f} s", file=sys.stderr)
        rival = rival_seconds(climb, taught, engine)
    whole, more = sum(rival.values()), sum(rival.values()) * 17 / 16
    asked = sum(len(step.run.examples) for step in climb.steps if step.run)
    return {
        "ratio_wall": whole / first,
        "ratio_second_run": more / second,
        "tailor_s": first,
        "tailor_second_s": second,
        "rival_s": whole,
        **{f"rival_{name}_s": seconds for name, seconds in rival.items()},
        "candidates": float(len(climb.steps)),
        "calls_share": asked / (DEV * len(climb.steps)),
    }


def study(data: TrainingData, splits: Splits, engine: Engine, rungs: Sequence[tuple[str, Sequence[Approach]]]) -> Grid:
    """Race, test the finalists, decide."""
    climb = Grid(data, engine, price_list(data.task, engine.models), Clock(), Quiet(), True, len(splits.test))
    climb.over(rungs)
    final_test(climb, splits, engine.ledger, Quiet())
    return climb


def rival_seconds(climb: Grid, data: TrainingData, engine: Engine) -> dict[str, float]:
    """Seconds of the full grid by public tools: scoring, training and retrieval, scaled from samples."""
    model = engine.model
    if not isinstance(model, LocalModel):
        raise TailorError("the built-in model does not run on this machine")
    systems = [step.run.system for step in climb.steps if step.run]
    per_row = scoring_seconds(systems, data, engine, model)
    finalists = sorted(per_row)[len(per_row) // 2] * FINALISTS * TEST
    model.release()
    rows = banking_rows(model)
    trained, _, _ = trl_seconds(model, rows[:TRAIN_SAMPLE], rows[:BATCH], packed=False)
    epochs = len(TUNED) * data.task.tuning.epochs * TRAIN / TRAIN_SAMPLE
    texts = [document.text for document in engine.documents] + [example.fields["text"] for example in data.dev]
    embedded, _ = seconds_of(lambda: open_embedder(data.task.embedder).embed(texts))
    return {"score": sum(per_row) * DEV + finalists, "train": trained * epochs, "retrieve": embedded * len(RETRIEVALS)}


def scoring_seconds(systems: Sequence[System], data: TrainingData, engine: Engine, model: LocalModel) -> list[float]:
    """Seconds of the harness for a row of each system, at the fastest of three batch sizes."""
    labels = display_labels(data.task.labels)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i, system in enumerate(systems):
            rows = data.dev[i * SAMPLE : (i + 1) * SAMPLE]
            texts = [model.tokenizer.decode(model.encode(chat)) for chat, _ in engine.messages(system, rows)]
            write_task(folder, f"system_{i}", texts, labels, [labels[0]] * len(texts))
        harness = Harness(model.folder, model.dtype, folder)
        speeds = {}
        for size in (1, 4, 8):
            harness.batch_size = size
            speeds[size], _ = harness.run("system_0", 2)
        harness.batch_size = min(speeds, key=speeds.__getitem__)
        return [harness.run(f"system_{i}")[0] / SAMPLE for i in range(len(systems))]


def data() -> tuple[Splits, list[Document]]:
    """The splits, balanced over the intents, and the pages."""
    rows: dict[str, list[Example]] = defaultdict(list)
    for example in read_rows("train.csv"):
        rows[example.label].append(example)
    mixed = random.Random(0)
    drawn = {label: mixed.sample(rows[label], len(rows[label])) for label in LABELS}
    pages = [Document(f"{label}.md", label, "\n\n".join(e.fields["text"] for e in drawn[label][:PAGE])) for label in LABELS]
    each = TRAIN // len(LABELS)
    train = [e for label in LABELS for e in drawn[label][PAGE : PAGE + each]]
    dev = [e for label in LABELS for e in drawn[label][PAGE + each : PAGE + each + 11]][:DEV]
    test = [e for e in read_rows("test.csv") if e.label in LABELS]
    for part in (train, dev, test):
        mixed.shuffle(part)
    return Splits(tuple(train), tuple(dev), tuple(test[:TEST])), pages
