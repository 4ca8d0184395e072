"""What labels are worth: the ceiling, the options and their prices, and how many more it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_helpers import sentence, write_csv, write_yaml
from flow import tailor
from hypothesis import given, settings
from hypothesis import strategies as st
from whole_studies import made_curve, whole_study

from tailor.data.identity import identity
from tailor.decide.types import Decision
from tailor.diagnose.curve import Measured, continued
from tailor.labelled import load_splits
from tailor.labelling.agreement import AgreementFound, agreement_of
from tailor.labelling.judgement import Judgement, row_id
from tailor.labelling.judgements import Judgements
from tailor.labelling.worth import Ceiling, UntilDecided, labels_until_shown, labels_worth
from tailor.ledger import Ledger
from tailor.project import Project, load_project
from tailor.report.html import render_report
from tailor.results import Study
from tailor.saved import STUDY
from tailor.seals import identities, shown_to_people
from tailor.stats.intervals import Interval, clopper_pearson, clopper_pearson_lower
from tailor.stats.spending import of_target
from tailor.task import Task
from tailor.workbench.desk import Desk
from tailor.workbench.opening import rows_shown_again

TEAMS = ("billing", "refund", "delivery")


def agreed(rows: int, same: int) -> AgreementFound:
    said = [(f"r{n}", person, "a" if person == "Ana" or n < same else "b") for n in range(rows) for person in ("Ana", "Ben")]
    return agreement_of([Judgement(f"{row}{person}", row, person, values={"label": label}) for row, person, label in said])


def test_people_who_agree_on_so_much_set_a_ceiling() -> None:
    study = whole_study()
    found = labels_worth(study.task, 400, study.decision, study.curve, study.diagnosis, agreed(100, 87))
    assert found.ceiling is not None and (found.ceiling.agreed, found.ceiling.rows) == (0.87, 100)
    assert found.ceiling.limits == clopper_pearson(87, 100)
    assert found.sentences[0] == (
        "Two people agree on 87 % [79, 93] of 100 rows, so against labels of one person each no system can be expected to score "
        "above 93 % [89, 96]."
    )
    assert labels_worth(study.task, 400, study.decision, None, None, None).ceiling is None
    texts = study.task.model_copy(update={"kind": "answer", "metric": None})
    assert labels_worth(texts, 400, study.decision, None, None, agreed(100, 87)).ceiling is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.floats(0.01, 1), min_size=2, max_size=5), min_size=1, max_size=8))
def test_no_system_is_expected_to_score_above_the_ceiling(rows: list[list[float]]) -> None:
    shares = [[share / sum(row) for share in row] for row in rows]  # how many people give a row each label
    two_agree = sum(share**2 for row in shares for share in row) / len(shares)
    best = sum(map(max, shares)) / len(shares)  # of a system that knows them
    assert best <= Ceiling(two_agree, len(rows)).highest + 1e-12


def test_a_second_person_is_worth_nothing_where_every_row_has_one() -> None:
    study = whole_study()
    assert study.decision is not None
    options = {
        labels: [
            one
            for one in labels_worth(study.task, labels, study.decision, None, None, agreed(100, 87)).options
            if "second" in one.name
        ]
        for labels in (100, 200, 10_000)
    }
    assert not options[100]
    assert options[200][0].labels == round(study.decision.n_test / 2) < options[10_000][0].labels
    assert options[200][0].points < options[10_000][0].points


def test_each_option_has_points_a_chance_and_a_price_and_the_best_for_its_price_is_first() -> None:
    study = whole_study()
    assert study.decision is not None
    found = labels_worth(study.task, 400, study.decision, study.curve, study.diagnosis, agreed(100, 87))
    assert {option.name for option in found.options} == {
        "50 more labels",
        "Correcting the 3 labels that look wrong",
        "A second person on the test set, and deciding where the two differ",
        "50 more test rows",
    }
    for option in found.options:
        assert 0 <= option.before <= option.after <= 1 and option.points >= 0
        assert option.price == pytest.approx(study.task.prices.label * option.labels)
        assert option.sentence("USD") in found.sentences
    gains = [(option.after - option.before) / max(option.price or 0, 1) for option in found.options]
    assert gains == sorted(gains, reverse=True)
    test_rows = next(option for option in found.options if option.name == "50 more test rows")
    assert test_rows.points == 0


def decided(study: Study, right: int, rows: int, target: float) -> tuple[Task, Decision]:
    """The decision of a study whose winner got so many of so many test rows right, which does not show the target."""
    assert study.decision is not None
    score = Interval(right / rows, None, None, rows, 0.95, "made")
    finalists = tuple(replace(one, score=score) if one == study.decision.winner else one for one in study.decision.finalists)
    task = study.task.model_copy(update={"target": target})
    return task, replace(study.decision, finalists=finalists, n_test=rows, verdict="not shown")


def test_the_chance_that_more_test_rows_show_the_target_is_as_often_right_as_it_says() -> None:
    """Systems of any true score are tested, and then on 50 rows more, as `tailor run` does it: the rows that there were stay."""
    study, draw = whole_study(), np.random.default_rng(0)
    told, shown = [], []
    for _ in range(300):
        rows, true = 100, draw.uniform(0.7, 0.98)
        right, target = int(draw.binomial(rows, true)), round(true - draw.uniform(0.0, 0.15), 2)
        task, decision = decided(study, right, rows, target)
        (option,) = labels_worth(task, 400, decision, None, None, None).options
        alpha = of_target(decision.opening + 1, len(decision.finalists))
        told.append(option.after)
        shown.append(clopper_pearson_lower(right + int(draw.binomial(50, true)), rows + 50, alpha) >= target)
        assert option.before == 0 and option.name == "50 more test rows"
    chances, came = np.array(told), np.array(shown)
    assert abs(chances.mean() - came.mean()) <= 0.04
    for low, high in ((0, 0.25), (0.25, 0.75), (0.75, 1.01)):
        some = (chances >= low) & (chances < high)
        assert some.sum() >= 20 and abs(chances[some].mean() - came[some].mean()) <= 0.12


def test_a_target_that_is_shown_gains_no_chance() -> None:
    study = whole_study()
    task, decision = decided(study, 95, 100, 0.5)
    shown = replace(decision, verdict="target met")
    (option,) = labels_worth(task, 400, shown, None, None, None).options
    assert (option.before, option.after) == (1, 1) and option.sentence("USD").endswith("points; the target is shown already.")
    (hopeless,) = labels_worth(task.model_copy(update={"target": 1.0}), 400, decision, None, None, None).options
    assert hopeless.after == 0 and hopeless.sentence("USD").endswith("the chance that the target is shown stays at 0 %.")


def test_the_nearer_the_target_the_fewer_labels_it_takes() -> None:
    curve = made_curve(0.8)
    near, far, never = (labels_until_shown(curve, target, 400, alpha=0.0125) for target in (0.5, 0.75, 0.999))
    assert near.low is not None and near.median is not None and near.high is not None
    assert near.low <= near.median <= near.high <= (far.median or near.cap)
    assert (never.low, never.median, never.high) == (None, None, None) and never.holds(None) and not never.holds(500)
    assert never.sentence(400, 0.999) == f"Up to {never.cap:,} labels are not expected to show 99.9 %."
    assert labels_until_shown(curve, 0.75, 400, alpha=0.0125) == far


def test_an_interval_holds_what_lies_in_it() -> None:
    until = UntilDecided(median=150, low=120, high=None, cap=400)
    assert [until.holds(labels) for labels in (100, 120, 400, None)] == [False, True, True, True]
    assert until.sentence(100, 0.9) == "About 50 more labels would probably show 90 % (80 % interval 20 to more than 300)."


@pytest.mark.slow
def test_the_interval_holds_in_most_futures() -> None:
    """Curves are drawn, measured on few rows, continued, and then followed: power laws with noise of the rows tested on."""
    from tailor.labelling.worth import look_sizes
    from tailor.stats.intervals import clopper_pearson_lower

    draw, held = np.random.default_rng(0), []
    for _ in range(16):
        b, floor = draw.uniform(0.3, 0.9), draw.uniform(0.0, 0.1)

        def error(size: float, b: float = b, floor: float = floor) -> float:
            return float(min(0.95, floor + 1.2 * size**-b))

        sizes = (10, 15, 23, 34, 51, 78)
        seen = np.array([[draw.binomial(97, 1 - error(size)) / 97 for size in sizes] for _ in range(4)])
        target = round(1 - error(300) - draw.uniform(0.02, 0.15), 2)
        curve = continued("probe", 97, Measured(sizes, seen, 97), target)
        until = labels_until_shown(curve, target, 150, taught=0.65, alpha=0.0125)
        right, actual = draw.random(until.cap), None
        for size in look_sizes(150, until.cap):
            tested = round(0.25 * size)
            if clopper_pearson_lower(int((right[:tested] > error(0.65 * size)).sum()), tested, 0.0125) >= target:
                actual = size
                break
        held.append(until.holds(actual))
    assert np.mean(held) >= 0.7


def test_the_report_says_what_labels_are_worth_and_a_study_keeps_it() -> None:
    study = whole_study()
    worth = labels_worth(study.task, 400, study.decision, study.curve, study.diagnosis, agreed(100, 87))
    page = render_report(replace(study, worth=worth))
    assert "What labels are worth to the decision" in page and "people agree on 87" in page
    assert "What labels are worth to the decision" not in render_report(study)
    assert STUDY.validate_python(STUDY.dump_python(replace(study, worth=worth), mode="json")).worth == worth


def test_the_command_says_how_far_people_agree_before_anything_was_run(tmp_path: Path) -> None:
    write_csv(tmp_path / "data.csv", [(sentence(n), TEAMS[n % 3]) for n in range(60)])
    about = {"name": "desk", "kind": "classify", "instruction": "Name the team.", "input": "{{text}}", "output": "label"}
    write_yaml(tmp_path, {**about, "model": "fake", "data": {"file": "data.csv"}})
    project = load_project(tmp_path)
    rows = [identity(["text"], example) for example in load_splits(project).train]
    with Judgements(project.store) as judgements:
        for person in ("Ana", "Ben"):
            judgements.append(
                *(
                    Judgement(f"{person}{n}", row_id(row), person, values={"label": TEAMS[(n + (person == "Ben" and n < 5)) % 3]})
                    for n, row in enumerate(rows)
                )
            )
    printed = tailor("worth", tmp_path)
    assert printed.exit_code == 0, printed.output
    told = " ".join(printed.output.split())
    assert f"People agree on {round(100 * (1 - 5 / len(rows)))} % [" in told
    assert f"] of {len(rows)} rows that several answered." in told
    assert "Where people differ, " in told and "first to see what more labels are worth" in told


def desk_project(folder: Path, labels: Sequence[str]) -> Project:
    """A project of 80 rows, with these labels in the file, over and over."""
    write_csv(folder / "data.csv", [(sentence(n), labels[n % len(labels)]) for n in range(80)])
    about = {"name": "desk", "kind": "classify", "instruction": "Name the team.", "input": "{{text}}", "output": "label"}
    write_yaml(folder, {**about, "model": "fake", "labels": list(TEAMS), "data": {"file": "data.csv"}})
    return load_project(folder)


def shown_now(project: Project) -> str:
    """What a run says that begins now."""
    splits = load_splits(project)
    with Ledger(project.store) as ledger:
        return shown_to_people(project, splits, ledger)


def test_test_rows_that_a_second_person_saw_count_as_shown_also_where_rows_are_dealt_later(tmp_path: Path) -> None:
    project = desk_project(tmp_path, [""])
    with Judgements(project.store) as judgements:
        desk = Desk(project, judgements, overlap=2)
        assert rows_shown_again(desk) == "", "no row has a label yet, so there is no test set"
        for n, row in enumerate(desk.items):
            desk.give(Judgement(f"{n}", row, "Ana", values={"label": TEAMS[n % 3]}))
        assert rows_shown_again(desk).startswith("24 of these rows are in the sealed test set")
        assert shown_now(project) == "", "who gives a row its first label knows nothing of it"
        tested = judgements.names(identities(project.task, load_splits(project).test))
        (other, *_) = set(desk.items) - set(tested)
        desk.give(Judgement("again", other, "Ben", values={"label": TEAMS[0]}))
        assert shown_now(project) == "", "what is only learned from may be seen"
        desk.give(Judgement("skipped", tested[0], "Ben", skipped="too long"))
        desk.give(Judgement("undone", tested[0], "Ben", retracts="skipped"))
        desk.give(Judgement("settled", tested[1], "Ana", values={"label": TEAMS[0]}, role="adjudicated"))
    told = [shown_now(project) for _ in range(3)]
    assert set(told) == {
        "People saw 2 test rows that had their labels already, so this counts as opening number 1 of the test set."
    }


def test_rows_of_the_test_set_with_a_label_in_the_file_count_once_one_is_labelled_again(tmp_path: Path) -> None:
    project = desk_project(tmp_path, TEAMS)
    with Judgements(project.store) as judgements:
        assert rows_shown_again(Desk(project, judgements, overlap=2)) == "", "all rows have a label in the file"
        desk = Desk(project, judgements, everything=True)
        assert "are in the sealed test set and labelled" in rows_shown_again(desk)
        (row, *_) = judgements.names(identities(project.task, load_splits(project).test))
        desk.give(Judgement("k", row, "Ana", values={"label": TEAMS[0]}))
    assert "1 test row that had its label already, so this counts as opening number 1" in shown_now(project)
    splits = load_splits(project)
    with Ledger(project.store) as ledger:
        assert len(ledger.shown()) == len(splits.test)
        assert ledger.open_test(identities(project.task, splits.test), ["a system"]).number == 2
