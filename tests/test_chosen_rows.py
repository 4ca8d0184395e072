"""Test rows chosen by what was seen of them: whatever part is kept, repeated or dealt again, no certificate becomes easier by
it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from data_helpers import sentence, write_csv, write_yaml
from decide_helpers import make_candidate, make_task, right
from flow import DESK, LABELS, Watcher, as_another_user, climb
from judge_helpers import JUDGE, judged_candidate, judged_task, people
from test_false_certificates import OTHERS, doubt_after, row, rows

from tailor.data.doubt import Data, Doubt
from tailor.data.example import Splits
from tailor.data.looks import SeenTexts, looks
from tailor.data.split import load_splits
from tailor.decide.decision import measured
from tailor.decide.judged import decide_judged
from tailor.evaluate.ratings import rating_sample
from tailor.experiment import run
from tailor.ledger import Ledger
from tailor.project import load_project
from tailor.results import Study
from tailor.seals import around_test, identities
from tailor.stats.intervals import Interval
from tailor.stats.paired import PairedDifference

# --- which rows are in doubt


def test_a_label_given_up_and_dealt_out_row_by_row_was_not_renamed(tmp_path: Path) -> None:
    before = [row(sentence(n), f"l{n % 3}") for n in range(60)]
    others = [row(sentence(n), f"l{n % 2}") for n in range(1000, 1100)]
    dissolved = [replace(one, answers=before[n // 3 % 2].answers) if n % 3 == 2 else one for n, one in enumerate(before)]
    data = Data(others, labels=True)
    assert doubt_after(dissolved, tmp_path / "a", before=before, data=data) == Doubt(frozenset(range(2, 60, 3)))
    finer = [row(sentence(n), f"l2{'ab'[n // 3 % 2]}") if n % 3 == 2 else one for n, one in enumerate(before)]
    assert doubt_after(finer, tmp_path / "b", before=before, data=data) == Doubt()


def test_what_is_left_of_a_test_set_of_which_most_was_taken_out_shows_nothing(tmp_path: Path) -> None:
    for number, deal in enumerate(("", "seed 0")):
        after = [*rows(25), *rows(10, 500)]
        found = doubt_after(after, tmp_path / str(number), before=rows(60), data=replace(OTHERS, deal=deal))
        assert found == Doubt(picked=frozenset(range(25)))


def test_most_rows_reworded_are_not_all(tmp_path: Path) -> None:
    after = [*rows(24), *(row(f"{one.text} please") for one in rows(36, 24))]
    assert doubt_after(after, tmp_path, before=rows(60)) == Doubt(frozenset(range(24, 60)))


def test_another_seed_and_a_part_of_the_test_set_are_chosen_and_further_rows_are_not(tmp_path: Path) -> None:
    for number, (deal, left, gone) in enumerate((("seed 0", 60, 0), ("seed 1", 60, 12), ("seed 0", 48, 12))):
        data = Data([*OTHERS.others, *rows(12)], deal)
        after = [*rows(48, 12), *rows(left - 48, 500)]
        assert doubt_after(after, tmp_path / str(number), before=rows(60), data=data) == Doubt(gone=gone)


@pytest.mark.parametrize("near", ["", " please"])
def test_rows_that_repeat_what_was_seen_are_told(near: str, tmp_path: Path) -> None:
    after = [*rows(60), *(row(one.text + near) for one in rows(40)), *rows(20, 500)]
    found = doubt_after(after, tmp_path, before=rows(60))
    assert found == Doubt(again=frozenset(range(60, 100))) and found.rows == 0
    twice = [*rows(60), *rows(10)]
    assert doubt_after(twice, tmp_path / "twice", before=twice) == Doubt()


def test_rows_without_spaces_between_words_are_found_in_the_prompt_and_in_other_projects(tmp_path: Path) -> None:
    text, short = "请问如何在手机银行里修改转账限额并且重新激活我的信用卡", "修改限额"
    with as_another_user(tmp_path / "state"), Ledger(tmp_path / "store") as ledger:
        data = Data(read=(f"例如：{text}？", short))
        assert ledger.open_test([row(text), row(short)], ["a"], data).doubt == Doubt(read=frozenset([0]))
    seen = SeenTexts([looks(text)])
    assert looks(text.replace("手", "主")) in seen and looks(f"你好，{text}") in seen
    assert looks(text.replace("手机", "网上").replace("我的", "那张")) not in seen


# --- what limits make of them


def test_repeating_rows_that_were_right_raises_no_limit() -> None:
    task = make_task(target=0.9)
    plain = [make_candidate(task, name, right(count, 100)) for name, count in (("a", 80), ("b", 70))]
    many = [make_candidate(task, name, right(count, 100) + [1.0] * 350) for name, count in (("a", 80), ("b", 70))]
    doubt = Doubt(again=frozenset(range(100, 450)))
    once, repeated, told = measured(plain, 2), measured(many, 2), measured(many, 2, doubt)
    assert repeated.certified[0] > 0.9 and told.certified == once.certified
    limits: list[tuple[Interval | PairedDifference, Interval | PairedDifference]]
    limits = [*zip(told.scores, once.scores, strict=True), *zip(told.pairs, once.pairs, strict=True)]
    for one, other in limits:
        assert one.low is not None and other.low is not None and one.low <= other.low
        assert one.high is not None and other.high is not None and one.high >= other.high
    worse = [make_candidate(task, "a", right(80, 100) + [0.0] * 50)]
    assert measured(worse, 2, Doubt(again=frozenset(range(100, 150)))).certified == measured(worse, 2).certified
    assert measured(plain, 2, Doubt(again=frozenset(range(100)))).certified == (0.0, 0.0)


def test_rows_in_doubt_may_all_be_among_those_that_people_rated() -> None:
    """Of 400 answers 80 % are good. Of those that people rated, all but three bad ones get new references, or are taken out."""
    task = judged_task(target=0.85)
    truth = [number % 5 > 0 for number in range(400)]
    said = [good if number % 11 else not good for number, good in enumerate(truth)]  # by a judge that is often wrong
    honest = judged_candidate(task, "a", truth, said)
    before = decide_judged(task, [honest], 2, people(task, [honest])).finalists[0].certified
    bad = [place for place in rating_sample(task, [honest.run]).rows if not truth[place]][3:]
    mended = judged_candidate(task, "a", *([here or place in bad for place, here in enumerate(of)] for of in (truth, said)))
    ratings = people(task, [mended])
    task = judged_task(target=0.85, judge=JUDGE | {"gate": 0.0})
    assert decide_judged(task, [mended], 2, ratings).finalists[0].certified > before > 0.5
    for doubt in (Doubt(frozenset(bad)), Doubt(gone=len(bad)), Doubt(again=frozenset(bad))):
        assert decide_judged(task, [mended], 2, ratings, doubt=doubt).finalists[0].certified < before


# --- through the door


def write_files(folder: Path, **changes: object) -> Path:
    """A project with train and test files: of 120 test messages, the system knows 45 %."""
    folder.mkdir(parents=True, exist_ok=True)
    train = [(f"{sentence(i)} {LABELS[i % 3]}", LABELS[i % 3]) for i in range(120)]
    test = [(f"{sentence(i)} {LABELS[(i + (i % 20 > 8)) % 3]}", LABELS[i % 3]) for i in range(200, 320)]
    write_csv(folder / "train.csv", train)
    write_csv(folder / "test.csv", test)
    write_yaml(folder, DESK | {"data": {"train": "train.csv", "test": "test.csv"}, "target": 0.6} | changes)
    return folder


def rewrite(folder: Path, study: Study, change: Callable[[dict[str, bool], list[tuple[str, str]]], list[tuple[str, str]]]) -> None:
    """Write the test file again by what the best system had right."""
    best = max(study.tests, key=lambda one: one.mean)
    was_right = {e.fields["text"]: s.outcome == "right" for e, s in zip(best.examples, best.scores, strict=True)}
    with (folder / "test.csv").open(encoding="utf-8", newline="") as file:
        table = [(line["text"], line["label"]) for line in csv.DictReader(file)]
    write_csv(folder / "test.csv", change(was_right, table))


@pytest.mark.slow
def test_taking_out_all_that_failed_meets_no_target(tmp_path: Path) -> None:
    folder = write_files(tmp_path)
    first = climb(folder)
    assert first.decision is not None and first.decision.verdict != "target met"
    rewrite(folder, first, lambda good, table: [line for line in table if good[line[0]]])
    watcher = Watcher()
    second = run(load_project(folder), watcher)
    assert second.decision is not None and second.decision.verdict != "target met"
    assert max(finalist.certified for finalist in second.decision.finalists) == 0
    assert any("seen together with other rows that are now gone" in said for said in watcher.sentences)


def test_seeds_that_test_other_rows_of_the_same_data_are_counted(tmp_path: Path) -> None:
    write_csv(tmp_path / "data.csv", [(f"{sentence(i)} {LABELS[i % 3]}", LABELS[i % 3]) for i in range(400)])
    numbers, tested = [], list[set[str]]()
    with as_another_user(tmp_path / "state"), Ledger(tmp_path / "store") as ledger:
        for seed in range(4):
            write_yaml(tmp_path, DESK | {"split": {"test": 8, "dev": 30, "train": 60, "seed": seed}})
            project = load_project(tmp_path)
            splits = load_splits(project)
            data = around_test(project.task, splits, [])
            numbers.append(ledger.open_test(identities(project.task, splits.test), ["a"], data).number)
            tested.append({example.fields["text"] for example in splits.test})
        fresh = Data(rows(100, 900), deal="seed 0")
        assert ledger.open_test(rows(20, 2000), ["a"], fresh).number == 1
    assert numbers == [1, 2, 3, 4] and any(one.isdisjoint(other) for one in tested for other in tested)


def test_the_seed_is_what_rows_are_dealt_by_unless_the_data_say_so() -> None:
    for settings, deal in (({}, "seed 3"), ({"data": {"file": "data.csv", "split_by": "part"}}, "")):
        task = make_task(split={"seed": 3}, **settings)
        assert around_test(task, Splits((), (), ()), []).deal == deal
