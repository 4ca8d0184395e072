from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from data_helpers import SHARED, make_task
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.conversation import Turn, written
from tailor.data.readers import asked, to_examples
from tailor.data.table import Table, read_table
from tailor.errors import DataError


def read(folder: Path, name: str, content: str | bytes) -> Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


def plain(table: Table) -> list[dict[str, Any]]:
    return [dict(row) for row in table.rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = f'id{delimiter}text\n1{delimiter}"a, b; c"\n2{delimiter}d\n'
    assert plain(read(tmp_path, "a.csv", text)) == [{"id": "1", "text": "a, b; c"}, {"id": "2", "text": "d"}]


def test_semicolons_inside_values_do_not_become_the_delimiter(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "text,label\nhello; you; there,x\nwell; yes; no,y\n")
    assert table.columns == ("text", "label")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_files_are_read_by_their_byte_order_mark(tmp_path: Path, codec: str) -> None:
    assert plain(read(tmp_path, "a.csv", "text,label\ncafé,ü\n".encode(codec))) == [{"text": "café", "label": "ü"}]


def test_quoted_line_breaks_and_blank_lines_keep_rows_apart(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", 'text,label\r\n"two\r\nlines",x\r\n\r\nb,y\r\n')
    assert plain(table) == [{"text": "two\r\nlines", "label": "x"}, {"text": "b", "label": "y"}]


def test_a_field_of_ten_megabytes_is_read_and_the_limit_put_back(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    table = read(tmp_path, "a.csv", f"text,label\n{'x' * 10_000_000},y\n")
    assert len(table.rows[0]["text"]) == 10_000_000
    assert csv.field_size_limit() == before


def test_nul_bytes_and_right_to_left_text_are_kept(tmp_path: Path) -> None:
    assert plain(read(tmp_path, "a.csv", "text,label\na\0b,\u202eשלום\n")) == [{"text": "a\0b", "label": "\u202eשלום"}]


def test_unnamed_columns_get_a_number(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", ",text\n0,a\n").columns == ("column 1", "text")


def test_json_lines_keep_numbers_as_spelt_and_nested_values_as_json(tmp_path: Path) -> None:
    row = '{"a": 1.10, "b": {"c": [1, null, "é"]}, "d": ["x", 2], "e": null, "f": true, "g": 12345678901234567890}'
    assert plain(read(tmp_path, "a.jsonl", row)) == [
        {"a": "1.10", "b": '{"c":[1,null,"é"]}', "d": ["x", "2"], "e": "", "f": "true", "g": "12345678901234567890"}
    ]


def test_json_lines_and_a_json_list_give_the_same_rows(tmp_path: Path) -> None:
    rows = [{"text": "a\u2028b", "label": "x"}, {"text": "c", "more": 1}]
    lines = read(tmp_path, "a.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    assert plain(lines) == plain(read(tmp_path, "a.json", json.dumps(rows)))
    assert lines.columns == ("text", "label", "more")
    assert lines.rows[0]["more"] == ""


def test_lone_surrogates_are_kept(tmp_path: Path) -> None:
    assert plain(read(tmp_path, "a.jsonl", '{"text": "\\ud800"}')) == [{"text": "\ud800"}]


def test_parquet_gives_text(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"text": ["a", None], "n": [1, 2], "answers": [["x", "y"], []], "deep": [{"k": 1.5}, None]})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert plain(read_table(tmp_path / "a.parquet")) == [
        {"text": "a", "n": "1", "answers": ["x", "y"], "deep": '{"k":1.5}'},
        {"text": "", "n": "2", "answers": [], "deep": ""},
    ]


def test_chats_become_columns(tmp_path: Path) -> None:
    chat = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi, what is it?"},
        {"role": "user", "content": [{"type": "text", "text": "My "}, {"type": "text", "text": "bill"}]},
        {"role": "assistant", "content": "billing"},
    ]
    before = [Turn("system", "Be kind."), Turn("user", "Hello"), Turn("assistant", "Hi, what is it?"), Turn("user", "My bill")]
    assert plain(read(tmp_path, "a.jsonl", json.dumps({"messages": chat, "id": "c1"}))) == [
        {
            "input": "My bill",
            "output": "billing",
            "system": "Be kind.",
            "history": "user: Hello\nassistant: Hi, what is it?",
            "messages": written(before),
            "id": "c1",
        }
    ]


def test_answers_may_be_text_a_list_objects_or_nothing(tmp_path: Path) -> None:
    task = make_task(kind="answer", output="answers", data={"file": "a.jsonl"}, not_found="not here")
    cells = [
        '" 27 days "',
        '["27", "27 days", "27"]',
        "[]",
        "null",
        '""',
        '"Not here"',
        '[{"text": "27", "start": 3}]',
        '{"text": ["a", "b"]}',
    ]
    table = read(tmp_path, "a.jsonl", "\n".join(f'{{"text": "q", "answers": {cell}}}' for cell in cells))
    answers = [example.answers for example in to_examples(task, table)]
    assert answers == [("27 days",), ("27", "27 days"), (), (), (), (), ("27",), ("a", "b")]


def test_examples_know_their_place_and_only_the_columns_in_use(tmp_path: Path) -> None:
    settings = {"file": "a.csv", "id": "no", "group_by": "who", "report_by": ["plan"]}
    table = read(tmp_path, "a.csv", "no,text,label,who,plan,rest\nn1,a,red ,w1,p1,r1\nn2,b,,w2,p2,r2\nn3,c,green,,p3,r3\n")
    first, second = to_examples(make_task(data=settings), table)
    assert (first.id, dict(first.fields), first.answers, first.group) == ("n1", {"text": "a", "plan": "p1"}, ("red",), "w1")
    assert (second.row, second.file) == (3, "a.csv")


def test_what_is_asked_leaves_the_template_out(tmp_path: Path) -> None:
    task = make_task(input="Message: {{text}} ({{plan}})\n{{text}}")
    example = to_examples(task, read(tmp_path, "a.csv", "text,plan,label\na,b,red\n"))[0]
    assert asked(task, example) == "a\nb"


_CELLS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip() != "" and "\ufeff" not in text
)


@given(st.lists(st.tuples(_CELLS, _CELLS, _CELLS), min_size=1, max_size=5))
@settings(deadline=None, derandomize=True)
def test_what_a_csv_writer_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    assert [tuple(row.values()) for row in read_table(path).rows] == rows


@given(st.dictionaries(st.text(min_size=1).filter(lambda key: key == key.strip() != "messages"), st.text(), min_size=1))
@settings(deadline=None, derandomize=True)
def test_what_a_json_writer_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, row: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("json") / "a.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    assert plain(read_table(path)) == [row]


def test_awkward_csv_files_give_the_expected_rows() -> None:
    folder = SHARED / "csv_spectrum"
    if not folder.is_dir():
        pytest.skip("the csv_spectrum files are not here")
    for path in sorted((folder / "csvs").glob("*.csv")):
        expected = json.loads((folder / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
        rows = plain(read_table(path))
        if path.stem == "location_coordinates":  # the two published files disagree about the telephone number
            expected = [{**expected, "Contact Phone Number": "2095257564"}]
        if path.stem == "newlines_crlf":  # and here about the line break inside a value
            rows = [{key: value.replace("\n", "\r\n") for key, value in row.items()} for row in rows]
        assert rows == expected, path.name


def test_malformed_json_is_refused_in_a_sentence() -> None:
    folder = SHARED / "json_test_suite" / "test_parsing"
    if not folder.is_dir():
        pytest.skip("the json_test_suite files are not here")
    for path in sorted(folder.glob("*.json")):
        try:
            table = read_table(path)
        except DataError as error:
            assert len(str(error)) < 1000, path.name
        else:
            assert not path.name.startswith("n_") or any("a comma" in finding.what for finding in table.findings), path.name
            assert all(isinstance(row, dict) for row in plain(table))


def test_naughty_strings_survive_a_csv_and_a_json_file(tmp_path: Path) -> None:
    source = SHARED / "naughty_strings" / "blns.json"
    if not source.is_file():
        pytest.skip("the naughty strings are not here")
    strings = [text for text in json.loads(source.read_text(encoding="utf-8")) if text]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *((text, "x") for text in strings)])
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": text, "label": "x"}) for text in strings), encoding="utf-8")
    for name in ("a.csv", "a.jsonl"):
        assert [row["text"] for row in read_table(tmp_path / name).rows] == strings
    examples = to_examples(make_task(), read_table(tmp_path / "a.jsonl"))
    assert [example.fields["text"] for example in examples] == strings
