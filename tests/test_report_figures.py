"""Figures of the report: what a Study shows, as typed tables, as JSON and as lines of text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from studies import answer_study, classify_study, not_shown_study, stopped_study
from whole_studies import whole_study

from tailor.decide.types import Difference, Interval
from tailor.report import words
from tailor.report.cases import cases
from tailor.report.failures import MAX_LABELS, NO_LABEL, OTHER, confusion, groups, measures
from tailor.report.figures import make_figures
from tailor.report.ladder import best_on_dev, shown_runs, untried
from tailor.report.quality import grid, oriented, quality_cost
from tailor.report.record import to_json
from tailor.report.summary import summary_text
from tailor.results import Study
from tailor.score.types import Answer, Score
from tailor.system import Decoding


def test_the_ladder_shows_every_step_once_and_in_order() -> None:
    study = classify_study()
    rows = [row for rung in make_figures(study).rungs for row in rung.rows]
    assert [row.step for row in rows] == list(study.steps)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert rows[-1].begins == pytest.approx(sum(step.seconds for step in study.steps[:-1]))


def test_the_chosen_system_is_marked_once() -> None:
    rows = [row for rung in make_figures(classify_study()).rungs for row in rung.rows]
    assert [row.step.system for row in rows if row.chosen] == ["lora"]


def test_a_step_stopped_early_never_reaches_the_target() -> None:
    study = classify_study()
    lucky = replace(study.steps[3], dev=Interval(1.0, 0.9, 1.0, 30))
    rows = [row for rung in make_figures(replace(study, steps=(lucky,))).rungs for row in rung.rows]
    assert not rows[0].reaches


def test_the_best_on_dev_is_no_reference_classifier_and_not_stopped_early() -> None:
    best = best_on_dev(classify_study())
    assert best is not None and best.step.system == "lora"
    study = classify_study()
    without = best_on_dev(replace(study, steps=tuple(s for s in study.steps if s.system != "lora")))
    assert without is not None and without.step.system == "few-shot-nearest-5"


def test_finalists_stand_cheapest_first_as_in_the_decision() -> None:
    study = answer_study()
    assert study.decision is not None
    split, runs = shown_runs(study)
    assert split == "test"
    assert [run.system.name for run in runs] == [finalist.name for finalist in study.decision.finalists]


def test_without_a_test_the_best_of_each_rung_on_dev_is_shown() -> None:
    split, runs = shown_runs(stopped_study())
    assert split == "dev"
    assert [run.system.name for run in runs] == ["zero-shot", "few-shot-3", "rag-hybrid"]


def test_a_test_without_a_decision_is_not_shown() -> None:
    study = replace(answer_study(), decision=None)
    assert shown_runs(study)[0] == "dev"
    assert quality_cost(study).split == "dev"
    found = grid(study)
    assert found is not None and found.splits == ("dev",)


def test_without_a_decision_the_rungs_left_out_are_told() -> None:
    assert [step.system for step in untried(stopped_study())] == ["rag-hybrid > lora"]
    assert make_figures(answer_study()).untried == ()


def test_no_system_on_the_front_is_beaten_at_no_higher_cost() -> None:
    figure = quality_cost(answer_study())
    front = [point for point in figure.points if point.pareto]
    assert front
    for point in front:
        assert not any(
            o.eligible and o.per_1000 <= point.per_1000 and o.score.mean >= point.score.mean and o != point for o in figure.points
        )


def test_a_system_without_a_price_is_named_but_not_drawn() -> None:
    study = classify_study()
    assert study.decision is not None
    finalists = tuple(replace(f, cost=replace(f.cost, per_1000=None)) if f.name == "lora" else f for f in study.decision.finalists)
    figure = quality_cost(replace(study, decision=replace(study.decision, finalists=finalists)))
    assert figure.unpriced == ("lora",)
    assert "lora" not in [point.system for point in figure.points]


def test_costs_that_span_much_get_a_logarithmic_axis() -> None:
    study = classify_study()
    assert study.decision is not None
    assert not quality_cost(study).log
    first, *rest = study.decision.finalists
    dear = replace(first, cost=replace(first.cost, per_1000=9.0))
    assert quality_cost(replace(study, decision=replace(study.decision, finalists=(dear, *rest)))).log
    free = replace(first, cost=replace(first.cost, per_1000=0.0))
    assert not quality_cost(replace(study, decision=replace(study.decision, finalists=(free, dear, *rest)))).log


def test_the_two_by_two_takes_the_best_of_each_cell_on_test() -> None:
    found = grid(answer_study())
    assert found is not None
    assert [cell.system for cell in found.cells] == ["few-shot-3", "rag-hybrid", "lora", "rag-hybrid > lora"]
    assert found.splits == ("test",)
    assert len(found.effects) == 4 and all(effect.paired for effect in found.effects)


def test_an_empty_cell_of_the_two_by_two_says_why() -> None:
    found = grid(stopped_study())
    assert found is not None
    assert found.cells[3].score is None and found.cells[3].reason.startswith("no time: The next rung")
    tickets = grid(classify_study())
    assert tickets is not None and tickets.cells[1].reason == "The task names no documents."


def test_there_is_no_two_by_two_of_one_cell() -> None:
    study = stopped_study()
    assert grid(replace(study, steps=study.steps[:2])) is None


def test_cells_from_different_splits_are_never_subtracted() -> None:
    study = answer_study()
    assert study.decision is not None
    kept = tuple(run for run in study.tests if run.system.name != "lora")
    finalists = tuple(f for f in study.decision.finalists if f.name != "lora")
    found = grid(replace(study, tests=kept, decision=replace(study.decision, finalists=finalists)))
    assert found is not None and found.cells[2].split == "dev" and set(found.splits) == {"test", "dev"}
    assert {effect.with_.split for effect in found.effects} == {"test"}
    assert all(found.cells[2] not in (effect.without, effect.with_) for effect in found.effects)


def test_a_turned_difference_keeps_its_meaning() -> None:
    given = Difference("a", "b", Interval(0.1, -0.05, 0.2, 50), 0.3)
    turned = oriented(given, ("b", ""))
    assert (turned.first, turned.second) == ("b", "a")
    assert (turned.estimate.mean, turned.estimate.low, turned.estimate.high) == (-0.1, -0.2, 0.05)
    assert oriented(given, ("a", "")) is given and oriented(turned, ("a", "")) == given


def test_the_chosen_system_is_compared_with_every_other_finalist() -> None:
    figures = make_figures(answer_study())
    assert {pair.first for pair in figures.pairs} == {"rag-hybrid"}
    assert len(figures.pairs) == 4 and len(figures.other_pairs) == 6


def test_outcomes_of_a_system_add_up_to_its_answers() -> None:
    study = not_shown_study()
    for row in make_figures(study).outcomes:
        assert row.total == len(study.splits.test)


def test_confusions_count_every_example_once() -> None:
    study = classify_study()
    run = study.test_run("zero-shot")
    assert run is not None
    found = confusion(run)
    assert found is not None
    assert sum(map(sum, found.counts)) == found.n == len(run.examples)
    assert sum(n for _, _, n in found.top) == run.count("wrong") + run.count("unparsed")
    assert found.answers == (*found.labels, NO_LABEL)
    assert [n for _, _, n in found.top] == sorted((n for _, _, n in found.top), reverse=True)


def test_many_labels_are_cut_to_those_most_confused() -> None:
    study = classify_study()
    run = study.test_run("zero-shot")
    assert run is not None
    examples = tuple(replace(example, answers=(f"label {i % 40}",)) for i, example in enumerate(run.examples))
    labels = tuple(f"label {i}" for i in range(40))
    system = run.system.model_copy(update={"decoding": Decoding(method="score", labels=labels)})
    scores = tuple(Score("wrong", 0.0, f"label {(i + 1) % 40}") for i in range(len(examples)))
    found = confusion(replace(run, system=system, examples=examples, scores=scores))
    assert found is not None
    assert len(found.labels) == MAX_LABELS and found.labels[-1] == OTHER
    assert sum(map(sum, found.counts)) == len(examples)


def test_a_classifier_without_mistakes_has_no_confusions() -> None:
    run = classify_study().tests[0]
    right = tuple(Score("right", 1.0, example.label) for example in run.examples)
    assert confusion(replace(run, scores=right)) is None


def test_abstention_is_told_as_precision_and_recall() -> None:
    study = answer_study()
    run = study.test_run("rag-hybrid")
    assert run is not None
    row = next(row for row in measures(study) if row.system == "rag-hybrid")
    told = {measure.name: measure for measure in row.measures}
    said = [score.details["abstained"] == 1 for score in run.scores]
    none = [not example.answers for example in run.examples]
    hits = sum(a and b for a, b in zip(said, none, strict=True))
    assert told["abstain_precision"].value == hits / sum(said) and told["abstain_precision"].n == sum(said)
    assert told["abstain_recall"].value == hits / sum(none) and told["abstain_recall"].n == sum(none)
    assert told["cited"].n == sum("cited" in score.details for score in run.scores)


def test_a_measure_that_never_applied_is_none_and_not_zero() -> None:
    row = next(row for row in measures(answer_study()) if row.system == "zero-shot")
    told = {measure.name: measure for measure in row.measures}
    assert told["retrieved"].value is None and told["retrieved"].n == 0
    assert "f1" not in told
    assert measures(classify_study()) == ()


def test_results_per_value_hold_every_example_once() -> None:
    study = classify_study()
    tables = groups(study)
    assert [table.column for table in tables] == ["channel", "plan"]
    for table in tables:
        assert sum(row.n for row in table.rows) == len(study.splits.test)
        assert all(len(row.scores) == len(table.systems) for row in table.rows)


def test_rare_values_of_a_column_are_gathered() -> None:
    study = classify_study()
    task = study.task.model_copy(update={"data": study.task.data.model_copy(update={"report_by": ("text",)})})
    (table,) = groups(replace(study, task=task))
    assert len(table.rows) == 13 and table.rows[-1].value.endswith("other values")
    assert sum(row.n for row in table.rows) == len(study.splits.test)


def test_cases_begin_where_the_chosen_system_errs_and_another_is_right() -> None:
    found = cases(classify_study())
    kinds = [case.kind for case in found.shown]
    assert len(found.shown) == 30 < found.total
    assert kinds == sorted(kinds, key=["another system was right", "no system was right", "others were not right"].index)
    assert all(len(case.answers) == 4 for case in found.shown)
    assert all(sum(answer.focus for answer in case.answers) == 1 for case in found.shown)


def test_cases_are_dev_examples_and_the_test_set_stays_sealed() -> None:
    study = classify_study()
    assert {case.id for case in cases(study).shown} <= {example.id for example in study.splits.dev}


def test_only_passages_whose_numbers_stand_in_the_answer_count_as_cited() -> None:
    study = answer_study()
    run = study.dev_run("rag-hybrid")
    assert run is not None
    passages = run.answers[0].passages
    answer = Answer(run.examples[0].id, "no [1] idea [7] at all [1] [x]", passages=passages)
    wrong = replace(run, answers=(answer, *run.answers[1:]), scores=(Score("wrong", 0.0, "no idea"), *run.scores[1:]))
    steps = tuple(replace(step, run=wrong) if step.system == "rag-hybrid" else step for step in study.steps)
    found = cases(replace(study, steps=steps, tests=tuple(test for test in study.tests if test.system == run.system)))
    said = next(case for case in found.shown if case.id == answer.example).answers[0]
    assert [cited.number for cited in said.cited] == [1]
    assert said.text == "no idea" and said.raw == answer.raw


def test_an_unparsed_answer_is_shown_as_it_came() -> None:
    study = classify_study()
    run = study.test_run("zero-shot")
    assert run is not None
    found = cases(replace(study, tests=(run,)))
    said = [answer for case in found.shown for answer in case.answers if answer.outcome == "unparsed"]
    assert said and all(answer.text.startswith("I am sorry") and not answer.raw for answer in said)


@pytest.mark.parametrize("make", [classify_study, answer_study, not_shown_study, stopped_study])
def test_the_json_can_be_written_and_read_and_has_stable_keys(make: object) -> None:
    study: Study = make()  # type: ignore[operator]
    record = json.loads(json.dumps(to_json(study), allow_nan=False))
    assert list(record) == [
        *("format", "task", "decision", "stopped", "ladder", "finalists", "differences", "break_even", "started", "finished"),
        *("provenance", "advice", "diagnosis", "other_diagnoses", "curve", "consistency", "controls", "freshness", "injections"),
        *("forgetting", "answered", "other_answered", "before", "expected", "spent"),
    ]
    assert [row["system"] for row in record["ladder"]] == [step.system for step in study.steps]
    assert [row["outcomes"] for row in record["ladder"]] == [step.run and step.run.outcomes for step in study.steps]
    assert (record["decision"] is None) == (study.decision is None)
    if study.decision:
        assert list(record["decision"]) == [
            *("verdict", "chosen", "headline", "reasons", "changes", "alpha", "opening", "n_test", "rows_to_settle", "reference"),
            *("dev_contradicted", "pace", "judge", "answers_changed", "doubt", "handover", "fingerprint", "tie_break"),
        ]
        assert record["decision"]["fingerprint"] == study.decision.winner.fingerprint
        assert record["decision"]["reasons"] == list(study.decision.reasons)
        assert [row["name"] for row in record["finalists"]] == [finalist.name for finalist in study.decision.finalists]
        assert all(sum(row["outcomes"].values()) == row["score"]["n"] for row in record["finalists"])


def test_the_json_carries_advice_diagnosis_curve_and_consistency() -> None:
    study = whole_study()
    assert study.advice is not None and study.diagnosis is not None and study.curve is not None
    record = json.loads(json.dumps(to_json(study), allow_nan=False))
    assert record["advice"]["expected"] == study.advice.expected and record["advice"]["outcome"].startswith("Expected: ")
    assert [lever["name"] for lever in record["diagnosis"]["levers"]] == ["behaviour", "examples", "form"]
    assert list(record["diagnosis"]["levers"][0]) == ["name", "forecast", "alone", "only", "how"]
    assert record["diagnosis"]["labels"]["noise"]["level"] == 0.8 and "text" not in record["diagnosis"]["suspects"][0]
    assert [point["size"] for point in record["curve"]["points"]] == [28, 47, 79, 132, 222]
    assert record["curve"]["needed"]["target"] == study.task.target and "more labels" in record["curve"]["sentence"]
    assert [found["system"] for found in record["consistency"]] == [run.system.name for run in study.tests]
    assert [kind["kind"] for kind in record["consistency"][0]["kinds"]] == ["again", "order", "format"]


def test_the_summary_tells_what_stands_beside_the_decision_a_line_each() -> None:
    lines = summary_text(whole_study()).split("Besides the decision\n")[1].split("\n\n")[0].splitlines()
    starts = ("- Expected: fine-tuning. Measured: lora", "- The plain model fails", "- lora was right on", "- About ")
    assert len(lines) == 4 and all(line.startswith(start) for line, start in zip(lines, starts, strict=True))
    assert "Besides the decision" not in summary_text(classify_study())


def test_sentences_of_the_summary_are_wrapped_and_its_tables_are_not() -> None:
    plain, wrapped = summary_text(whole_study()), summary_text(whole_study(), 60)
    assert wrapped.split() == plain.split()
    said, tables = wrapped.split("\nLadder")
    assert max(map(len, said.splitlines())) <= 60 and tables == plain.split("\nLadder")[1]


def test_the_summary_tells_decision_ladder_and_finalists() -> None:
    study = classify_study()
    assert study.decision is not None
    text = summary_text(study)
    assert text.startswith("tickets: Target met\nThe cheapest generative system that meets your target of 85 % is lora")
    assert all(step.system in text for step in study.steps)
    assert all(reason in text for reason in study.decision.reasons)
    assert text.count(study.decision.reference) == 1
    assert max(map(len, text.split("Ladder")[1].splitlines())) < 160


def test_the_summary_without_a_decision_says_what_the_next_rung_needs() -> None:
    text = summary_text(stopped_study())
    assert "No decision: the sealed test set was not opened." in text and "about 25 minutes of training" in text
    assert "Finalists" not in text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (words.percent(0.9314), "93.1 %"),
        (words.points(0.016), "+1.6"),
        (words.points(-0.016), "−1.6"),
        (words.points(-0.0001), "0.0"),
        (words.amount(None, "EUR"), "unknown"),
        (words.amount(0.0042, "EUR"), "0.0042 EUR"),
        (words.duration(0.0), "0 s"),
        (words.duration(0.004), "4.0 ms"),
        (words.duration(9.97), "10.0 s"),
        (words.duration(59.6), "1 min 00 s"),
        (words.duration(7800), "2 h 10 min"),
        (words.moment("2026-03-14T09:05:00+00:00"), "14 March 2026, 09:05 UTC"),
        (words.moment("yesterday"), "yesterday"),
        (words.limits(Interval(0.5, None, None, 1)), "[too few to say]"),
        (words.plural(1, "row"), "1 row"),
        (words.plural(1200, "row"), "1,200 rows"),
        (words.p_value(0.0002), "< 0.001"),
        (words.shorten("a  b\nc d", 5), "a b…"),
    ],
)
def test_numbers_are_told_as_people_write_them(given: str, told: str) -> None:
    assert given == told


@pytest.mark.parametrize(
    ("low", "high", "p", "told"),
    [
        (0.011, 0.2, 0.001, "shown to be better, by 1.1 points or more"),
        (-0.2, -0.01, 0.001, "shown to be worse, by 1 point or more"),
        (0.011, 0.2, 0.2, "better by its interval, but not by the test"),
        (-0.0151, 0.2, 0.5, "at most 1.6 points worse"),
        (0.0, 0.1, 1.0, "not worse"),
        (None, None, 1.0, "too few examples to say"),
    ],
)
def test_a_difference_in_words_claims_no_more_than_its_limits(low: float | None, high: float | None, p: float, told: str) -> None:
    assert words.loss(Difference("a", "b", Interval(0.0, low, high, 50), p)) == told
