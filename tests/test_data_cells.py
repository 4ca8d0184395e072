"""Right answers as files write them: lists, objects, text that writes either out, and values that are missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_helpers import make_task, sentence
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.data.audit import audit
from tailor.data.cells import answers_in, are_spans, is_missing
from tailor.data.jsontext import to_value
from tailor.data.readers import to_examples
from tailor.data.split import load_splits
from tailor.data.table import read_table
from tailor.errors import DataError
from tailor.project import Project


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ("27 days", ("27 days",)),
        (["27", "27 days", "27"], ("27", "27 days")),
        ("['27', '27 days']", ("27", "27 days")),
        ('["27", "27 days"]', ("27", "27 days")),
        ("['27' '27 days']", ("27", "27 days")),
        ("['27'\n '27 days']", ("27", "27 days")),
        ("[\"it's\" 'so']", ("it's", "so")),
        ("['27', None]", ("27",)),
        ("[]", ()),
        ("", ()),
        ("['']", ()),
        ("[1]", ("[1]",)),
        ("[1, 2]", ("[1, 2]",)),
        ("[URGENT]", ("[URGENT]",)),
        ("[see 'notes']", ("[see 'notes']",)),
        ("{name}", ("{name}",)),
        ('{"text": ["27", "27 days"], "answer_start": [3, 3]}', ("27", "27 days")),
        ("{'text': ['27'], 'answer_start': [3]}", ("27",)),
        (['{"text":"27","answer_start":3}'], ("27",)),
        (['{"answer":"27","start":3}'], ("27",)),
        ('{"value": "27", "aliases": ["27 days"], "type": "WikipediaEntity"}', ("27", "27 days")),
        ('{"choices": ["a", "b"]}', ("a", "b")),
        ('{"answer": 1.10}', ("1.10",)),
        ('{"name": "Ada", "total": "27"}', ('{"name": "Ada", "total": "27"}',)),
        ('{"label": "A", "text": "ferry"}', ('{"label": "A", "text": "ferry"}',)),
        ("[[", ("[[",)),
        ("[" * 5000 + "]" * 5000, ("[" * 5000 + "]" * 5000,)),
    ],
)
def test_the_answers_in_a_cell(cell: str | list[str], answers: tuple[str, ...]) -> None:
    assert answers_in(cell) == answers


@pytest.mark.parametrize(
    ("cell", "spans"),
    [
        (['[0,5,"PER"]'], True),
        (['{"start":0,"end":5,"label":"PER"}'], True),
        ('[{"start": 0, "end": 5, "text": "Ada", "labels": ["PER"]}]', True),
        (['{"text":"27","start":3,"end":5}'], False),
        (["a", "b"], False),
        ([], False),
        ("a", False),
    ],
)
def test_marks_of_spans_are_told_from_answers(cell: str | list[str], spans: bool) -> None:
    assert are_spans(cell) is spans


@given(st.text(max_size=30) | st.text(st.sampled_from("[]{}'\",:ab 1\\"), max_size=30))
@settings(deadline=None, derandomize=True, max_examples=500)
def test_no_text_is_lost_on_the_way(text: str) -> None:
    answers = answers_in(text)
    if not text.strip().startswith(("[", "{")):
        assert answers == ((text.strip(),) if text.strip() else ())
    assert all(answer == answer.strip() != "" for answer in answers)


def project(folder: Path, given: list[str], **settings: object) -> Project:
    lines = [f"{sentence(number)},{label}" for number, label in enumerate(given)]
    (folder / "data.csv").write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    return Project(folder, make_task(**settings))


def found(folder: Path, given: list[str], **settings: object) -> list[str]:
    data = project(folder, given, **settings)
    return [finding.what for finding in audit(data, load_splits(data)) if finding.level != "note"]


@pytest.mark.parametrize("missing", ["nan", "NaN", "\\N", "#N/A", "null", "NULL", "<NA>", "NaT"])
def test_missing_labels_are_left_out_and_named(tmp_path: Path, missing: str) -> None:
    labels = ["red", "green", missing] * 40
    assert f"40 rows without a label (`{missing}` is what programs write for a missing value); left out." in found(tmp_path, labels)
    examples = to_examples(make_task(), read_table(tmp_path / "data.csv"))
    assert {example.label for example in examples} == {"red", "green"}
    assert examples[2].row == 4


def test_a_label_that_is_listed_is_a_label_whatever_it_looks_like(tmp_path: Path) -> None:
    data = project(tmp_path, ["red", "green", "null"] * 40, labels=["red", "green", "null"])
    assert {example.label for example in to_examples(data.task, read_table(tmp_path / "data.csv"))} == {"red", "green", "null"}
    assert not [finding for finding in audit(data, load_splits(data)) if "null" in finding.what and finding.level != "note"]


@pytest.mark.parametrize("label", ["None", "NA", "N/A"])
def test_labels_that_may_be_missing_values_are_kept_and_warned_about(tmp_path: Path, label: str) -> None:
    warned = found(tmp_path, ["red", "green", label] * 40)
    assert f"`{label}` is the right answer of 40 rows; some programs write it for a missing value." in warned
    assert len(to_examples(make_task(), read_table(tmp_path / "data.csv"))) == 120


def test_a_missing_answer_is_said_to_mean_that_there_is_none(tmp_path: Path) -> None:
    warned = found(tmp_path, ["red", "27", "nan"] * 40, kind="answer")
    assert "40 rows whose right answer is `nan`, as programs write a missing value: read as no answer." in warned


@pytest.mark.parametrize(
    ("labels", "one"),
    [
        (["1", "1.0"], True),
        (["01", "1"], True),
        (["+1", "1"], True),
        (["True", "true"], True),
        (["on-hold", "on hold"], True),
        (["-1", "1"], False),
        (["-1", "0"], False),
        (["1", "10"], False),
        (["1.5", "1.25"], False),
        (["C", "C++"], False),
        (["<", ">"], False),
    ],
)
def test_labels_that_may_be_one_are_named_and_others_are_not(tmp_path: Path, labels: list[str], one: bool) -> None:
    warned = " ".join(found(tmp_path, labels * 60))
    assert ("may be one" in warned) is one
    assert not one or all(f"`{label}`" in warned for label in labels)


def test_missing_groups_do_not_bind_rows_together(tmp_path: Path) -> None:
    lines = [f"{sentence(number)},red,{'nan' if number % 2 else f'w{number}'}" for number in range(4)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label,who", *lines]), encoding="utf-8")
    examples = to_examples(make_task(data={"file": "a.csv", "group_by": "who"}), read_table(tmp_path / "a.csv"))
    assert [example.group for example in examples] == ["w0", "", "w2", ""]


def test_marks_of_spans_are_refused_with_their_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "Ada", "label": []}\n{"text": "Ada", "label": [[0, 3, "PER"]]}\n', encoding="utf-8")
    with pytest.raises(DataError, match="`label` marks spans of a text in a.jsonl row 2"):
        to_examples(make_task(), read_table(tmp_path / "a.jsonl"))


def test_an_answer_that_must_fit_a_schema_is_kept_as_the_object_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a", "label": {"value": "27"}}\n', encoding="utf-8")
    task = make_task(kind="answer", json_schema={"type": "object"})
    assert to_examples(task, read_table(tmp_path / "a.jsonl"))[0].answers == ('{"value":"27"}',)


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ("<think>a <b></think>\n\nred", ("red",)),
        ("<thinking>one</thinking> red <thinking>two</thinking>", ("red <thinking>two</thinking>",)),
        ("<think>only a thought</think>", ("<think>only a thought</think>",)),
        ("use <think> here", ("use <think> here",)),
        (['["red","rot"]', '["blue"]'], ("red", "rot", "blue")),
        ({"span": "red"}, ("red",)),
        ([{"user_id": "u", "value": "red", "status": "submitted"}], ("red",)),
    ],
)
def test_thoughts_inner_lists_and_answers_of_annotators_are_read(cell: object, answers: tuple[str, ...]) -> None:
    assert answers_in(to_value(cell)) == answers


@pytest.mark.parametrize("error", ["#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#N/A"])
def test_what_a_spreadsheet_writes_for_an_error_is_no_answer(error: str) -> None:
    assert is_missing(error)
