"""The whole story: from a project to a measured decision. Read this first.

Data are read and split; advice says what to expect; the ladder is climbed on dev; the few finalists meet the sealed test set once;
a rule fixed beforehand decides; the finalists are asked again to see how steady they are; the study is saved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from tailor.advise.advice import Advice, advise
from tailor.advise.gather import gather
from tailor.approaches.approach import TrainingData
from tailor.approaches.distil import MOST_TAUGHT
from tailor.data.doubt import Data
from tailor.data.example import Example, Splits
from tailor.decide.amounts import Estimate
from tailor.decide.ask_again import ask_finalists_again
from tailor.decide.bill import maybe_paid, waiting
from tailor.decide.clock import Clock
from tailor.decide.controls import with_controls
from tailor.decide.decision import Candidate, decide, measured
from tailor.decide.estimate import expected_spending
from tailor.decide.finalists import finalists
from tailor.decide.forgotten import forgotten
from tailor.decide.formats import counted, format_money
from tailor.decide.handover import claims_of, looks_of, thresholds_of, with_handover
from tailor.decide.judged import decide_judged, ratings_used
from tailor.decide.judgewords import ratings_sentences
from tailor.decide.ladder import Climb
from tailor.decide.preflight import preflight
from tailor.decide.prices import price_list
from tailor.decide.rungs import tie
from tailor.decide.sourced import sourced
from tailor.decide.step import Observer
from tailor.decide.tiebreak import not_told_apart, sampled_pairs, tie_break, with_tie_break
from tailor.decide.types import Decision
from tailor.decide.undecided import held_back
from tailor.decide.upkeep import pace_of, timed_cost
from tailor.decide.wording import doubtful_rows
from tailor.diagnose.curve import learning_curve
from tailor.documents.reading import unread_by_reason
from tailor.engine import Engine
from tailor.errors import CallsFailed, ConfigError, DataError
from tailor.evaluate.found import found_by
from tailor.evaluate.judge import judge_systems
from tailor.evaluate.measure import measure, scored
from tailor.evaluate.pairwise import compare, pairs_file, read_comparisons, write_pairs
from tailor.evaluate.ratings import Ratings, rating_sample, read_ratings, write_sheet
from tailor.evaluate.run import Run, failures
from tailor.files import private_files, tighten
from tailor.labelled import load_splits, load_unasked, people_of
from tailor.labelling.worth import LabelsWorth, labels_worth
from tailor.ledger import Ledger
from tailor.models.base import Model
from tailor.open_engine import open_engine, with_labels
from tailor.project import Project
from tailor.provenance import provenance
from tailor.results import Study
from tailor.saved import STUDY
from tailor.seals import around_test, grouping, identities, opening_sentences, shown_to_people, teachable, unseen
from tailor.stats.clusters import usual_size
from tailor.store.spending import Spent
from tailor.task import Task
from tailor.trust import called, require_personal


@dataclass(frozen=True)
class Again:
    """What is decided again.

    Attributes:
        splits: the rows; those of the test set decide.
        before: the decision so far; None where there was none.
    """

    splits: Splits
    before: Decision | None


def run(
    project: Project,
    observer: Observer,
    *,
    everything: bool = False,
    max_minutes: float | None = None,
    budget: float | None = None,
    ask_again: bool | None = None,
    model: Model | None = None,
    judge: Model | None = None,
    again: Again | None = None,
) -> Study:
    """Measure the ways of answering on the project's data and decide between them.

    Args:
        project: where the task, its data and its documents are.
        observer: told what happens as it happens.
        everything: climb every rung, whatever was found.
        max_minutes: limit on climb and final test: what promises most for its time is tried first. The final test is not cut short.
        budget: the most that all runs of the project together may pay endpoints, if not what the task says.
        ask_again: whether the finalists are asked again, in full or not at all, if not as the task says.
        model: the generative model, if not the one that the task names.
        judge: the model that judges, if not the one that the task names; only for the metric `judged`.
        again: what to decide again, and by which rows; None for the project's as they are split.

    Raises:
        TailorError: the user's input, a model or the disk is in the way; what was measured is kept.
    """
    task, started, clock = asking(project.task, ask_again), _now(), Clock(None if max_minutes is None else max_minutes * 60)
    whole = again.splits if again else load_splits(project)
    ratings = read_ratings(project.path(task.judge.ratings)) if task.judge else Ratings()
    with private_files(), Ledger(tighten(project.store)) as ledger:
        say(observer, filter(None, (*ledger.messages, shown_to_people(project, whole, ledger))))
        task, splits = to_learn_from(task, whole, ledger, observer)
        require_personal(project, whole, called(model, judge))
        engine = open_engine(project, ledger, model, judge, budget=budget)
        say(observer, (f"{sentence} To have it read, {remedy}." for sentence, _, remedy in unread_by_reason(engine.unread)))
        expected = before_spending(task, splits, engine, observer, everything, max_minutes is not None)
        engine.check = clock.check
        advice = advised(task, splits, engine, observer)
        data = TrainingData(task, splits.train, splits.dev, to_teach(project, whole, ledger, engine, observer))
        climb = climb_of(data, engine, observer, clock=clock, everything=everything, splits=splits, advised=advice.expected)
        climb.climb()
        observer.message(" ".join(filter(None, (climb.stopped, climb.budget.overrun()))))
        curve = learning_curve(data, engine, task.target)
        engine.check = lambda: None
        lost = forgotten(climb, observer)
        tests, decision = final_test(climb, splits, ledger, observer, ratings, around_test(task, whole, engine.documents))
        decision = compared(project, engine, tests, decision, observer)
        found, decision = with_controls(task, splits, tests, decision)
        study = study_of(asking(project.task, ask_again), climb, splits, tests, decision, started=started)
        study = replace(study, advice=advice, curve=curve, controls=found, expected=expected, forgetting=lost)
        study = replace(study, worth=worth_of_labels(project, study, whole), before=again.before if again else None)
        number = ledger.save_study(STUDY.dump_python(study, mode="json"))
        if decision and (steady := ask_finalists_again(climb, tests, observer, decision.winner.fingerprint)):
            study = replace(study, consistency=steady, finished=_after(started), spent=spent(engine))
            ledger.save_study(STUDY.dump_python(study, mode="json"), number)
    if task.judge and tests:
        write_sheet(project.path(task.judge.ratings), task, rating_sample(task, tests))
    return study


def worth_of_labels(project: Project, study: Study, whole: Splits) -> LabelsWorth | None:
    """What labels are worth to the decision; None where nobody labelled rows of the project."""
    agreement, aggregation = people_of(project)
    if not aggregation.labels:
        return None
    labels = len(whole.train) + len(whole.dev) + len(whole.test) + len(whole.reserve)
    return labels_worth(study.task, labels, study.decision, study.curve, study.diagnosis, agreement)


def say(observer: Observer, sentences: Iterable[str]) -> None:
    """Tell all of them."""
    for sentence in sentences:
        observer.message(sentence)


def climb_of(
    data: TrainingData,
    engine: Engine,
    observer: Observer,
    *,
    clock: Clock,
    everything: bool,
    splits: Splits,
    advised: str,
) -> Climb:
    """A climb that has not begun."""
    return Climb(
        data=data,
        engine=engine,
        prices=price_list(data.task, engine.models),
        clock=clock,
        observer=observer,
        everything=everything,
        test_rows=len(splits.test),
        pace=pace_of(data.task),
        advised=advised,
        test_alike=usual_size([example.unit for example in splits.test]),
    )


def study_of(task: Task, climb: Climb, splits: Splits, tests: tuple[Run, ...], decision: Decision | None, *, started: str) -> Study:
    """What a climb and its final test found."""
    engine, sources = climb.engine, sourced(climb, tests, decision)
    return Study(
        task=task,
        splits=splits,
        steps=tuple(climb.steps),
        stopped=climb.stopped,
        tests=tests,
        decision=decision,
        provenance=provenance(splits, engine.models, engine.judge),
        started=started,
        finished=_after(started),
        diagnosis=next(iter(climb.diagnoses), None),
        spent=spent(engine),
        other_diagnoses=tuple(climb.diagnoses[1:]),
        found=found_by(task, climb.runs, engine),
        searches=tuple(climb.search.trials),
        sources=sources,
    )


def final_test(
    climb: Climb, splits: Splits, ledger: Ledger, observer: Observer, ratings: Ratings | None = None, data: Data | None = None
) -> tuple[tuple[Run, ...], Decision | None]:
    """The finalists on the sealed test set, and what follows. Nothing is opened when nothing was measured on dev, or when a call
    failed: all answers are gathered, unread, before the set is opened.

    Where a judge scores, people's ratings correct it; another judge is another opening. `data` is what there is besides the
    test set.
    """
    task, engine = climb.data.task, climb.engine
    chosen = finalists(climb.runs, tie(task), climb.prices.weigh)
    if climb.is_broken or not climb.generative:
        return (), None
    if why := unanswered(task, chosen.values(), splits, engine, observer):
        climb.stopped = f"The sealed test set is not opened: {why}. Run again to continue."
        observer.message(climb.stopped)
        return (), None
    systems = [run.system.fingerprint for run in chosen.values()]
    judge = [one.fingerprint for one in judge_systems(task.judge, engine.judge).values()] if task.judge and engine.judge else []
    thresholds = thresholds_of(task, chosen.values())
    looked_at = [task.scored_by, *judge, *systems, *looks_of(thresholds), *grouping(splits.test)]
    unread = [measure(task, dev.system, "test", splits.test, engine) for dev in chosen.values()] if task.judge else []
    ratings, changed = (ratings or Ratings()).as_used(ledger.rated())
    rated = ratings_used(task, unread, ratings)
    opened = ledger.open_test(identities(task, splits.test), looked_at, data, rated)
    opening = opened.number
    for sentence in (*ratings_sentences(changed), *opening_sentences(opened, len(chosen), ledger.trouble)):
        observer.message(sentence)
    candidates = []
    for role, dev in chosen.items():
        observer.began("final test", dev.system.name)
        test = measure(task, dev.system, "test", splits.test, engine, observer.progress)
        cost = timed_cost(climb.data, test, climb.track.cost(test), engine)
        eligible = task.allow_classifier or dev.system.is_generative
        candidates.append(Candidate(role, test, dev, cost, eligible))
    decision = (
        decide_judged(task, candidates, opening, ratings, climb.pace, opened.doubt)
        if task.judge
        else decide(task, candidates, opening, climb.pace, partial(measured, doubt=opened.doubt, claims=claims_of(thresholds)))
    )
    reasons = (*ratings_sentences(changed), *doubtful_rows(opened.doubt), *decision.reasons)
    decision = replace(decision, reasons=reasons, answers_changed=opened.changed, doubt=opened.doubt)
    decision = held_back(task, with_handover(task, decision, candidates, thresholds))
    return tuple(candidate.run for candidate in candidates), decision


def compared(
    project: Project, engine: Engine, tests: tuple[Run, ...], decision: Decision | None, observer: Observer
) -> Decision | None:
    """The decision with the two best finalists side by side, where the task asks for that and scores do not tell them apart."""
    judge = project.task.judge
    if decision is None or judge is None or not judge.compare or (two := not_told_apart(decision, tests)) is None:
        return decision
    observer.began("side by side", f"{two[0].system.name} and {two[1].system.name}")
    sheet, seen = pairs_file(project.path(judge.ratings)), compare(project.task, engine, *two, observer.progress)
    found = tie_break(project.task, *two, seen, read_comparisons(sheet))
    write_pairs(sheet, judge, list(sampled_pairs(project.task, seen, two[0]).values()))
    return with_tie_break(decision, found, sheet.name)


def unanswered(task: Task, chosen: Iterable[Run], splits: Splits, engine: Engine, observer: Observer) -> str:
    """Gather the finalists' answers on the test set, and a judge's verdicts, unread. Why this cannot be done yet; else empty."""
    engine.batches.ahead([(dev.system, splits.test) for dev in chosen])
    for dev in chosen:
        observer.began("final test", dev.system.name)
        answers = engine.answer(dev.system, splits.test, observer.progress)
        if failure := failures(answers):
            return f"of {dev.system.name}, {failure}"
        if task.judge is not None:
            try:
                scored(task, dev.system, splits.test, answers, engine, observer.progress)
            except CallsFailed as error:
                return f"for {dev.system.name}, {error}"
    return ""


def to_learn_from(task: Task, whole: Splits, ledger: Ledger, observer: Observer) -> tuple[Task, Splits]:
    """The rows without those that a test set shows (`sealed`), and the task with its labels in the project's order."""
    splits = sealed(task, whole, ledger, observer)
    return with_labels(task, splits.train, ledger), splits


def sealed(task: Task, splits: Splits, ledger: Ledger, observer: Observer) -> Splits:
    """The splits without rows to learn or choose from that a test set shows, this one or one opened before, and without copies."""
    if splits.unlabelled:
        rows, like = ("row has", "it") if splits.unlabelled == 1 else ("rows have", "them")
        observer.message(f"{splits.unlabelled:,} {rows} no label: left out, so the results say nothing about rows like {like}.")
    train, dev = unseen(task, (splits.train, splits.dev), splits.test, ledger.shown())
    left_out = len(splits.train) + len(splits.dev) - len(train) - len(dev)
    if not left_out:
        return splits
    observer.message(
        f"{left_out} rows to learn from are left out: they are in the test set or in one opened before, say nearly the same as a "
        "row there, or share a group with it."
    )
    if not train or not dev:
        raise DataError(
            "no rows are left to learn from: all of them are in a test set, say nearly the same as a test row, or share a group "
            "with one",
            "add fresh rows, or let Tailor split one file",
        )
    return replace(splits, train=train, dev=dev)


def to_teach(project: Project, whole: Splits, ledger: Ledger, engine: Engine, observer: Observer) -> tuple[Example, ...]:
    """Rows without a label that a teacher may label for a student that can be tuned; none like a row to choose or to test by."""
    if not whole.unlabelled or not any(model.capabilities.tunes for model in engine.models):
        return ()
    rows = load_unasked(project)
    kept = sorted(teachable(project.task, rows, whole, ledger.shown()), key=lambda example: example.key)[:MOST_TAUGHT]
    if rows:
        observer.message(
            f"A teacher may label {len(kept):,} of the {counted(len(rows), 'row')} without a label, to tune a student on."
        )
    return tuple(kept)


def advised(task: Task, splits: Splits, engine: Engine, observer: Observer) -> Advice:
    """What to expect before anything is measured; the observer is told."""
    seen = (*splits.train, *splits.dev)
    rows = (*seen, *splits.test, *splits.reserve)  # only counted, whatever split they are in
    advice = advise(gather(task, rows, engine.documents, max(model.context_tokens for model in engine.models), learned_from=seen))
    observer.message(f"Expected before measuring: {advice.expected}. {advice.means}")
    return advice


def asking(task: Task, ask_again: bool | None) -> Task:
    """The task as the run was asked to take it."""
    return task if ask_again is None else task.model_copy(update={"ask_again": ask_again})


def before_spending(
    task: Task, splits: Splits, engine: Engine, observer: Observer, everything: bool, limited: bool
) -> Estimate | None:
    """Ask each endpoint once or twice, and say what it showed, what the study is expected to cost, and what may be lost money."""
    if engine.spending is None:
        return None
    spending = engine.spending
    for sentence in spending.messages:
        observer.message(sentence)
    engine.say = observer.message
    waits = waiting(task)
    if waits and limited:
        raise ConfigError("a time limit cannot be kept with `model.batch`: a batch may take a day", "Leave one of them out.")
    if waits:
        observer.message(waits)
    engine.batches.gather((*engine.models, engine.judge))
    observer.pays(lambda: spending.spent)
    if (before := spending.spent).maybe_paid:
        observer.message(maybe_paid(before, spending.currency))
    observer.began("preflight", "one or two requests")
    flights = preflight(task, splits, engine)
    for flight in flights:
        if flight.asked:
            observer.message(flight.sentence)
    expected = expected_spending(
        task, splits, engine.models, engine.judge, engine.documents, flights=flights, everything=everything, limited=limited
    )
    if expected is not None:
        observer.message(expected.sentence)
        if spending.cap is not None and expected.money is not None and expected.money.low > spending.cap:
            budget = format_money(spending.cap, spending.currency)
            observer.message(f"The budget of {budget} is below even the lowest estimate: the run will stop before it is done.")
        spending.rest = expected.rest
    return expected


def spent(engine: Engine) -> Spent | None:
    """What the project's calls to endpoints cost so far; None where none is asked."""
    return engine.spending.spent if engine.spending else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _after(started: str) -> str:
    """The time now, which is not before the start: a clock may be put back meanwhile."""
    return max(started, _now())
