"""A Study in lines of text, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from tailor.decide.forgotten import sentence as forgetting_sentence
from tailor.decide.formats import format_at_least, format_effect, format_target
from tailor.decide.probed import freshness_sentence, injection_sentence
from tailor.decide.types import Finalist, Interval
from tailor.report.consistency import study_steady
from tailor.report.diagnosis import curve_told, diagnosed, worth_told
from tailor.report.endpoint import paid, who_answered
from tailor.report.expected import expected
from tailor.report.first import changed_answers
from tailor.report.ladder import untried
from tailor.report.words import amount, badge, count, duration, headline, limits, percent
from tailor.results import Study

BY_MODEL = ("1,000 right", "median", "95 % in")


def summary_text(study: Study, width: int | None = None) -> str:
    """The decision, what comes with it, the ladder and the finalists as plain lines, for a terminal.

    Args:
        study: what to tell.
        width: characters at which sentences are wrapped; not at all unless given. Tables are left as they are.
    """
    words, _ = badge(study.decision)
    return "\n".join(
        [
            f"{study.task.name}: {words}",
            *_wrapped([*_decision_lines(study), *_further_lines(study)], width),
            "",
            f"Ladder (dev set; costs in {study.task.prices.currency})",
            *_ladder_lines(study),
            *_finalist_lines(study),
        ]
    )


def _decision_lines(study: Study) -> list[str]:
    decision = study.decision
    if decision is None:
        needs = [f"- {step.rung}: {step.status}. {step.note}" for step in untried(study)]
        return ["No decision: the sealed test set was not opened.", *needs]
    main, reference = headline(decision)
    reasons = filter(None, (changed_answers(decision), *decision.reasons))
    lines = [main, *([reference] if reference else []), "", "Why", *(f"- {reason}" for reason in reasons)]
    if decision.changes:
        lines += ["", "What would change it", *(f"- {change}" for change in decision.changes)]
    return lines


def _further_lines(study: Study) -> list[str]:
    """What was expected, why the model fails, how steady the answers are, and what more labels would bring: a sentence each."""
    advice, asked_again = expected(study), study_steady(study)
    said = [
        *(who.sentence for who in who_answered(study)),
        advice.outcome if advice else "",
        *(diagnosis.lead for diagnosis in diagnosed(study)),
        asked_again.lead if asked_again else "",
        *map(forgetting_sentence, study.forgetting),
        *map(freshness_sentence, study.freshness),
        *map(injection_sentence, study.injections),
        curve_told(study),
        *worth_told(study)[:1],
        paid(study),
    ]
    lines = [f"- {sentence}" for sentence in said if sentence]
    return ["", "Besides the decision" if study.decision else "What is known", *lines] if lines else []


def _wrapped(lines: Sequence[str], width: int | None) -> list[str]:
    if width is None:
        return list(lines)
    folded = [wrap(line, width, subsequent_indent="  " * line.startswith("- "), break_on_hyphens=False) for line in lines]
    return [part for parts in folded for part in parts or [""]]


def _ladder_lines(study: Study) -> list[str]:
    rows = [
        (
            step.rung,
            step.system,
            _score(step.dev),
            amount(step.cost.per_1000) if step.cost else "",
            duration(step.seconds) if step.seconds else "",
            step.status,
        )
        for step in study.steps
    ]
    return [*_aligned(("rung", "system", "score", "per 1,000", "time", "status"), rows), study.stopped]


def _finalist_lines(study: Study) -> list[str]:
    decision = study.decision
    if decision is None:
        return []
    several = len(study.task.asked) > 1
    rows = [
        (
            f.name,
            f.role,
            _score(f.score),
            format_at_least(f.certified),
            amount(f.cost.per_1000),
            *(_by_model(study, f) if several else ()),
            amount(f.cost.one_off),
            "chosen" if f.key == decision.winner.key else "",
        )
        for f in decision.finalists
    ]
    head = ("system", "role", "score", "at least", "per 1,000", *(BY_MODEL if several else ()), "one-off", "")
    terms = f"target {format_target(decision.target)}, smallest effect {format_effect(decision.smallest_effect)}"
    title = f"Finalists ({count(decision.n_test)} sealed test rows, opening {decision.opening}; {terms})"
    return ["", title, *_aligned(head, rows), *_control_lines(study)]


def _by_model(study: Study, finalist: Finalist) -> tuple[str, ...]:
    """What tells models apart: the price of right answers, and how long an answer takes."""
    right, run = finalist.cost.per_1000_right, study.test_run(finalist.fingerprint)
    times = (run.median_seconds, run.slow_seconds) if run else (0.0, 0.0)
    return ("" if right is None else amount(right), *(duration(time) if time else "" for time in times))


def _control_lines(study: Study) -> list[str]:
    """What answers without sense score on the same rows."""
    if not study.controls:
        return []
    rows = [(control.name, control.does, _score(control.score)) for control in study.controls]
    return ["", "Controls (the same rows; none can be chosen)", *_aligned(("control", "what it does", "score"), rows)]


def _score(score: Interval | None) -> str:
    return f"{percent(score.mean)} {limits(score)}" if score else ""


def _aligned(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]]
