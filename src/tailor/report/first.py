"""The first screen: why, how sure, what it costs and what would change it, in words for someone who knows no statistics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tailor.decide.formats import (
    examples_called,
    format_at_least,
    format_effect,
    format_errors,
    format_money,
    format_percent,
    format_target,
)
from tailor.decide.judgewords import agreement_sentence, next_step, why_not
from tailor.decide.types import Decision, Finalist, JudgeCheck
from tailor.decide.wording import doubtful_rows
from tailor.kinds.base import metric_of
from tailor.task import Task

SHOWN = 3
"""Lines of a list that are read at once; the others open on demand."""


@dataclass(frozen=True)
class Lines:
    """Sentences in two parts: those shown at once, and those that open on demand."""

    shown: tuple[str, ...]
    more: tuple[str, ...]


@dataclass(frozen=True)
class First:
    """What is under the decision's sentence.

    Attributes:
        why: the reasons.
        sure: how sure it is.
        costs: what it costs.
        changes: what would change it.
    """

    why: Lines
    sure: tuple[str, ...]
    costs: tuple[str, ...]
    changes: Lines


def first_screen(task: Task, decision: Decision, steady: str = "") -> First:
    """The sentences of the first screen.

    Args:
        task: the task.
        decision: what follows from the test set.
        steady: how steadily the chosen system answers, where the right answer is wanted every time; else empty.
    """
    chosen = decision.winner
    sure = (_expected(task, decision, chosen), _claim(decision, chosen), _agrees(decision), steady)
    opened = (_opened(decision), changed_answers(decision), *doubtful_rows(decision.doubt))
    return First(
        why=_cut(decision.reasons),
        sure=tuple(filter(None, sure + opened)),
        costs=tuple(filter(None, (_once(task, chosen), _errors(task, chosen), _total(task, chosen)))),
        changes=_cut((*_ratings(task, decision), *decision.changes)),
    )


def _cut(sentences: tuple[str, ...]) -> Lines:
    at = SHOWN if len(sentences) > SHOWN + 1 else len(sentences)
    return Lines(sentences[:at], sentences[at:])


def _expected(task: Task, decision: Decision, chosen: Finalist) -> str:
    """The interval as counts among a hundred, which everybody can picture."""
    score, judge = chosen.score, decision.judge
    if judge and not judge.passed:
        return f"{format_percent(score.mean)} is what the judge alone says of {score.n:,} answers; {why_not(judge)}."
    if score.low is None or score.high is None:
        return f"Measured on {score.n:,} unseen examples: too few to say how far off that may be."
    low, high = round(100 * score.low), round(100 * score.high)
    if metric_of(task).graded:
        return f"Measured on {score.n:,} unseen examples; the true score lies between {low} % and {high} %, 19 times in 20."
    right = _by_people(judge) if judge else f"{round(score.mean * score.n):,} of {score.n:,} unseen examples were right"
    return f"{right}. Of the next 100 inputs like them, expect {low} to {high} right on average."


def _claim(decision: Decision, chosen: Finalist) -> str:
    """What is shown, and with which confidence; or that nothing is, and what would settle it."""
    if decision.verdict == "not shown":
        return "This is a best guess, not a finding: the data do not settle it."
    if decision.verdict == "target met":
        what = f"That it reaches {format_target(decision.target)} is shown: at least {format_at_least(chosen.certified)}"
    else:
        what = f"That no more expensive system beats it by {format_effect(decision.smallest_effect)} or more is shown"
    return f"{what}. Such a statement is wrong in at most 1 of {round(1 / decision.alpha):,} studies."


def _by_people(judge: JudgeCheck) -> str:
    """Whose opinion a score is that a judge gave and people corrected: no count of right answers."""
    if judge.all_rows:
        return "People rated the answers to all test examples"
    return f"The judge's verdicts, corrected by people's ratings of {judge.rated:,} answers"


def _agrees(decision: Decision) -> str:
    """How far people and the judge agree, where that decides whether the judge may."""
    return agreement_sentence(decision.judge) if decision.judge and not decision.judge.all_rows else ""


def _ratings(task: Task, decision: Decision) -> tuple[str, ...]:
    """What a judge that may not decide waits for."""
    if task.judge is None or decision.judge is None or decision.judge.passed:
        return ()
    return (next_step(decision.judge, Path(task.judge.ratings).name),)


def _opened(decision: Decision) -> str:
    """A test set that was looked at before is worth less; the first time needs no word."""
    if decision.opening == 1:
        return ""
    return f"This test set was opened {decision.opening} times, and each time less may be claimed from it."


def changed_answers(decision: Decision) -> str:
    """That the right answers of test rows are not those that an earlier opening showed; empty where they are."""
    changed = decision.answers_changed
    if not changed:
        return ""
    were = "answer was" if changed == 1 else "answers were"
    return f"{changed:,} of {decision.n_test:,} right {were} changed after the test set had been opened."


def _once(task: Task, chosen: Finalist) -> str:
    if not chosen.cost.one_off:
        return f"Nothing to pay once: no {examples_called(task)}, no training."
    return f"{format_money(chosen.cost.one_off, task.prices.currency)} once, for {examples_called(task)} and training."


def _errors(task: Task, chosen: Finalist) -> str:
    if not task.prices.count_errors:
        return "Wrong answers are taken to cost nothing; set `prices.error` if they do."
    currency = task.prices.currency
    if task.prices.fields:
        return f"{format_money(chosen.cost.errors_per_1000, currency)} for the errors in 1,000: {format_errors(task.prices)}."
    return (
        f"{format_money(chosen.cost.errors_per_1000, currency)} for the wrong ones among 1,000, "
        f"at {format_money(task.prices.error, currency)} each."
    )


def _total(task: Task, chosen: Finalist) -> str:
    if chosen.cost.total is None:
        return "What all of it costs is unknown: give `input_per_million` and `output_per_million` of its model under `prices`."
    volume = f"{task.volume.answers_per_month:,.0f} answers a month for {task.volume.months:g} months"
    return f"{format_money(chosen.cost.total, task.prices.currency)} in all, with {volume}."
