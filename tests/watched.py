"""A small project that was decided and served: what it was asked is recorded, as a server would."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_helpers import sentence
from flow import LABELS, climb, write_desk

from tailor.asking import answers
from tailor.project import load_project
from tailor.saved import chosen_system, load_study
from tailor.score.types import Answer
from tailor.store.traffic import Feedback
from tailor.watching.recorder import Exchange, Recorder


def decided(folder: Path, **changes: Any) -> Path:
    """The desk with labels that are known and a target that is met; its system answers three messages in four right."""
    settings: dict[str, Any] = {"target": 0.5, "labels": list(LABELS), "traffic": {"audit": 0.2}}
    climb(write_desk(folder, **settings | changes))
    return folder


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
