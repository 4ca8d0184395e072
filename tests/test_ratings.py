"""The sheet that people fill in: safe to open, read whatever a spreadsheet makes of it, and never written over."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_helpers import JUDGE, RUBRIC, fill_in, judged_candidate, judged_task, sheet

from tailor.data.spreadsheets import FORMULA, defused, read_sheet, restored
from tailor.data.table import read_table
from tailor.errors import ConfigError, DataError
from tailor.evaluate.judge import NO, YES, JudgedCase
from tailor.evaluate.ratings import Sample, rating_sample, read_ratings, write_sheet

TASK = judged_task()


def sample(*answers: str) -> Sample:
    cases = [JudgedCase(f"r{place:03}", "What?", "this", answer) for place, answer in enumerate(answers)]
    return Sample((0,), {case.id: case for case in cases})


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


# --- the sample


def test_answers_alike_are_rated_once_and_those_of_all_finalists_to_the_same_rows() -> None:
    good = [i % 3 > 0 for i in range(100)]
    one, two = (judged_candidate(TASK, name, good, good).run for name in ("a", "b"))
    drawn = rating_sample(TASK, [one, two])
    assert (len(drawn.rows), len(drawn.cases)) == (30, 60)
    assert len(rating_sample(TASK, [one, one]).cases) == 60
    # Other finalists are rated on the rows of before.
    assert set(drawn.rows) <= set(rating_sample(TASK, [one]).rows)


def test_the_seed_draws_the_rows_and_the_order_says_nothing_of_who_answered() -> None:
    runs = [judged_candidate(TASK, name, [True] * 100, [True] * 100).run for name in ("a", "b")]
    drawn = rating_sample(TASK, runs)
    assert rating_sample(judged_task(split={"seed": 1}), runs).rows != drawn.rows
    assert list(drawn.cases) == sorted(drawn.cases) and rating_sample(TASK, runs[::-1]).cases == drawn.cases
    by = [case.answer[-1] for case in drawn.cases.values()]
    assert 5 < sum(first != second for first, second in zip(by, by[1:], strict=False)) < 55


def test_a_sample_larger_than_the_test_set_is_all_of_it() -> None:
    run = judged_candidate(TASK, "a", [True] * 20, [True] * 20).run
    assert rating_sample(TASK, [run]).rows == tuple(range(20))


# --- the sheet


def test_a_fresh_sheet_has_what_a_person_needs_and_no_system(tmp_path: Path) -> None:
    path = tmp_path / "sheets" / "judge.csv"
    assert write_sheet(path, TASK, sample("this", "that")) == 2
    assert sheet(path)[0] == {
        "id": "r000",
        "question": "What?",
        "reference": "this",
        "answer": "this",
        "rubric": RUBRIC,
        "rating": "",
    }
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert read_ratings(path).by_case == {}
    assert not list(tmp_path.rglob("*.part"))


def test_ratings_that_were_filled_in_survive_whatever_is_asked_next(tmp_path: Path) -> None:
    path = tmp_path / "judge.csv"
    write_sheet(path, TASK, sample("a", "b"))
    fill_in(path, lambda row: "yes" if row["answer"] == "a" else "")
    before = path.read_bytes()
    assert write_sheet(path, TASK, sample("a", "b")) == 0 and path.read_bytes() == before
    later = Sample((0,), {"r777": JudgedCase("r777", "Who?", "she", "she")})
    assert write_sheet(path, TASK, later) == 1
    # The rated one stays, the one that nobody rated and nobody asks for goes.
    assert [(row["id"], row["rating"]) for row in sheet(path)] == [("r000", "yes"), ("r777", "")]


def test_columns_of_ones_own_stay_and_missing_ones_are_added(tmp_path: Path) -> None:
    path = written(tmp_path / "judge.csv", "id,Rating,note\nr000,,ask Ann\nr001,no,\n")
    assert write_sheet(path, TASK, sample("a", "b", "c")) == 1
    rows = sheet(path)
    assert [(row["id"], row["Rating"], row["note"]) for row in rows] == [
        ("r000", "", "ask Ann"),
        ("r001", "no", ""),
        ("r002", "", ""),
    ]
    assert rows[2]["answer"] == "c"


def test_no_answers_make_no_sheet(tmp_path: Path) -> None:
    assert write_sheet(tmp_path / "judge.csv", TASK, Sample((), {})) == 0
    assert not (tmp_path / "judge.csv").exists()


def test_a_sheet_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    written(tmp_path / "file", "")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_sheet(tmp_path / "file" / "judge.csv", TASK, sample("a"))


@given(st.text(max_size=40))
def test_no_cell_is_run_by_a_spreadsheet_and_every_text_comes_back(text: str) -> None:
    cell = defused(text)
    assert not cell.startswith(FORMULA)
    assert restored(cell) == text


def test_a_sheet_that_is_written_again_and_again_holds_the_same_texts(tmp_path: Path) -> None:
    texts, path = ("'tis so", "=1+1", "'=1+1", "plain"), tmp_path / "judge.csv"
    for shown in range(1, len(texts) + 1):
        write_sheet(path, TASK, sample(*texts[:shown]))
    assert [row["answer"] for row in read_sheet(path).rows] == list(texts)


@pytest.mark.parametrize(
    "answer", ["=1+1", '=HYPERLINK("http://x","y")', "+49 30", "-5", "@x", "\ud800 lone", 'a "quoted", one\nand two']
)
def test_dangerous_answers_are_defused_in_the_file(tmp_path: Path, answer: str) -> None:
    path = tmp_path / "judge.csv"
    write_sheet(path, TASK, sample(answer, "x"))
    cell = str(read_table(path).rows[0]["answer"])
    assert not cell.startswith(FORMULA)
    fill_in(path, lambda row: "1")
    assert len(read_ratings(path).by_case) == 2


# --- reading it


@pytest.mark.parametrize(
    ("word", "rating"),
    [*((w, YES) for w in ("yes", "Y", "TRUE", "1", "1.0", " yes ")), *((w, NO) for w in ("no", "n", "False", "0", "0.0"))],
)
def test_the_words_that_people_and_spreadsheets_use(tmp_path: Path, word: str, rating: str) -> None:
    path = written(tmp_path / "judge.csv", f"id,rating\nr1,{word}\nr2,\n")
    assert read_ratings(path).by_case == {"r1": {"": rating}}


def test_no_file_is_no_ratings_and_further_columns_and_other_delimiters_do_not_matter(tmp_path: Path) -> None:
    assert read_ratings(tmp_path / "judge.csv").by_case == {}
    path = written(tmp_path / "judge.csv", "Note;RATING;ID\n;yes;r1\nwhy;no;r2\n")
    assert read_ratings(path).by_case == {"r1": {"": YES}, "r2": {"": NO}}


def test_two_raters_are_told_apart_and_share_an_answer(tmp_path: Path) -> None:
    ratings = read_ratings(written(tmp_path / "judge.csv", "id,rater,rating\nr1,Ann,yes\nr1,Bob,no\nr2,Ann,yes\n"))
    assert ratings.by_case["r1"] == {"Ann": YES, "Bob": NO}
    assert (ratings.share("r1"), ratings.share("r2")) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,rating\nr1,maybe\n", "judge.csv row 1 is rated `maybe`; yes and no are accepted"),
        ("id,ratings\nr1,yes\n", "judge.csv lacks the column `rating`; did you mean `ratings`?"),
        ("question,rating\nr1,yes\n", "judge.csv lacks the column `id`"),
        ("id,rating\nr1,yes\nr1,no\n", "judge.csv row 2 rates `r1` otherwise than a row before"),
        ("id,rater,rating\nr1,a,yes\nr1,b,no\nr2,c,no\n", r"judge.csv has 3 raters \(`a`, `b`, `c`\); two are understood"),
        ("", "judge.csv is empty"),
        ("id,rating\nr1,yes,no\n", "judge.csv names 2 columns, but all its rows have 3 values"),
    ],
)
def test_what_cannot_be_read_is_said_and_left_as_it_is(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path / "judge.csv", text)
    with pytest.raises(DataError, match=said):
        read_ratings(path)
    assert path.read_text(encoding="utf-8") == text


def test_a_rubric_has_a_say_in_what_was_rated() -> None:
    good = [True] * 30
    run = judged_candidate(TASK, "a", good, good).run
    spaced = judged_task(judge=JUDGE | {"rubric": f"  {RUBRIC.replace(' ', '  ')}\n"})
    assert rating_sample(spaced, [run]).cases.keys() == rating_sample(TASK, [run]).cases.keys()
    other = judged_task(judge=JUDGE | {"rubric": f"{RUBRIC} In one sentence."})
    assert not rating_sample(other, [run]).cases.keys() & rating_sample(TASK, [run]).cases.keys()
