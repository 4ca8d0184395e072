"""The page of a watched system, and its finalists on what was audited."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from data_helpers import make_example
from flow import tailor
from watched import decided, foreign, serve, usual

from tailor.errors import DataError
from tailor.evaluate.run import Run
from tailor.project import load_project
from tailor.results import Study
from tailor.saved import chosen_system, load_study
from tailor.score.types import Answer, Score
from tailor.store.traffic import Gap, Traffic
from tailor.watching.again import audited_rows, learnable, plan
from tailor.watching.page import in_points, render_page
from tailor.watching.replay import compared, replay
from tailor.watching.watch import watch


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = decided(tmp_path_factory.mktemp("paged") / "desk")
    serve(folder, [*usual(1000, 100), *foreign(3000, 420)])
    with Traffic(folder / ".tailor") as traffic:
        traffic.add((), (), [Gap(1.0, 2.0, 7, "the disk is full")])
    return folder


def test_the_page_runs_nothing_fetches_nothing_and_says_what_the_command_says(desk: Path) -> None:
    result = tailor("watch", desk)
    page = (desk / "watch.html").read_text(encoding="utf-8")
    assert (desk / "watch.html").stat().st_mode & 0o077 == 0
    assert not re.search(r"<script|https?://(?!www.w3.org/2000/svg)|url\(", page)
    sentence = watch(load_project(desk)).sentence
    assert sentence in " ".join(result.output.split())
    assert sentence.replace(" %", "\u00a0%") in page
    assert page.count("<svg") == 4
    assert "7 were not recorded" in page or "7 requests or remarks were not recorded" in page
    assert "Page:" in result.output


def test_what_comes_from_data_is_escaped_on_the_page(desk: Path) -> None:
    found = watch(load_project(desk))
    hostile = replace(found.windows[-1].findings[0], says="<script>alert(1)</script>\ud800")
    window = replace(found.windows[-1], findings=(hostile,))
    page = render_page(replace(found, windows=(*found.windows[:-1], window)))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_finalists_answer_only_what_would_be_learned_from(desk: Path) -> None:
    said: list[str] = []
    found = replay(load_project(desk), said.append)
    study = load_study(desk)
    deciding = {row.answer_key for row in plan(load_project(desk)).splits.test}
    asked = learnable(audited_rows(load_project(desk), study, chosen_system(study)))
    assert found.rows == len(asked) > 30
    assert not deciding & {row.answer_key for row in asked}
    assert said[0].startswith("Asking the finalists takes ")
    assert "nothing but this machine's time" in said[0]
    assert [one.chosen for one in found.finalists].count(True) == 1
    again = tailor("watch", desk, "--replay", "--json")
    assert json.loads(again.stdout)["replay"]["rows"] == found.rows
    assert "Asking the finalists takes 0 answers" in again.stderr


def made(study: Study, right: dict[str, int], n: int) -> list[Run]:
    """The finalists, the chosen one with so many right answers, and the others with others."""
    rows = tuple(make_example(i, "billing") for i in range(n))
    chosen = chosen_system(study).fingerprint
    runs = []
    for before in study.tests:
        good = right["chosen" if before.system.fingerprint == chosen else "other"]
        scores = tuple(Score("right" if i < good else "wrong", float(i < good), "billing") for i in range(n))
        runs.append(Run(before.system, "dev", rows, tuple(Answer(row.id, "billing") for row in rows), scores))
    return runs


@pytest.mark.parametrize(
    ("chosen", "other", "says"),
    [
        (90, 60, "The decision would stay"),
        (50, 95, "The decision would change"),
        (60, 66, "the decision stays until more is audited"),
    ],
)
def test_the_decision_would_change_only_where_another_is_shown_to_be_better(desk: Path, chosen: int, other: int, says: str) -> None:
    study = load_study(desk)
    runs = made(study, {"chosen": chosen, "other": other}, 100)
    found = compared(study, chosen_system(study), runs[0].examples, runs)
    assert says in found.sentence
    assert bool(found.better) == ("change" in says)


def test_nothing_audited_is_nothing_to_compare_on(tmp_path: Path) -> None:
    folder = decided(tmp_path / "desk")
    serve(folder, usual(1000, 20), audited=0)
    with pytest.raises(DataError, match="no audited request has a right answer yet"):
        replay(load_project(folder), print)


def test_a_difference_is_shown_in_whole_points() -> None:
    assert in_points((-0.001, -0.031, 0.031)) == "0 [-3, +3]"
    assert in_points((0.12, 0.02, 0.2)) == "+12 [+2, +20]"
