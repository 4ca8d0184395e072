"""The gate: worse, not worse and too few rows are three things; and a sealed split is opened as ever."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from data_helpers import write_csv
from flow import LABELS, tailor
from hypothesis import given, settings
from hypothesis import strategies as st
from watched import decided, usual

from tailor.data.identity import identity
from tailor.data.split import load_splits
from tailor.errors import CallsFailed, ConfigError, DataError
from tailor.labelling.judgement import Judgement, row_id
from tailor.labelling.judgements import Judgements
from tailor.ledger import Ledger
from tailor.models.base import Reply, Request
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.results import Study
from tailor.saved import load_study
from tailor.score.types import Answer, Score
from tailor.watching.again import plan
from tailor.watching.gate import Outcome, gate, judged
from tailor.watching.junit import as_junit


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decided(tmp_path_factory.mktemp("gated") / "desk")


@pytest.fixture(scope="module")
def study(desk: Path) -> Study:
    return load_study(desk)


class Worse(FakeModel):
    """A new version of the model under its old name, which calls everything billing."""

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        low = [-5.0] * len(LABELS)
        found = super().reply(requests, tuned)
        return [Reply(LABELS[0], scores=(0.0, *low[1:]), tokens_in=one.tokens_in, tokens_out=1) for one in found]


def test_the_same_system_on_few_rows_is_not_called_passed(desk: Path) -> None:
    result = tailor("gate", desk)
    assert result.exit_code == 3
    assert "Not enough rows" in result.output
    assert "without a change, 149 rows would show that it is not worse" in " ".join(result.output.split())


def test_enough_fresh_rows_show_that_it_is_not_worse_and_a_worse_model_that_it_is(desk: Path, tmp_path: Path) -> None:
    fresh = write_csv(tmp_path / "fresh.csv", usual(5000, 240))
    first = tailor("gate", desk, "--file", fresh, "--junit", tmp_path / "gate.xml", "--json", tmp_path / "gate.json")
    assert first.exit_code == 0
    assert "Passed: 240 rows of fresh.csv show that it is not worse, by the certified level." in first.output
    again = gate(load_project(desk), file=fresh)
    assert {check.name: check.outcome for check in again.checks} == {"certified level": "passed", "last run": "passed"}
    worse = gate(load_project(desk), file=fresh, model=Worse())
    assert worse.outcome == "worse"
    assert [check.outcome for check in worse.checks] == ["worse", "worse"]
    assert len([turned for turned in worse.turned if not turned.is_right]) > 100
    assert json.loads((tmp_path / "gate.json").read_text())["outcome"] == "passed"
    suite = ElementTree.fromstring((tmp_path / "gate.xml").read_bytes())
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")


def test_the_first_answers_to_a_file_stay_what_later_ones_are_held_against(desk: Path, tmp_path: Path) -> None:
    fresh = write_csv(tmp_path / "fresh.csv", usual(7000, 60))
    gate(load_project(desk), file=fresh)
    assert gate(load_project(desk), file=fresh, model=Worse()).turned
    assert gate(load_project(desk), file=fresh, model=Worse()).turned  # a slow decline is one, too


def test_rows_that_the_study_knows_show_nothing_and_copies_count_once(desk: Path, study: Study, tmp_path: Path) -> None:
    known = [(row.fields["text"], row.label) for part in (study.splits.train, study.splits.test) for row in part]
    with Ledger(desk / ".tailor") as ledger:
        before = len(ledger.shown())
    with pytest.raises(DataError, match="are rows of the study or of a test set that was opened, or nearly the same"):
        gate(load_project(desk), file=write_csv(tmp_path / "known.csv", known))
    few = usual(9000, 4)
    copies = [(text + sign, label) for text, label in few for sign in ("", "!", "?", ".", " !", "!!", "...", "?!") * 2]
    printed = tailor("gate", desk, "--file", write_csv(tmp_path / "mixed.csv", [*known, *copies]))
    assert printed.exit_code == 3, printed.output  # 64 rows that say the same as one of 4
    assert f"{len(known)} rows of the file left out: known from the study or a test set, or nearly the same." in printed.output
    with Ledger(desk / ".tailor") as ledger:
        assert len(ledger.shown()) == before


def test_labels_that_people_gave_are_read_by_every_later_command(desk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labelled"
    shutil.copytree(desk, folder)
    project = load_project(folder)
    (file,) = project.data_files
    splits = load_splits(project)
    rows = [row for part in (splits.train, splits.dev, splits.test, splits.reserve) for row in part]
    write_csv(file, [(row.fields["text"], "") for row in rows])
    with Judgements(project.store) as judgements:
        named = [row_id(identity(["text"], row)) for row in rows]
        judgements.append(*(Judgement(name, name, "Ada", {"label": row.label}) for name, row in zip(named, rows, strict=True)))
    found = gate(project, split="test")
    assert (found.rows, found.opening) == (len(splits.test), 2)
    with pytest.raises(DataError, match="too few rows to decide again"):
        plan(project)


def test_a_sealed_split_is_opened_once_more_each_time_and_the_limits_widen(desk: Path) -> None:
    first, second = (gate(load_project(desk), split="test") for _ in range(2))
    assert first.opening is not None
    assert second.opening == first.opening + 1
    assert 0.95 < first.confidence < second.confidence
    assert "This was opening number" in tailor("gate", desk, "--split", "test").output
    with Ledger(desk / ".tailor") as ledger:
        assert len(ledger.shown()) >= first.rows


def test_dev_opens_nothing_and_is_not_held_against_the_level(desk: Path) -> None:
    found = gate(load_project(desk))
    assert found.opening is None
    assert [check.name for check in found.checks] == ["last run"]


def held(study: Study, now: Sequence[bool], before: Sequence[bool]) -> Outcome:
    rows = (study.splits.train * 40)[: len(now)]

    def said(right: Sequence[bool]) -> tuple[list[Score], list[Answer]]:
        scores = [Score("right" if one else "wrong", float(one), "billing") for one in right]
        return scores, [Answer(row.id, "billing") for row in rows]

    alone = [replace(row, id=str(place), unit="") for place, row in enumerate(rows)]
    system = study.tests[0].system
    return judged(study, system, alone, "of a file", said(now), said(before), 0.95, unseen=True).outcome


@settings(max_examples=12)
@given(st.integers(60, 240), st.integers(0, 40))
def test_more_rows_that_became_wrong_are_never_less_of_a_sign(study: Study, n: int, wrong: int) -> None:
    order: list[Outcome] = ["passed", "not enough rows", "worse"]
    before = [True] * n
    few, many = ([False] * k + [True] * (n - k) for k in (wrong // 2, wrong))
    assert order.index(held(study, few, before)) <= order.index(held(study, many, before))


def test_one_that_is_as_good_is_called_worse_in_no_more_than_a_few_of_a_hundred(study: Study) -> None:
    noise, outcomes = random.Random(0), []
    for _ in range(40):
        now, before = ([noise.random() < 0.6 for _ in range(150)] for _ in range(2))
        outcomes.append(held(study, now, before))
    assert outcomes.count("worse") <= 2


def test_junit_holds_what_xml_cannot(desk: Path, tmp_path: Path) -> None:
    found = gate(load_project(desk))
    odd = replace(found, sentence="a\x00b\ud800c <d> & \x1b")
    assert ElementTree.fromstring(as_junit(odd)).findtext("system-out", "").startswith("a?b?c <d> & ?")


def test_mistakes_are_said(desk: Path, tmp_path: Path) -> None:
    assert tailor("gate", desk, "--split", "tset").exit_code == 2
    with pytest.raises(ConfigError, match="confidence"):
        gate(load_project(desk), confidence=0.2)
    empty = write_csv(tmp_path / "none.csv", [])
    assert tailor("gate", desk, "--file", empty).exit_code == 2


def test_calls_that_fail_are_no_verdict(desk: Path) -> None:
    class Failing(FakeModel):
        def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
            return [Reply("", finish="error", error="no connection") for _ in requests]

    with pytest.raises(CallsFailed, match="the gate says nothing"):
        gate(load_project(desk), model=Failing())
