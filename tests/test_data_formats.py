"""Files of other tools, each in the shape in which that tool writes it, as plain tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from data_helpers import SHARED
from hypothesis import given
from hypothesis import strategies as st

from tailor.data.formats.tags import spans_of_tags
from tailor.data.table import Table, read_table
from tailor.errors import DataError

LABEL_STUDIO = SHARED / "labelstudio_exports"
TEXT = "Ada Lovelace lives in Cork"
ADA, CORK = {"start": 0, "end": 12, "label": "person"}, {"start": 22, "end": 26, "label": "place"}


def read(folder: Path, content: object, name: str = "rows.jsonl") -> Table:
    path = folder / name
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif name.endswith(".jsonl") and isinstance(content, list):
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content), encoding="utf-8")
    else:
        path.write_text(json.dumps(content), encoding="utf-8")
    return read_table(path)


def marks(table: Table, column: str = "entities", row: int = 0) -> list[dict[str, object]]:
    return [json.loads(mark) for mark in table.rows[row][column]]


def said(table: Table) -> str:
    return " ".join(finding.what for finding in table.findings)


# --- marks of stretches of a text


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"id": 1, "text": TEXT, "label": [[0, 12, "person"], [22, 26, "place"]]}, "label"),  # doccano, JSONL
        (
            {
                "id": 1,
                "text": TEXT,
                "relations": [],
                "Comments": [],
                "entities": [
                    {"id": 7, "label": "place", "start_offset": 22, "end_offset": 26},
                    {"id": 6, "label": "person", "start_offset": 0, "end_offset": 12},
                ],
            },
            "entities",
        ),  # doccano, JSONL with relations
        ({"text": TEXT, "entities": [[0, 12, "person"], [22, 26, "place"]]}, "entities"),  # spaCy
        (
            {
                "text": TEXT,
                "tokens": [{"text": "Ada", "start": 0, "end": 3, "id": 0}],
                "spans": [{**ADA, "token_start": 0, "token_end": 1}, CORK],
                "answer": "accept",
            },
            "spans",
        ),  # Prodigy
        (
            {
                "id": 1,
                "text": TEXT,
                "annotator": 1,
                "annotation_id": 3,
                "lead_time": 2.5,
                "label": [{"start": 0, "end": 12, "labels": ["person"]}, {"start": 22, "end": 26, "labels": ["place"]}],
            },
            "label",
        ),  # Label Studio, JSON_MIN
    ],
)
def test_marks_of_every_tool_are_start_end_and_label(tmp_path: Path, row: dict[str, object], column: str) -> None:
    table = read(tmp_path, [row, {**row, column: []}])
    assert marks(table, column) == [ADA, CORK]
    assert table.rows[1][column] == [] and table.rows[0]["text"] == TEXT


def test_spacys_training_pairs_are_rows(tmp_path: Path) -> None:
    pairs = [[TEXT, {"entities": [[0, 12, "person"]], "links": {}}], ["no one here", {"entities": []}]]
    table = read(tmp_path, pairs, "train.json")
    assert marks(table) == [ADA] and "not used: links" in said(table)
    cats = read(tmp_path, [["a boat", {"cats": {"BOAT": 1.0, "SHED": 0.0, "BIG": 1}}]], "cats.json")
    assert cats.rows[0] == {"text": "a boat", "label": ["BOAT", "BIG"]}


def test_a_mark_outside_its_text_is_refused_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 2 \(22 to 26 of 3 characters\)"):
        read(tmp_path, [{"text": TEXT, "label": [[0, 12, "person"]]}, {"text": "Ada", "label": [[22, 26, "place"]]}])


def test_marks_that_count_as_browsers_do_are_moved_to_their_words(tmp_path: Path) -> None:
    row = {"text": "🙂 Ada 🙂", "entities": [{"start": 3, "end": 6, "label": "person", "text": "Ada"}]}
    table = read(tmp_path, [row])
    assert marks(table) == [{"start": 2, "end": 5, "label": "person", "text": "Ada"}] and "count signs such as emoji" in said(table)


def test_relations_are_named_as_not_used(tmp_path: Path) -> None:
    row = {"text": TEXT, "entities": [{"label": "a", "start_offset": 0, "end_offset": 3}], "relations": [{"from_id": 1}]}
    assert "2 rows have relations" in said(read(tmp_path, [row, row]))


# --- tokens with tags

CONLL = """\
-DOCSTART- -X- O O

Ada NNP B-NP B-person
Lovelace NNP I-NP I-person
lives VBZ B-VP O
in IN B-PP O
Cork NNP B-NP B-place

Nobody NN B-NP O
came VBD B-VP O
"""


@pytest.mark.parametrize("name", ["train.conll", "train.bio", "train.txt"])
def test_conll_is_a_row_for_each_sentence(tmp_path: Path, name: str) -> None:
    table = read(tmp_path, CONLL, name)
    assert [row["text"] for row in table.rows] == [TEXT, "Nobody came"]
    assert marks(table) == [ADA, CORK] and table.rows[1]["entities"] == []
    assert "2 columns between them are not used" in said(table)


def test_a_line_without_a_tag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3 is no token with a tag behind it: 'lives VBZ'"):
        read(tmp_path, "Ada B-person\nLovelace I-person\nlives VBZ\n", "a.conll")


def test_prose_and_tables_with_the_same_ending_stay_what_they_are(tmp_path: Path) -> None:
    assert read(tmp_path, "text\tlabel\na b\tO\nc d\tO\n", "a.tsv").columns == ("text", "label")


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("I-a I-a O I-b", [(0, 3, "a"), (6, 7, "b")]),  # IOB1
        ("B-a I-a O S-b", [(0, 3, "a"), (6, 7, "b")]),  # BIOES
        ("B-a L-a O U-b", [(0, 3, "a"), (6, 7, "b")]),  # BILOU
        ("B-a B-a I-b O", [(0, 1, "a"), (2, 3, "a"), (4, 5, "b")]),
    ],
)
def test_all_ways_of_tagging_are_read(tags: str, found: list[tuple[int, int, str]]) -> None:
    text, got = spans_of_tags(["w", "x", "y", "z"], tags.split())
    assert text == "w x y z" and [(mark["start"], mark["end"], mark["label"]) for mark in got] == found


@given(
    st.lists(st.tuples(st.text("abc", min_size=1, max_size=4), st.sampled_from(["O", "B-x", "I-x", "B-y", "I-y", "U-x", "L-y"])))
)
def test_every_tagged_token_is_in_a_mark_of_its_type_and_no_other_token_is(pairs: list[tuple[str, str]]) -> None:
    text, got = spans_of_tags([token for token, _ in pairs], [tag for _, tag in pairs])
    place = 0
    for token, tag in pairs:
        inside = [mark["label"] for mark in got if int(str(mark["start"])) <= place and place + len(token) <= int(str(mark["end"]))]
        assert inside == ([] if tag == "O" else [tag[2:]])
        assert text[place : place + len(token)] == token
        place += len(token) + 1


def test_tokens_with_tags_in_lists_are_a_text_with_marks(tmp_path: Path) -> None:
    tokens, tags = TEXT.split(), ["B-person", "I-person", "O", "O", "B-place"]
    table = read(tmp_path, [{"id": "0", "tokens": tokens, "ner_tags": tags}] * 2)
    assert table.rows[0]["text"] == TEXT and marks(table) == [ADA, CORK]
    with pytest.raises(DataError, match="row 1 has numbers for tags in `ner_tags`"):
        read(tmp_path, [{"tokens": tokens, "ner_tags": [1, 2, 0, 0, 3]}] * 2)
    with pytest.raises(DataError, match="it has 5 tokens and 4 tags"):
        read(tmp_path, [{"tokens": tokens, "ner_tags": tags[1:]}] * 2)


def test_lists_of_labels_next_to_tokens_are_no_tags(tmp_path: Path) -> None:
    row = {"tokens": TEXT.split(), "tags": ["news", "sport"], "labels": ["a", "b", "c", "d", "e"]}
    assert read(tmp_path, [row, row]).columns == ("tokens", "tags", "labels")


# --- Label Studio


def studio(*results: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"id": 7, "data": {"text": TEXT}, "annotations": [{"result": list(results)}], **more}


def marked(start: int, end: int, label: str) -> dict[str, object]:
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": [label]}
    return {"id": label, "from_name": "who", "to_name": "text", "type": "labels", "value": value}


def test_label_studios_labels_of_a_text_are_marks(tmp_path: Path) -> None:
    mood = {"from_name": "mood", "type": "choices", "value": {"choices": ["calm", "short"]}}
    table = read(tmp_path, [studio(marked(22, 26, "place"), mood, marked(0, 12, "person"))], "export.json")
    assert marks(table, "who") == [{**ADA, "text": "Ada Lovelace"}, {**CORK, "text": "Cork"}]
    assert table.rows[0]["mood"] == ["calm", "short"] and table.rows[0]["text"] == TEXT


def test_what_label_studio_says_besides_is_named(tmp_path: Path) -> None:
    relation = {"type": "relation", "from_id": "person", "to_id": "place", "direction": "right"}
    bare = {"id": 8, "data": {"text": "b"}, "annotations": [], "predictions": [{"result": []}]}
    findings = said(read(tmp_path, [studio(marked(0, 12, "person"), relation), bare], "export.json"))
    assert "1 relations between labels" in findings and "1 tasks with a prediction and no annotation" in findings


def test_label_studios_short_form_gives_what_was_chosen(tmp_path: Path) -> None:
    about = {"annotator": 1, "annotation_id": 2, "created_at": "2026-01-01", "lead_time": 3.1}
    rows = [
        {"id": 1, "text": "a", "mood": "calm", **about},
        {"id": 2, "text": "b", "mood": {"choices": ["calm", "short"]}, **about},
    ]
    assert [row["mood"] for row in read(tmp_path, rows, "export.json").rows] == ["calm", ["calm", "short"]]


def test_an_answer_called_like_a_column_does_not_replace_it(tmp_path: Path) -> None:
    chosen = {"from_name": "text", "type": "choices", "value": {"choices": ["positive"]}}
    assert read(tmp_path, [studio(chosen)], "export.json").rows[0] == {"id": "7", "text": TEXT, "text (annotated)": "positive"}


@pytest.mark.skipif(not LABEL_STUDIO.is_dir(), reason="the exports of Label Studio are not on this machine")
@pytest.mark.parametrize(
    ("file", "column"),
    [
        ("csv_test_history.json", "sentiment"),
        ("csv_test_colliding_keys.json", "text (annotated)"),
        ("csv_test2.json", "uri_selection"),
    ],
)
def test_real_exports_of_label_studio_are_read(file: str, column: str) -> None:
    table = read_table(LABEL_STUDIO / "test_export_csv" / file)
    assert table.rows and all(row[column] for row in table.rows)


@pytest.mark.skipif(not LABEL_STUDIO.is_dir(), reason="the exports of Label Studio are not on this machine")
@pytest.mark.parametrize(
    "file", ["test_export_coco/data.json", "test_export_yolo/data_obb.json", "test_export_json_min/chat_data.json"]
)
def test_real_exports_with_regions_or_chats_are_refused_with_what_they_hold(file: str) -> None:
    with pytest.raises(DataError, match="which is no choice, text or label of a text"):
        read_table(LABEL_STUDIO / file)
