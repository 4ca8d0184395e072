"""Rows from a notebook: frames, tables, lists, files and given splits are the same rows."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_desk import ROWS, desk

import tailor
from tailor.data.dataset import as_dataset
from tailor.data.split import load_splits
from tailor.errors import DataError
from tailor.library import FOLDER
from tailor.project import load_project


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "rows",
    [
        pandas.DataFrame(ROWS),
        pandas.DataFrame(ROWS).astype({"label": "category", "number": "int16"}),
        pyarrow.Table.from_pylist(ROWS),
        ROWS,
        iter(ROWS),
        tailor.Dataset(ROWS),
    ],
    ids=["frame", "typed frame", "arrow", "list", "iterator", "dataset"],
)
def test_rows_in_any_form_are_the_same_rows(tmp_path: Path, rows: Any) -> None:
    expected = [{name: str(value) for name, value in row.items()} for row in ROWS]
    dataset = as_dataset(rows)
    assert len(dataset) == 120 and dataset.columns == ("text", "label", "number")
    assert dataset.texts() == expected
    kept = dataset.keep(tmp_path, tailor.Task.model_fields["data"].default)
    assert [dict(row) for row in tailor.Dataset(tmp_path / kept.file).tables["file"].rows] == expected


def test_a_file_stays_where_it_lies(tmp_path: Path) -> None:
    pandas.DataFrame(ROWS).to_csv(tmp_path / "mine.csv", index=False)
    for path in ("mine.csv", tmp_path / "mine.csv"):
        tailor.measure(desk(), path, "zero-shot", quiet=True)
        project = load_project(f"{FOLDER}/desk")
        assert project.data_files == (tmp_path / "mine.csv",) and not list(project.folder.glob("*.jsonl"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (pandas.NA, ""),
        (pandas.NaT, ""),
        (np.float64("nan"), ""),
        (np.int64(7), "7"),
        (np.bool_(True), "true"),
        (np.datetime64("2026-01-02", "ns"), "2026-01-02T00:00:00"),
        (np.datetime64("NaT"), ""),
        (np.array([1, 2]), '["1","2"]'),
        (1.5, "1.5"),
        (float("inf"), "inf"),
        (date(2026, 1, 2), "2026-01-02"),
        (pandas.Timestamp("2026-01-02 03:04"), "2026-01-02T03:04:00"),
        (Decimal("1.10"), "1.10"),
        ({"a": (1, None)}, '{"a":[1,null]}'),
        ("\ud800 東京 \u2028\n", "\ud800 東京 \u2028\n"),
    ],
)
def test_values_are_kept_as_a_file_would_hold_them(tmp_path: Path, value: object, text: str) -> None:
    forms: tuple[Any, ...] = ([{"x": value}, {"x": "a"}], pandas.DataFrame({"x": pandas.Series([value, "a"], dtype=object)}))
    for rows in forms:
        dataset = tailor.Dataset(rows)
        assert dataset.texts()[0]["x"] == text
        dataset.keep(tmp_path, tailor.Task.model_fields["data"].default)
        assert json.loads((tmp_path / "rows.jsonl").read_text().split("\n")[1]) == {"x": "a"}


@settings(max_examples=25)  # each writes a file for good
@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.text(), min_size=1), min_size=2, max_size=5))
def test_any_text_comes_back_from_the_folder(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    tailor.Dataset(rows).keep(folder, tailor.Task.model_fields["data"].default)
    lines = (folder / "rows.jsonl").read_bytes().decode().split("\n")[:-1]
    assert [json.loads(line) for line in lines] == rows


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (3, "`int` is not a table of rows"),
        ([], "a dataset has no rows"),
        ({"text": ["a"]}, "`dict` is not a table of rows"),
        (["a", "b"], "row 1 is not a dict but `str`"),
        ([{"a": 1}, {"a": object()}], "row 2, column `a` holds a `object`"),
        (pandas.DataFrame([["a", "b"]], columns=["x", "x"]), "several columns `x`"),
        ("nowhere.csv", "There is no file"),
        (b"a,b", "`bytes` is not a table of rows"),
    ],
)
def test_what_is_no_table_is_told_in_a_sentence(rows: Any, told: str) -> None:
    with pytest.raises(DataError) as caught:
        len(tailor.Dataset(rows))
    assert told in str(caught.value)


def test_given_splits_are_kept(tmp_path: Path) -> None:
    rows = tailor.Dataset(train=ROWS[:60], test=ROWS[60:])
    tailor.measure(desk(), rows, "zero-shot", quiet=True)
    splits = load_splits(load_project(f"{FOLDER}/desk"))
    assert {example.fields["text"] for example in splits.test} == {row["text"] for row in ROWS[60:]}
    assert repr(rows) == "<Dataset: 60 train rows, 60 test rows, columns `text, label, number`>"
    tailor.measure(desk(), ROWS, "zero-shot", quiet=True)  # given otherwise, nothing of before stays
    assert sorted(path.name for path in (tmp_path / FOLDER / "desk").iterdir()) == [".tailor", "rows.jsonl", "tailor.yaml"]
    with pytest.raises(DataError, match="a dataset is given as `train`"):
        tailor.Dataset(train=ROWS)
