"""Which rows come next while people label: chosen ones in the background, random ones always, and what that is worth."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from labelling_bench import KEYS, LABELS, served, write_rows
from web_server import running

from tailor.labelling.judgement import Judgement
from tailor.labelling.judgements import Judgements
from tailor.labelling.next import RESERVE_END, TEST_END
from tailor.models.tfidf import word_vectors
from tailor.project import load_project
from tailor.workbench import choosing as module
from tailor.workbench.app import Workbench
from tailor.workbench.choosing import Choosing
from tailor.workbench.desk import Desk
from tailor.workbench.later import Later

WORDS = {"billing": "invoice charge card refund", "delivery": "parcel courier late street", "returns": "label sizes exchange box"}


def right(text: str) -> str:
    return max(WORDS, key=lambda label: sum(word in text for word in WORDS[label].split()))


def texts(count: int) -> list[str]:
    draw = np.random.default_rng(3)
    topics = [list(WORDS)[n] for n in draw.choice(3, count, p=[0.7, 0.2, 0.1])]
    nonsense = ["".join(draw.choice(list("abcdefghijklmnop"), 7)) for _ in range(4 * count)]
    return [" ".join([*draw.choice(WORDS[topic].split(), 2), *nonsense[4 * n : 4 * n + 4]]) for n, topic in enumerate(topics)]


def label_next(desk: Desk, count: int) -> list[str]:
    rows = []
    for _ in range(count):
        (item,) = desk.take("Ada", "one")
        desk.give(
            Judgement(
                key=f"k{len(desk.judgements.all())}",
                row=item.row,
                annotator="Ada",
                values={"label": right(item.example.fields["text"])},
            )
        )
        rows.append(item.row)
    return rows


def test_chosen_rows_and_random_ones_take_turns_and_no_row_that_will_be_tested_on_is_chosen(tmp_path: Path) -> None:
    with served(write_rows(tmp_path / "desk", texts(200))) as bench:
        choosing = Choosing(bench.desk)
        choosing.decide()
        for count in (60, 25, 25):
            label_next(bench.desk, count)
            choosing.decide()
        said = bench.judgements.all()
        why = Counter(one.chosen for one in said)
        assert (
            why["random"] >= 0.4 * 110
            and why["uncertain"] >= 20
            and why["diverse"] >= 2
            and set(why) <= {"random", "uncertain", "diverse"}
        )
        places = dict(zip(choosing._rows, choosing._places or (), strict=True))
        assert all(TEST_END <= places[one.row] < 1 - RESERVE_END for one in said if one.chosen != "random")
        assert choosing.paying is not None and choosing.paying.rows >= 20


def test_rows_come_at_random_where_choosing_is_off_and_the_page_says_what_is_on(tmp_path: Path) -> None:
    with served(write_rows(tmp_path / "desk", texts(30))) as bench:
        drawn = [item.row for item in bench.desk.open_items()]
        assert label_next(bench.desk, 12) == drawn[:12]
        assert {one.chosen for one in bench.judgements.all()} == {"random"}
        assert "Rows come at random" in bench.get("Ada", "/progress").body.decode()
        with running(Workbench(bench.desk, KEYS, choosing=Choosing(bench.desk)).app) as port:
            told = type(bench)(port, bench.desk, bench.judgements).get("Ada", "/progress").body.decode()
            assert "hard to tell" in told and "once there are enough of both" in told


def test_a_label_in_the_file_that_looks_wrong_comes_first_where_all_rows_are_labelled(tmp_path: Path) -> None:
    said = texts(240)
    folder = write_rows(tmp_path / "desk", said)
    wrong = {text: LABELS[(LABELS.index(right(text)) + 1) % 3] for text in said[::24]}
    lines = ["text,label", *(f"{text},{wrong.get(text, right(text))}" for text in said)]
    (folder / "data.csv").write_text("\n".join(lines), encoding="utf-8")
    with Judgements(folder / ".tailor") as judgements:
        desk = Desk(load_project(folder), judgements, everything=True)
        Choosing(desk).decide()
        given = label_next(desk, 20)
        suspected = [one.row for one in judgements.all() if one.chosen == "suspected"]
        right_to_doubt = [row for row in suspected if desk.items[row].example.fields["text"] in wrong]
        assert len(suspected) >= 3 and len(right_to_doubt) >= 0.8 * len(suspected) and set(suspected) <= set(given)


def test_where_people_overlap_a_label_that_looks_wrong_gets_its_second_person_first(tmp_path: Path) -> None:
    with served(write_rows(tmp_path / "desk", texts(120)), overlap=2) as bench:
        rows = [item.row for item in bench.desk.open_items()][:90]
        texts_of = {row: bench.desk.items[row].example.fields["text"] for row in rows}
        planted = set(rows[40:44])
        for row in rows:
            said = right(texts_of[row])
            said = LABELS[(LABELS.index(said) + 1) % 3] if row in planted else said
            bench.desk.give(Judgement(key=row, row=row, annotator="Ada", values={"label": said}))
        Choosing(bench.desk).decide()
        first = {item.row for item in bench.desk.take("Ben", "one", 5)}
        assert len(first & planted) >= 2
        for row in first:
            bench.desk.give(Judgement(key=f"{row} again", row=row, annotator="Ben", values={"label": right(texts_of[row])}))
        why = {one.row: one.chosen for one in bench.judgements.all() if one.annotator == "Ben"}
        assert {why[row] for row in first & planted} == {"suspected"}, "a second person did not get these at random"


def test_deciding_goes_on_in_the_background_and_a_failure_leaves_the_order_that_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    decided, fail = threading.Event(), threading.Event()

    def vectors(texts: list[str]) -> object:
        if fail.is_set():
            raise RuntimeError("no memory")
        found = word_vectors(texts)
        decided.set()
        return found

    monkeypatch.setattr(module, "word_vectors", vectors)
    with served(write_rows(tmp_path / "desk", texts(40))) as bench:
        choosing = Choosing(bench.desk)
        choosing.start()
        assert decided.wait(60)
        choosing.close()
        assert {bench.desk.take("Ada", "one")[0].row} <= set(bench.desk.items)
        fail.set()
        broken = Choosing(bench.desk)
        broken.start()
        broken._thread.join(60)
        assert "they come at random" in caplog.text and len(bench.next("Ben", 3)) == 3


def test_vectors_of_words_have_length_one_and_few_or_empty_texts_have_some_too() -> None:
    found = word_vectors(["the red fox", "a red fox ran", "bread and butter", "butter on bread"])
    assert np.allclose(np.linalg.norm(found, axis=1), 1) and found[0] @ found[1] > found[0] @ found[2]
    assert word_vectors(["", ""]).shape[0] == 2 and word_vectors(["one"]).shape[0] == 1


def test_what_takes_long_is_worked_out_behind_a_page_which_has_the_last_of_it_at_once() -> None:
    state, go = [1], threading.Event()

    def work() -> int:
        assert go.wait(60)
        return 10 * state[0]

    with ThreadPoolExecutor(1) as pool:
        value = Later(work, lambda: state[0], pool)
        assert value.get(0.01) == (None, False)
        go.set()
        assert value.get(60) == (10, True)
        state[0] = 2
        go.clear()
        assert value.get(0.01) == (10, False)
        go.set()
        assert value.get(60) == (20, True)
        broken = Later(lambda: 1 // 0, lambda: 1, pool)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                broken.get(60)
