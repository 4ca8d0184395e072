"""Deciding again: on rows that nobody has seen, with what was audited as new data, and openings counted as ever."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from data_helpers import write_csv
from flow import tailor
from watched import decided, foreign, serve, usual

from tailor.errors import DataError
from tailor.ledger import Ledger
from tailor.project import load_project
from tailor.saved import chosen_system, load_study
from tailor.seals import identities
from tailor.store.traffic import Feedback, Traffic
from tailor.watching.again import plan
from tailor.watching.watch import drawn_since


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with a reserve of 31 rows, decided once."""
    return decided(tmp_path_factory.mktemp("again") / "desk", split={"train": 25, "dev": 14, "test": 20})


@pytest.fixture
def desk(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it with openings of its own."""
    monkeypatch.setenv("TAILOR_STATE", str(tmp_path / "state"))
    return Path(shutil.copytree(first, tmp_path / "desk"))


@pytest.mark.slow
def test_the_reserve_decides_while_what_is_asked_is_as_it_was(desk: Path) -> None:
    drawn = serve(desk, usual(1000, 200))
    old = load_study(desk)
    planned = plan(load_project(desk))
    assert planned.by == "the reserve"
    assert {row.id for row in planned.splits.test} == {row.id for row in old.splits.reserve}
    assert planned.learned == len(drawn)
    assert "opens the 31 rows of the reserve: opening number 2, which may err with 1.25 %." in planned.sentences[0]
    assert "asks no endpoint" in planned.sentences[2]
    result = tailor("run", desk, "--again")
    assert result.exit_code == 0, result.output
    new = load_study(desk)
    assert new.decision is not None
    assert new.decision.opening == 2
    assert new.decision.n_test == 31
    shown = {row.id for row in old.splits.test}
    assert not shown & {row.id for row in (*new.splits.train, *new.splits.dev)}
    assert any(row.id.startswith("audited") for row in new.splits.train)
    assert result.output.index("Deciding again opens") < result.output.index("Opening the sealed test set (number 2)")
    assert "before" in result.output
    assert new.before == old.decision
    page = (desk / "report.html").read_text(encoding="utf-8")
    assert page.index('id="again"') > page.index('id="decision"')
    told = json.loads(tailor("show", desk, "--json").output)["before"]
    assert (told["chosen"], told["opening"]) == (old.decision.chosen if old.decision else "", 1)
    # These rows are fewer than those of the first opening and show less, which must not pass for the same decision.
    assert told["sentence"] == "The best guess stays: zero-shot. The verdict changes: `not shown` now, `target met` before."
    with pytest.raises(DataError, match="the reserve has 0 rows that nobody has seen"):
        plan(load_project(desk))
    with Traffic(desk / ".tailor") as traffic:
        assert drawn_since(new, chosen_system(new), traffic) == []
    assert "The best guess stays: zero-shot." in result.output


@pytest.mark.slow
def test_audited_rows_decide_where_what_is_asked_has_changed(desk: Path) -> None:
    serve(desk, [*usual(1000, 100), *foreign(3000, 420)])
    planned = plan(load_project(desk))
    assert planned.by == "audited rows"
    assert len(planned.splits.test) >= 30
    assert all(row.fields["text"].startswith("ein anderes") for row in planned.splits.test)
    assert planned.opening == 3
    assert tailor("run", desk, "--again").exit_code == 0
    new = load_study(desk)
    assert new.decision is not None
    assert new.decision.opening == 3
    learned = {row.answer_key for row in (*new.splits.train, *new.splits.dev)}
    assert not learned & {row.answer_key for row in new.splits.test}
    assert any(row.id.startswith("audited") for row in new.splits.dev)


def test_planning_opens_nothing(desk: Path) -> None:
    serve(desk, usual(1000, 60))
    with Ledger(desk / ".tailor") as ledger:
        before = ledger.shown()
    plan(load_project(desk))
    with Ledger(desk / ".tailor") as ledger:
        assert ledger.shown() == before


@pytest.mark.slow
def test_too_few_rows_ask_for_fresh_ones_and_fresh_ones_decide(desk: Path, tmp_path: Path) -> None:
    serve(desk, [*usual(1000, 150), *foreign(3000, 150)], audited=40)
    with pytest.raises(DataError, match="too few rows to decide again") as raised:
        plan(load_project(desk))
    assert "--fresh FILE" in str(raised.value.hint)
    result = tailor("run", desk, "--again")
    assert result.exit_code == 2
    fresh = write_csv(tmp_path / "fresh.csv", foreign(9000, 60))
    planned = plan(load_project(desk), fresh)
    assert (planned.by, len(planned.splits.test)) == ("fresh rows", 60)
    again = tailor("run", desk, "--again", "--fresh", fresh)
    assert again.exit_code == 0, again.output
    assert load_study(desk).splits.test[0].id.startswith("fresh ")
    few = write_csv(tmp_path / "few.csv", foreign(9000, 12))
    assert "few.csv has 12 rows with a right answer" in tailor("run", desk, "--again", "--fresh", few).output


def test_rows_called_wrong_without_the_right_answer_do_not_decide(desk: Path) -> None:
    drawn = serve(desk, [*usual(1000, 100), *foreign(3000, 420)])
    with Traffic(desk / ".tailor") as traffic:
        traffic.add((), [Feedback(f"q{drawn[-1]}", "wrong", at=1.0)])
    with pytest.raises(DataError, match="without a right answer"):
        plan(load_project(desk))


@pytest.mark.slow
def test_rows_that_decided_are_shown_from_then_on(desk: Path) -> None:
    serve(desk, usual(1000, 100))
    tailor("run", desk, "--again")
    study = load_study(desk)
    with Ledger(desk / ".tailor") as ledger:
        shown = {row.asked for row in ledger.shown()}
    assert {row.asked for row in identities(study.task, study.splits.test)} <= shown


def test_fresh_rows_alone_are_refused(desk: Path, tmp_path: Path) -> None:
    fresh = write_csv(tmp_path / "fresh.csv", usual(9000, 40))
    result = tailor("run", desk, "--fresh", fresh)
    assert result.exit_code == 2
    assert "--fresh is for --again" in result.output
