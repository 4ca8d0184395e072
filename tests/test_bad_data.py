"""Every way we know in which data can be broken, and the one sentence it ends in."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from data_helpers import SETTINGS, make_task, rows, write_csv, write_yaml

from tailor.data.split import load_splits
from tailor.data.table import read_table
from tailor.errors import ConfigError, DataError
from tailor.project import Project, load_project

GOOD = "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows(40))


def load(folder: Path, name: str, content: bytes, **changes: object) -> None:
    (folder / name).write_bytes(content)
    load_splits(Project(folder, make_task(**{"data": {"file": name}, **changes})))


@pytest.mark.parametrize(
    ("name", "content", "changes", "sentence", "hint"),
    [
        (
            "a.csv",
            GOOD,
            {"output": "lable"},
            "a.csv lacks a column: `output` names the column `lable`; did you mean `label`?",
            "It has the columns `text`, `label`.",
        ),
        ("a.csv", GOOD, {"input": "{{body}}"}, "a.csv lacks a column: the template {{body}} names the column `body`", "`text`"),
        ("a.csv", GOOD, {"data": {"file": "a.csv", "report_by": ["plan"]}}, "`data.report_by` names the column `plan`", ""),
        (
            "a.csv",
            GOOD + "more,gren\nmuch more,gren\n",
            {"labels": ["red", "green"]},
            "2 rows have labels that are not in `labels`: `gren` (a.csv row 41, a.csv row 42); did you mean `green`?",
            "Fix the rows",
        ),
        ("a.csv", "", {}, "a.csv is empty", "one row per example"),
        ("a.csv", "  \n\n", {}, "a.csv is empty", ""),
        ("a.csv", "text,label\n", {}, "a.csv has column names but no rows", ""),
        ("a.jsonl", '{"text": "a"}\n{"text": \nnull\n', {}, "but does not on line 2 (Expecting value", "Correct or delete"),
        ("a.jsonl", "x\n" * 9, {}, "line 5 (Expecting value at character 1) and 4 more", ""),
        ("a.jsonl", '{"a": 1, "a": 2}', {}, "line 1 (a key is given twice)", ""),
        ("a.jsonl", '{"a": ' + "[" * 100_000, {}, "line 1 (nested too deeply)", ""),
        ("a.jsonl", '{"a": ' + "[" * 300 + "]" * 300 + "}", {}, "line 1 (nested too deeply)", ""),
        ("a.json", '[{"a": 1}, 2]', {}, "a.json is not a JSON list of objects: item 2 is not an object", ""),
        ("a.json", "[]", {}, "a.json has no rows", ""),
        (
            "a.csv",
            GOOD.encode() + b"caf\xe9,red\n",
            {},
            "a.csv line 42 holds byte 0xE9, which is not UTF-8 text",
            "Save the file as UTF-8",
        ),
        ("a.csv", GOOD.encode("utf-16-le") + b"\0\xd8", {}, "which is not UTF-8 text", "UTF-16 without its byte order mark"),
        ("a.csv", b"\xff\xfea", {}, "a.csv starts as UTF-16 but is damaged at byte", ""),
        ("a.csv", GOOD + "a,b,c\n", {}, "a.csv has 2 columns, but line 42 has 3", "double quotes"),
        ("a.csv", GOOD + '"never, closed,red\n', {}, 'a.csv line 42: a double quote (") is opened and never closed', '""'),
        ("a.csv", GOOD + '"a"b,c,red\n', {}, "a.csv line 42 is not CSV", '""'),
        ("a.csv", "text,label,text\na,b,c\n", {}, "a.csv has two columns named `text`", ""),
        (
            "a.csv",
            "id," + GOOD.replace("\n", "\n7,").removesuffix("7,"),
            {"data": {"file": "a.csv", "id": "id"}},
            "ids are not unique: `7` in a.csv row 1, a.csv row 2",
            "Give every row its own id",
        ),
        ("a.csv", "id,text,label\n,a,b\n", {"data": {"file": "a.csv", "id": "id"}}, "a.csv row 1 has no `id`", ""),
        ("a.csv", "text,label\na,red\n", {}, "there is 1 example, but at least 20 are needed to split", ""),
        (
            "a.csv",
            GOOD.replace("green", "red"),
            {},
            "every row has the label `red` in `label`, so there is nothing to tell apart",
            "",
        ),
        ("a.csv", GOOD.replace("green", "").replace("red", ""), {}, "there are no usable examples", ""),
        (
            "a.jsonl",
            '{"text": "a", "label": ["x", "y"]}',
            {},
            "`label` holds several labels in a.jsonl row 1, but kind `classify` takes one label per row",
            "",
        ),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0", {}, "a.csv is not text", "It is an image"),
        ("a.csv", b"PK\x03\x04\x14\0", {}, "a.csv is not text", "a spreadsheet"),
        (
            "a.xlsx",
            b"PK\x03\x04\x14\0",
            {},
            "`a.xlsx` ends in `.xlsx`; CSV, TSV, JSONL, JSON, Parquet and CoNLL files are accepted",
            "spreadsheet",
        ),
        ("data", b"text", {}, "CSV, TSV, JSONL, JSON, Parquet and CoNLL files are accepted", ""),
        ("a.parquet", b"PAR1 but no more", {}, "a.parquet is not a Parquet file", ""),
        (
            "a.jsonl",
            '{"messages": [{"role": "user", "content": "x"}]}',
            {},
            "row 1 (it does not end with the assistant's answer)",
            "",
        ),
        ("a.jsonl", '{"messages": [{"role": "assistant", "content": "x"}]}', {}, "row 1 (the user says nothing)", ""),
        ("a.jsonl", '{"messages": ["x"]}', {}, "row 1 (a message has no role)", ""),
    ],
)
def test_broken_data_end_in_one_clear_sentence(
    tmp_path: Path, name: str, content: str | bytes, changes: dict[str, object], sentence: str, hint: str
) -> None:
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(DataError) as caught:
        load(tmp_path, name, raw, **changes)
    assert sentence in str(caught.value)
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)
    assert (tmp_path / name).read_bytes() == raw


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(DataError, match="`a.csv` is a folder"):
        read_table(tmp_path / "a.csv")


def test_a_missing_file_names_the_nearest_beside_it(tmp_path: Path) -> None:
    write_csv(tmp_path / "tickets.csv", rows(2))
    with pytest.raises(DataError, match="did you mean `tickets.csv`"):
        read_table(tmp_path / "ticket.csv")
    with pytest.raises(DataError, match="There is no file"):
        read_table(tmp_path / "no" / "where.csv")


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, most: int) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tailor.data.table.read_file", refuse)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        read_table(tmp_path / "a.csv")


def test_two_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), out)
    (tmp_path / "a.parquet").write_bytes(out.getvalue())
    with pytest.raises(DataError, match="two columns named `text`"):
        read_table(tmp_path / "a.parquet")


def test_the_same_id_in_train_and_test_is_refused(tmp_path: Path) -> None:
    for name, seen in (("train", rows(40)), ("test", rows(80)[40:])):
        write_csv(
            tmp_path / f"{name}.csv", [(f'{place}","{text}', label) for place, (text, label) in enumerate(seen)], "id,text,label"
        )
    task = make_task(data={"train": "train.csv", "test": "test.csv", "id": "id"})
    with pytest.raises(DataError, match="`0` in train.csv row 1, test.csv row 1.* and 35 more"):
        load_splits(Project(tmp_path, task))


def test_a_given_part_without_usable_rows_is_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", rows(40))
    write_csv(tmp_path / "test.csv", [("a", ""), ("b", "")])
    with pytest.raises(DataError, match="`data.test` has no usable rows"):
        load_splits(Project(tmp_path, make_task(data={"train": "train.csv", "test": "test.csv"})))


@pytest.mark.slow
def test_a_field_of_ten_megabytes_is_no_trouble(tmp_path: Path) -> None:
    text = "lorem ipsum " * 850_000
    for field in (f'"{text}"', text):
        (tmp_path / "a.csv").write_text(f"{GOOD}{field},red\n", encoding="utf-8")
        assert max(len(row["text"]) for row in read_table(tmp_path / "a.csv").rows) > 10_000_000
    load_splits(Project(tmp_path, make_task(data={"file": "a.csv"})))


def test_an_unknown_setting_is_refused_before_any_data_are_read(tmp_path: Path) -> None:
    write_yaml(tmp_path, {**SETTINGS, "taget": 0.9})
    with pytest.raises(ConfigError, match="`taget` is not a setting; did you mean `target`"):
        load_project(tmp_path)
