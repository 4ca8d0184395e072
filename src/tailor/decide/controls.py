"""Controls: answers that cost no model, and no sense. A target or a finalist that they come near to says little.

An echo says the question back, a constant always says the same, and the most common answer is that of the training rows. They are
scored like any system, on the same test rows, and can never be chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tailor.content import question, text_of
from tailor.data.example import Example, Splits
from tailor.decide.formats import format_percent
from tailor.decide.types import Decision, Finalist
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of, metric_of, score_run
from tailor.score.types import Answer
from tailor.stats.intervals import Interval, mean_interval
from tailor.system import Decoding, Prompt, System, Weights
from tailor.task import Task

GAP = 0.2
"""From this difference between right answers and exact ones on, it is reported."""


@dataclass(frozen=True)
class Control:
    """A control on the sealed test set.

    Attributes:
        name: "echo", "constant" or "commonest answer".
        does: what it does, as in "a control, which ...".
        score: the metric with a two-sided 95 % interval; under `judged` it is `correct`, since no judge is asked.
        dev: the metric's mean on dev.
    """

    name: str
    does: str
    score: Interval
    dev: float


def with_controls(
    task: Task, splits: Splits, tests: Sequence[Run], decision: Decision | None
) -> tuple[tuple[Control, ...], Decision | None]:
    """The controls, and the decision with what they say; none where the test set was not opened."""
    if decision is None:
        return (), None
    found = controls(task, splits, tests[0].system.decoding.labels)
    return found, with_warnings(decision, found, tests)


def controls(task: Task, splits: Splits, labels: Sequence[str]) -> tuple[Control, ...]:
    """Every control, on dev and test; `labels` are those that answers are read as, none for free answers."""
    unjudged = {"metric": kind_of(task).metric(None).name, "judge": None}
    plain = task.model_copy(update=unjudged) if metric_of(task).judged else task
    system = System(
        steps=("control",),
        weights=Weights(model="none"),
        prompt=Prompt(instruction=task.instruction, input=task.input),
        decoding=Decoding(labels=tuple(labels)),
    )
    says = list(_says(task, system, splits.train))

    def values(rows: Sequence[Example], say: Callable[[Example], str]) -> list[float]:
        answers = [Answer(example.id, say(example)) for example in rows]
        return [score.value for score in score_run(plain, system, rows, answers)]

    groups = [example.group for example in splits.test]
    return tuple(
        Control(name, does, mean_interval(values(splits.test, say), 0.95, groups=groups), _mean(values(splits.dev, say)))
        for name, does, say in says
    )


def _says(task: Task, system: System, train: Sequence[Example]) -> Iterator[tuple[str, str, Callable[[Example], str]]]:
    """Name, words and answer of each control; a label is said as a row that has it should be answered."""
    kind, labels = kind_of(task), system.decoding.labels
    written = {example.label: kind.target_text(system, example, ()) for example in reversed(train)}
    (commonest, _), *_ = Counter(example.label for example in train).most_common(1)
    constant = labels[0] if labels else min(written) if kind.closed else "" if kind.abstains else None
    yield "echo", "repeats the question", lambda example: text_of(question(task.input, example))
    for name, label in (("constant", constant), ("commonest answer", commonest)):
        if label is not None:
            said = written.get(label, label) or task.not_found
            yield name, f"always says {said!r}", _always(said)


def _always(text: str) -> Callable[[Example], str]:
    """Says the same of every row."""
    return lambda example: text


def with_warnings(decision: Decision, found: Sequence[Control], runs: Sequence[Run]) -> Decision:
    """The decision with what its controls say, and for answers how far right, exact and overlapping ones are apart."""
    chosen = decision.winner
    warning, gap = _warning(decision, chosen, found), _apart(next(run for run in runs if run.key == chosen.key))
    is_last = bool(decision.reference) and decision.headline.endswith(decision.reference)
    main = decision.headline.removesuffix(decision.reference).rstrip() if is_last else decision.headline
    headline = " ".join(filter(None, (main, warning, decision.reference if is_last else "")))
    return replace(decision, headline=headline, reasons=(*decision.reasons, *([gap] if gap else [])))


def _warning(decision: Decision, chosen: Finalist, found: Sequence[Control]) -> str:
    """A sentence where a control reaches the target, or the lower limit of what was chosen; empty where none does."""
    best = max(found, key=lambda control: control.score.mean)
    low = chosen.score.mean if chosen.score.low is None else chosen.score.low
    if not best.score.mean or best.score.mean < min(decision.target, low):
        return ""
    against = "the target" if best.score.mean >= decision.target else f"{decision.chosen}"
    reached = "reaches" if best.score.mean >= decision.target else "comes near"
    return (
        f"Beware: a control, which {best.does}, {reached} {against} with {format_percent(best.score.mean)} on the same examples; "
        "these data do not show that anything was understood."
    )


def _apart(run: Run) -> str:
    """How right, exact and overlapping answers compare; empty where the measures do not apply."""
    measures = {name: found[0] for name in ("correct", "exact", "f1") if (found := run.detail(name)) is not None}
    if len(measures) < 3:
        return ""
    right, exact, overlap = (format_percent(measures[name]) for name in ("correct", "exact", "f1"))
    said = (
        f"Of the answers of {run.system.name}, {right} are right and {exact} are the accepted answer and nothing more; they "
        f"overlap with it by {overlap} (F1)."
    )
    wide = measures["correct"] - measures["exact"] >= GAP
    return f"{said} The gap says that many right answers say more than was asked: look at some of them." if wide else said


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
