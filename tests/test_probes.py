"""Probes of finalists: whether answers follow changed documents, and whether they obey instructions on hostile pages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from flow import tailor, write_rooms

from tailor.data.example import Example
from tailor.decide.probed import injection_sentence
from tailor.documents.reading import Document
from tailor.evaluate.facts import changes, with_changes
from tailor.evaluate.hostile import Injection, attacks
from tailor.project import load_project
from tailor.saved import load_study
from tailor.stats.intervals import mean_interval

pytest.importorskip("lancedb")


def _row(question: str, answer: str, source: str = "") -> Example:
    return Example(question, {"question": question}, (answer,), source=source)


def test_a_fact_becomes_another_of_its_kind_wherever_its_document_states_it() -> None:
    pages = [
        Document("notice.md", "Notice", "Give notice 48 hours before. Without 48 hours of notice, you pay; 52 euros, always."),
        Document("people.md", "People", "The desk is run by Ada Lind."),
        Document("other.md", "Other", "Ask Bo Ek for keys."),
    ]
    rows = [_row("How long before?", "48 hours"), _row("Who runs the desk?", "Ada Lind"), _row("Who has the keys?", "Bo Ek")]
    made = {change.document: change for change in changes(rows, pages)}
    assert made["notice.md"].new not in ("48 hours", "52 hours") and made["notice.md"].new.endswith(" hours")
    assert len(made["notice.md"].new) == len("48 hours")
    assert {made["people.md"].new, made["other.md"].new} == {"Bo Ek", "Ada Lind"}
    texts = {document.path: document.text for document in with_changes(pages, list(made.values()))}
    assert texts["notice.md"].count(made["notice.md"].new) == 2 and "48" not in texts["notice.md"]
    assert texts["people.md"] == "The desk is run by Bo Ek."
    assert changes(rows, pages) == changes(rows[::-1], pages), "the rows' order changes nothing"


@pytest.mark.parametrize(
    ("stated", "answer"),
    [
        ("The act was passed on the 1st of March.", "1st of March"),
        ("The act of 1855, the Constitution Act 1855, is in force.", "act of 1855"),
        ("The pass is called Blue Card.", "Blue Card"),
    ],
)
def test_no_fact_is_made_that_makes_no_sense(stated: str, answer: str) -> None:
    """An ordinal keeps its ending, a year that stands elsewhere stays, and nobody's name answers what a thing is called."""
    rows = [_row("What is it about, and when?", answer), _row("Who runs the desk today?", "Ada Lind")]
    assert changes(rows, [Document("act.md", "Act", stated)]) == []


def test_an_ordinal_becomes_one_with_the_same_ending() -> None:
    page = Document("fair.md", "Fair", "The fair goes back to the mid-18th century.")
    (made,) = changes([_row("When did the fair begin?", "mid-18th century")], [page])
    assert made.new in {f"mid-{number}th century" for number in (10, 14, 24, 26)}


@pytest.mark.parametrize(
    ("stated", "answer", "may_become"),
    [
        ("The fair opens on 28 February 2026.", "28 February 2026", {f"{day} February 2026" for day in (12, 16, 20, 24)}),
        ("The fair was moved in the 1970s.", "the 1970s", {"the 1950s", "the 1960s", "the 1980s", "the 1990s"}),
    ],
)
def test_days_and_decades_stay_what_they_are(stated: str, answer: str, may_become: set[str]) -> None:
    (made,) = changes([_row("When was that?", answer)], [Document("fair.md", "Fair", stated)])
    assert made.new in may_become


def test_names_become_names_only_where_a_question_asks_for_them() -> None:
    pages = [
        Document("a.md", "A", "The gate is opened by Ada Lind. It leads to the orchard. Its sign says Mind the Geese."),
        Document("b.md", "B", "Bo Ek sings. The tune is Summer Rain."),
    ]
    rows = [
        _row("Who opens the gate?", "Ada Lind"),
        _row("Where does the gate lead?", "the orchard"),
        _row("Where does the path end?", "the river"),
        _row("Who sings here?", "Bo Ek"),
        _row("What does the sign say?", "Mind the Geese"),
        _row("What is sung?", "Summer Rain"),
        _row("What is a gate for?", "keeping geese in"),
    ]
    made = {change.old: change.new for change in changes(rows, pages)}
    assert made == {"Ada Lind": "Bo Ek", "Bo Ek": "Ada Lind"}


def test_a_fact_that_two_documents_state_is_left_alone_unless_the_row_names_one() -> None:
    pages = [Document("a.md", "A", "It takes 48 hours."), Document("b.md", "B", "It takes 48 hours.")]
    assert changes([_row("How long?", "48 hours")], pages) == []
    assert [change.document for change in changes([_row("How long?", "48 hours", "b.md")], pages)] == ["b.md"]


def test_the_attacks_are_75_of_15_kinds_and_no_marker_is_twice() -> None:
    made = attacks()
    assert (len(made), len({attack.kind for attack in made})) == (75, 15)
    own = [attack.marker for attack in made if attack.kind != "another answer"]
    assert len(set(own)) == len(own)
    assert all(attack.says.strip() and attack.marker.strip() for attack in made)


@pytest.mark.slow
def test_finalists_are_probed_and_the_report_shows_it(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path / "rooms", remarks=20)
    assert tailor("run", folder).exit_code == 0
    before = {path.name: path.read_bytes() for path in (folder / "pages").iterdir()}
    told = tailor("probe", folder)
    assert told.exit_code == 0, told.output
    study = load_study(folder)
    by_kind = {found.reads: found for found in study.freshness}
    reading = by_kind.get("index") or by_kind["whole"]
    assert reading.right > 5 and reading.followed.mean >= 0.9 and reading.gone.mean == 1
    assert all(found.right == 0 or found.stale.mean == 1 for found in study.freshness if found.reads == "none")
    for found in study.injections:
        assert found.rate.n == 75 and sum(of for _, of in found.kinds.values()) == 75
        assert sum(obeyed for obeyed, _ in found.kinds.values()) == round(75 * found.rate.mean)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "When documents change" in page and ("Hostile pages" in page) == bool(study.injections)
    record = json.loads(tailor("show", folder, "--json").stdout)
    assert len(record["freshness"]) == len(study.freshness)
    assert before == {path.name: path.read_bytes() for path in (folder / "pages").iterdir()}, "the documents are as they were"
    assert not list((load_project(folder).store).glob(".probe-*"))


def test_sentences_say_whether_the_fence_is_shown_to_help() -> None:
    few, many = mean_interval([1.0] * 5 + [0.0] * 70), mean_interval([1.0] * 40 + [0.0] * 35)
    lowered = replace(many, mean=35 / 75, low=0.3, high=0.6)
    found = Injection("rag-hybrid", "f", few, many, lowered, {})
    assert "the fence around passages lowers it, from 53 %" in injection_sentence(found)
    unsure = replace(found, lowered=replace(lowered, low=-0.1))
    assert "it is not shown that the fence around passages lowers it" in injection_sentence(unsure)


def test_a_project_without_documents_or_run_says_what_is_missing(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path / "rooms", remarks=1)
    assert "has no results yet" in tailor("probe", folder).stderr
