"""JSON in the shapes in which people keep tables, Parquet with class names, and exports of annotation tools."""

from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.data.table import Table, read_table
from tailor.errors import DataError

ROWS = [{"text": "a b", "label": "x"}, {"text": "c d", "label": "y"}, {"text": "e f", "label": "x"}]


def read(folder: Path, content: object, name: str = "a.json", columns: tuple[str, ...] = ()) -> Table:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_table(path, columns=columns)


def plain(table: Table) -> list[dict[str, Any]]:
    return [dict(row) for row in table.rows]


def said(table: Table) -> str:
    return " ".join(finding.what for finding in table.findings)


@pytest.mark.parametrize("key", ["data", "rows", "records", "items", "examples", "train", "tickets"])
def test_a_list_inside_an_object_is_the_table(tmp_path: Path, key: str) -> None:
    table = read(tmp_path, {"version": 1, key: ROWS, "meta": {"by": "us"}})
    assert plain(table) == ROWS
    assert f"the rows are in the list `{key}` (not read: `version`, `meta`)" in said(table)


@pytest.mark.parametrize(
    "content",
    [
        {"result": {"rows": ROWS}},
        {"rows": [{"row_idx": number, "row": row} for number, row in enumerate(ROWS)]},
        {"text": [row["text"] for row in ROWS], "label": [row["label"] for row in ROWS]},
        {name: {str(number): row[name] for number, row in enumerate(ROWS)} for name in ("text", "label")},
        {"columns": ["text", "label"], "index": [0, 1, 2], "data": [list(row.values()) for row in ROWS]},
        {"schema": {"fields": [{"name": "text"}, {"name": "label"}]}, "data": ROWS},
        [["text", "label"], *(list(row.values()) for row in ROWS)],
        "\n".join(json.dumps(line) for line in [["text", "label"], *(list(row.values()) for row in ROWS)]),
        "\n".join(json.dumps(row, indent=2) for row in ROWS),
        "".join(json.dumps(row) for row in ROWS),
        ",\n".join(json.dumps(row) for row in ROWS) + ",\n",
        "// made by hand\n" + "\n".join(json.dumps(row) for row in ROWS) + "\n# the end\n",
        "\ufeff" + json.dumps(ROWS),
    ],
)
def test_tables_in_other_shapes_give_the_same_rows(tmp_path: Path, content: object) -> None:
    table = read(tmp_path, content)
    assert plain(table) == ROWS
    shaped = not (isinstance(content, str) and content.startswith("\ufeff"))
    assert bool(table.findings) is shaped


def test_rows_under_names_of_their_own_keep_these_as_ids(tmp_path: Path) -> None:
    table = read(tmp_path, {"t7": ROWS[0], "t9": ROWS[1]})
    assert plain(table) == [{"id": "t7", **ROWS[0]}, {"id": "t9", **ROWS[1]}]


def test_lists_without_names_are_named_as_told(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(list(row.values())) for row in ROWS)
    assert plain(read(tmp_path, lines, "a.jsonl", ("text", "label"))) == ROWS


def test_values_that_are_no_number_are_missing(tmp_path: Path) -> None:
    assert plain(read(tmp_path, '{"a": NaN, "b": 1.50, "c": -Infinity}', "a.jsonl")) == [{"a": "", "b": "1.50", "c": "-Infinity"}]


def test_questions_in_paragraphs_in_articles_are_rows(tmp_path: Path) -> None:
    questions = [
        {"id": "1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}], "is_impossible": False},
        {"id": "2", "question": "When?", "answers": [], "plausible_answers": [{"text": "1843"}], "is_impossible": True},
    ]
    article = {"title": "Engines", "paragraphs": [{"context": "Ada wrote it.", "qas": questions}]}
    table = read(tmp_path, {"version": "2", "data": [article]})
    assert [(row["question"], row["context"], row["title"]) for row in table.rows] == [
        ("Who?", "Ada wrote it.", "Engines"),
        ("When?", "Ada wrote it.", "Engines"),
    ]
    assert [row["answers"] for row in table.rows] == [['{"text":"Ada","answer_start":0}'], []]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"north": ROWS, "south": ROWS}, "holds several lists of rows: `north`, `south`"),
        ({"text": ["a", "b"], "label": ["x"]}, "of different lengths: `text` has 2, `label` has 1"),
        (["a", "b"], "a list of plain values"),
        ([["text", "label"], ["a"]], "has 2 columns, but row 1 has 1"),
        ("[[]]", "no rows"),
        ('{"text": "a"}\n{"text": "b"', "line 2"),
        ({"data": [{"paragraphs": [{"context": "x"}]}]}, "item 1 has no list of objects under `qas`"),
    ],
)
def test_what_holds_no_table_is_refused_with_the_place(tmp_path: Path, content: object, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    assert sentence in str(caught.value)
    assert caught.value.hint or sentence == "no rows"


_KEYS = st.sampled_from("text label data rows columns prompt messages role from content paragraphs qas row answer 0 1".split())
_JSON: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("text label data rows role from 0 1".split()), inner)
    ),
    max_leaves=12,
)


@given(_JSON | st.lists(_JSON, max_size=4), st.booleans())
@settings(deadline=None, derandomize=True, max_examples=400)
def test_any_json_is_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, value: object, lines: bool) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    items = value if lines and isinstance(value, list) else [value]
    path.write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    try:
        table = read_table(path)
    except DataError as error:
        assert "\n" not in str(error)
        return
    assert all(set(row) == set(table.columns) for row in table.rows)


# Parquet


def parquet(folder: Path, table: Any, name: str = "a.parquet") -> Table:
    from pyarrow import parquet as pq

    pq.write_table(table, folder / name)
    return read_table(folder / name)


def test_class_names_in_a_parquet_files_metadata_stand_in_place_of_numbers(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["billing", "delivery"], "_type": "ClassLabel"},
        "tags": {"feature": {"names": ["red", "blue"], "_type": "ClassLabel"}, "_type": "Sequence"},
    }
    table = pa.table({"text": ["a", "b", "c"], "label": [1, 0, -1], "tags": [[0, 1], [], [1]]})
    read = parquet(tmp_path, table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}))
    assert [(row["label"], row["tags"]) for row in read.rows] == [("delivery", ["red", "blue"]), ("billing", []), ("", ["blue"])]
    assert "names the classes of `label`, `tags`" in said(read)


def test_a_class_without_a_name_is_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    features = {"label": {"names": ["billing"], "_type": "ClassLabel"}}
    table = pa.table({"label": [0, 3]}).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    with pytest.raises(DataError, match="row 2 has label 3, but the file names only 1 classes"):
        parquet(tmp_path, table)


def test_the_viewers_rows_bring_their_class_names(tmp_path: Path) -> None:
    features = [{"feature_idx": 0, "name": "label", "type": {"names": ["no", "yes"], "_type": "ClassLabel"}}]
    rows = [{"row_idx": n, "row": {"text": "a", "label": n}} for n in range(2)]
    assert [row["label"] for row in read(tmp_path, {"features": features, "rows": rows}).rows] == ["no", "yes"]


def test_columns_of_every_type_become_text(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table(
        {
            "word": pa.array(["a", "b", "a"]).dictionary_encode(),
            "price": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("2.00")]),
            "day": pa.array([datetime.date(2024, 3, 1), None, datetime.date(2024, 3, 2)]),
            "share": pa.array([0.5, float("nan"), 1.0]),
            "deep": pa.array([{"a": {"b": [1]}}, None, {"a": {"b": []}}]),
        }
    )
    assert plain(parquet(tmp_path, table)) == [
        {"word": "a", "price": "1.10", "day": "2024-03-01", "share": "0.5", "deep": '{"a":{"b":[1]}}'},
        {"word": "b", "price": "", "day": "", "share": "", "deep": ""},
        {"word": "a", "price": "2.00", "day": "2024-03-02", "share": "1.0", "deep": '{"a":{"b":[]}}'},
    ]


def test_parts_of_one_table_are_read_together(tmp_path: Path) -> None:
    for part in range(2):
        (tmp_path / f"train-0000{part}-of-00002.csv").write_text(f"text,label\na{part},x\nb{part},y\n", encoding="utf-8")
    table = read_table(tmp_path / "train-*-of-00002.csv")
    assert [row["text"] for row in table.rows] == ["a0", "b0", "a1", "b1"]
    assert table.place(2) == "train-00001-of-00002.csv row 1"
    (tmp_path / "train-00002-of-00002.csv").write_text("text,kind\na,x\n", encoding="utf-8")
    with pytest.raises(DataError, match="`kind` is a column of only one"):
        read_table(tmp_path / "train-*-of-00002.csv")
    with pytest.raises(DataError, match="No file is called like"):
        read_table(tmp_path / "dev-*.csv")


# Annotation tools


def task(choices: list[list[str]], **more: object) -> dict[str, object]:
    annotations = [
        {"result": [{"from_name": "mood", "type": "choices", "value": {"choices": chosen}}] if chosen else []} for chosen in choices
    ]
    return {"id": 7, "data": {"text": "a b"}, "annotations": annotations, **more}


def test_label_studio_tasks_are_rows_with_what_was_chosen(tmp_path: Path) -> None:
    table = read(tmp_path, [task([["good"]]), task([["bad"], ["bad"]]), task([]), task([["good", "loud"]])])
    assert [row["mood"] for row in table.rows] == ["good", "bad", "", ["good", "loud"]]
    assert table.rows[0]["text"] == "a b"


def test_label_studio_annotators_who_disagree_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 2 \(its annotators disagree\)"):
        read(tmp_path, [task([["good"]]), task([["good"], ["bad"]])])
    agreed = task([["good"], ["bad"]])
    annotations = agreed["annotations"]
    assert isinstance(annotations, list)
    annotations[1]["ground_truth"] = True
    assert read(tmp_path, [agreed]).rows[0]["mood"] == "bad"


def test_label_studio_regions_cannot_be_used(tmp_path: Path) -> None:
    value = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["boat"]}
    result = {"from_name": "boat", "type": "rectanglelabels", "value": value}
    with pytest.raises(DataError, match=r"row 1 \(holds `rectanglelabels`, which is no choice, text or label of a text\)"):
        read(tmp_path, [{"data": {"image": "a.png"}, "annotations": [{"result": [result]}]}])


def test_prodigy_decisions_that_are_no_accept_leave_no_label_and_are_named(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "x", "answer": "accept"}, {"text": "b", "label": "x", "answer": "reject"}]
    table = read(tmp_path, rows)
    assert [row["label"] for row in table.rows] == ["x", ""]
    assert "1 of 2 decisions are not `accept`, so these rows have no label (rows 2)" in said(table)
    chosen = [{"text": "a", "options": [{"id": "x"}, {"id": "y"}], "accept": ["y"], "answer": "accept"}]
    assert read(tmp_path, chosen).rows[0]["label"] == ["y"]


@pytest.mark.parametrize("answer", [["a", "b"], [1, 2], {"value": "a", "aliases": ["b"]}, None, 3])
def test_an_answer_that_is_no_word_is_no_decision_of_an_annotator(tmp_path: Path, answer: object) -> None:
    assert len(read(tmp_path, [{"question": f"q {number}", "answer": answer} for number in range(3)]).rows) == 3


def test_a_list_of_lists_that_begins_with_data_has_no_names(tmp_path: Path) -> None:
    content = [[f"how do I pay {number} bills with it", "xy"[number % 2]] for number in range(9)]
    with pytest.raises(DataError, match="seems to have no header"):
        read(tmp_path, content)
    assert len(read(tmp_path, content, columns=("text", "label")).rows) == 9


def test_a_list_of_mails_is_no_conversation(tmp_path: Path) -> None:
    mails = [{"from": f"{number}@example.com", "text": f"t {number}", "label": "x"} for number in range(3)]
    assert plain(read(tmp_path, {"emails": mails})) == mails
