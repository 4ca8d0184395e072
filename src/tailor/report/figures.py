"""From a Study to the typed tables and series of the report; nothing here draws."""

from __future__ import annotations

from dataclasses import dataclass

from tailor.decide.types import Difference
from tailor.evaluate.answered import Answered
from tailor.kinds.base import kind_of
from tailor.report.cases import Cases, cases
from tailor.report.consistency import Steady, study_steady
from tailor.report.details import DetailTable, details
from tailor.report.diagnosis import Diagnosed, curve_told, diagnosed, worth_told
from tailor.report.endpoint import paid, who_answered
from tailor.report.expected import Expected, expected
from tailor.report.failures import Confusion, GroupTable, MeasureRow, Outcomes, confusion, groups, measures, outcomes
from tailor.report.fields import FieldTable, field_table
from tailor.report.first import First, first_screen
from tailor.report.found import Searches, searches
from tailor.report.judge import Judged, judged
from tailor.report.ladder import LadderRow, RungTable, best_on_dev, focus, ladder_rows, models, rungs, shown_runs, untried
from tailor.report.money import Money, money
from tailor.report.quality import (
    FinalistRow,
    QualityCost,
    WeightsGrid,
    chosen_pairs,
    finalist_rows,
    grid,
    other_pairs,
    quality_cost,
)
from tailor.report.several import LabelTable, label_table
from tailor.report.words import badge, headline
from tailor.results import Step, Study
from tailor.system import System


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
        diagnosis: why a model fails, what was forecast and what was measured, a part for each that was diagnosed.
        curve: what more labels would bring, in a sentence; empty where nothing is known of it.
        worth: what labels are worth to the decision, a sentence each.
        searches: how well passages are found; None where nothing was searched for.
        consistency: how steadily the finalists answer; None when it was not measured.
        pairs: the chosen system minus every other finalist.
        other_pairs: pairs without the chosen system.
        split: where failures and examples come from: test, or dev without a test.
        outcomes: counts per system.
        confusion: of the system looked at, for a classifier.
        fields: field by field, where answers have parts.
        labels: how labels fare, where an answer may hold several.
        measures: further measures per system.
        details: measures of the kind's own, those that are required first.
        groups: results per value of the columns reported by.
        cases: examples side by side.
        splits: sizes of the splits.
        answered: who answered, for each model whose endpoint says so.
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
    rungs: tuple[RungTable, ...]
    seconds: float
    quality_cost: QualityCost
    grid: WeightsGrid | None
    finalists: tuple[FinalistRow, ...]
    money: Money | None
    expected: Expected | None
    diagnosis: tuple[Diagnosed, ...]
    curve: str
    worth: tuple[str, ...]
    searches: Searches | None
    consistency: Steady | None
    pairs: tuple[Difference, ...]
    other_pairs: tuple[Difference, ...]
    split: str
    outcomes: tuple[Outcomes, ...]
    confusion: Confusion | None
    fields: FieldTable | None
    labels: LabelTable | None
    measures: tuple[MeasureRow, ...]
    details: tuple[DetailTable, ...]
    groups: tuple[GroupTable, ...]
    cases: Cases
    splits: tuple[Split, ...]
    answered: tuple[Answered, ...]
    spent: str


def make_figures(study: Study) -> Figures:
    """The tables and series of the report."""
    decision, kind = study.decision, kind_of(study.task)
    split, runs = shown_runs(study)
    looked_at = focus(study)
    if looked_at is not None:
        looked_at = next((run for run in runs if run.key == looked_at.key), looked_at)
    finalists = finalist_rows(study, decision) if decision else ()
    words, tone = badge(decision)
    main, reference = headline(decision) if decision else ("", "")
    asked_again = study_steady(study)
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
        curve=curve_told(study),
        worth=worth_told(study),
        searches=searches(study),
        consistency=asked_again,
        pairs=chosen_pairs(decision) if decision else (),
        other_pairs=other_pairs(decision) if decision else (),
        split=split,
        outcomes=outcomes(study),
        confusion=confusion(looked_at) if looked_at and kind.closed and not kind.several else None,
        fields=field_table(study.task, looked_at, shown_runs(study)[1]) if looked_at else None,
        labels=label_table(study, looked_at),
        measures=measures(study),
        details=details(study),
        groups=groups(study),
        cases=cases(study),
        splits=tuple(Split(key, len(rows), sum(not row.answers for row in rows)) for key, rows in parts.items()),
        answered=who_answered(study),
        spent=paid(study),
    )
