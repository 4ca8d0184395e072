"""Answers that people rate on a page: blind, kept once, taken back, and read by the judge like those of a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from judge_helpers import sheet
from labelling_bench import Bench, served, write_rows

from tailor.evaluate.judge import JudgedCase
from tailor.evaluate.pairwise import Pair, read_comparisons, write_pairs
from tailor.evaluate.ratings import Sample, read_ratings, write_sheet
from tailor.project import load_project

RUBRIC = {"complete": "It answers everything.", "polite": "It is polite."}


def project(folder: Path, rubric: object = "It is right.") -> Path:
    judge = {"rubric": rubric, "model": "fake:judge"}
    return write_rows(folder, ["hello"], kind="answer", labels=None, metric="judged", judge=judge)


def fill(folder: Path) -> None:
    """The sheets that a run writes, with a formula and markup in the answers."""
    task = load_project(folder).task
    assert task.judge is not None
    cases = [JudgedCase(f"c{n}", f"Question {n}?", "this", answer) for n, answer in enumerate(("=1+1", "<b>this</b>", "that"))]
    write_sheet(folder / "judge.csv", task, Sample((0,), {case.id: case for case in cases}))
    write_pairs(folder / "judge-pairs.csv", task.judge, [Pair("p0", "Which?", "this", ("short", "long"))])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = project(tmp_path / "desk")
    fill(folder)
    with served(folder) as bench:
        yield bench


def asked(bench: Bench, path: str = "/api/rate/next", **body: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bench.post("Ada", path, **body).body)
    return found


def rate(bench: Bench, case: dict[str, Any], said: object, key: str, name: str = "Ada") -> dict[str, Any]:
    sent = bench.post(name, "/api/rate", key=key, id=case["id"], about=case["about"], said=said, seconds=2.5)
    found: dict[str, Any] = json.loads(sent.body)
    return found


def test_every_answer_and_pair_is_asked_once_and_the_judge_reads_what_people_say(bench: Bench) -> None:
    folder = bench.desk.project.folder
    first = asked(bench)
    assert (first["rated"], first["all"], first["case"]["answers"]) == (0, 4, ["=1+1"])
    assert asked(bench, skip=["c0"])["case"]["id"] == "c1"
    for number, said in enumerate(("yes", "no", "yes", "B")):
        rate(bench, asked(bench)["case"], said, f"k{number}")
    done = asked(bench)
    assert done == {"case": None, "rated": 4, "all": 4}
    assert read_ratings(folder / "judge.csv").by_case == {"c0": {"": "yes"}, "c1": {"": "no"}, "c2": {"": "yes"}}
    assert read_comparisons(folder / "judge-pairs.csv") == {"p0": 1}
    assert sheet(folder / "judge.csv")[0]["answer"] == "'=1+1", "a spreadsheet still runs nothing"
    kept = bench.judgements.all()
    assert [one.values for one in kept] == [{"rating": "yes"}, {"rating": "no"}, {"rating": "yes"}, {"better": "B"}]
    assert kept[0].seconds == 2.5 and not bench.desk.labels(), "a rating is no label"


def test_a_rating_is_kept_once_the_first_one_counts_and_it_can_be_taken_back(bench: Bench) -> None:
    folder = bench.desk.project.folder
    case = asked(bench)["case"]
    for _ in range(2):
        assert rate(bench, case, "no", "k1") == {"kept": "k1"}
    assert "the first rating counts" in rate(bench, case, "yes", "k2", "Ben")["error"]
    assert "used for something else" in rate(bench, {**case, "id": "c1"}, "no", "k1")["error"]
    assert "used for something else" in rate(bench, case, "yes", "k1")["error"]
    assert len(bench.judgements.all()) == 1 and read_ratings(folder / "judge.csv").by_case == {"c0": {"": "no"}}
    assert asked(bench, "/api/rate/undo", key="u1") == {"id": "c0"} and asked(bench)["case"]["id"] == "c0"
    assert not read_ratings(folder / "judge.csv").by_case
    assert asked(bench, "/api/rate/undo", key="u2") == {"id": None}
    for said in ("maybe", "A", None, {"x": 1}):
        assert "is needed" in rate(bench, case, said, "k3")["error"]
    assert "not asked any more" in rate(bench, {**case, "id": "gone"}, "yes", "k3")["error"]


def test_several_criteria_are_asked_each_and_an_answer_is_right_when_all_are_met(tmp_path: Path) -> None:
    folder = project(tmp_path / "desk", RUBRIC)
    fill(folder)
    with served(folder) as bench:
        case = asked(bench)["case"]
        assert [one["name"] for one in case["criteria"]] == list(RUBRIC) and not case["rubric"]
        assert "for each criterion" in rate(bench, case, {"complete": "yes"}, "k0")["error"]
        rate(bench, case, {"complete": "yes", "polite": "no"}, "k1")
        rate(bench, asked(bench)["case"], {"complete": "yes", "polite": "yes"}, "k2")
        assert [one["rating"] for one in sheet(folder / "judge.csv")] == ["no", "yes", ""]
        assert bench.judgements.all()[0].values["criteria"] == {"complete": "yes", "polite": "no"}


def test_without_a_judge_there_is_no_such_page_to_go_to_and_without_sheets_nothing_to_rate(tmp_path: Path) -> None:
    with served(write_rows(tmp_path / "plain", ["hello"])) as bench:
        assert b"Rate answers</a>" not in bench.get("Ada", "/label").body
        assert "has no judge" in asked(bench)["error"]
    with served(project(tmp_path / "judged")) as bench:
        assert b"Rate answers</a>" in bench.get("Ada", "/label").body
        assert asked(bench) == {"case": None, "rated": 0, "all": 0}
