"""Record what prompt variants make of rows of public data: `python -m benchmarks.record_outcomes banking77 xquad`.

banking77: 31 variants on all 480 test rows of the twelve intents of the benchmark `intents`; labels are scored, once written.

xquad: 24 wordings on 400 seeded English XQuAD questions, answered from their paragraph. What differs comes after the question,
so all wordings of a question are one call, which reads paragraph and question once. An answer is right if it holds an accepted one.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.common import data_file, engine_for
from benchmarks.intents import TASK, material
from benchmarks.outcomes import Outcomes
from benchmarks.rag_qa import TASK as QA
from tailor.approaches.approach import Approach, TrainingData, starting_system
from tailor.approaches.prompting import FewShot, RemovePrior, WriteLabels
from tailor.data.example import Example
from tailor.engine import Engine
from tailor.evaluate.measure import measure
from tailor.evaluate.run import Run
from tailor.kinds.base import score
from tailor.models.base import Request
from tailor.models.catalogue import open_model
from tailor.render import render_messages
from tailor.retrieval.passage import Passage
from tailor.score.types import Answer
from tailor.system import Knowledge, Shot, System

QUESTIONS = 400
QA_TOKENS = 20

INSTRUCTIONS = {
    "plain": TASK.instruction,
    "which": "Which of the topics below fits the customer's message best?",
    "sort": "Sort the message of a bank's customer.",
    "router": "You route messages to the right team. Name the topic of this one.",
    "intent": "What is the intent of this message to a bank?",
    "careful": "Read the message carefully, word by word. Then say what the customer's problem is.",
    "terse": "Classify.",
    "money": "Decide whether a card, a cash machine or a rate is meant, and what went wrong with it.",
}
PERSONAS = ("You are a careful bank clerk.", "You are a classifier that never makes a mistake.")
CONSTRAINTS = (
    ("Answer with the label only.",),
    ("Mind the difference between cards and cash.", "Mind the difference between a fee, a rate and a wrong amount."),
)
CONTEXT = "The bank issues cards; customers pay with them in shops, online and abroad, and withdraw cash at machines."

WORDINGS = {
    "plain": "{}",
    "words": "{}\nUse at most five words.",
    "exact": "{}\nCopy the exact words of the passage.",
    "span": "{}\nGive the shortest part of the passage that answers.",
    "only": "{}\nReply with the answer only, nothing else.",
    "name": "{}\nGive just the name, number or date.",
    "sentence": "{}\nAnswer in one full sentence.",
    "long": "{}\nExplain your answer.",
    "quote": "{}\nQuote the sentence of the passage that answers this.",
    "cue": "{}\nAnswer:",
    "cue-is": "{}\nThe answer is",
    "cue-passage": "{}\nAccording to the passage:",
    "careful": "{}\nRead the passage again before you answer.",
    "expert": "{}\nYou are an expert in reading comprehension.",
    "teacher": "{}\nA strict teacher will mark your answer.",
    "examples": '{}\nAnswers look like this: "1931", "the river Main", "two engineers".',
    "example": '{}\nFor example, to "Who wrote it?" the answer would be "Mary Shelley".',
    "no-sentence": "{}\nNo sentences, no explanation.",
    "no-repeat": "{}\nDo not repeat the question.",
    "list": "{}\n- at most five words\n- from the passage\n- no explanation",
    "json": '{}\nAnswer as JSON: {{"answer": "..."}}',
    "twice": "{}\n{}",
    "type": "{}\nIs a person, a place, a number or a thing asked for? Answer with it.",
    "not-found": '{}\nIf the passage does not say it, say "not in the documents".',
}


def banking77(rows: int | None = None) -> Outcomes:
    """Every variant on the test rows of the twelve intents."""
    known, test = material()
    test = test[:rows]
    runs: list[tuple[str, Run]] = []
    with engine_for(TASK) as engine:
        for name, system in _systems(starting_system(TASK, known.train, engine.model), known, engine):
            run = measure(TASK, system, "test", test, engine)
            print(f"  {name}: {run.mean:.3f} in {run.seconds * len(test):.0f} s", file=sys.stderr, flush=True)
            runs.append((name, run))
        how = _how(engine.model.name, engine.model.precision, "labels scored; zero temperature")
    return Outcomes(
        "banking77",
        np.array([run.values for _, run in runs]) == 1,
        tuple(run.tokens_in + run.tokens_out for _, run in runs),
        tuple(name for name, _ in runs),
        tuple(example.row - 1 for example in test),
        ("",) * len(test),
        how,
    )


def _systems(start: System, known: TrainingData, engine: Engine) -> Iterator[tuple[str, System]]:
    """Name and System of each variant."""

    def said(system: System, **changes: object) -> System:
        return system.model_copy(update={"prompt": system.prompt.model_copy(update=changes)})

    def listed(system: System, labels: Sequence[str]) -> System:
        return system.model_copy(update={"decoding": system.decoding.model_copy(update={"labels": tuple(labels)})})

    def drawn(count: int, seed: int) -> tuple[Shot, ...]:
        rows = random.Random(seed).sample(known.train, count)
        fewer = replace(known, train=tuple(rows))
        return FewShot(count).fit(start, fewer, engine).prompt.shots

    def made(approach: Approach, base: System = start) -> System:
        return approach.fit(base, known, engine)

    for name, instruction in INSTRUCTIONS.items():
        yield name, said(start, instruction=instruction)
    for number, persona in enumerate(PERSONAS, start=1):
        yield f"persona-{number}", said(start, persona=persona)
    for number, constraints in enumerate(CONSTRAINTS, start=1):
        yield f"constraints-{number}", said(start, constraints=constraints)
    yield "context", said(start, context=CONTEXT)
    labels = start.decoding.labels
    yield "labels-reversed", listed(start, labels[::-1])
    yield "labels-shuffled", listed(start, random.Random(0).sample(labels, len(labels)))
    yield "no-list", said(start, show_labels=False)
    for count in (2, 3, 4, 5):
        yield f"few-shot-{count}", made(FewShot(count))
    for count, seed in ((3, 1), (3, 2), (5, 1), (5, 2), (5, 3)):
        yield f"drawn-{count}-{seed}", said(start, shots=drawn(count, seed))
    five = made(FewShot(5))
    yield "few-shot-5-no-list", said(five, show_labels=False)
    yield "few-shot-5-persona", said(five, persona=PERSONAS[0])
    yield "few-shot-5-constraints", said(five, constraints=CONSTRAINTS[1])
    yield "prior-removed", made(RemovePrior())
    yield "few-shot-5-prior-removed", made(RemovePrior(), five)
    yield "few-shot-5-generated", made(WriteLabels(), five)


def xquad(rows: int = QUESTIONS) -> Outcomes:
    """Every wording on seeded questions, each answered from its paragraph."""
    paragraphs = {row["doc_id"]: row for row in _lines("documents.en.jsonl")}
    questions = _lines("questions.en.jsonl")
    numbers = sorted(random.Random(1).sample(range(len(questions)), QUESTIONS))[:rows]
    model = open_model(QA.model)
    task = QA.model_copy(update={"metric": "correct"})
    base = starting_system(task, (), model).model_copy(update={"knowledge": Knowledge(kind="index", passages=1)})
    systems = [
        base.model_copy(update={"prompt": base.prompt.model_copy(update={"input": wording.format(*2 * ["{{question}}"])})})
        for wording in WORDINGS.values()
    ]
    right, tokens, started = [], [], time.perf_counter()
    for number in numbers:
        row = questions[number]
        page = paragraphs[row["doc_id"]]
        passage = Passage(row["doc_id"], page["title"].replace("_", " "), 0, len(page["text"]), page["text"])
        example = Example(row["id"], {"question": row["question"]}, tuple(dict.fromkeys(a["text"] for a in row["answers"])))
        asked = [Request(render_messages(system, example, (), (passage,)), max_tokens=QA_TOKENS) for system in systems]
        replies = model.reply(asked)
        answers = [Answer(example.id, reply.text, passages=(passage,), finish=reply.finish, error=reply.error) for reply in replies]
        scores = [score(task, system, example, answer) for system, answer in zip(systems, answers, strict=True)]
        right.append([found.value == 1 for found in scores])
        tokens.append([reply.tokens_in + reply.tokens_out for reply in replies])
        if len(right) % 20 == 0:
            print(f"  {len(right)} questions in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    how = _how(
        model.name, model.precision, f"gold paragraph given; {QA_TOKENS} tokens; zero temperature; seed 1 drew the questions"
    )
    return Outcomes(
        "xquad",
        np.array(right).T,
        tuple(map(float, np.mean(tokens, axis=0))),
        tuple(WORDINGS),
        tuple(numbers),
        tuple(questions[number]["doc_id"] for number in numbers),
        how,
    )


def _lines(name: str) -> list[dict[str, Any]]:
    text = data_file(f"squad_xquad/{name}").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _how(model: str, precision: str, settings: str) -> dict[str, str]:
    return {"model": model, "precision": precision, "settings": settings, "recorded": time.strftime("%Y-%m-%d")}


def main() -> None:
    """Record what is named, or all."""
    recorders = {"banking77": banking77, "xquad": xquad}
    for name in sys.argv[1:] or recorders:
        recorders[name]().save()


if __name__ == "__main__":
    main()
