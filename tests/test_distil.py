"""Distillation: a teacher labels rows that have no label, people's rows judge it and the student."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from data_helpers import make_example
from decide_helpers import make_run, make_system, right
from flow import write_desk
from tiny import classify_material, open_tiny, start

from tailor.approaches.approach import TrainingData, summary_of
from tailor.approaches.distil import Distil, rows_learned
from tailor.approaches.tuning import FineTune, TfidfReference
from tailor.data.example import Example, Splits
from tailor.data.split import load_splits
from tailor.decide.cost import system_cost
from tailor.decide.rungs import ladder
from tailor.decide.types import Rates
from tailor.engine import Engine
from tailor.errors import ConfigError
from tailor.evaluate.measure import measure
from tailor.labelled import load_unlabelled
from tailor.models.base import Capabilities
from tailor.project import load_project
from tailor.seals import teachable
from tailor.stats.intervals import mean_interval

MakeEngine = Callable[..., Engine]
QUICK = {"epochs": 1, "rank": 2, "batch_rows": 8}


def unlabelled_rows(rows: Sequence[Example]) -> tuple[Example, ...]:
    """The same rows, asked otherwise, without their labels."""
    return tuple(replace(row, id=f"u{row.id}", fields={n: f"so {t}" for n, t in row.fields.items()}, answers=()) for row in rows)


def taught(tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine) -> tuple[TrainingData, Engine, Distil]:
    known = classify_material(tuning=QUICK)
    data = replace(known, unlabelled=unlabelled_rows(known.train))
    engine = engine_for(open_tiny(tiny_folder), tmp_path)
    teacher = TfidfReference().fit(start(data, engine), data, engine)
    audit = measure(data.task, teacher, "dev", data.dev, engine)
    return data, engine, Distil(teacher, mean_interval(audit.values, 0.95))


@pytest.mark.slow
def test_the_student_is_tuned_on_the_rows_of_people_and_teacher(tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine, approach = taught(tiny_folder, tmp_path, engine_for)
    plain = start(data, engine)
    student = approach.fit(plain, data, engine)
    labelled = approach.labelled(data, engine)
    assert [row.label for row in labelled] == [answer.raw for answer in engine.answer(approach.teacher, data.unlabelled)]
    same = FineTune("lora").fit(plain, replace(data, train=(*data.train, *labelled)), engine)
    alone = FineTune("lora").fit(plain, data, engine)
    assert student.name == "distilled" and student.is_tuned
    assert student.weights.tuned_digest == same.weights.tuned_digest != alone.weights.tuned_digest
    assert student.weights.teacher is not None and student.weights.teacher.fingerprint == approach.teacher.fingerprint
    assert rows_learned(approach, data) == len(data.train) + len(data.unlabelled)
    assert summary_of(approach).startswith("taught by tfidf-classifier, whose labels are people's on ")
    # The teacher's answers are paid once, as a part of what the student costs before its first answer.
    run_on_dev = measure(data.task, student, "dev", data.dev, engine)
    rates = Rates(1.0, 1.0, 0.0, "")
    alone_cost = system_cost(data, measure(data.task, alone, "dev", data.dev, engine), rates, engine)
    answers = engine.answered(approach.teacher.fingerprint, data.unlabelled)
    extra = system_cost(data, run_on_dev, rates, engine).one_off - alone_cost.one_off
    assert len(answers) == len(data.unlabelled) and 0 < extra < 1e-3


def test_without_rows_to_label_there_is_nothing_to_distil(tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine, approach = taught(tiny_folder, tmp_path, engine_for)
    with pytest.raises(ConfigError, match="no rows without a label"):
        approach.fit(start(data, engine), replace(data, unlabelled=()), engine)


def test_rows_like_those_of_dev_and_test_are_not_taught() -> None:
    task = classify_material().task
    column = task.variables[0]
    texts = ["my parcel never came to the new house last week", "the lamp in the hall flickers every evening at six"]
    test, dev = (make_example(number, "red", **{column: text}) for number, text in enumerate(texts))
    rows = [
        make_example(10, "", **{column: texts[0]}),
        make_example(11, "", **{column: texts[0].replace("week", "month")}),
        make_example(12, "", **{column: texts[1].upper()}),
        make_example(13, "", **{column: "please send another key for the cellar of building four"}),
    ]
    kept = teachable(task, rows, Splits((), (dev,), (test,)), ())
    assert [row.id for row in kept] == [rows[3].id]


def desk_with_gaps(folder: Path) -> Path:
    """Messages of which every third has no label."""
    folder = write_desk(folder)
    lines = (folder / "data.csv").read_text(encoding="utf-8").splitlines()
    gaps = [line.rsplit(",", 1)[0] + "," if number % 3 == 0 else line for number, line in enumerate(lines[1:])]
    (folder / "data.csv").write_text("\n".join([lines[0], *gaps]) + "\n", encoding="utf-8")
    return folder


def test_rows_without_a_label_are_read_but_in_no_split(tmp_path: Path) -> None:
    project = load_project(desk_with_gaps(tmp_path))
    splits, rows = load_splits(project), load_unlabelled(project)
    assert len(rows) == splits.unlabelled > 0 and not any(row.answers for row in rows)
    assert {row.id for row in rows}.isdisjoint(row.id for part in (splits.train, splits.dev, splits.test) for row in part)


def test_the_rung_is_offered_where_rows_and_a_tunable_model_are_and_the_best_system_teaches(tmp_path: Path) -> None:
    task = load_project(write_desk(tmp_path)).task
    names = [rung.name for rung in ladder(task, False, Capabilities(tunes=True), unlabelled=True)]
    assert names[-2:] == ["distil", "tune fully"]
    for can, unlabelled in ((Capabilities(tunes=True), False), (Capabilities(), True)):
        assert "distil" not in [rung.name for rung in ladder(task, False, can, unlabelled=unlabelled)]
    (rung,) = [rung for rung in ladder(task, False, Capabilities(tunes=True), unlabelled=True) if rung.name == "distil"]
    weak, strong = (make_run(make_system(name), right(count, 10)) for name, count in (("weak", 4), ("strong", 9)))
    (option,) = rung.candidates(weak.system, [weak, strong])
    assert isinstance(option.approach, Distil) and option.approach.teacher == strong.system and option.name == "weak > distilled"
    assert rung.candidates(weak.system, []) == []
