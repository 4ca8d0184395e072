"""Believable Study objects for tests: the sample projects' own texts, answered by systems of set skill.

Answers are made, not measured: every system gets a share of the examples right, the harder ones last, so that systems err together
as real ones do. Nothing is random between runs.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tailor.data.example import Example, SplitName, Splits
from tailor.decide.cost import NEVER_SAID, cost_of
from tailor.decide.decision import Candidate, decide
from tailor.decide.types import Cost, Decision, Pace, Rates
from tailor.decide.upkeep import with_seconds
from tailor.evaluate.run import Run
from tailor.results import Step, Study
from tailor.retrieval.passage import Passage
from tailor.score.types import Answer, Outcome, Score
from tailor.stats.intervals import mean_interval
from tailor.system import Decoding, Knowledge, Prompt, Shot, System, Weights
from tailor.task import DataFiles, Prices, Task

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PRECISION = "4-bit (Q4_1) weights, computed in bfloat16"
CONFUSED = {
    "connection_drops": "slow_connection",
    "slow_connection": "connection_drops",
    "no_connection": "router_fault",
    "router_fault": "no_connection",
    "cancel_contract": "cancellation_fee",
    "cancellation_fee": "bill_higher_than_expected",
    "charged_twice": "payment_failed",
    "payment_failed": "charged_twice",
    "refund_missing": "bill_higher_than_expected",
    "bill_higher_than_expected": "cancellation_fee",
    "moving_home": "cancel_contract",
    "engineer_visit": "moving_home",
}


RATES = Rates(0.028, 0.28, 0.12, "0.1 USD per machine hour at the nominal speed of the model on two cores")


@dataclass(frozen=True)
class Skill:
    """How a made-up system does: rung, role among the finalists, shares right, prompt tokens, seconds, tokens trained on."""

    rung: str
    role: str
    dev: float
    test: float
    tokens: int
    seconds: float
    setup: float = 0.0
    unparsed: float = 0.0
    trained: int = 0
    note: str = ""
    early: int = 0


# --- data


def tickets() -> Splits:
    """The sample tickets in four parts."""
    with (EXAMPLES / "tickets" / "tickets.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            Example(row["id"], {key: row[key] for key in ("text", "channel", "plan")}, (row["intent"],), row=i, file="tickets.csv")
            for i, row in enumerate(csv.DictReader(file), start=1)
        ]
    return _parts(rows, "Stratified by label; near-duplicates stay together.")


def questions() -> Splits:
    """The sample questions about the handbook in four parts, those that it does not answer among them."""
    rows = []
    folder = EXAMPLES / "handbook"
    lines = [*_lines(folder / "questions.jsonl"), *_lines(folder / "unanswered.jsonl")]
    for i, row in enumerate(map(json.loads, lines), start=1):
        fields = {"question": row["question"]}
        rows.append(Example(row["id"], fields, tuple(row["answers"]), row["page"], row["quote"], row=i, file="questions.jsonl"))
    return _parts(rows, "Stratified by whether the documents answer; questions about the same sentence stay together.")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _parts(rows: list[Example], how: str) -> Splits:
    random.Random(7).shuffle(rows)
    train, dev, test = (len(rows) * share // 100 for share in (50, 65, 90))
    return Splits(tuple(rows[:train]), tuple(rows[train:dev]), tuple(rows[dev:test]), tuple(rows[test:]), seed=7, how=how)


# --- answers


def make_run(system: System, split: SplitName, examples: Sequence[Example], right: float, skill: Skill) -> Run:
    """A Run in which the easiest examples are right, with some noise of the system's own."""
    noise = random.Random(system.name)
    rank = {e.id: random.Random("hard" + e.id).random() + 0.45 * noise.random() for e in examples}
    order = sorted(examples, key=lambda e: rank[e.id])
    good = {e.id for e in order[: round(right * len(order))]}
    lost = {e.id for e in order[len(order) - round(skill.unparsed * len(order)) :]}
    say = _say_label if system.decoding.labels else _say_fact
    answers, scores = [], []
    for example in examples:
        outcome: Outcome = "right" if example.id in good else "unparsed" if example.id in lost else "wrong"
        answer, score = say(system, example, outcome, noise)
        tokens = skill.tokens + len(example.fields.get("text", "")) // 4
        answers.append(replace(answer, tokens_in=tokens, tokens_out=6, seconds=round(skill.seconds / len(examples), 4)))
        scores.append(score)
    return Run(system, split, tuple(examples), tuple(answers), tuple(scores))


def _say_label(system: System, example: Example, outcome: Outcome, noise: random.Random) -> tuple[Answer, Score]:
    if outcome == "unparsed":
        return Answer(example.id, "I am sorry to hear that. Could you tell me more about the problem?"), Score("unparsed", 0.0, "")
    labels = system.decoding.labels
    wrong = (
        CONFUSED.get(example.label, labels[0]) if noise.random() < 0.7 else noise.choice([x for x in labels if x != example.label])
    )
    said = example.label if outcome == "right" else wrong
    return Answer(example.id, said), Score(outcome, float(outcome == "right"), said)


def _say_fact(system: System, example: Example, outcome: Outcome, noise: random.Random) -> tuple[Answer, Score]:
    details = {"form": 1.0 if outcome != "unparsed" else 0.0}
    passages: tuple[Passage, ...] = ()
    if system.has_knowledge:
        page = example.source or "joining-and-leaving.md"
        text = example.quote or "Your line manager can tell you who is responsible."
        found = outcome == "right" or noise.random() < 0.5
        other = Passage(
            "code-of-conduct.md",
            "Code of conduct > Gifts",
            310,
            382,
            "Gifts worth more than 200 kr are handed in at reception and raffled.",
        )
        first = Passage(page, page.removesuffix(".md").replace("-", " ").capitalize(), 120, 120 + len(text), text)
        passages = (first, other) if found else (other,)
        if example.answers:
            details["retrieved"] = float(found)
            details["cited"] = float(outcome == "right" or (found and noise.random() < 0.4))
    if outcome == "right":
        said = example.label or "not in the documents"
    else:
        said = noise.choice(["not in the documents", "14 days", "your line manager"]) if example.answers else "Yes, up to 5 days"
    details["abstained"] = float(said == "not in the documents")
    raw = f"{said} [1]" if passages and said != "not in the documents" else said
    return Answer(example.id, raw, passages=passages), Score(outcome, float(outcome == "right"), said, details)


# --- systems


def _prompt(task: Task, **changes: object) -> Prompt:
    return Prompt(
        instruction=task.instruction, input=task.input, not_found=task.not_found if task.kind == "answer" else ""
    ).model_copy(update=changes)


def make_system(name: str, task: Task, shots: Sequence[Shot] = ()) -> System:
    """A System that fits its name, such as "rag-hybrid > lora"."""
    parts = name.split(" > ")
    method = "head" if "reference-classifier" in parts else "lora" if "lora" in parts else "full" if "full" in parts else "none"
    rag = next((part for part in parts if part.startswith("rag")), "")
    k = next((int(part[-1]) for part in parts if part.startswith("few-shot")), 0)
    nearest = k if "nearest" in name else 0
    return System(
        steps=tuple(parts),
        weights=Weights(
            model="minilm-l6" if method == "head" else "smollm2-135m",
            precision="" if method == "head" else PRECISION,
            method=method,
        ),
        prompt=_prompt(
            task, shots=tuple(shots[:40] if nearest else shots[:k]), nearest=nearest, reasoning="chain-of-thought" in parts
        ),
        knowledge=Knowledge(kind="index", search="hybrid" if "hybrid" in rag else "bm25", passages=4) if rag else Knowledge(),
        decoding=Decoding(
            method="head" if method == "head" else "score" if task.kind == "classify" else "generate", labels=task.labels
        ),
    )


# --- the study


def _cost(task: Task, run: Run, skill: Skill, pace: Pace = NEVER_SAID) -> Cost:
    method = run.system.weights.method
    labels = 222 if method != "none" else len(run.system.prompt.shots)
    cost = cost_of(task, run, RATES, labels, skill.trained, dev_rows=66, document_price=0.0002, pace=pace)
    return with_seconds(cost, {"train": skill.setup, "index": 0.8, "measure": 66 * run.seconds})


def make_step(task: Task, splits: Splits, name: str, skill: Skill) -> Step:
    """A measured step, or one stopped early."""
    examples = splits.dev[: skill.early] if skill.early else splits.dev
    run = make_run(make_system(name, task, _shots(splits)), "dev", examples, skill.dev, skill)
    return Step(
        rung=skill.rung,
        system=name,
        status="stopped early" if skill.early else "measured",
        note=skill.note,
        dev=mean_interval(run.values),
        run=run,
        cost=_cost(task, run, skill),
        seconds=skill.seconds + skill.setup,
        setup_seconds=skill.setup,
    )


def _shots(splits: Splits) -> list[Shot]:
    return [Shot(fields=e.fields, answer=e.label) for e in splits.train]


def make_study(
    task: Task,
    splits: Splits,
    skills: dict[str, Skill],
    left_out: Sequence[Step],
    stopped: str,
    opening: int = 1,
    pace: Pace = NEVER_SAID,
) -> Study:
    """A Study in which every system of `skills` was measured, the steps left out stand last, and the finalists met the test set."""
    steps = [make_step(task, splits, name, skill) for name, skill in skills.items()]
    candidates = []
    for step in steps:
        skill = skills[step.system]
        if skill.role and step.run and step.cost:
            run = make_run(step.run.system, "test", splits.test, skill.test, skill)
            cost = _cost(task, run, skill, pace)
            candidates.append(Candidate(skill.role, run, step.run, cost, skill.role != "reference classifier"))
    decision: Decision = decide(task, candidates, opening, pace)
    tests = tuple(candidate.run for candidate in candidates)
    times = "2026-03-14T09:20:11+00:00", "2026-03-14T09:58:47+00:00"
    return Study(task, splits, (*steps, *left_out), stopped, tests, decision, PROVENANCE, *times)


PROVENANCE = {
    "tailor": "0.1.0",
    "model": "smollm2-135m, " + PRECISION,
    "model SHA-256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "packages": "torch 2.13.0, transformers 5.23.0, peft 0.21.0, trl 1.16.0, lancedb 0.40.0, scipy 1.17.0",
    "seed": "0",
    "commit": "0c9e1f2",
    "machine": "2 cores, 24 GB, no GPU",
}

# --- the four studies

TICKETS = Task(
    name="tickets",
    kind="classify",
    instruction="Read the customer's message and name what it is about. Answer with exactly one of the labels.",
    context="Lumo sells home internet (Lumo Fibre) and mobile plans; the Lumo Box is its router.",
    input="{{text}}",
    output="intent",
    labels=tuple(sorted(CONFUSED)),
    target=0.85,
    data=DataFiles(file="tickets.csv", report_by=("channel", "plan")),
    prices=Prices(label=0.25, error=0.4, input_per_million=None, output_per_million=None),
)
HANDBOOK = Task(
    name="handbook",
    kind="answer",
    instruction="Answer the employee's question from the company handbook, in as few words as possible.",
    input="{{question}}",
    output="answers",
    target=0.9,
    smallest_effect=0.05,
    data=DataFiles(file="questions.jsonl", quote="quote", source="page"),
    prices=Prices(label=0.8, error=0.0, input_per_million=None, output_per_million=None),
    documents="docs",
)
BEHIND = "stopped after {} of 66 dev rows: others on its rung did better"
TICKET_SKILLS = {
    "zero-shot": Skill("baseline", "baseline", 0.24, 0.25, 190, 21, unparsed=0.06),
    "reference-classifier": Skill("baseline", "reference classifier", 0.93, 0.92, 24, 2, setup=7),
    "few-shot-nearest-5": Skill("prompt", "best prompt", 0.85, 0.82, 520, 44, setup=6),
    "few-shot-5": Skill("prompt", "", 0.5, 0.49, 480, 16, note=BEHIND.format(30), early=30),
    "chain-of-thought": Skill("prompt", "", 0.2, 0.2, 190, 58, unparsed=0.2, note=BEHIND.format(16), early=16),
    "lora": Skill("tune", "best tuned", 0.96, 0.955, 60, 19, setup=1105, trained=66_000),
}
HANDBOOK_SKILLS = {
    "zero-shot": Skill("baseline", "baseline", 0.2, 0.19, 180, 60),
    "few-shot-3": Skill("prompt", "best prompt", 0.23, 0.22, 330, 75),
    "rag-bm25": Skill("retrieve", "", 0.7, 0.68, 640, 110, setup=4),
    "rag-hybrid": Skill("retrieve", "best with retrieval", 0.75, 0.74, 640, 115, setup=11),
    "rag-hybrid > lora": Skill("retrieve and tune", "best combination", 0.62, 0.55, 600, 104, setup=1490, trained=720_000),
    "lora": Skill("tune", "best tuned", 0.26, 0.24, 70, 50, setup=820, trained=84_000),
}


def classify_study() -> Study:
    """Decided, target met: fine-tuning wins on tickets."""
    stopped = "lora reaches 95 % on dev and the target is 85 %: the next rung (tune fully) is not needed."
    left_out = [Step("tune fully", "full", "not needed", stopped, pulls=("behaviour",))]
    return make_study(TICKETS, tickets(), TICKET_SKILLS, left_out, stopped)


def answer_study() -> Study:
    """Decided without the target: retrieval wins on the handbook, and all four cells of the two-by-two were measured."""
    study = make_study(
        HANDBOOK, questions(), HANDBOOK_SKILLS, [], "Every rung that this task, its documents and its model allow was climbed."
    )
    too_long = Step(
        "retrieve", "whole-documents", "does not fit", "the prompt does not fit: 61,200 of 8,192 tokens.", pulls=("knowledge",)
    )
    return replace(study, steps=(*study.steps[:2], too_long, *study.steps[2:]))


def not_shown_study() -> Study:
    """Too few test rows: nothing is shown, and test contradicts dev."""
    splits = tickets()
    splits = replace(splits, test=splits.test[:60])
    skills = TICKET_SKILLS | {
        "lora": replace(TICKET_SKILLS["lora"], test=0.72),
        "few-shot-nearest-5": replace(TICKET_SKILLS["few-shot-nearest-5"], test=0.7),
    }
    return make_study(
        TICKETS, splits, skills, [], "Every rung that this task, its documents and its model allow was climbed.", opening=2
    )


def stopped_study() -> Study:
    """Stopped by the time limit before any test: no decision."""
    study = answer_study()
    stopped = (
        "The next rung (retrieve and tune) would need about 25 minutes of training; "
        "the time limit leaves 3 minutes besides the final test."
    )
    steps = (*study.steps[:5], Step("retrieve and tune", "rag-hybrid > lora", "no time", stopped, pulls=("knowledge", "behaviour")))
    return replace(study, steps=steps, stopped=stopped, tests=(), decision=None)
