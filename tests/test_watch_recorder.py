"""What a served system is asked is kept, and serving never waits or fails for it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from data_helpers import make_task
from disk import Journal, NotedDisk

from tailor.retrieval.passage import Passage
from tailor.score.types import Answer
from tailor.store.traffic import DAY, TRAFFIC, Feedback, Traffic
from tailor.system import Decoding, Prompt, System, Weights
from tailor.watching import recorder
from tailor.watching.recorder import Exchange, Recorder, outcome_of

SYSTEM = System(
    steps=("zero-shot",),
    weights=Weights(model="fake"),
    prompt=Prompt(instruction="Name the colour.", input="{{text}}"),
    decoding=Decoding(labels=("red", "green")),
)


def exchange(number: int, raw: str = "red", **changes: Any) -> Exchange:
    answer = Answer(f"r{number}", raw, tokens_in=12, tokens_out=2, seconds=0.1, **changes)
    return Exchange(f"r{number}", SYSTEM, {"text": f"What colour is the door of house number {number}?"}, answer, price=0.001)


def kept_by(store: Path, **settings: Any) -> Recorder:
    store.mkdir(exist_ok=True)
    return Recorder(store, make_task(labels=("red", "green"), traffic=settings))


def test_requests_and_what_is_said_of_them_are_kept(tmp_path: Path) -> None:
    found = kept_by(tmp_path / "store", audit=1.0)
    passages = (Passage("a.md", "A", 0, 3, "abc", 0.25), Passage("b.md", "B", 0, 3, "abc", 0.75))
    assert found.record(exchange(1, passages=passages, scores=(0.0, 0.0)))
    assert found.record(exchange(2, "no idea at all"))
    assert found.feedback(Feedback("r2", "corrected", "green", "ann"))
    assert found.flush()
    found.close()
    with Traffic(tmp_path / "store") as traffic:
        first, second = traffic.requests()
        assert (first.label, first.outcome, first.language, first.words) == ("red", "answered", "en", 9)
        assert first.fields == {"text": "What colour is the door of house number 1?"}
        assert (first.retrieved, first.confidence, first.price, first.answer) == (0.75, 0.5, 0.001, "red")
        assert (second.outcome, second.label) == ("unparsed", None)
        (said,) = traffic.feedback()
        assert (said.request, said.said, said.correct, said.who) == ("r2", "corrected", "green", "ann")
        assert not traffic.gaps()


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"raw": ""}, "empty"),
        ({"raw": "green"}, "answered"),
        ({"raw": "", "finish": "refused"}, "refused"),
        ({"raw": "", "finish": "error", "error": "timeout"}, "failed"),
        ({"raw": "the door which", "finish": "length"}, "cut"),
    ],
)
def test_why_there_is_no_answer_is_named(changes: dict[str, Any], outcome: str) -> None:
    assert outcome_of(SYSTEM, Answer("1", **changes)) == outcome


def test_without_texts_only_figures_are_kept(tmp_path: Path) -> None:
    found = kept_by(tmp_path / "store", texts=False, audit=1.0)
    found.record(exchange(1))
    found.close()
    with Traffic(tmp_path / "store") as traffic:
        (kept,) = traffic.requests()
    assert (kept.fields, kept.answer, kept.label, kept.words) == (None, None, "red", 9)
    assert b"door" not in (tmp_path / "store" / TRAFFIC).read_bytes()


def test_what_is_drawn_is_independent_of_what_is_asked(tmp_path: Path) -> None:
    draws = iter([0.9, 0.4, 0.9, 0.6, 0.01])  # kept; not kept; drawn for the audit, and so kept without another draw
    (tmp_path / "store").mkdir()
    task = make_task(labels=("red", "green"), traffic={"share": 0.5, "audit": 0.1})
    found = Recorder(tmp_path / "store", task, draw=lambda: next(draws))
    assert [found.record(exchange(number)) for number in range(3)] == [False, False, True]
    found.close()
    with Traffic(tmp_path / "store") as traffic:
        assert [(one.id, one.audited) for one in traffic.requests()] == [("r0", False), ("r2", True)]


def test_texts_go_after_their_days_and_figures_stay(tmp_path: Path) -> None:
    found = kept_by(tmp_path / "store", days=30)
    found.record(replace(exchange(1), at=time.time() - 31 * DAY))
    found.record(exchange(2))
    found.feedback(Feedback("r1", "corrected", "green", at=time.time() - 31 * DAY))
    assert found.flush()
    found.close()
    with Traffic(tmp_path / "store") as traffic:
        old, new = traffic.requests()
        assert (old.fields, old.answer, old.label) == (None, None, "red")
        assert new.fields is not None
        assert [said.correct for said in traffic.feedback()] == [""]


def test_a_full_disk_loses_what_is_kept_and_nothing_else_and_the_gap_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "PAUSE", 0.01)
    monkeypatch.setattr(recorder, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(recorder, "QUEUE", 20)
    journal = Journal()
    disk = NotedDisk("full recorder disk", journal)
    connection = apsw.Connection
    monkeypatch.setattr(apsw, "Connection", lambda path, **given: connection(path, **given, vfs="full recorder disk"))
    found = kept_by(tmp_path / "store")
    found.record(exchange(0))
    assert found.flush()
    journal.full_from = 0
    took = []
    for number in range(1, 51):
        began = time.perf_counter()
        found.record(exchange(number))
        took.append(time.perf_counter() - began)
    assert sorted(took)[25] < 0.005
    waited = time.monotonic() + 5
    while not found.trouble and time.monotonic() < waited:
        time.sleep(0.01)
    assert "the disk is full" in found.trouble
    assert found.lost >= 29
    journal.full_from = None
    assert found.flush()
    assert found.trouble == ""
    found.close()
    with Traffic(tmp_path / "store") as traffic:
        (gap,) = traffic.gaps()
        assert "the disk is full" in gap.why
        assert len(list(traffic.requests())) + gap.lost == 51
        assert gap.since <= gap.until
    del disk


def test_a_slow_disk_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    add = Traffic.add

    def slow(self: Traffic, *given: Any) -> None:
        assert go_on.wait(10)
        add(self, *given)

    monkeypatch.setattr(Traffic, "add", slow)
    monkeypatch.setattr(recorder, "QUEUE", 10)
    found = kept_by(tmp_path / "store")
    began = time.perf_counter()
    for number in range(100):
        found.record(exchange(number))
    assert time.perf_counter() - began < 1
    assert found.lost >= 90
    go_on.set()
    assert found.flush()
    found.close()
    with Traffic(tmp_path / "store") as traffic:
        assert sum(gap.lost for gap in traffic.gaps()) + len(list(traffic.requests())) == 100


def test_what_cannot_be_written_is_given_up_and_nothing_behind_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder, "PAUSE", 0.001)
    monkeypatch.setattr(recorder, "LONGEST_PAUSE", 0.002)
    go_on, outcome = threading.Event(), outcome_of

    def odd(system: System, answer: Answer) -> str:
        assert go_on.wait(10)
        if answer.raw == "odd":
            raise ValueError(f"the text {answer.raw} cannot be read")
        return outcome(system, answer)

    monkeypatch.setattr(recorder, "outcome_of", odd)
    found = kept_by(tmp_path / "store")
    for number in range(40):
        found.record(exchange(number, "odd" if number == 17 else "red"))
    go_on.set()
    assert found.flush(20)
    assert (found.lost, found.trouble) == (1, "")
    found.close()
    with Traffic(tmp_path / "store") as traffic:
        assert [one.id for one in traffic.requests()] == [f"r{number}" for number in range(40) if number != 17]
        assert [(gap.lost, gap.why) for gap in traffic.gaps()] == [(1, "Requests are not being recorded: ValueError.")]
    told = [record.getMessage() for record in caplog.records]
    assert [sentence.partition(" after")[0] for sentence in told] == [
        "Requests are not being recorded, and answered as before: ValueError",
        "A request or remark is given up",
    ]
    assert "odd" not in "".join(told)


def test_what_is_lost_at_the_end_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = Recorder(tmp_path / "absent" / "store", make_task(labels=("red", "green")))
    for number in range(3):
        found.record(exchange(number))
    found.close()
    assert caplog.records[-1].getMessage().startswith("3 requests and remarks could not be recorded before the end.")


def test_no_request_is_stamped_before_the_study_that_chose_its_system(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    clock = [1000.0]
    found = Recorder(tmp_path / "store", make_task(labels=("red", "green")), now=lambda: clock[0])
    for number, now in enumerate((1000.0, 3000.0)):
        clock[0] = now
        found.record(replace(exchange(number), since=2000.0))
    found.close()
    with Traffic(tmp_path / "store") as traffic:
        assert [one.at for one in traffic.requests(since=2000.0)] == [2000.0, 3000.0]


def test_a_record_that_was_deleted_is_begun_again_and_nothing_goes_into_the_deleted_one(tmp_path: Path) -> None:
    found = kept_by(tmp_path / "store")
    found.record(exchange(1))
    assert found.flush()
    for path in (tmp_path / "store").glob(f"{TRAFFIC}*"):
        path.unlink()
    found.record(exchange(2))
    assert found.flush()
    found.close()
    with Traffic(tmp_path / "store") as traffic:
        assert [request.id for request in traffic.requests()] == ["r2"]


def test_a_damaged_record_is_put_aside_and_another_is_begun(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / TRAFFIC).write_bytes(b"this is no database" * 400)
    (store / TRAFFIC).chmod(0o600)
    found = kept_by(store)
    found.record(exchange(1))
    assert found.flush()
    found.close()
    with Traffic(store) as traffic:
        assert [one.id for one in traffic.requests()] == ["r1"]
        assert [gap.why for gap in traffic.gaps()] == ["the record was damaged and is kept as traffic.db.damaged-1"]


def test_a_store_that_cannot_be_used_breaks_nothing(tmp_path: Path) -> None:
    found = Recorder(tmp_path / "absent" / "store", make_task(labels=("red", "green")))
    found.record(exchange(1))
    waited = time.monotonic() + 5
    while not found.trouble and time.monotonic() < waited:
        time.sleep(0.01)
    assert found.trouble.startswith("Requests are not being recorded")
    found.close()


def test_text_that_no_database_holds_is_kept_as_far_as_it_can_be(tmp_path: Path) -> None:
    found = kept_by(tmp_path / "store")
    found.record(exchange(1, "\ud800 \0"))
    found.feedback(Feedback("r1", "corrected", "\udfff"))
    assert found.flush()
    found.close()
    with Traffic(tmp_path / "store") as traffic:
        assert [one.answer for one in traffic.requests()] == ["\ud800 \0"]
        assert [said.correct for said in traffic.feedback()] == ["?"]
