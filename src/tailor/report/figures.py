"""From a Study to typed tables and series, to JSON and to lines of text; nothing here draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any

from tailor.decide.formats import format_at_least, format_effect, format_target
from tailor.decide.types import Difference, Interval
from tailor.diagnose.curve import sentence as curve_sentence
from tailor.evaluate.answered import Answered
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of
from tailor.report.cases import Cases, cases
from tailor.report.consistency import Steady, steady
from tailor.report.diagnosis import Diagnosed, diagnosed
from tailor.report.endpoint import paid, who_answered
from tailor.report.expected import Expected, expected
from tailor.report.failures import Confusion, GroupTable, MeasureRow, Outcomes, confusion, groups, measures, outcomes
from tailor.report.first import First, changed_answers, first_screen
from tailor.report.judge import Judged, judged
from tailor.report.ladder import LadderRow, Rung, best_on_dev, focus, ladder_rows, models, rungs, shown_runs, untried
from tailor.report.money import Money, money
from tailor.report.quality import FinalistRow, Grid, QualityCost, chosen_pairs, finalist_rows, grid, other_pairs, quality_cost
from tailor.report.words import amount, badge, count, duration, headline, limits, percent
from tailor.results import Step, Study
from tailor.score.types import Outcome
from tailor.system import System
from tailor.task import Task

FORMAT = 1


@dataclass(frozen=True)
class Split:
    """Size of one split; `unanswerable` counts examples without an accepted answer."""

    name: str
    rows: int
    unanswerable: int


@dataclass(frozen=True)
class Figures:
    """Everything the report shows, as data.

    Attributes:
        badge: the verdict in words.
        tone: good, fair or open; the badge's colour.
        headline: the decision's sentences, or an empty text.
        reference: the sentence about the reference classifier, or an empty text.
        models: the generative models that answered, with how their weights are held.
        chosen: the chosen finalist's row, or the best guess's; None without a decision.
        judge: how the judge compares with people; None where no judge scores.
        first: the sentences of the first screen; None without a decision.
        best_dev: the best step on dev, or None when nothing was measured.
        focus: the System looked at most closely: the chosen one, else the best on dev.
        untried: first step of every rung left out, without a decision.
        rungs: the ladder.
        seconds: time of all steps together.
        quality_cost: the chart of quality against cost.
        grid: the two-by-two, when at least two cells were measured.
        finalists: cheapest first.
        money: tables on costs; None without a decision.
        expected: advice and measurement side by side; None without advice.
        diagnosis: why the model fails, what was forecast and what was measured; None when nothing was diagnosed.
        curve: what more labels would bring, in a sentence; empty where nothing is known of it.
        consistency: how steadily the finalists answer; None when it was not measured.
        pairs: the chosen system minus every other finalist.
        other_pairs: pairs without the chosen system.
        split: where failures and examples come from: test, or dev without a test.
        outcomes: counts per system.
        confusion: of the system looked at, for a classifier.
        measures: further measures per system.
        groups: results per value of the columns reported by.
        cases: examples side by side.
        splits: sizes of the splits.
        answered: who answered, as the endpoint says; None where it says nothing.
        spent: what endpoints were paid, in a sentence or two; empty where none was asked.
    """

    badge: str
    tone: str
    headline: str
    reference: str
    models: tuple[str, ...]
    chosen: FinalistRow | None
    judge: Judged | None
    first: First | None
    best_dev: LadderRow | None
    focus: System | None
    untried: tuple[Step, ...]
    rungs: tuple[Rung, ...]
    seconds: float
    quality_cost: QualityCost
    grid: Grid | None
    finalists: tuple[FinalistRow, ...]
    money: Money | None
    expected: Expected | None
    diagnosis: Diagnosed | None
    curve: str
    consistency: Steady | None
    pairs: tuple[Difference, ...]
    other_pairs: tuple[Difference, ...]
    split: str
    outcomes: tuple[Outcomes, ...]
    confusion: Confusion | None
    measures: tuple[MeasureRow, ...]
    groups: tuple[GroupTable, ...]
    cases: Cases
    splits: tuple[Split, ...]
    answered: Answered | None
    spent: str


def make_figures(study: Study) -> Figures:
    """The tables and series of the report."""
    decision = study.decision
    split, runs = shown_runs(study)
    looked_at = focus(study)
    if looked_at is not None:
        looked_at = next((run for run in runs if run.key == looked_at.key), looked_at)
    finalists = finalist_rows(study, decision) if decision else ()
    words, tone = badge(decision)
    main, reference = headline(decision) if decision else ("", "")
    asked_again = _steady(study)
    wanted_steady = asked_again.lead if asked_again and asked_again.prominent else ""
    parts = {"train": study.splits.train, "dev": study.splits.dev, "test": study.splits.test, "reserve": study.splits.reserve}
    return Figures(
        badge=words,
        tone=tone,
        headline=main,
        reference=reference,
        models=models(study),
        chosen=next((row for row in finalists if row.chosen), None),
        judge=judged(study),
        first=first_screen(study.task, decision, wanted_steady) if decision else None,
        best_dev=best_on_dev(study),
        focus=looked_at.system if looked_at else None,
        untried=() if decision else untried(study),
        rungs=rungs(ladder_rows(study)),
        seconds=sum(step.seconds for step in study.steps),
        quality_cost=quality_cost(study),
        grid=grid(study),
        finalists=finalists,
        money=money(study),
        expected=expected(study),
        diagnosis=diagnosed(study),
        curve=_curve(study),
        consistency=asked_again,
        pairs=chosen_pairs(decision) if decision else (),
        other_pairs=other_pairs(decision) if decision else (),
        split=split,
        outcomes=outcomes(study),
        confusion=confusion(looked_at) if looked_at and kind_of(study.task).closed else None,
        measures=measures(study),
        groups=groups(study),
        cases=cases(study),
        splits=tuple(Split(key, len(rows), sum(not row.answers for row in rows)) for key, rows in parts.items()),
        answered=who_answered(study),
        spent=paid(study),
    )


def _curve(study: Study) -> str:
    return curve_sentence(study.curve) if study.curve and kind_of(study.task).closed else ""


def _steady(study: Study) -> Steady | None:
    decision = study.decision
    if decision is None:
        return None
    prices = {finalist.fingerprint: finalist.cost.per_1000 for finalist in decision.finalists}
    return steady(study.consistency, decision.winner.fingerprint, prices, study.task.target, bool(study.task.facts.every_time))


def to_json(study: Study) -> dict[str, Any]:
    """The study as plain data for machines, with stable keys; shares are in [0, 1], money is in `task.currency`.

    Keys:
        format: 1; grows when a key changes its meaning or goes.
        task: name, kind, metric, target, smallest_effect, currency.
        decision: None, or verdict, chosen, fingerprint (of the chosen system), headline, reasons, changes, opening, alpha, n_test,
            rows_to_settle, reference, dev_contradicted, pace (documents, rules: changes a month or None), judge (None, or judge,
            judgements, failed, wanted, rated, unused, rows, all_rows, agreement and people (observed and kappa, each as dev, or
            None), gate, passed), answers_changed, doubt (rows that limits take for wrong: changed, gone, picked, read; or leave
            out: again), handover. stopped: why the climb ended.
        ladder: per step rung, system, fingerprint (empty where it was never built), status, note, dev (mean, low, high, n, level,
            method, or None), per_1000 (or None), seconds, setup_seconds, outcomes (None, or how many dev answers were right, wrong,
            unparsed, cut, refused, failed, unjudged).
        finalists: per finalist, cheapest first, name, fingerprint, role, score (as dev), certified, meets_target, eligible, cost
            (per_1000, per_1000_right, one_off, errors_per_1000, total, how, training, upkeep, changing: per kind of change kind,
            work, price, seconds), outcomes (of its test answers, as on the ladder).
        differences: per pair first, second, estimate (as dev), p_value, first_fingerprint, second_fingerprint.
        break_even: per pair of finalists cheap, dear, answers_per_month (None = never), cheap_fingerprint, dear_fingerprint.
        started, finished: ISO times. provenance: name -> value.
        advice: None, or expected, means, confidence, why_confidence, outcome (against what was measured), reasons (criterion, name,
            answer, origin, counts, because, source, weight), unknown, observed, mind.
        diagnosis: None, or baseline, rows, failures, headline, levers (best first: name, forecast (as dev, level 0.8), alone, only,
            how), suspects (example, split, row, file, given, likely, given_probability, likely_probability), labels (None, or noise
            (as dev), missed, by_labels, ceiling), reach, notes, seconds.
        curve: None, or method, at_hand, rows, points (size, accuracy), series (size, median, low, high), needed (None, or target,
            cap, median, low, high), why_not, sentence.
        consistency: per finalist that was asked again system, fingerprint, right, all_right (as dev), ways, calls, kinds (kind,
            basis, changed, turned, all_right, variations: how, changed, became_wrong, became_right, failed).
        controls: name, does, score (as dev, on the test set), dev (a mean).
        answered: None, or asked, models and fingerprints (name -> answers), sentence (what puts comparisons in doubt, or empty).
        expected: None, or what was expected before: calls, tokens_in, tokens_out, money (or None), each low and high; currency.
        spent: None, or what all runs of the project paid endpoints: paid, estimated (on estimated tokens), maybe (at most, for
            calls without an answer), calls, tokens_in, tokens_out, unpriced, repriced, maybe_paid (per call model, at, worst, ...).
    """
    task, decision = study.task, study.decision
    plain = asdict(decision) if decision else {}
    lists = {key: list(plain.pop(key, ())) for key in ("finalists", "differences", "break_even")}
    plain = {key: value for key, value in plain.items() if key not in ("target", "smallest_effect")}
    plain |= {key: list(plain.get(key, ())) for key in ("reasons", "changes", "handover")}
    lists["finalists"] = [row | {"outcomes": _outcomes(study.test_run(row["fingerprint"]))} for row in lists["finalists"]]
    return {
        "format": FORMAT,
        "task": {"name": task.name, "kind": task.kind, **_terms_json(task)},
        "decision": plain | {"doubt": decision.doubt.counts} if decision else None,
        "stopped": study.stopped,
        "ladder": [_step_json(step) for step in study.steps],
        **lists,
        "started": study.started,
        "finished": study.finished,
        "provenance": dict(study.provenance),
        "advice": _advice_json(study),
        "diagnosis": _diagnosis_json(study),
        "curve": asdict(study.curve) | {"sentence": curve_sentence(study.curve)} if study.curve else None,
        "consistency": [asdict(found) for found in study.consistency],
        "controls": [asdict(control) for control in study.controls],
        "answered": asdict(found) if (found := who_answered(study)) else None,
        "expected": asdict(study.expected) if study.expected else None,
        "spent": asdict(study.spent) if study.spent else None,
    }


def _terms_json(task: Task) -> dict[str, Any]:
    terms = {"metric": task.scored_by, "target": task.target, "smallest_effect": task.smallest_effect}
    return terms | {"currency": task.prices.currency}


def _advice_json(study: Study) -> dict[str, Any] | None:
    found = expected(study)
    if found is None:
        return None
    plain = asdict(found.advice)
    kept = ("expected", "means", "confidence", "why_confidence", "reasons", "unknown", "observed", "mind")
    return {key: plain[key] for key in kept[:4]} | {"outcome": found.outcome} | {key: plain[key] for key in kept[4:]}


def _diagnosis_json(study: Study) -> dict[str, Any] | None:
    """The diagnosis without what is long: the values of all rows, and texts that stand in the data."""
    found = diagnosed(study)
    if found is None:
        return None
    plain = asdict(found.found) | {"headline": found.lead}
    for lever in plain["levers"]:
        del lever["values"]
    for suspect in plain["suspects"]:
        del suspect["text"]
    return plain


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "rung": step.rung,
        "system": step.system,
        "fingerprint": step.run.system.fingerprint if step.run else "",
        "status": step.status,
        "note": step.note,
        "dev": asdict(step.dev) if step.dev else None,
        "per_1000": step.cost.per_1000 if step.cost else None,
        "seconds": step.seconds,
        "setup_seconds": step.setup_seconds,
        "outcomes": _outcomes(step.run),
    }


def _outcomes(run: Run | None) -> dict[Outcome, int] | None:
    return run.outcomes if run else None


def summary_text(study: Study, width: int | None = None) -> str:
    """The decision, what stands beside it, the ladder and the finalists as plain lines, for a terminal.

    Args:
        study: what to tell.
        width: characters at which sentences are wrapped; not at all unless given. Tables are left as they are.
    """
    words, _ = badge(study.decision)
    return "\n".join(
        [
            f"{study.task.name}: {words}",
            *_wrapped([*_decision_lines(study), *_beside_lines(study)], width),
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


def _beside_lines(study: Study) -> list[str]:
    """What was expected, why the model fails, how steady the answers are, and what more labels would bring: a sentence each."""
    advice, diagnosis, asked_again, who = expected(study), diagnosed(study), _steady(study), who_answered(study)
    said = [
        who.sentence if who else "",
        advice.outcome if advice else "",
        diagnosis.lead if diagnosis else "",
        asked_again.lead if asked_again else "",
        _curve(study),
        paid(study),
    ]
    lines = [f"- {sentence}" for sentence in said if sentence]
    return ["", "Beside the decision" if study.decision else "What is known", *lines] if lines else []


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
    rows = [
        (
            f.name,
            f.role,
            _score(f.score),
            format_at_least(f.certified),
            amount(f.cost.per_1000),
            amount(f.cost.one_off),
            "chosen" if f.key == decision.winner.key else "",
        )
        for f in decision.finalists
    ]
    head = ("system", "role", "score", "at least", "per 1,000", "one-off", "")
    terms = f"target {format_target(decision.target)}, smallest effect {format_effect(decision.smallest_effect)}"
    title = f"Finalists ({count(decision.n_test)} sealed test rows, opening {decision.opening}; {terms})"
    return ["", title, *_aligned(head, rows), *_control_lines(study)]


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
