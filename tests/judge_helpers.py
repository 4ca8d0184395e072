"""Answers that a judge and people have views on: runs for decisions, and a whole project for the public fake."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from data_helpers import sentence, write_csv, write_yaml
from decide_helpers import RATES, make_system

from tailor.data.example import Example
from tailor.data.table import read_table
from tailor.decide.cost import cost_of
from tailor.decide.decision import Candidate
from tailor.evaluate.judge import NO, UNJUDGED, YES
from tailor.evaluate.ratings import Ratings, rating_sample
from tailor.evaluate.run import Run
from tailor.models.base import Capabilities, Request
from tailor.models.fake import FakeModel
from tailor.score.types import Answer, Score
from tailor.task import Task

NUMBER = re.compile(r"\d{10}")
RUBRIC = "The answer names the code of the reference."
JUDGE: dict[str, Any] = {"rubric": RUBRIC, "model": "fake:judge"}


WORD = re.compile(r"\w+\?")

# --- runs


def judged_task(**settings: object) -> Task:
    """An answer task with a judge and a target of 70 %, unless told otherwise."""
    basic: dict[str, Any] = {
        "name": "t",
        "kind": "answer",
        "metric": "judged",
        "instruction": "Answer.",
        "input": "{{x}}",
        "output": "y",
        "data": "a.csv",
        "target": 0.7,
        "judge": JUDGE,
    }
    return Task.model_validate(basic | settings)


def judged_candidate(
    task: Task,
    name: str,
    good: Sequence[bool],
    verdicts: Sequence[bool | None],
    *,
    tokens: int = 100,
    groups: Sequence[str] = (),
) -> Candidate:
    """A candidate whose answers are good or not, and are judged so; None is a judgement that failed."""
    rows = tuple(Example(str(i), {"x": f"q{i}"}, ("y",), unit=groups[i] if groups else "") for i in range(len(good)))
    answers = tuple(Answer(row.id, "", tokens_in=tokens) for row in rows)
    scores = tuple(
        Score("right" if yes else "wrong", float(bool(yes)), f"{'good' if fine else 'bad'} {name}", {UNJUDGED: float(yes is None)})
        for fine, yes in zip(good, verdicts, strict=True)
    )
    run = Run(make_system(name), "test", rows, answers, scores)
    return Candidate(f"best {name}", run, None, cost_of(task, run, RATES, 0, 0))


def people(task: Task, candidates: Sequence[Candidate], share: float = 1.0) -> Ratings:
    """What people say of (the first of) the sample: yes to good answers."""
    cases = rating_sample(task, [candidate.run for candidate in candidates]).cases
    some = list(cases.values())[: round(share * len(cases))]
    return Ratings({case.id: {"": YES if case.answer.startswith("good") else NO} for case in some})


def verdicts_of(random: np.random.Generator, good: Sequence[bool], right_yes: float, right_no: float) -> list[bool | None]:
    """A judge that is right on so many good and bad answers."""
    return [bool(random.random() < right_yes) if fine else bool(random.random() >= right_no) for fine in good]


# --- a project


def write_codes(folder: Path, **changes: object) -> Path:
    """A project of 320 questions for a code, without documents, whose answers a judge scores; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "data.csv", [(f"What is the code of {sentence(i)}?", code(i)) for i in range(320)], "question,answer")
    settings: dict[str, Any] = {
        "name": "codes",
        "kind": "answer",
        "metric": "judged",
        "instruction": "Answer briefly.",
        "input": "{{question}}",
        "output": "answer",
        "data": "data.csv",
        "split": {"train": 20, "dev": 60, "test": 240},
        "model": "fake",
        "embedder": "fake",
        "target": 0.65,
        "judge": JUDGE,
    }
    write_yaml(folder, settings | changes)
    return folder


def code(i: int) -> str:
    return f"C{i * 7919 % 100000:05d}"


def answering() -> FakeModel:
    """A model that knows about 50 of 100 codes, with worked examples in the prompt about 85, and always speaks in a sentence."""
    codes = {f"What is the code of {sentence(i)}?": code(i) for i in range(320)}
    asked = {question.split()[-1]: question for question in codes}

    def say(request: Request) -> str:
        # Each question ends in a word of its own, by which it is known in any form.
        text = request.messages[-1].text
        question = asked[next(word for word in WORD.findall(text)[::-1] if word in asked)]
        known = 85 if len(request.messages) > 2 else 50
        return f"It is {codes[question]}." if chance(question) < known else "It is on the door, or so they say."

    return FakeModel(say)


def judging(verdict: Callable[[str, str], str]) -> FakeModel:
    """A judge that writes; its rule gets the reference and the answer."""

    def say(request: Request) -> str:
        text = request.messages[-1].text
        return verdict(between(text, "reference"), between(text, "answer"))

    model = FakeModel(say, name="fake:judge")
    model.capabilities = Capabilities()
    return model


def generous(reference: str, answer: str) -> str:
    """Right on every good answer, and says yes to 30 of 100 bad ones."""
    return "Yes." if reference in answer or chance(reference) < 30 else "No."


def between(text: str, mark: str) -> str:
    return text.split(f"<{mark}>\n")[1].split(f"\n</{mark}>")[0]


def chance(text: str) -> int:
    """A number from 0 to 99 that follows from the text."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 100


def sheet(path: Path) -> list[dict[str, str]]:
    """The rows of a sheet."""
    return [{name: str(cell) for name, cell in row.items()} for row in read_table(path).rows]


def fill_in(path: Path, rate: Callable[[Mapping[str, str]], str]) -> None:
    """Rate every answer of a sheet, as a spreadsheet would save it."""
    rows = [row | {"rating": rate(row)} for row in sheet(path)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def fair(row: Mapping[str, str]) -> str:
    """What a careful person says of an answer."""
    return "yes" if row["reference"] in row["answer"] else "no"
