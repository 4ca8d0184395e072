"""The promises of docs/reliability.md, tried less often than for the page."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest
from answer_keys import answer_keys
from damage import flipped_indexes, flipped_ledgers, flipped_spending, flipped_studies, flipped_vectors
from data_helpers import make_examples
from disk import Journal
from reliability import (
    OWN,
    PAGE,
    full_disks,
    full_reserves,
    naughty_strings,
    noted,
    odd_strings,
    power_cuts,
    soak_row,
    two_processes,
    with_row,
)
from tiny import LABELS, classify_material, make_engine, start

from tailor.errors import StoreError
from tailor.models.base import Reply, Request
from tailor.models.endpoint.crew import Crew, Deliver
from tailor.models.endpoint.rows import Rules
from tailor.models.fake import FakeModel
from tailor.store import database


@pytest.mark.slow
def test_flipped_bits_give_no_wrong_answer_and_every_loss_is_told() -> None:
    found = flipped_ledgers(100)
    assert found["lost"] > 0 and found["repaired"] > 0
    assert not any(found[name] for name in ("wrong", "unnamed", "opening_missed", "old_study")), found


def test_flipped_bits_give_no_wrong_vector_and_no_other_search_results() -> None:
    assert flipped_vectors(100)["wrong"] == 0
    assert flipped_indexes(6)["wrong"] == 0


def test_a_power_cut_loses_nothing_that_was_acknowledged() -> None:
    found = power_cuts(80)
    assert found == {"cuts": 80, "lost": 0, "wrong": 0, "not_whole": 0}


def test_the_power_cut_would_show_a_database_that_does_not_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = database._prepare

    def hasty(db: apsw.Connection) -> None:
        prepare(db)
        db.execute("PRAGMA synchronous=NORMAL")

    monkeypatch.setattr(database, "_prepare", hasty)
    assert power_cuts(40)["lost"] > 0


@pytest.mark.slow
def test_a_full_disk_at_any_write_is_one_sentence_and_loses_nothing() -> None:
    found = full_disks()
    assert found.pop("writes") > 50
    assert not any(found.values()), found


def test_at_a_full_disk_the_reserve_is_freed_and_every_answer_saved() -> None:
    found = full_reserves(9)
    assert found.pop("writes") > 10
    assert not any(found.values()), found


def test_flipped_bits_give_no_wrong_study_and_no_older_one_in_silence() -> None:
    found = flipped_studies(60)
    assert found["damaged"] > 0
    assert (found["wrong"], found["old_study"]) == (0, 0)


def test_flipped_bits_make_no_call_cheaper_in_silence() -> None:
    found = flipped_spending(60)
    assert found["damaged"] > 0
    assert (found["wrong"], found["cheaper"]) == (0, 0)


def test_the_row_on_ten_minutes_of_work_stands_where_it_belongs() -> None:
    page = "# x\n| R7 | two |\n| R8 | cap |\n"
    row = soak_row({"tries": 900, "killed": 50, "lost": 0})
    assert row.endswith("| 900 tries: 50 killed, 0 lost. |")
    assert with_row(with_row(page, row), row) == with_row(page, row) == f"# x\n| R7 | two |\n{row}\n| R8 | cap |\n"


class Many(FakeModel):
    """A model that answers eight requests at once, like an endpoint."""

    def stream(self, requests: Sequence[Request], deliver: Deliver) -> None:
        def ask(request: Request) -> Reply:
            time.sleep(0.01 + 0.03 * random.Random(request.messages[-1].text).random())
            (reply,) = self.reply([request])
            return reply

        Crew(ask, Rules(places=8, attempts=1, backoff=0.0, patience=1.0, timeout=10.0)).run(requests, deliver)


def test_answers_under_way_at_an_endpoint_are_saved_when_the_disk_is_full(tmp_path: Path) -> None:
    journal, model, examples = Journal(), Many(), make_examples(60, LABELS)
    with noted(journal):
        engine = make_engine(model, tmp_path)
        system = start(classify_material(), engine)
        journal.reserve, journal.full_from = tmp_path / "ballast", journal.writes + 40
        with pytest.raises(StoreError, match="^the disk is full"):
            engine.answer(system, examples)
        assert not journal.reserve.exists()
        engine.ledger.close()
    paid = model.calls
    assert 8 < paid < 60
    again = Many()
    engine = make_engine(again, tmp_path)
    engine.answer(system, examples)
    engine.ledger.close()
    assert again.calls == 60 - paid  # nothing that was answered is asked again


def test_a_second_writer_is_refused_at_once_and_a_reader_let_in() -> None:
    found = two_processes(10)
    assert (found["not_refused"], found["not_let_in"], found["late"]) == (0, 0, 0)


def test_any_text_comes_back_as_it_was() -> None:
    strings = naughty_strings()
    assert len(strings) >= len(OWN)
    assert odd_strings(strings)["changed"] == 0


ALLOWED = (
    "repairs",
    "lost",
    "refused and repaired",
    "newest studies to be made again from the answers",
    "percent of the budget billed",
    "whole runs",
    "refusals",
    "killed",
    "kills in the middle of one",
    "percent of the limit used at least",
)
"""What may well be more than none."""


NAMES = "R1 R2 R3 R5 R5 R6 R6 R6 R6 R6 R7 R7 R8 R10 R11 R12 R13 R22 R25 R26 R28 R23".split()
FEW = {"R3": 4, "R11": 7, "R28": 3}
BARS = {"percent of the time without": 125, "tenths of a percent refused at most": 20}


def test_what_may_change_an_answer_changes_its_key_and_nothing_else_does() -> None:
    assert answer_keys(600) == {"cases": 600, "cross_talk": 0, "missed": 0}


def test_the_page_names_every_promise_with_figures_and_none_was_broken() -> None:
    rows = re.findall(r"^\| (R\d+) \| .*? \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name, _ in rows] == NAMES
    for name, figures in rows[:-1]:
        tried, *numbers = re.findall(r"(\d+) ([a-z ]+)", figures)
        assert int(tried[0]) >= FEW.get(name, 20)
        assert all(int(number) <= BARS.get(what, 0) for number, what in numbers if what not in ALLOWED), figures
        least = [int(number) for number, what in numbers if what == "percent of the limit used at least"]
        assert all(number >= 90 for number in least), figures
    assert all(", 0 lost" in figures or ": 0 lost" in figures for name, figures in rows if name in ("R1", "R2", "R5"))
