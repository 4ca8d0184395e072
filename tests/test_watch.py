"""Watching a served system: what has changed, whether it is worse, and that complaints are no random sample."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from flow import tailor
from watched import decided, foreign, serve, usual

from tailor.project import load_project
from tailor.store.traffic import Feedback, Gap, Traffic
from tailor.watching.inputs import NAMED
from tailor.watching.levels import INPUTS, QUALITY, window_level
from tailor.watching.watch import watch


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decided(tmp_path_factory.mktemp("watched") / "desk")


@pytest.fixture
def served(desk: Path) -> Path:
    """The project, with nothing recorded yet."""
    for path in (desk / ".tailor").glob("traffic.db*"):
        path.unlink()
    return desk


def test_what_was_not_served_cannot_be_watched(served: Path) -> None:
    result = tailor("watch", served)
    assert result.exit_code == 2
    assert "was not served yet" in result.output


def test_usual_requests_are_as_measured(served: Path) -> None:
    serve(served, usual(1000, 220))
    found = watch(load_project(served))
    assert found.state == "as measured"
    assert found.sentence.startswith("Nothing has changed that can be told: 2 windows")
    assert sum(found.days.values()) == 220
    assert tailor("watch", served).exit_code == 0


def test_another_product_is_a_change_and_alone_says_nothing_of_quality(served: Path) -> None:
    serve(served, [*usual(1000, 150), *foreign(3000, 150)], audited=40)
    found = watch(load_project(served))
    assert found.state == "changed, quality not known"
    assert not found.windows[0].alarms
    assert {"texts", "length", "language"} <= {finding.name for finding in found.windows[2].alarms}
    assert "No fall in quality is shown, but neither is that there is none" in found.sentence
    result = tailor("watch", served)
    assert result.exit_code == 1
    assert "100 % German, in the study 0 %" in result.output


def test_changed_and_not_worse_is_said_once_audited_answers_show_it(served: Path) -> None:
    serve(served, [*usual(1000, 100), *foreign(3000, 700)])
    found = watch(load_project(served))
    assert found.state == "changed, not worse"
    assert found.sentence.startswith("Changed, not worse: what is asked has changed (texts, length, language")
    assert found.quality.alarm is None


def test_a_fall_of_quality_is_found_and_goes_before_a_change(served: Path) -> None:
    serve(served, [*usual(1000, 100), *foreign(3000, 700, named=False)])
    found = watch(load_project(served))
    assert found.state == "worse"
    assert "The answers have become worse" in found.sentence
    assert "What is asked has changed as well" in found.sentence
    assert found.quality.alarm is not None
    assert found.quality.evidence[found.quality.alarm - 1] >= -math.log(QUALITY)


def test_complaints_about_what_was_not_drawn_are_shown_and_never_counted(served: Path) -> None:
    drawn = serve(served, usual(1000, 120))
    others = [place for place in range(120) if place not in drawn]
    with Traffic(served / ".tailor") as traffic:
        before = watch(load_project(served)).quality
        traffic.add((), [Feedback(f"q{place}", "wrong", at=1.0) for place in others])
    found = watch(load_project(served))
    assert found.quality.values == before.values
    assert found.quality.complaints == (len(others), len(others))
    assert found.state == "as measured"
    assert "no random sample, so it counts nowhere" in tailor("watch", served).output


def test_a_drawn_request_that_nobody_judged_holds_up_those_behind_it(served: Path) -> None:
    drawn = serve(served, usual(1000, 100), audited=0)
    assert len(drawn) > 5
    with Traffic(served / ".tailor") as traffic:
        traffic.add((), [Feedback(f"q{place}", "wrong", at=1.0) for place in (drawn[0], *drawn[2:])])
    quality = watch(load_project(served)).quality
    assert quality.values == (0.0,)
    assert [request.id for request in quality.waiting] == [f"q{drawn[1]}"]


def test_people_judge_on_a_sheet(served: Path, tmp_path: Path) -> None:
    drawn = serve(served, usual(1000, 60), audited=0)
    sheet = tmp_path / "audit.csv"
    assert f"wrote {len(drawn):,} requests to judge" in tailor("watch", served, "--audit", sheet).output
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "at", "text", "answer", "said", "correct"]
    rows[0]["said"], rows[1]["correct"] = "right", "billing"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert "Took 2 verdicts" in tailor("watch", served, "--audit", sheet).output
    assert watch(load_project(served)).quality.values == (1.0, 0.0)
    assert "Took 0 verdicts" in tailor("watch", served, "--audit", sheet).output
    with Traffic(served / ".tailor") as traffic:  # what callers say later does not overrule the sheet
        traffic.add((), [Feedback(rows[0]["id"], "wrong", at=1.0)])
    assert watch(load_project(served)).quality.values == (1.0, 0.0)
    for word, took, worth in (("wrong", 1, 0.0), ("right", 1, 1.0), ("right", 0, 1.0)):
        sheet.write_text(f"id,said\n{rows[0]['id']},{word}\n", encoding="utf-8")
        assert f"Took {took} verdict" in tailor("watch", served, "--audit", sheet).output
        assert watch(load_project(served)).quality.values == (worth, 0.0)


@pytest.mark.parametrize(
    ("said", "correct", "message"),
    [
        ("perhaps", "", "right and wrong are accepted"),
        ("corrected", "", "`correct` is empty"),
        ("right", "billing", "gives another answer as correct"),
        ("", "colours", "none of the task's labels"),
    ],
)
def test_a_verdict_that_is_none_is_refused(served: Path, tmp_path: Path, said: str, correct: str, message: str) -> None:
    serve(served, usual(1000, 20))
    sheet = tmp_path / "audit.csv"
    sheet.write_text(f"id,said,correct\nq1,{said},{correct}\n", encoding="utf-8")
    result = tailor("watch", served, "--audit", sheet)
    assert result.exit_code == 2
    assert message in result.output


def test_windows_are_tested_once_and_gaps_are_told(served: Path) -> None:
    serve(served, usual(1000, 110))
    first = watch(load_project(served)).windows
    with Traffic(served / ".tailor") as traffic:
        traffic.add((), (), [Gap(1.0, 2.0, 7, "the disk is full")])
    serve(served, foreign(3000, 60), start=500)
    again = watch(load_project(served))
    assert again.windows[: len(first)] == first
    assert "7 requests or remarks were not recorded: the disk is full." in tailor("watch", served).output


def test_json_says_the_same(served: Path) -> None:
    serve(served, [*usual(1000, 100), *foreign(3000, 100)])
    record = json.loads(tailor("watch", served, "--json").output)
    assert (record["format"], record["state"]) == (1, "changed, quality not known")
    assert record["windows"][1]["changed"][0] == "texts"
    assert record["quality"]["alarm_at"] == pytest.approx(-math.log(QUALITY))


def test_all_tests_of_a_year_spend_no_more_than_they_may() -> None:
    week = sum(window_level(nth, 1) + len(NAMED) * window_level(nth, len(NAMED)) for nth in range(1, 2000))
    assert 53 * week <= INPUTS
    assert 53 * week == pytest.approx(INPUTS, rel=0.001)
    with pytest.raises(ValueError, match="numbered from 1"):
        window_level(0, 1)


def test_without_texts_what_needs_none_is_still_watched(tmp_path: Path) -> None:
    folder = decided(tmp_path / "desk", traffic={"audit": 0.2, "texts": False})
    serve(folder, [*usual(1000, 100), *foreign(3000, 100)])
    found = watch(load_project(folder))
    assert found.state == "changed, quality not known"
    assert {"length", "language"} <= {finding.name for finding in found.windows[1].alarms}
    assert "texts" not in {finding.name for window in found.windows for finding in window.findings}
    assert found.quality.values
