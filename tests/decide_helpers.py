"""Runs and candidates with the scores a test asks for; nothing is random."""

from __future__ import annotations

from collections.abc import Sequence

from tailor.data.example import Example
from tailor.decide.cost import cost_of
from tailor.decide.decision import Candidate
from tailor.decide.types import Rates
from tailor.evaluate.run import Run
from tailor.score.types import Answer, Score
from tailor.system import Decoding, Prompt, Shot, System, Weights
from tailor.task import Task

RATES = Rates(1.0, 2.0, 4.0, "a price list")
UNKNOWN = Rates(None, None, None, "")


def make_task(**settings: object) -> Task:
    """A classify task with a target of 85 %, unless told otherwise."""
    basic = {
        "name": "t",
        "kind": "classify",
        "instruction": "Sort.",
        "input": "{{x}}",
        "output": "y",
        "data": "a.csv",
        "target": 0.85,
    }
    return Task.model_validate(basic | settings)


def make_system(name: str, *, shots: int = 0, method: str = "none") -> System:
    """A system by name, with so many nearest examples and so tuned."""
    examples = tuple(Shot(input=str(i), answer="y") for i in range(shots))
    return System(
        steps=(name,),
        weights=Weights.model_validate({"model": "m", "method": method, "tuned": name if method != "none" else ""}),
        prompt=Prompt(instruction=name, input="{{x}}", shots=examples, nearest=shots),
        decoding=Decoding(method="head" if method == "head" else "generate"),
    )


def make_run(system: System, values: Sequence[float], tokens: tuple[int, int] = (100, 0)) -> Run:
    """A Run with these values; 1 is right, less is wrong."""
    rows = tuple(Example(str(i), {"x": "a"}, ("y",)) for i in range(len(values)))
    answers = tuple(Answer(row.id, "y", tokens_in=tokens[0], tokens_out=tokens[1]) for row in rows)
    scores = tuple(Score("right" if value == 1 else "wrong", float(value), "y") for value in values)
    return Run(system, "test", rows, answers, scores)


def right(n_right: int, n: int, start: int = 0) -> list[float]:
    """So many right answers of n, in a row from `start` on and around the end."""
    values = [0.0] * n
    for i in range(n_right):
        values[(start + i) % n] = 1.0
    return values


def make_candidate(
    task: Task,
    name: str,
    values: Sequence[float],
    *,
    tokens: int = 100,
    labels: int = 0,
    trained: int = 0,
    dev: Sequence[float] = (),
    eligible: bool = True,
    rates: Rates = RATES,
    system: System | None = None,
) -> Candidate:
    """A candidate whose answers cost `tokens` prompt tokens each."""
    system = system or make_system(name)
    run = make_run(system, values, (tokens, 0))
    dev_run = make_run(system, dev) if dev else None
    return Candidate(f"best {name}", run, dev_run, cost_of(task, run, rates, labels, trained), eligible)
