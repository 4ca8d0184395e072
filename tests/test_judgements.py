"""People's judgements: added once, never changed, kept through kills and damage."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tailor.data.example import Example
from tailor.data.identity import identity
from tailor.errors import DataError, StoreError
from tailor.labelling.judgement import Judgement, Suggestion, from_text, row_id, standing, to_text
from tailor.labelling.judgements import Judgements, KeyTaken
from tailor.store.labels import LABELS
from tailor.store.salvage import check, repair


def said(key: str, label: str = "billing", row: str = "r1", annotator: str = "Ana", **more: object) -> Judgement:
    return Judgement(key, row, annotator, values={"label": label}, **more)  # type: ignore[arg-type]


def test_what_is_added_is_read_again_as_it_was_also_by_another_process(tmp_path: Path) -> None:
    hostile = "<script>\ud800\0=1+1 \U0001f600"
    judgement = Judgement(
        "k1",
        "r1",
        hostile,
        values={"label": ["a", hostile], "boxes": [{"x": 0.5, "of": None}], "ok": True},
        about="case 7",
        seconds=2.5,
        guideline="v3",
        suggested=Suggestion({"label": "b"}, "system 1", 0.75),
        flagged="unclear",
        extra={"id": 11},
    )
    with Judgements(tmp_path) as here, Judgements(tmp_path) as there:
        (kept,) = here.append(judgement)
        assert kept.at.startswith("20") and kept.at.endswith("+00:00")
        assert list(there.all()) == [kept] == [from_text(to_text(kept))]
        assert not kept.blind and kept.label == ["a", hostile]
        there.append(said("k2"))
        assert [judgement.key for judgement in here.all()] == ["k1", "k2"]
        assert here.find("k2") == here.all()[1] and here.find("k3") is None
        assert [one.key for one in here.by("Ana")] == ["k2"] and [one.key for one in here.of_row("r1")] == ["k1", "k2"]


def test_the_same_judgement_sent_again_is_added_once_and_another_under_its_key_is_refused(tmp_path: Path) -> None:
    with Judgements(tmp_path) as judgements:
        (first,) = judgements.append(said("k1", seconds=2.0))
        assert judgements.append(said("k1", seconds=9.0)) == (first,)
        with pytest.raises(KeyTaken, match="another judgement has the key .k1."):
            judgements.append(said("k2"), said("k1", "technical"))
        assert [judgement.key for judgement in judgements.all()] == ["k1"], "all of them or none"


def test_of_each_person_the_last_word_on_a_row_counts_and_undo_brings_back_the_one_before() -> None:
    one, two = said("1", "a"), said("2", "b")
    other, undo = said("3", "c", annotator="Ben"), Judgement("4", "r1", "Ana", retracts="2")
    again = Judgement("5", "r1", "Ana", retracts="4")
    assert standing([one, two, other]) == [two, other]
    assert standing([one, two, other, undo]) == [one, other]
    assert standing([one, two, other, undo, again]) == [two, other]
    skipped = Judgement("6", "r1", "Ana", skipped="cannot tell")
    assert standing([one, skipped]) == [skipped]
    assert standing([one, skipped, Judgement("7", "r1", "Ana", retracts="6")]) == [one]


def test_nobody_takes_back_what_another_person_said(tmp_path: Path) -> None:
    with Judgements(tmp_path) as judgements:
        judgements.append(said("k1"))
        for bad in (Judgement("k2", "r1", "Ben", retracts="k1"), Judgement("k2", "r2", "Ana", retracts="k1")):
            with pytest.raises(DataError, match="so it cannot be retracted"):
                judgements.append(bad)
        judgements.append(Judgement("k2", "r1", "Ana", retracts="k1"))
        assert judgements.standing() == []


@pytest.mark.parametrize(
    ("judgement", "told"),
    [
        (said(""), ".key. of a judgement is"),
        (said("ü"), "ASCII"),
        (said("k", annotator="a" * 201), "1 to 200 characters"),
        (Judgement("k", "r", "Ana"), "gives nothing"),
        (said("k", skipped="hard"), "gives `values` and `skipped`"),
        (said("k", seconds=float("nan")), "a number from 0 up"),
        (Judgement("k", "r", "Ana", values={"x": float("inf")}), "what JSON does not"),
        (Judgement("k", "r", "Ana", values={"x": {1, 2}}), "what JSON does not"),
        (said("k", "x" * (5 << 20)), "at most 4,194,304 are accepted"),
    ],
)
def test_what_cannot_be_kept_is_refused(tmp_path: Path, judgement: Judgement, told: str) -> None:
    with Judgements(tmp_path) as judgements, pytest.raises(DataError, match=told):
        judgements.append(judgement)


def test_a_row_keeps_its_name_when_columns_are_renamed_or_another_one_is_asked_too(tmp_path: Path) -> None:
    text, channel = "The invoice of May was sent twice", "by mail to the office"
    before = identity(["text"], Example("1", {"text": text}, ()))
    renamed = identity(["message"], Example("9", {"message": f" {text.upper()}!"}, ("billing",)))
    wider = identity(["text", "channel"], Example("1", {"text": text, "channel": channel}, ()))
    stranger = identity(["text"], Example("2", {"text": "Another question altogether"}, ()))
    assert row_id(before) == row_id(renamed) != row_id(wider)
    with Judgements(tmp_path) as judgements:
        judgements.append(said("k1", row=row_id(before)), rows=[before])
        assert judgements.names([renamed, wider, stranger]) == [row_id(before), row_id(before), row_id(stranger)]
        assert judgements.rows()[row_id(before)].text == text


def test_many_threads_add_each_judgement_once(tmp_path: Path) -> None:
    with Judgements(tmp_path) as judgements:
        threads = [
            threading.Thread(target=lambda: [judgements.append(said(f"k{n}", row=f"r{n}")) for n in range(30)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(judgement.key for judgement in judgements.all()) == sorted(f"k{n}" for n in range(30))


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from tailor.labelling.judgement import Judgement
from tailor.labelling.judgements import Judgements
judgements = Judgements(Path(sys.argv[1]))
for number in range(5):
    judgements.append(Judgement(f"k{number}", "r", "Ana", values={"label": "a"}))
    print(number, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["0", "1", "2", "3", "4"] and run.returncode == -9
    with Judgements(tmp_path) as judgements:
        assert [judgement.key for judgement in judgements.all()] == [f"k{n}" for n in range(5)]


def fill(folder: Path, count: int = 200) -> None:
    row = identity(["text"], Example("1", {"text": "The invoice of May"}, ()))
    with Judgements(folder) as judgements:
        judgements.append(*(said(f"k{n}", f"label {n}", row=f"r{n}") for n in range(count)), rows=[row])


def test_nothing_is_acknowledged_that_goes_into_a_deleted_file(tmp_path: Path) -> None:
    with Judgements(tmp_path) as judgements:
        judgements.append(said("k1"))
        (tmp_path / LABELS).unlink()
        with pytest.raises(StoreError, match="is gone"):
            judgements.append(said("k2"))


def test_a_damaged_judgement_is_set_aside_told_once_and_never_used(tmp_path: Path) -> None:
    fill(tmp_path)
    path = tmp_path / LABELS
    data = path.read_bytes()
    assert data.count(b'"label 7"') > 0
    path.write_bytes(data.replace(b'"label 7"', b'"label 8"'))
    assert check(tmp_path).problems == [
        "1 label that people gave is damaged or gone; it cannot be told which, so look for rows that lack one."
    ]
    with Judgements(tmp_path) as judgements:
        assert len(judgements.messages) == 1
        assert "k7" not in {judgement.key for judgement in judgements.all()} and len(judgements.all()) == 199
        judgements.append(said("new"))
    with Judgements(tmp_path) as judgements:
        assert judgements.messages == [] and len(judgements.all()) == 200
    assert check(tmp_path).problems == []


def test_a_file_that_sqlite_refuses_is_repaired_from_every_judgement_that_is_whole(tmp_path: Path) -> None:
    fill(tmp_path)
    path = tmp_path / LABELS
    data = bytearray(path.read_bytes())
    data[4096 * 6 : 4096 * 7] = b"\xff" * 4096
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="is damaged"):
        Judgements(tmp_path)
    found = repair(tmp_path)
    assert found.aside is not None and 100 < found.labels < 200
    with Judgements(tmp_path) as judgements:
        assert len(judgements.all()) == found.labels and judgements.messages == []
        assert all(judgement.values == {"label": f"label {judgement.key[1:]}"} for judgement in judgements.all())
    lost = 200 - found.labels
    assert any(problem.startswith(f"{lost} labels that people gave are damaged") for problem in found.problems)
    assert check(tmp_path).problems == []


def test_nothing_is_repaired_under_someone_who_is_labelling(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    with Judgements(tmp_path), pytest.raises(StoreError, match="labels are being given in"):
        repair(tmp_path)
    assert json.loads(to_text(said("k"))) == {
        "annotator": "Ana",
        "key": "k",
        "role": "label",
        "row": "r1",
        "values": {"label": "billing"},
    }
