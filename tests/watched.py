"""A small project that was decided and served: what it was asked is recorded, as a server would."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_helpers import sentence
from flow import LABELS, write_desk

from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.prompting import FewShot, ZeroShot
from tailor.asking import answers
from tailor.data.example import Example, SplitName, Splits
from tailor.data.split import load_splits
from tailor.decide.cost import cost_of
from tailor.decide.decision import Candidate, decide
from tailor.decide.types import Rates
from tailor.evaluate.measure import measure
from tailor.ledger import Ledger
from tailor.open_engine import open_engine
from tailor.project import load_project
from tailor.results import Step, Study
from tailor.saved import STUDY, chosen_system, load_study
from tailor.score.types import Answer
from tailor.seals import identities
from tailor.stats.intervals import mean_interval
from tailor.store.traffic import Feedback
from tailor.watching.recorder import Exchange, Recorder

RATES = Rates(1.0, 2.0, 1.0, "made up")


def decided(folder: Path, **changes: Any) -> Path:
    """The desk with labels that are known and a target that is met; its system answers three messages in four right.

    Two prompts of the fake model are measured and decided between, without a climb.
    """
    settings: dict[str, Any] = {"target": 0.5, "labels": list(LABELS), "traffic": {"audit": 0.2}}
    project = load_project(write_desk(folder, **settings | changes))
    task, splits = project.task, load_splits(project)
    data = TrainingData(task, splits.train, splits.dev)
    with Ledger(project.store) as ledger:
        engine = open_engine(project, ledger)
        start = starting_system(task, splits.train, engine.model)
        systems = [approach.fit(start, data, engine) for approach in (ZeroShot(), FewShot(3, "diverse"))]
        opened = ledger.open_test(identities(task, splits.test), [system.fingerprint for system in systems])
        candidates, steps = [], []
        for role, system in zip(("baseline", "best prompt"), systems, strict=True):
            dev, test = (measure(task, system, name, rows, engine) for name, rows in parts(splits))
            cost = cost_of(task, test, RATES, 0, 0)
            candidates.append(Candidate(role, test, dev, cost))
            steps.append(Step("prompt", system.name, "measured", run=dev, dev=mean_interval(dev.values), cost=cost))
        decision = decide(task, candidates, opened.number)
        tests, times = tuple(candidate.run for candidate in candidates), ("2026-03-14T09:20:11+00:00", "2026-03-14T09:58:47+00:00")
        study = Study(task, splits, tuple(steps), "", tests, decision, {}, *times)
        ledger.save_study(STUDY.dump_python(study, mode="json"))
    return folder


def parts(splits: Splits) -> tuple[tuple[SplitName, tuple[Example, ...]], ...]:
    return ("dev", splits.dev), ("test", splits.test)


def usual(start: int, n: int) -> list[tuple[str, str]]:
    """Messages as the study had them, with their labels."""
    return [(f"{sentence(i)} {LABELS[i % 3] if i % 4 else 'help'}", LABELS[i % 3]) for i in range(start, start + n)]


def foreign(start: int, n: int, *, named: bool = True) -> list[tuple[str, str]]:
    """Messages about another product, in another language, which name their label or not."""
    ends = [LABELS[i % 3] if named else "hilfe" for i in range(start, start + n)]
    return [
        (f"ein anderes Produkt und die Frage ist nicht für sie {sentence(i)} {end}", LABELS[i % 3])
        for i, end in zip(range(start, start + n), ends, strict=True)
    ]


def serve(folder: Path, messages: Sequence[tuple[str, str]], *, audited: int = 10**9, start: int = 0, seed: int = 1) -> list[int]:
    """Have messages answered and recorded; the first so many that are drawn get a verdict. The places of all that are drawn."""
    project, system = load_project(folder), chosen_system(load_study(folder))
    given = answers(project, system, [{"text": text} for text, _ in messages])
    recorder = Recorder(project.store, project.task, draw=random.Random(seed).random)
    drawn = []
    for place, ((text, label), answer) in enumerate(zip(messages, given, strict=True)):
        name = f"q{start + place}"
        if recorder.record(Exchange(name, system, {"text": text}, answer)):
            drawn.append(place)
            if len(drawn) <= audited:
                recorder.feedback(verdict(name, answer, label))
    assert recorder.flush()
    recorder.close()
    return drawn


def verdict(request: str, answer: Answer, label: str) -> Feedback:
    return Feedback(request, "right") if answer.raw == label else Feedback(request, "corrected", label)
