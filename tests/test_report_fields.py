"""Answers field by field in the report: counts of each field, costs, and values side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from data_helpers import make_task

from tailor.approaches.approach import starting_system
from tailor.data.example import Example
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of, score_run
from tailor.models.fake import FakeModel
from tailor.report.fields import field_diffs, field_table
from tailor.score.types import Answer, Part
from tailor.task import Task

FIELDS = {"who": "text", "total": "number", "lines": [{"sku": "exact", "count": "number"}]}
WANTED: dict[str, Any] = {"who": "Ada", "total": 1240, "lines": [{"sku": "B7", "count": 2}, {"sku": "C1", "count": 9}]}


def run_of(task: Task, name: str, wanted: Sequence[Mapping[str, Any]], said: Sequence[Any]) -> Run:
    rows = [
        Example(str(number), {"text": "a"}, kind_of(task).accepted(task, json.dumps(cell))) for number, cell in enumerate(wanted)
    ]
    answers = tuple(Answer(row.id, one if isinstance(one, str) else json.dumps(one)) for row, one in zip(rows, said, strict=True))
    system = starting_system(task, rows, FakeModel()).then(name)
    return Run(system, "test", tuple(rows), answers, score_run(task, system, rows, answers))


def test_each_field_is_counted_and_costs_what_its_errors_cost() -> None:
    task = make_task(kind="extract", fields=FIELDS, prices={"error": 1, "fields": {"total": 50, "lines": 0}})
    wanted = [WANTED, WANTED | {"total": None}]
    said = [WANTED | {"who": "ADA", "total": 3}, "I cannot say."]
    one, other = run_of(task, "one", wanted, said), run_of(task, "other", wanted, wanted)
    table = field_table(task, one, [one, other])
    assert table is not None and (table.system, table.others, table.n) == ("one", ("other",), 2)
    rows = {row.name: row for row in table.rows}
    assert list(rows) == ["who", "total", "lines.sku", "lines.count"]
    assert (rows["who"].right, rows["who"].strict, rows["who"].counts["missed"], rows["who"].cost) == (0.5, 0.0, 1, 500)
    assert (rows["total"].counts["misread"], rows["total"].counts["empty"], rows["total"].cost) == (1, 1, 25_000)
    assert (rows["lines.sku"].counts["missed"], rows["lines.sku"].cost) == (2, 0)
    assert all(row.others == (1.0,) for row in table.rows)
    assert not table.overlaps and table.priced


def test_kinds_whose_answers_have_no_parts_have_no_table() -> None:
    task = make_task(kind="extract", fields={"a": "text"})
    run = run_of(task, "one", [{"a": "x"}], [{"a": "x"}])
    assert field_table(make_task(), run, [run]) is None


def test_values_stand_side_by_side_whatever_the_order_of_records() -> None:
    task = make_task(kind="extract", fields=FIELDS)
    first = WANTED | {"lines": [{"sku": "C1", "count": 9}]}
    second = WANTED | {"who": None, "lines": [*WANTED["lines"], {"sku": "X9", "count": None}]}
    run = run_of(task, "a", [WANTED, WANTED], [first, second])
    parts: list[tuple[Part, ...]] = [
        kind_of(task).parts(task, row, score) for row, score in zip(run.examples, run.scores, strict=True)
    ]
    diffs = [(diff.name, diff.wanted, [said.verdict for said in diff.said]) for diff in field_diffs(parts)]
    assert diffs == [
        ("who", "Ada", ["correct", "missed"]),
        ("total", "1240", ["correct", "correct"]),
        ("lines.sku", "B7", ["missed", "correct"]),
        ("lines.count", "2", ["missed", "correct"]),
        ("lines.sku", "C1", ["correct", "correct"]),
        ("lines.count", "9", ["correct", "correct"]),
        ("lines.sku", "", [None, "invented"]),
    ]
